"""The webhook over real TLS: signed in time, never elsewhere, never for long (F26)."""

import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.obligations.channels import webhook
from strongroom.policy.obligations.channels.answers import Letter, Problem
from strongroom.policy.obligations.channels.webhook import Hook, may_be_asked, sign, verify
from strongroom.rehearsal.mail.server import server_context
from strongroom.rehearsal.receiver.server import Receiver, ReceiverFault

SECRET = Secret("a secret of the receiver's")
NOW = 1_795_000_000.0
LETTER = Letter("0f0e", "", "RR-2 is false", json.dumps({"event": "clause false", "clause": "RR-2"}), at=NOW)


@pytest.fixture
def receiver(folder: Path) -> Iterator[tuple[Receiver, Hook]]:
    ca, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
    with Receiver(server_context(certificate, key), SECRET, lambda: NOW) as server:
        yield server, Hook(server.url, SECRET, ("localhost",), ca)


def test_a_message_arrives_once_and_its_signature_holds(receiver: Any) -> None:
    server, hook = receiver
    answer = hook.send(LETTER)
    assert (answer.delivered, answer.code) == (True, 204)
    (got,) = server.got.messages
    assert (got["event"], got["clause"], got["id of the header"]) == ("clause false", "RR-2", "0f0e")


def test_another_secret_is_not_believed(receiver: Any) -> None:
    server, hook = receiver
    answer = replace(hook, secret=Secret("another")).send(LETTER)
    assert (answer.problem, answer.code, server.got.refused) == (Problem.LATER, 401, 1)


def test_what_was_recorded_cannot_be_played_again_later(receiver: Any) -> None:
    server, hook = receiver
    assert hook.send(LETTER).delivered
    ((body, header),) = server.got.raw
    assert verify(body, header, SECRET, now=NOW + 299)
    assert not verify(body, header, SECRET, now=NOW + 301)
    assert not verify(body, header, SECRET, now=NOW - 301)


def test_a_changed_body_or_time_or_half_a_header_is_not_believed() -> None:
    header = sign(b"body", SECRET, NOW)
    assert verify(b"body", header, SECRET, now=NOW)
    assert not verify(b"bodY", header, SECRET, now=NOW)
    assert not verify(b"body", header.replace(f"t={int(NOW)}", f"t={int(NOW) + 1}"), SECRET, now=NOW)
    for bad in ("", "t=,v1=", "v1=00", f"t={int(NOW)}", "t=٣,v1=00", f"t={int(NOW)},v1=é", header[:-1]):
        assert not verify(b"body", bad, SECRET, now=NOW), bad


def test_a_redirect_to_where_credentials_are_handed_out_is_refused(receiver: Any) -> None:
    server, hook = receiver
    for moved in ("http://169.254.169.254/latest/meta-data/", "https://localhost:1/", "/other"):
        server.moved = moved
        server.got.faults.append(ReceiverFault.REDIRECT)
        answer = hook.send(LETTER)
        assert (answer.problem, answer.code) == (Problem.REDIRECTED, 307)
    assert not server.got.messages


@pytest.mark.parametrize(
    ("address", "public", "own"),
    [
        ("93.184.216.34", True, True), ("2606:2800:220:1::1", True, True), ("10.0.0.7", False, True),
        ("192.168.1.9", False, True), ("172.16.0.1", False, True), ("127.0.0.1", False, True), ("::1", False, True),
        ("fd00::1", False, True), ("100.64.0.1", False, True), ("169.254.169.254", False, False),
        ("fe80::1", False, False), ("::", False, False), ("224.0.0.1", False, False),
        ("255.255.255.255", False, False), ("::ffff:169.254.169.254", False, False), ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::a9fe:a9fe", False, False), ("2002:a9fe:a9fe::1", False, False), ("64:ff9b::808:808", True, True),
    ],
)  # fmt: skip
def test_which_addresses_may_be_asked(address: str, public: bool, own: bool) -> None:
    found = ipaddress.ip_address(address)
    assert (may_be_asked(found, own=False), may_be_asked(found, own=True)) == (public, own)


def test_a_host_of_our_own_network_is_asked_only_where_it_is_named(receiver: Any) -> None:
    server, hook = receiver
    assert replace(hook, own_hosts=()).send(LETTER).problem is Problem.NOT_PUBLIC
    assert replace(hook, own_hosts=("other.example",)).send(LETTER).problem is Problem.NOT_PUBLIC
    assert not server.got.messages
    metadata = replace(hook, url="https://169.254.169.254/x", own_hosts=("169.254.169.254",))
    assert metadata.send(LETTER).problem is Problem.NOT_PUBLIC


def test_a_certificate_of_another_name_or_authority_gets_nothing(receiver: Any, folder: Path) -> None:
    server, hook = receiver
    assert replace(hook, ca_file=None).send(LETTER).problem is Problem.UNTRUSTED
    other = folder / "other"
    other.mkdir()
    ca, certificate, key = ensure(other, ("receiver.example.invalid",))
    with Receiver(server_context(certificate, key), SECRET, lambda: NOW) as wrong:
        named = replace(hook, url=wrong.url, ca_file=ca)
        assert named.send(LETTER).problem is Problem.WRONG_NAME
        assert not wrong.got.messages
    assert not server.got.messages


@pytest.mark.parametrize(
    ("fault", "problem", "code"),
    [(ReceiverFault.ERROR, Problem.LATER, 503), (ReceiverFault.GONE, Problem.REFUSED, 410),
     (ReceiverFault.VANISH, Problem.BROKE_OFF, None)],
)  # fmt: skip
def test_each_failure_is_told_from_the_others(receiver: Any, fault: ReceiverFault, problem: Problem, code: Any) -> None:
    server, hook = receiver
    server.got.faults.append(fault)
    answer = hook.send(LETTER)
    assert (answer.problem, answer.code) == (problem, code)
    assert hook.send(LETTER).delivered


def test_a_receiver_that_drips_or_pours_is_left_in_time(receiver: Any) -> None:
    server, hook = receiver
    hook = replace(hook, patience=0.5)
    for fault, delivered in ((ReceiverFault.DRIP, False), (ReceiverFault.ENDLESS, True)):
        server.got.faults.append(fault)
        began = time.monotonic()
        assert hook.send(LETTER).delivered is delivered
        assert time.monotonic() - began < 5


def test_nobody_there_is_said(receiver: Any) -> None:
    _, hook = receiver
    with closing(socket.socket()) as nothing:
        nothing.bind(("127.0.0.1", 0))
        there = replace(hook, url=f"https://localhost:{nothing.getsockname()[1]}/")
        assert there.send(LETTER).problem is Problem.UNREACHABLE
    assert replace(hook, url="https://nowhere.invalid/").send(LETTER).problem is Problem.UNREACHABLE


def test_only_https_is_spoken() -> None:
    with pytest.raises(ValueError, match="https"):
        Hook("http://receiver.example/", SECRET)


def test_its_secret_is_in_no_representation(receiver: Any) -> None:
    _, hook = receiver
    assert "receiver's" not in repr(hook)
    assert isinstance(webhook._context(None), ssl.SSLContext)
