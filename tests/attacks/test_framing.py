"""One request is never read as two: lengths that differ, codings that lie, chunks that break (ASVS 4.2.1).

Over real TLS against the website's own server; `echo` behind it says how each request was understood.
"""

import json
import re
from collections.abc import Iterator

import pytest

from tests.attacks.cast import Cast
from tests.attacks.framing import BOTH, BROKEN_CHUNKS, ONE, REFUSED, SECOND, TWO, Came, send
from tests.attacks.tls import serving
from tests.policy.people import browser


@pytest.fixture(scope="module")
def came() -> Iterator[dict[str, Came]]:
    with serving("tests.attacks.echo:application") as (port, ca):
        yield send(port, ca, {**BOTH, **REFUSED, **BROKEN_CHUNKS, **ONE, "two": TWO})


def asked(came: Came) -> list[str]:
    return [json.loads(body)["asked"] for body in re.findall(rb"\{\"asked\".*?\}\}", came.said)]


def test_two_requests_are_seen_as_two(came: dict[str, Came]) -> None:
    """So that a smuggled one would be seen here."""
    assert asked(came["two"]) == ["POST /sign-in", "GET /smuggled"]


@pytest.mark.parametrize("name", BOTH)
def test_of_two_lengths_the_chunks_count_and_the_connection_ends(came: dict[str, Came], name: str) -> None:
    assert asked(came[name]) == ["POST /sign-in"]
    assert came[name].ended


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_ends(came: dict[str, Came], name: str) -> None:
    assert came[name].states == (400,)
    assert came[name].ended


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_behind_broken_chunks_nothing_is_read(came: dict[str, Came], name: str) -> None:
    assert asked(came[name]) in ([], ["POST /sign-in"])
    assert came[name].ended


@pytest.mark.parametrize("name", ONE)
def test_what_is_odd_and_clear_is_one_request(came: dict[str, Came], name: str) -> None:
    (only,) = asked(came[name])
    assert only.endswith("/sign-in")
    if "trailer" not in name:
        assert SECOND.decode() in json.loads(re.findall(rb"\{\"asked\".*\}\}", came[name].said)[0])["body"]


@pytest.mark.parametrize("coding", ["chunked", "gzip, chunked", "identity", ""])
def test_a_request_that_does_not_say_its_length_is_refused_by_the_website(cast: Cast, web: None, coding: str) -> None:
    """No browser sends one; Django would take its form for empty, and the server a broken one for whole."""
    for path in ("/sign-in", "/healthz", "/nowhere"):
        answer = browser().post(path, {}, secure=True, headers={"transfer-encoding": coding})
        assert answer.status_code == 411, path
        assert answer.headers["connection"] == "close"
