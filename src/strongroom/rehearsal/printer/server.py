"""The printer: IPP/2.0 over HTTPS with a certificate of its own, and a page that shows what lies in its tray."""

import html
import io
import ssl
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

import pypdfium2

from strongroom.application.despatch.printing.ipp import Message, NotIpp, Operation, Tag, Value, decode, encode

KEPT: Final = 20
LARGEST: Final = 8 << 20
OK, NOT_FOUND, BUSY, NOT_ACCEPTING, UNSUPPORTED = 0x0000, 0x0406, 0x0507, 0x0506, 0x0501
PENDING, CANCELED, ABORTED, COMPLETED = 3, 7, 8, 9
Attribute = tuple[Tag, str, Value]


class PrinterFault(StrEnum):
    """What may happen to the next requests."""

    OFFLINE = "offline"
    BUSY = "busy"
    NOT_ACCEPTING = "not accepting"
    JAM = "jam"
    VANISH = "vanish"
    OLD = "old"


@dataclass
class Job:
    """A job: its number, our reference for it, its state, and once delivered its label."""

    number: int
    name: str
    state: int = PENDING
    mime: str = ""
    data: bytes = b""


@dataclass
class Tray:
    """The printer's memory: a real one's would be lost with its power, and so is this."""

    jobs: dict[int, Job] = field(default_factory=dict)
    labels: deque[Job] = field(default_factory=lambda: deque(maxlen=KEPT))
    faults: deque[PrinterFault] = field(default_factory=deque)
    printed: int = 0

    def next_fault(self, *which: PrinterFault) -> PrinterFault | None:
        """The fault that waits, if it is one of these; it happens once."""
        if self.faults and self.faults[0] in which:
            return self.faults.popleft()
        return None


class PrinterServer(ThreadingHTTPServer):
    """The printer on this machine."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, certificate: Path, key: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.tray = Tray()
        self.lock = threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.tls.load_cert_chain(certificate, key)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def uri(self) -> str:
        return f"ipps://localhost:{self.port}/ipp/print"

    def get_request(self) -> tuple[Any, Any]:
        connected, address = super().get_request()
        connected.settimeout(30)
        return self.tls.wrap_socket(connected, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever breaks off is ordinary."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PrinterServer

    def do_POST(self) -> None:
        tray = self.server.tray
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, LARGEST))
        with self.server.lock:
            if tray.next_fault(PrinterFault.OFFLINE):
                self.close_connection = True
                return
            try:
                asked = decode(body)
            except NotIpp:
                self.send_error(400)
                return
            if asked.rest and tray.next_fault(PrinterFault.VANISH):
                self.close_connection = True
                return
            answer = _answer(tray, asked)
        self.send_response(200)
        self.send_header("Content-Type", "application/ipp")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        found = _page(self.server, self.path)
        if found is None:
            self.send_error(404)
            return
        kind, data = found
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; img-src 'self'")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """A printer keeps no log of what it printed."""


def _answer(tray: Tray, asked: Message) -> bytes:
    match asked.code:
        case Operation.GET_PRINTER_ATTRIBUTES:
            return _say(OK, asked, printer=_condition(tray))
        case Operation.GET_JOBS:
            return _listed(tray, asked)
        case Operation.CREATE_JOB | Operation.VALIDATE_JOB | Operation.PRINT_JOB:
            return _take(tray, asked)
        case Operation.SEND_DOCUMENT | Operation.GET_JOB_ATTRIBUTES | Operation.CANCEL_JOB:
            return _of_a_job(tray, asked)
        case _:
            return _say(UNSUPPORTED, asked)


def _listed(tray: Tray, asked: Message) -> bytes:
    """The jobs it remembers; what was cancelled or aborted is completed too (RFC 8011, 4.2.6.1)."""
    wanted = asked.first("operation")
    done, limit = wanted.get("which-jobs", ("not-completed",))[0] == "completed", wanted.get("limit", (1000,))[0]
    jobs = [job for job in reversed(tray.jobs.values()) if (job.state != PENDING) is done][: int(limit)]
    told = [[*_about(job), (Tag.NAME, "job-name", job.name)] for job in jobs]
    return encode(OK, asked.request, [], jobs=told)


def _take(tray: Tray, asked: Message) -> bytes:
    """A new job, unless the printer is too old, busy or closed for it."""
    refusals = {PrinterFault.BUSY: BUSY, PrinterFault.NOT_ACCEPTING: NOT_ACCEPTING}
    if asked.code == Operation.CREATE_JOB:
        refusals[PrinterFault.OLD] = UNSUPPORTED
    fault = tray.next_fault(*refusals)
    if fault is not None:
        return _say(refusals[fault], asked)
    if asked.code == Operation.VALIDATE_JOB:
        return _say(OK, asked)
    job = Job(max(tray.jobs, default=0) + 1, str(asked.first("operation").get("job-name", ("",))[0]))
    tray.jobs[job.number] = job
    if asked.code == Operation.PRINT_JOB:
        _print(tray, job, asked)
    return _say(OK, asked, job=_about(job))


def _of_a_job(tray: Tray, asked: Message) -> bytes:
    number = asked.first("operation").get("job-id", (0,))[0]
    job = tray.jobs.get(number) if isinstance(number, int) else None
    if job is None:
        return _say(NOT_FOUND, asked)
    if asked.code == Operation.SEND_DOCUMENT and job.state == PENDING:
        _print(tray, job, asked)
    if asked.code == Operation.CANCEL_JOB and job.state == PENDING:
        job.state = CANCELED
    return _say(OK, asked, job=_about(job))


def _print(tray: Tray, job: Job, asked: Message) -> None:
    job.mime = str(asked.first("operation").get("document-format", ("",))[0])
    if tray.next_fault(PrinterFault.JAM):
        job.state = ABORTED
        return
    job.data, job.state = asked.rest, COMPLETED
    if len(tray.labels) == KEPT:
        tray.labels[0].data = b""
    tray.labels.append(job)
    tray.printed += 1


def _about(job: Job) -> list[Attribute]:
    return [(Tag.INTEGER, "job-id", job.number), (Tag.INTEGER, "job-state", job.state)]


def _condition(tray: Tray) -> list[Attribute]:
    waiting = sum(job.state == PENDING for job in tray.jobs.values())
    return [
        (Tag.INTEGER, "printer-state", 3), (Tag.KEYWORD, "printer-state-reasons", "none"),
        (Tag.MIME, "document-format-supported", "application/pdf"), (Tag.INTEGER, "queued-job-count", waiting),
    ]  # fmt: skip


def _say(
    code: int, asked: Message, *, job: Sequence[Attribute] | None = None, printer: Sequence[Attribute] | None = None
) -> bytes:
    groups: dict[str, Sequence[Attribute]] = {}
    if job is not None:
        groups["job"] = job
    if printer is not None:
        groups["printer"] = printer
    return encode(code, asked.request, [], answer=groups)


def _page(server: PrinterServer, path: str) -> tuple[str, bytes] | None:
    """The tray as a page, and each label as a picture."""
    with server.lock:
        labels = list(server.tray.labels)
        printed = server.tray.printed
    if path == "/":
        tray = "".join(_figure(job) for job in reversed(labels))
        words = f"{printed} printed; the last {len(labels)} lie in its tray, in memory only."
        page = (
            "<!doctype html><html lang=en-GB><title>Rehearsal printer</title>"
            f"<h1>Rehearsal printer</h1><p>{words}</p>{tray}</html>"
        )
        return "text/html; charset=utf-8", page.encode()
    number = path.removeprefix("/label/").removesuffix(".png")
    found = next((job for job in labels if str(job.number) == number and job.mime == "application/pdf"), None)
    return ("image/png", picture(found.data)) if found is not None else None


def _figure(job: Job) -> str:
    shown = f'<img src="/label/{job.number}.png" width="288" height="432" alt="Label of job {job.number}">'
    if job.mime != "application/pdf":
        shown = f"<pre>{html.escape(job.data.decode('utf-8', 'replace')[:4000])}</pre>"
    return f"<figure><figcaption>Job {job.number}, {html.escape(job.mime)}</figcaption>{shown}</figure>"


def picture(pdf: bytes) -> bytes:
    """The first page of a PDF as PNG at 203 dpi, as a label printer sees it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        out = io.BytesIO()
        document[0].render(scale=203 / 72).to_pil().save(out, "PNG")
        return out.getvalue()
    finally:
        document.close()
