"""A printer at the other end of a TLS connection whose certificate is pinned. Nothing is said before it was checked.

Two steps, since an address may be opened only for a printer that has taken the job: `create_job`, then `send_document`.
Printers that know no Create-Job are asked to validate one first; their document then goes with Print-Job.
"""

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from strongroom.application.despatch.printing.ipp import (
    LONGEST_ANSWER,
    Attributes,
    Message,
    NotIpp,
    Operation,
    Tag,
    Value,
    decode,
    encode,
)
from strongroom.formats.refused import Refused

PATIENCE: Final = 10.0
BUSY: Final = (0x0507, 0x0503)
NOT_ACCEPTING: Final = 0x0506
UNSUPPORTED_OPERATION: Final = 0x0501
BY_VALIDATION: Final = 0
"""The job number of a job that was only validated; Print-Job gives it its own."""
STATES: Final = {3: "pending", 4: "held", 5: "processing", 6: "stopped", 7: "canceled", 8: "aborted", 9: "completed"}
PRINTER_STATES: Final = {3: "idle", 4: "processing", 5: "stopped"}
USER: Final = "strongroom"
MOST_JOBS: Final = 500


class PrinterProblem(Exception):
    """The printer did not do as it was asked."""


class Down(PrinterProblem):
    """The printer does not answer."""


class Busy(PrinterProblem):
    """The printer takes no job just now."""


class NotAccepting(PrinterProblem):
    """The printer accepts no jobs."""


class Rejected(PrinterProblem):
    """The printer refuses this job."""


class WrongCertificate(PrinterProblem):
    """Whoever answers is not the registered printer. Nothing was sent."""


class Unclear(PrinterProblem):
    """Contact was lost after the label was sent: it may be on paper. A person must look."""


@dataclass(frozen=True)
class Condition:
    """How a printer is: idle, processing or stopped; why; what it prints; how many jobs wait in it."""

    state: str
    reasons: tuple[str, ...]
    formats: tuple[str, ...]
    queued: int


@dataclass(frozen=True)
class Job:
    """A job as the printer remembers it: its number, the name it was given, and one of `STATES`' words."""

    number: int
    name: str
    state: str


def check_uri(uri: str) -> None:
    """Raise `Refused` for anything but IPP over TLS with a host (ET-1, ET-3)."""
    parts = urlsplit(uri)
    if parts.scheme != "ipps":
        raise Refused("ET-1", "Printers are reached over TLS only: the address begins with ipps://.")
    try:
        good = bool(parts.hostname) and (parts.port is None or 0 < parts.port < 65_536)
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment:
        raise Refused("ET-1", "This is not a printer's address. It looks like ipps://printer.example/ipp/print.")


def fetch_fingerprint(uri: str) -> bytes:
    """SHA-256 of the certificate that answers now, for a person to compare with the printer's own page."""
    check_uri(uri)
    with _connected(uri) as (_, found):
        return found


class Printer:
    """One registered printer. Connects anew for each request; holds nothing between."""

    def __init__(self, uri: str, fingerprint: bytes) -> None:
        check_uri(uri)
        self._uri = uri
        self._fingerprint = fingerprint
        self._request = 0

    def attributes(self) -> Condition:
        told = self._ask(Operation.GET_PRINTER_ATTRIBUTES, []).first("printer")
        return Condition(
            PRINTER_STATES.get(_number(told, "printer-state"), "stopped"),
            tuple(str(r) for r in told.get("printer-state-reasons", ()) if r != "none")[:6],
            tuple(str(f) for f in told.get("document-format-supported", ())),
            _number(told, "queued-job-count"),
        )

    def jobs(self) -> list[Job]:
        """Every job that the printer remembers, done or not, whoever sent it (RFC 8011, 4.2.6)."""
        wanted: list[tuple[Tag, str, Value]] = [
            (Tag.KEYWORD, "requested-attributes", "job-id"), (Tag.KEYWORD, "", "job-name"),
            (Tag.KEYWORD, "", "job-state"), (Tag.BOOLEAN, "my-jobs", False),
        ]  # fmt: skip
        found: dict[int, Job] = {}
        for which in ("not-completed", "completed"):
            about: list[tuple[Tag, str, Value]] = [(Tag.INTEGER, "limit", MOST_JOBS), *wanted]
            told = self._ask(Operation.GET_JOBS, [*about, (Tag.KEYWORD, "which-jobs", which)])
            for each in told.groups.get("job", ()):
                job = Job(
                    _number(each, "job-id"), str(each.get("job-name", ("",))[0]),
                    STATES.get(_number(each, "job-state"), "unknown"),
                )  # fmt: skip
                found[job.number] = job
        return [found[number] for number in sorted(found)]

    def create_job(self, name: str) -> int:
        """The number of a job that waits for its document. `name` is our reference for the print, nothing else."""
        about: list[tuple[Tag, str, Value]] = [(Tag.NAME, "job-name", name[:40])]
        answer = self._ask(Operation.CREATE_JOB, about, [(Tag.INTEGER, "copies", 1)], allow=(UNSUPPORTED_OPERATION,))
        if answer.code == UNSUPPORTED_OPERATION:
            self._ask(Operation.VALIDATE_JOB, about)
            return BY_VALIDATION
        number = _number(answer.first("job"), "job-id")
        if number <= 0:
            raise Rejected("the printer gave no job number")
        return number

    def send_document(self, job: int, data: bytes | bytearray, mime: str) -> int:
        """Deliver the job's one document; its number. `Unclear` once a byte of it may have arrived."""
        about: list[tuple[Tag, str, Value]] = [(Tag.MIME, "document-format", mime)]
        if job == BY_VALIDATION:
            answer = self._ask(Operation.PRINT_JOB, about, document=data)
            return _number(answer.first("job"), "job-id")
        about = [(Tag.INTEGER, "job-id", job), *about, (Tag.BOOLEAN, "last-document", True)]
        self._ask(Operation.SEND_DOCUMENT, about, document=data)
        return job

    def job_state(self, job: int) -> str:
        """One of `STATES`' words; `unknown` for a job it no longer knows."""
        told = self._ask(Operation.GET_JOB_ATTRIBUTES, [(Tag.INTEGER, "job-id", job)], allow=(0x0406,)).first("job")
        return STATES.get(_number(told, "job-state"), "unknown")

    def cancel(self, job: int) -> None:
        if job != BY_VALIDATION:
            self._ask(Operation.CANCEL_JOB, [(Tag.INTEGER, "job-id", job)])

    def _ask(
        self, operation: Operation, about: Sequence[tuple[Tag, str, Value]], job: Sequence[tuple[Tag, str, Value]] = (),
        *, document: bytes | bytearray = b"", allow: Sequence[int] = (),
    ) -> Message:  # fmt: skip
        self._request += 1
        where: list[tuple[Tag, str, Value]] = [
            (Tag.URI, "printer-uri", self._uri), *about[:1], (Tag.NAME, "requesting-user-name", USER), *about[1:],
        ]  # fmt: skip
        body = encode(operation, self._request, where, job)
        answer = self._exchange(body, document)
        if answer.request != self._request:
            raise Unclear("another request's answer") if document else Down("another request's answer")
        if answer.code >= 0x0100 and answer.code not in allow:
            raise _problem(answer.code)
        return answer

    def _exchange(self, body: bytes, document: bytes | bytearray) -> Message:
        sent = False
        try:
            with _connected(self._uri) as (connection, found):
                if not hmac.compare_digest(found, self._fingerprint):
                    raise WrongCertificate("the certificate is not the registered one")
                length = len(body) + len(document)
                connection.putrequest("POST", urlsplit(self._uri).path or "/")
                connection.putheader("Content-Type", "application/ipp")
                connection.putheader("Content-Length", str(length))
                connection.endheaders(body)
                if document:
                    sent = True
                    connection.send(memoryview(document))
                return _answer(connection)
        except (OSError, http.client.HTTPException, NotIpp) as problem:
            kind = Unclear if sent else Down
            raise kind(type(problem).__name__) from None


@contextmanager
def _connected(uri: str) -> Iterator[tuple[http.client.HTTPSConnection, bytes]]:
    """A TLS connection, and the SHA-256 of the certificate at its other end; nothing was sent over it yet.

    The pin replaces the authority: printers make their own certificates, for no name that anybody vouches for.
    """
    parts = urlsplit(uri)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port or 631, timeout=PATIENCE, context=context)
    try:
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as problem:
            raise Down(type(problem).__name__) from None
        certificate = (
            connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
        )
        if not certificate:
            raise WrongCertificate("no certificate was shown")
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection, hashlib.sha256(certificate).digest()
    finally:
        connection.close()


def _answer(connection: http.client.HTTPSConnection) -> Message:
    answer = connection.getresponse()
    body = answer.read(LONGEST_ANSWER + 1)
    if answer.status != 200 or len(body) > LONGEST_ANSWER:
        raise NotIpp("not an answer of a printer")
    return decode(body)


def _problem(code: int) -> PrinterProblem:
    if code in BUSY:
        return Busy(f"0x{code:04x}")
    return NotAccepting(f"0x{code:04x}") if code == NOT_ACCEPTING else Rejected(f"0x{code:04x}")


def _number(attributes: Attributes, name: str) -> int:
    value = attributes.get(name, (0,))[0]
    return value if isinstance(value, int) else 0
