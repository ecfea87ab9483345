"""Every answer is hostile: it becomes a record or a typed error, and no byte of it goes anywhere else (RR-4, LM-6)."""

import logging
import time
import traceback
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.clock import SystemClock
from strongroom.formats.secret import Secret
from strongroom.marketplace import Client, errors
from tests.marketplace.server import CANARY, Scripted, scripted_server

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


class Log:
    """A call log in memory."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[dict[str, Any]] = []

    def begin(self, operation: str) -> uuid.UUID:
        self.begun.append(operation)
        return uuid.uuid4()

    def complete(self, call: uuid.UUID, **what: Any) -> None:
        self.done.append(what)


class Bucket:
    """Lets everything through until told to wait."""

    wait = 0.0

    def take(self, operation: str, *, rate: float, burst: int) -> float:
        return self.wait


@pytest.fixture
def script(folder: Path) -> Iterator[Scripted]:
    with scripted_server(folder) as running:
        yield running


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def client(script: Scripted, log: Log) -> Iterator[Client]:
    made = make_client(script, log)
    yield made
    made.close()


def make_client(script: Scripted, log: Log, **other: Any) -> Client:
    wanted = {
        "endpoint": script.base, "login_endpoint": f"{script.base}/auth/o2/token", "client_id": "app",
        "client_secret": Secret(f"{CANARY}-secret"), "refresh_token": Secret(f"{CANARY}-refresh"),
        "marketplace_ids": ("A1",), "bucket": Bucket(), "call_log": log, "clock": SystemClock(), "ca_file": script.ca,
    }  # fmt: skip
    return Client(**{**wanted, **other})


def error(code: str) -> bytes:
    return f'{{"errors":[{{"code":"{code}","message":"{CANARY} told","details":"{CANARY}"}}]}}'.encode()


CASES: dict[str, tuple[dict[str, Any], type[errors.MarketplaceError]]] = {
    "throttled": ({"status": 429, "body": error("QuotaExceeded")}, errors.Throttled),
    "role missing": ({"status": 403, "body": error("Unauthorized")}, errors.RoleMissing),
    "refused": ({"status": 403, "body": error("Forbidden")}, errors.AccessRefused),
    "bad request": ({"status": 400, "body": error("InvalidInput")}, errors.BadRequest),
    "html bad request": ({"status": 400, "body": f"<h1>{CANARY}</h1>".encode()}, errors.BadRequest),
    "not found": ({"status": 404, "body": error("NotFound")}, errors.BadRequest),
    "server error": ({"status": 500, "body": error("InternalFailure")}, errors.Unavailable),
    "unavailable": ({"status": 503, "body": f"{CANARY}".encode()}, errors.Unavailable),
    "token revoked": ({"status": 401, "body": error("Unauthorized")}, errors.TokenRevoked),
    "html": ({"body": f"<h1>{CANARY}</h1>".encode(), "headers": {"content-type": "text/html"}}, errors.NotJson),
    "half json": ({"body": f'{{"orders":[{{"orderId":"{CANARY}'.encode()}, errors.NotJson),
    "nan": ({"body": b'{"orders":[NaN]}'}, errors.NotJson),
    "deep": ({"body": b"[" * 200_000}, errors.NotJson),
    "other shape": ({"body": f'{{"{CANARY}":1}}'.encode()}, errors.WrongShape),
    "a list": ({"body": b"[]"}, errors.WrongShape),
    "truncated": ({"body": f'{{"orders":["{CANARY}"'.encode(), "length": 9999}, errors.Truncated),
    "redirect": ({"status": 302, "headers": {"location": f"https://{CANARY}.invalid/"}}, errors.Redirected),
    "gzip": ({"headers": {"content-encoding": "gzip"}, "body": CANARY.encode()}, errors.NotJson),
    "too large": ({"body": b" " * (17 << 20)}, errors.TooLarge),
    "broken off": ({"silent": True}, errors.Truncated),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_failure_has_its_type_and_says_nothing_of_the_answer(
    script: Scripted, client: Client, log: Log, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, kind = CASES[case]
    for name, value in answer.items():
        setattr(script, name, value)
    with pytest.raises(kind) as raised:
        client.search_states(updated_after=SINCE)
    assert type(raised.value) is kind
    frames = [frame for frame, _ in traceback.walk_tb(raised.tb) if "marketplace/" in frame.f_code.co_filename]
    ours = [repr(frame.f_locals) for frame in frames if "/tests/" not in frame.f_code.co_filename]
    everything = "".join(ours) + str(raised.value) + repr(raised.value) + repr(raised.value.args) + caplog.text
    assert ours
    assert CANARY not in everything
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert log.done[-1]["outcome"] == kind.outcome
    assert len(log.begun) == len(log.done)


def test_an_answer_that_comes_byte_by_byte_is_given_up(script: Scripted, log: Log) -> None:
    client = make_client(script, log, whole_within=0.5)
    script.body, script.drip = b'{"orders":[' + b" " * 500 + b"]}", 0.05
    began = time.monotonic()
    with pytest.raises(errors.Unanswered):
        client.search_states(updated_after=SINCE)
    client.close()
    assert time.monotonic() - began < 5
    assert log.done[-1]["outcome"] == "unanswered"


def test_a_revoked_refresh_token_is_told_from_a_wrong_client(script: Scripted, client: Client) -> None:
    script.login = (400, f'{{"error":"invalid_grant","error_description":"{CANARY}"}}'.encode())
    with pytest.raises(errors.TokenRevoked) as raised:
        client.search_states(updated_after=SINCE)
    assert (raised.value.code, raised.value.operation) == ("invalid_grant", "token")


def test_an_expired_access_token_is_renewed_once(script: Scripted, client: Client, log: Log) -> None:
    script.status, script.body = 401, error("Unauthorized")
    with pytest.raises(errors.TokenRevoked):
        client.search_states(updated_after=SINCE)
    assert log.begun == ["token", "searchOrders", "token", "searchOrders"]


def test_a_page_tokens_refusal_is_told_from_other_bad_input(script: Scripted, client: Client) -> None:
    script.status, script.body = 400, error("InvalidInput")
    with pytest.raises(errors.PageTokenExpired):
        client.search_states(updated_after=SINCE, page_token=Secret("next"))


def test_an_empty_bucket_makes_no_call(script: Scripted, log: Log) -> None:
    bucket = Bucket()
    bucket.wait = 12.5
    client = make_client(script, log, bucket=bucket)
    with pytest.raises(errors.Throttled) as raised:
        client.search_states(updated_after=SINCE)
    client.close()
    assert (raised.value.wait, script.seen, log.begun) == (12.5, [], [])


@pytest.mark.parametrize("url", ["http://localhost:1", "ftp://x", "localhost", ""])
def test_nothing_is_ever_asked_in_the_clear(script: Scripted, log: Log, url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        make_client(script, log, endpoint=url)


def test_a_certificate_of_nobody_we_know_is_refused(script: Scripted, log: Log, folder: Path) -> None:
    from strongroom.installation.certificates import ensure

    (folder / "other").mkdir()
    stranger, _, _ = ensure(folder / "other", ("localhost",))
    client = make_client(script, log, ca_file=stranger)
    with pytest.raises(errors.Unreachable):
        client.search_states(updated_after=SINCE)
    client.close()


def test_a_certificate_for_another_name_is_refused(folder: Path, log: Log) -> None:
    with scripted_server(folder, hosts=("amazon.invalid",)) as other:
        client = make_client(other, log)
        with pytest.raises(errors.Unreachable):
            client.search_states(updated_after=SINCE)
        client.close()


def test_amazons_date_is_heard_and_nonsense_is_not(script: Scripted, log: Log) -> None:
    heard: list[float] = []
    client = make_client(script, log, date_heard=heard.append)
    script.body = b'{"orders":[]}'
    client.search_states(updated_after=SINCE)
    client.close()
    assert len(heard) == 2


def test_states_never_ask_for_a_person_and_personal_data_only_for_what_must_ship(
    script: Scripted, client: Client
) -> None:
    script.body = b'{"orders":[]}'
    client.search_states(updated_after=SINCE)
    client.search_personal_data(created_after=SINCE)
    states, personal = (path for path, _ in script.seen if path.startswith("/orders"))
    assert "includedData=FULFILLMENT&" in states + "&"
    assert "RECIPIENT" not in states
    assert "fulfilledBy=MERCHANT" in personal
    assert "fulfillmentStatuses=UNSHIPPED%2CPARTIALLY_SHIPPED" in personal


def test_the_user_agent_names_its_language(script: Scripted, client: Client) -> None:
    script.body = b'{"orders":[]}'
    client.search_states(updated_after=SINCE)
    assert "(Language=" in {k.lower(): v for k, v in script.seen[-1][1].items()}["user-agent"]
