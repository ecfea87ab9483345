"""Mail over a real socket to a real server: TLS or nothing, numbers instead of words, and an end to everything (ET-1)."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.obligations.channels import mail
from strongroom.policy.obligations.channels.answers import Answer, Letter, Problem, no_longer_than
from strongroom.policy.obligations.channels.mail import Mailer
from strongroom.rehearsal.mail.server import MailFault, MailServer, server_context

PASSWORD = "a-password-77"
LETTER = Letter(
    "0f0e",
    "somebody@example.invalid",
    "RR-2 is false",
    "RR-2 is false.\n\n.a line with a point\nü\n",
    at=1_795_000_000.0,
)


@pytest.fixture
def tls(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The authority to believe, and a server's context with a certificate of its for localhost."""
    ca, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
    return ca, server_context(certificate, key)


@contextmanager
def serving(context: ssl.SSLContext | None, ca: Path, **how: Any) -> Iterator[tuple[MailServer, Mailer]]:
    with MailServer(context, password=PASSWORD, **how) as server:
        security = "tls" if how.get("at_once") else "starttls"
        yield server, Mailer("localhost", server.port, security, "strongroom@example.invalid", "strongroom",
                             Secret(PASSWORD), ca)  # fmt: skip


def send(mailer: Mailer, letter: Letter = LETTER) -> Answer:
    with mailer.session() as session:
        return session.send(letter)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_letter_is_delivered_over_tls_with_the_servers_own_code_as_proof(tls: Any, at_once: bool) -> None:
    ca, context = tls
    with serving(context, ca, at_once=at_once) as (server, mailer):
        answer = send(mailer)
        assert (answer.delivered, answer.code, answer.proof) == (True, 250, "2.0.0, queued as R0000001")
        (taken,) = server.box.mails
        assert (taken.tls, taken.to, taken.subject) == ("TLSv1.3", LETTER.to, LETTER.subject)
        assert taken.text == LETTER.body
        assert taken.message["message-id"] == "<0f0e.1@example.invalid>"
        assert taken.message.get_content_type() == "text/plain"


def test_one_connection_serves_a_round_and_a_refusal_does_not_end_it(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer), mailer.session() as session:
        assert session.send(LETTER).delivered
        server.box.faults.append(MailFault.UNKNOWN)
        assert session.send(LETTER).problem is Problem.REFUSED
        assert session.send(LETTER).delivered
        assert session.send(LETTER).delivered
        assert server.box.said.count("STARTTLS") == 2


@pytest.mark.parametrize("fault", [MailFault.STRIPPED, MailFault.NO_STARTTLS])
def test_where_starttls_is_taken_out_nothing_is_said_but_hello(tls: Any, fault: MailFault) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        server.box.faults.append(fault)
        assert send(mailer).problem is Problem.NO_TLS
        assert set(server.box.said) <= {"EHLO", "STARTTLS"}
        assert not server.box.mails


def test_a_plaintext_server_gets_no_mail_and_no_password(tls: Any) -> None:
    ca, _ = tls
    with serving(None, ca) as (server, mailer):
        assert send(mailer).problem is Problem.NO_TLS
        assert send(replace(mailer, security="tls")).problem is Problem.NOT_TLS
        assert not server.box.mails
        assert "AUTH" not in server.box.said
        assert "MAIL" not in server.box.said


@pytest.mark.parametrize("offers_tls", [False, True])
def test_a_server_that_would_take_it_in_plain_words_does_not_get_it(tls: Any, offers_tls: bool) -> None:
    ca, context = tls
    with MailServer(context if offers_tls else None) as server:
        if offers_tls:
            server.box.faults.append(MailFault.STRIPPED)
        mailer = Mailer("localhost", server.port, "starttls", "strongroom@example.invalid", ca_file=ca)
        assert send(mailer).problem is Problem.NO_TLS
        assert set(server.box.said) <= {"EHLO"}


def test_an_answer_put_behind_the_one_to_starttls_is_not_believed(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        server.box.faults.append(MailFault.INJECTED)
        assert send(mailer).delivered, "the forged SIZE 1 would have refused every letter"


def test_a_certificate_of_another_name_gets_no_mail(folder: Path) -> None:
    ca, certificate, key = ensure(folder, ("mail.example.invalid",))
    with serving(server_context(certificate, key), ca) as (server, mailer):
        assert send(mailer).problem is Problem.WRONG_NAME
        assert send(replace(mailer, host="127.0.0.1")).problem is Problem.WRONG_NAME
        assert not server.box.mails


def test_a_certificate_out_of_its_time_gets_no_mail(folder: Path) -> None:
    ca, certificate, key = ensure(folder, ("localhost",), now=datetime.now(UTC) - timedelta(days=200))
    with serving(server_context(certificate, key), ca) as (server, mailer):
        assert send(mailer).problem is Problem.EXPIRED
        assert not server.box.mails


def test_an_authority_that_nobody_named_is_not_believed(tls: Any, folder: Path) -> None:
    ca, context = tls
    other = folder / "other"
    other.mkdir()
    with serving(context, ensure(other, ("localhost",))[0]) as (server, mailer):
        assert send(mailer).problem is Problem.UNTRUSTED
        assert send(replace(mailer, ca_file=None)).problem is Problem.UNTRUSTED
        assert not server.box.mails
    assert ca.exists()


def test_tls_older_than_1_2_is_not_spoken(tls: Any) -> None:
    ca, context = tls
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(context, ca) as (server, mailer):
        assert send(mailer).problem is Problem.OLD_TLS
        assert not server.box.mails


@pytest.mark.parametrize(
    ("fault", "problem", "code"),
    [
        (MailFault.GREYLIST, Problem.LATER, 451), (MailFault.FULL, Problem.LATER, 452), (MailFault.BUSY, Problem.LATER, 421),
        (MailFault.UNKNOWN, Problem.REFUSED, 550), (MailFault.REFUSE, Problem.REFUSED, 554),
        (MailFault.DOWN, Problem.BROKE_OFF, None), (MailFault.VANISH, Problem.BROKE_OFF, None),
    ],
)  # fmt: skip
def test_each_refusal_is_told_from_the_others_by_its_code(
    tls: Any, fault: MailFault, problem: Problem, code: int | None
) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        server.box.faults.append(fault)
        answer = send(mailer)
        assert (answer.problem, answer.code) == (problem, code)
        assert "@" not in answer.proof, "a bounce repeats the address; it is not kept"


def test_nobody_there_is_told_from_a_slow_one(tls: Any) -> None:
    ca, context = tls
    with closing(socket.socket()) as nothing:
        nothing.bind(("127.0.0.1", 0))
        mailer = Mailer("localhost", nothing.getsockname()[1], "tls", "a@example.invalid", ca_file=ca)
        assert send(mailer).problem is Problem.UNREACHABLE
    assert send(replace(mailer, host="nowhere.invalid")).problem is Problem.UNREACHABLE
    assert context is not None


def test_a_server_that_drips_for_ever_is_left_in_time(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        server.box.faults.append(MailFault.DRIP)
        began = time.monotonic()
        assert send(replace(mailer, patience=0.5)).problem is Problem.SLOW
        assert time.monotonic() - began < 5
        assert send(mailer).delivered


def test_a_wrong_password_is_said_and_not_repeated(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        wrong = replace(mailer, password=Secret("another"))
        answer = send(wrong)
        assert (answer.problem, answer.code) == (Problem.SIGN_IN, 535)
        assert "another" not in repr(answer) + repr(wrong)
        server.box.faults.append(MailFault.IMPATIENT)
        assert send(wrong).problem is Problem.SIGN_IN, "the channel rests, else each letter would try the password"
        assert not server.box.mails


def test_a_letter_that_is_too_large_is_not_begun(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca, limit=2_000) as (server, mailer):
        big = replace(LETTER, body="a line\n" * 1_000)
        assert send(mailer, big).problem is Problem.TOO_LARGE
        assert "MAIL" not in server.box.said
        assert send(mailer, replace(LETTER, body="x" * 80_000)).problem is Problem.TOO_LARGE
        assert send(mailer).delivered


BREAKS = st.sampled_from(["\r\nBcc: spy@example.invalid", "\nX-Evil: 1\n\nbody", "\rBcc: spy@example.invalid", "\n.\n"])


@given(before=st.text(max_size=8), broken=BREAKS, after=st.text(max_size=8))
def test_no_field_can_begin_another_header_or_another_letter(before: str, broken: str, after: str) -> None:
    evil = before + broken + after
    for letter in (
        replace(LETTER, subject=evil), replace(LETTER, to=f"a@example.invalid{broken}"), replace(LETTER, to=evil),
        replace(LETTER, id=evil), replace(LETTER, attempt=evil), replace(LETTER, body=evil),
    ):  # fmt: skip
        written = mail._written(letter, "strongroom@example.invalid")
        if isinstance(written, Problem):
            continue
        headers = written.partition(b"\r\n\r\n")[0].lower()
        assert headers.count(b"\r\n") >= 6
        assert not any(line.startswith((b"bcc:", b"x-evil:")) for line in headers.split(b"\r\n"))
        assert b"\r\nbcc:" not in headers
    assert mail._written(LETTER, f"a@example.invalid{broken}") is Problem.BAD_ADDRESS


def test_a_body_that_looks_like_the_end_of_a_letter_arrives_whole(tls: Any) -> None:
    ca, context = tls
    with serving(context, ca) as (server, mailer):
        body = "before\n.\nMAIL FROM:<spy@example.invalid>\n.\nafter\n"
        assert send(mailer, replace(LETTER, body=body)).delivered
        assert server.box.mails[0].text == body
        assert server.box.taken == 1


def test_there_is_no_third_way_to_the_server() -> None:
    for security in ("none", "", "plain", "STARTTLS"):
        with pytest.raises(ValueError, match="starttls or tls"):
            Mailer("localhost", 25, security, "a@example.invalid")


def test_whatever_goes_on_ends_when_it_must() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.05):
            theirs.send(b"x")

    dripping = threading.Thread(target=drip)
    with closing(ours), closing(theirs):
        dripping.start()
        with no_longer_than(0.3, lambda: ours) as over:
            while ours.recv(1):
                pass
        assert over.is_set()
        stop.set()
        dripping.join()
