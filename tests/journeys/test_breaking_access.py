"""People, doors and links: each promise broken on purpose in a running rehearsal, and its tile turns, and turns back."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage import access, doors, drill, links
from strongroom.rehearsal.sabotage.breaking import Sabotage
from strongroom.rehearsal.watchman import Watchman
from tests.journeys.conftest import free_port


@pytest.fixture(scope="module")
def broken() -> Iterator[tuple[Rehearsal, Watchman]]:
    """A rehearsal of its own, whose office did its duties and whose checks all ran once."""
    made = Path(tempfile.mkdtemp(prefix="sr-breaking-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    with Rehearsal(made, port=free_port(), days=1) as rehearsal:
        rehearsal.start()
        for _ in range(4):
            rehearsal.step(6 * 3600)
        rehearsal.keep_office()
        with Watchman(rehearsal) as watchman:
            watchman.run()
            yield rehearsal, watchman
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize(
    "sabotage", [*access.SABOTAGE, *doors.SABOTAGE, *links.SABOTAGE], ids=lambda s: f"{s.clause}: {s.breaks}"
)
def test_a_break_turns_its_tile_and_mending_turns_it_back(
    broken: tuple[Rehearsal, Watchman], sabotage: Sabotage
) -> None:
    result = drill.one(*broken, sabotage)
    if result.skipped:
        pytest.skip(result.skipped)
    assert result.turned, (result.before, result.tile, result.reason)
    assert result.mended, (result.after, result.reason)
