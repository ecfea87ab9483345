"""Children to kill, and an account with its Amazon."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.aim import Nursery, needs_strace, nursery_of
from tests.house.running import House

CYCLES = int(os.environ.get("STRONGROOM_CRASH_CYCLES", "0"))
"""0: the few of the normal suite; `make crash` asks for many."""
SEED = int(os.environ.get("STRONGROOM_CRASH_SEED", "1"))
"""Of the many: other kills of another business."""


@pytest.fixture
def nursery(house: House, folder: Path, request: pytest.FixtureRequest) -> Iterator[Nursery]:
    needs_strace()
    with nursery_of(house, folder) as running:
        yield running
    sys.stdout.write(f"\n{request.node.name}: {running.hits.total()} kills hit {dict(running.hits)}\n")
