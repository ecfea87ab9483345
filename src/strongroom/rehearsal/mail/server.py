"""The mail server: RFC 5321 as far as a client meets it, STARTTLS or TLS at once, and what may go wrong (F25).

Nothing that it says is a library's of ours: the client under test meets bytes on a socket.
"""

import base64
import binascii
import re
import socketserver
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

KEPT: Final = 50
LIMIT: Final = 1 << 20
_PATH: Final = re.compile(r"^(?:FROM|TO):\s*<([^>]*)>\s*(.*)$", re.IGNORECASE)


class MailFault(StrEnum):
    """What may happen; each waiting fault happens once, at the moment that it is about."""

    DOWN = "down"
    """Hangs up at once."""
    STRIPPED = "stripped"
    """STARTTLS is not among what it offers, as when somebody between takes it out."""
    NO_STARTTLS = "no starttls"
    """It offers STARTTLS and then says that it cannot."""
    INJECTED = "injected"
    """Somebody between puts an answer of their own behind the one to STARTTLS."""
    GREYLIST = "greylist"
    UNKNOWN = "unknown person"
    FULL = "full"
    REFUSE = "refuse"
    BUSY = "busy"
    VANISH = "vanish"
    """Takes the letter and hangs up before it says so."""
    DRIP = "drip"
    """Answers one byte a tenth of a second, for ever."""
    IMPATIENT = "impatient"
    """Hangs up on a wrong password instead of saying so."""


@dataclass(frozen=True)
class Mail:
    """One letter that was taken: from and to whom by its envelope, and as written."""

    number: int
    sender: str
    to: str
    data: bytes
    tls: str

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(found, EmailMessage)  # noqa: S101 - what the default policy makes
        return found

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class Box:
    """The server's memory; a rehearsal's mails are gone with it. tray: a folder that keeps each, for a drill."""

    mails: deque[Mail]
    tray: Path | None = None
    faults: deque[MailFault] = field(default_factory=deque)
    taken: int = 0
    said: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def happens(self, fault: MailFault) -> bool:
        """Whether it is this fault's turn; it happens once."""
        with self.lock:
            if self.faults and self.faults[0] is fault:
                self.faults.popleft()
                return True
        return False

    def take(self, sender: str, to: str, data: bytes, tls: str) -> int:
        with self.lock:
            self.taken += 1
            self.mails.append(Mail(self.taken, sender, to, data, tls))
            if self.tray is not None:
                (self.tray / f"{self.taken:06d}.eml").write_bytes(f"{sender} {to}\r\n".encode() + data)
            return self.taken


class MailServer(socketserver.ThreadingTCPServer):
    """The server on this machine. context: none for a server without any TLS. at_once: TLS before anything is said.
    kept: how many mails; none keeps all. tray: where each is kept as a file besides."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, context: ssl.SSLContext | None, *, port: int = 0, at_once: bool = False, password: str = "",
        limit: int = LIMIT, kept: int | None = KEPT, tray: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(("127.0.0.1", port), _Conversation)
        self.context, self.at_once, self.password, self.limit = context, at_once, password, limit
        self.box = Box(deque(maxlen=kept), tray)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever breaks off is ordinary."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class HungUp(Exception):
    """The conversation is over."""


class _Conversation(socketserver.BaseRequestHandler):
    server: MailServer

    def setup(self) -> None:
        self.socket: Any = self.request
        self.socket.settimeout(30)
        self._begin()

    def _begin(self) -> None:
        self.lines = self.socket.makefile("rb")
        self.known, self.sender, self.to = not self.server.password, "", ""

    def handle(self) -> None:
        box = self.server.box
        if box.happens(MailFault.DOWN):
            return
        if self.server.at_once and self.server.context is not None:
            self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
            self._begin()
        if box.happens(MailFault.DRIP):
            while True:
                self.socket.sendall(b"2")
                time.sleep(0.1)
        self._say("421 4.3.2 too busy" if box.happens(MailFault.BUSY) else "220 rehearsal.invalid ESMTP")
        try:
            while line := self.lines.readline(2048):
                word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
                box.said.append(word.upper())
                self._do(word.upper(), rest)
        except HungUp:
            return

    def finish(self) -> None:
        self.lines.close()
        self.socket.close()

    def _do(self, word: str, rest: str) -> None:
        match word:
            case "EHLO" | "HELO":
                self._greet()
            case "STARTTLS":
                self._start_tls()
            case "AUTH":
                self._know(rest)
            case "MAIL":
                self._from(rest)
            case "RCPT":
                self._to(rest)
            case "DATA":
                self._data()
            case "QUIT":
                self._say("221 2.0.0 bye")
                raise HungUp
            case "RSET" | "NOOP":
                self._say("250 2.0.0 ok")
            case _:
                self._say("502 5.5.1 unknown")

    def _greet(self) -> None:
        offers = ["rehearsal.invalid", f"SIZE {self.server.limit}", "ENHANCEDSTATUSCODES"]
        if self._is_tls():
            offers.append("AUTH PLAIN LOGIN")
        elif self.server.context is not None and not self.server.box.happens(MailFault.STRIPPED):
            offers.append("STARTTLS")
        self._say("\r\n".join(f"250{'-' if n < len(offers) else ' '}{offer}" for n, offer in enumerate(offers, 1)))

    def _start_tls(self) -> None:
        if self.server.context is None or self._is_tls() or self.server.box.happens(MailFault.NO_STARTTLS):
            self._say("454 4.7.0 TLS not available")
            return
        injected = "\r\n250-forged.invalid\r\n250 SIZE 1" if self.server.box.happens(MailFault.INJECTED) else ""
        self._say(f"220 2.0.0 go on{injected}")
        self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
        self._begin()

    def _know(self, rest: str) -> None:
        """AUTH PLAIN or LOGIN, only inside TLS."""
        if not self._is_tls():
            self._say("538 5.7.11 encryption required")
            return
        kind, _, first = rest.partition(" ")
        given = [first] if first else []
        for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")[len(given) :] if kind.upper() == "LOGIN" else ():
            self._say(f"334 {prompt}")
            given.append(self.lines.readline(2048).decode("ascii", "replace").strip())
        try:
            password = base64.b64decode(given[-1] if given else "").split(b"\0")[-1].decode()
        except (binascii.Error, UnicodeDecodeError):
            password = ""
        self.known = password == self.server.password
        if not self.known and self.server.box.happens(MailFault.IMPATIENT):
            raise HungUp
        self._say("235 2.7.0 known" if self.known else "535 5.7.8 not known")

    def _from(self, rest: str) -> None:
        found = _PATH.match(rest)
        size = re.search(r"SIZE=(\d+)", found[2], re.IGNORECASE) if found else None
        if found is None:
            self._say("501 5.5.4 no address")
        elif self.server.context is not None and not self._is_tls():
            self._say("530 5.7.0 STARTTLS first")
        elif not self.known:
            self._say("530 5.7.0 sign in first")
        elif size is not None and int(size[1]) > self.server.limit:
            self._say("552 5.3.4 too large")
        else:
            self.sender = found[1]
            self._say("250 2.1.0 ok")

    def _to(self, rest: str) -> None:
        found, box = _PATH.match(rest), self.server.box
        if found is None or not self.sender:
            self._say("503 5.5.1 who from?")
        elif box.happens(MailFault.GREYLIST):
            self._say("451 4.7.1 come back later")
        elif box.happens(MailFault.UNKNOWN):
            self._say(f"550 5.1.1 <{found[1]}>: nobody of that name here")
        elif box.happens(MailFault.FULL):
            self._say("452 4.2.2 mailbox full")
        else:
            self.to = found[1]
            self._say("250 2.1.5 ok")

    def _data(self) -> None:
        if not self.to:
            self._say("503 5.5.1 who to?")
            return
        self._say("354 go on")
        data = b""
        while (line := self.lines.readline(1 << 16)) not in (b".\r\n", b""):
            data += line[1:] if line.startswith(b".") else line
        box = self.server.box
        if box.happens(MailFault.REFUSE):
            self._say("554 5.7.1 not wanted here")
        elif len(data) > self.server.limit:
            self._say("552 5.3.4 too large")
        else:
            number = box.take(self.sender, self.to, data, self.socket.version() if self._is_tls() else "")
            if box.happens(MailFault.VANISH):
                raise HungUp
            self._say(f"250 2.0.0 ok: queued as R{number:07d}")
        self.to = ""

    def _is_tls(self) -> bool:
        return isinstance(self.socket, ssl.SSLSocket)

    def _say(self, words: str) -> None:
        self.socket.sendall(words.encode() + b"\r\n")


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(certificate, key)
    return made
