"""The website of a whole house, asked in ways that could be read as two requests: it reads one, or hangs up (ASVS 4.2.1)."""

import pytest

from strongroom.rehearsal.installation import Rehearsal
from tests.attacks.framing import BOTH, BROKEN_CHUNKS, ONE, REFUSED, TWO, Came, send


@pytest.fixture(scope="module")
def came(rehearsal: Rehearsal) -> dict[str, Came]:
    port = rehearsal.running.configuration.web.port
    return send(port, rehearsal.folders.tls / "ca.pem", {**BOTH, **REFUSED, **BROKEN_CHUNKS, **ONE, "two": TWO})


def test_two_requests_get_two_answers(came: dict[str, Came]) -> None:
    """A form without its token, and an address that is not there: so a smuggled one would be seen."""
    assert came["two"].states == (403, 404)


@pytest.mark.parametrize(
    "name", [*BOTH, *BROKEN_CHUNKS, *(name for name in ONE if "chunk" in name or "trailer" in name)]
)
def test_what_comes_in_chunks_is_asked_for_its_length(came: dict[str, Came], name: str) -> None:
    assert came[name].states in ((411,), (400,), ())
    assert came[name].ended


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(came: dict[str, Came], name: str) -> None:
    assert came[name].states == (400,)
    assert came[name].ended


@pytest.mark.parametrize("name", [name for name in ONE if "chunk" not in name and "trailer" not in name])
def test_what_is_odd_and_clear_is_one_request(came: dict[str, Came], name: str) -> None:
    assert came[name].states in ((403,), (200,))
