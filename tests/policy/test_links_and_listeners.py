"""Who is at the other end of a link, and what answers in plain text: both looked at, not asked for (ET-1, ET-2)."""

import contextlib
import http.server
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.installation.certificates import ensure
from strongroom.policy.encryption_in_transit import handshakes, listeners
from strongroom.policy.encryption_in_transit.handshakes import NoHandshake, NotThem
from strongroom.policy.encryption_in_transit.listeners import Listener


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that answers 200, in TLS or in plain text; its port."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A handshake that fails is what is tested."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with Server(("127.0.0.1", 0), Quiet) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def tls(folder: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[ssl.SSLContext, Path]:
    folder.mkdir(exist_ok=True)
    ca, certificate, key = ensure(folder, ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.maximum_version = newest
    return context, ca


def at(port: int) -> Listener:
    return Listener(socket.AF_INET, "127.0.0.1", port, os.getuid(), 0)


def test_the_protocol_and_the_certificate_of_who_answers_are_known(folder: Path) -> None:
    context, ca = tls(folder / "a")
    with serving(context) as port:
        met = handshakes.meet(f"localhost:{port}", ca=ca)
        assert met.version == "TLS 1.3"
        assert handshakes.meet_pinned(f"localhost:{port}").fingerprint == met.fingerprint
        assert handshakes.is_old_enough(met.version, "TLS 1.2")


def test_an_older_protocol_is_seen_as_older(folder: Path) -> None:
    context, ca = tls(folder / "a", ssl.TLSVersion.TLSv1_2)
    with serving(context) as port:
        met = handshakes.meet(f"localhost:{port}", ca=ca)
    assert met.version == "TLS 1.2"
    assert not handshakes.is_old_enough(met.version, "TLS 1.3")
    assert not handshakes.is_old_enough("TLSv1.1", "TLS 1.2")


def test_another_authority_and_another_name_are_not_them(folder: Path) -> None:
    context, ca = tls(folder / "a")
    _, stranger = tls(folder / "b")
    with serving(context) as port:
        with pytest.raises(NotThem):
            handshakes.meet(f"localhost:{port}", ca=stranger)
        with pytest.raises(NotThem):
            handshakes.meet(f"localhost:{port}", ca=ca, name=handshakes.WRONG_NAME)


def test_plain_text_and_silence_are_no_handshake(folder: Path) -> None:
    _, ca = tls(folder / "a")
    with serving() as port, pytest.raises(NoHandshake):
        handshakes.meet(f"localhost:{port}", ca=ca)
    with pytest.raises(NoHandshake):
        handshakes.meet(f"localhost:{port}", ca=ca)


def test_a_server_in_plain_text_is_heard_and_one_in_tls_is_not(folder: Path) -> None:
    context, _ = tls(folder / "a")
    with serving() as plain, serving(context) as sealed:
        heard = listeners.plain_answers([at(plain), at(sealed)])
    assert {listener.port for listener, _ in heard} == {plain}


@pytest.mark.parametrize(("greeting", "tongue"), [(b"220 mail\r\n", "SMTP"), (b"", "PostgreSQL")])
def test_a_mail_server_and_a_database_are_heard_too(greeting: bytes, tongue: str) -> None:
    def answer(asked: socket.socket) -> None:
        with asked, contextlib.suppress(OSError):
            asked.settimeout(20)
            if greeting:
                asked.sendall(greeting)
            elif asked.recv(64)[4:8] == b"\0\3\0\0":
                asked.sendall(b"R\0\0\0\x08\0\0\0\0")

    def serve(server: socket.socket) -> None:
        for _ in listeners.TONGUES:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        heard = listeners.plain_answers([at(server.getsockname()[1])])
    assert tongue in {language for _, language in heard}


def test_what_listens_here_is_found_by_its_holder(folder: Path) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux shows who listens")
    with socket.create_server(("127.0.0.1", 0)) as server:
        mine = server.getsockname()[1]
        found = {listener.port: listener for listener in listeners._all()}
        assert found[mine].uid == os.getuid()
        assert listeners._holders({found[mine].inode})[found[mine].inode] == os.getpid()
        assert listeners._is_below(os.getpid(), os.getppid())
        assert not listeners._is_below(os.getppid(), os.getpid())


@pytest.mark.usefixtures("house")
def test_the_way_to_the_key_broker_is_looked_at_in_both_grades(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.policy.encryption_and_storage.connection import CHANNEL, SOCKET
    from strongroom.policy.encryption_in_transit.checks import _within_the_machine

    monkeypatch.delenv(CHANNEL, raising=False)
    monkeypatch.setenv(SOCKET, str(folder / "peers.sock"))
    assert _within_the_machine("broker").silent
    (folder / "peers.sock").touch()
    assert _within_the_machine("broker").wrong
    (folder / "peers.sock").unlink()
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(folder / "peers.sock"))
        assert not (_within_the_machine("broker").wrong or _within_the_machine("broker").silent)
    monkeypatch.delenv(SOCKET)
    assert _within_the_machine("broker").silent
