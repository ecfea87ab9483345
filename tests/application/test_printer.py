"""IPP over TLS with a pinned certificate: what a real printer does, what a hostile one tries (ET-1, F24)."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.application.despatch.printing import printer as device
from strongroom.application.despatch.printing.ipp import NotIpp, Operation, Tag, decode, encode
from strongroom.application.despatch.printing.printer import Printer, check_uri, fetch_fingerprint
from strongroom.formats.refused import Refused
from strongroom.installation.certificates import ensure
from strongroom.rehearsal.printer.server import PrinterFault, PrinterServer

PDF = b"%PDF-1.4 not a person"


@pytest.fixture
def server(folder: Path) -> Iterator[PrinterServer]:
    _, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
    with PrinterServer(certificate=certificate, key=key) as running:
        yield running


@pytest.fixture
def printer(server: PrinterServer) -> Printer:
    return Printer(server.uri, fetch_fingerprint(server.uri))


@pytest.mark.parametrize(
    "uri",
    ["ipp://printer.example/ipp/print", "http://printer.example/", "https://printer.example/", "socket://printer.example:9100",
     "lpd://printer.example", "file:///dev/usb/lp0", "ipps://", "ipps://user:pw@printer.example/", "ipps://printer.example:99999/"],
)  # fmt: skip
def test_only_ipp_over_tls_is_spoken(uri: str) -> None:
    with pytest.raises(Refused) as refused:
        check_uri(uri)
    assert refused.value.clause == "ET-1"


def test_a_job_is_accepted_delivered_and_followed_to_its_end(server: PrinterServer, printer: Printer) -> None:
    assert printer.attributes().state == "idle"
    job = printer.create_job("a-reference")
    assert printer.job_state(job) == "pending"
    assert server.tray.printed == 0, "nothing is printed by being accepted"
    printer.send_document(job, PDF, "application/pdf")
    assert printer.job_state(job) == "completed"
    assert server.tray.labels[0].data == PDF
    assert server.tray.labels[0].name == "a-reference"


def test_it_tells_every_job_that_it_remembers_whoever_sent_it(printer: Printer, server: PrinterServer) -> None:
    done, waiting, withdrawn = (printer.create_job(name) for name in ("first", "second", "third"))
    printer.send_document(done, PDF, "application/pdf")
    printer.cancel(withdrawn)
    told = [(job.number, job.name, job.state) for job in printer.jobs()]
    assert told == [(done, "first", "completed"), (waiting, "second", "pending"), (withdrawn, "third", "canceled")]


def test_another_certificate_gets_not_one_byte(server: PrinterServer) -> None:
    wrong = Printer(server.uri, bytes(32))
    for act in (
        wrong.attributes,
        lambda: wrong.create_job("x"),
        lambda: wrong.send_document(1, PDF, "application/pdf"),
    ):
        with pytest.raises(device.WrongCertificate):
            act()
    assert not server.tray.jobs


def test_a_printer_too_old_for_two_steps_is_asked_first_all_the_same(server: PrinterServer, printer: Printer) -> None:
    server.tray.faults.append(PrinterFault.OLD)
    job = printer.create_job("x")
    assert job == device.BY_VALIDATION
    assert not server.tray.jobs
    assert printer.job_state(printer.send_document(job, PDF, "application/pdf")) == "completed"


@pytest.mark.parametrize(
    ("fault", "problem"),
    [(PrinterFault.BUSY, device.Busy), (PrinterFault.NOT_ACCEPTING, device.NotAccepting), (PrinterFault.OFFLINE, device.Down)],
)  # fmt: skip
def test_what_fails_before_the_document_is_only_a_later_try(
    server: PrinterServer, printer: Printer, fault: PrinterFault, problem: type[Exception]
) -> None:
    server.tray.faults.append(fault)
    with pytest.raises(problem):
        printer.create_job("x")
    assert printer.create_job("x") > 0


def test_contact_lost_after_the_document_is_unclear_and_nothing_else(server: PrinterServer, printer: Printer) -> None:
    job = printer.create_job("x")
    server.tray.faults.append(PrinterFault.VANISH)
    with pytest.raises(device.Unclear):
        printer.send_document(job, PDF, "application/pdf")


def test_a_jam_is_told_as_aborted(server: PrinterServer, printer: Printer) -> None:
    job = printer.create_job("x")
    server.tray.faults.append(PrinterFault.JAM)
    printer.send_document(job, PDF, "application/pdf")
    assert printer.job_state(job) == "aborted"


def test_nobody_there_is_down(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = taken.getsockname()[1]
    with pytest.raises(device.Down):
        Printer(f"ipps://localhost:{gone}/ipp/print", bytes(32)).attributes()


def test_the_tray_keeps_twenty_labels_in_memory_and_shows_them(server: PrinterServer, printer: Printer) -> None:
    for _ in range(23):
        printer.send_document(printer.create_job("x"), b"^XA^FDzpl^FS^XZ", "application/vnd.zebra-zpl")
    assert len(server.tray.labels) == 20
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    import urllib.request

    with urllib.request.urlopen(f"https://localhost:{server.port}/", context=context) as answer:
        page = answer.read().decode()
    assert page.count("<figure>") == 20
    assert "23 printed" in page


ANSWER = encode(0, 1, [], answer={"printer": [(Tag.INTEGER, "printer-state", 3)]})


@given(st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_none_and_never_a_crash(data: bytes) -> None:
    try:
        decode(data)
    except NotIpp:
        return


@given(st.integers(0, len(ANSWER) - 1), st.integers(0, 255))
def test_a_changed_byte_is_never_a_crash(at: int, value: int) -> None:
    try:
        decode(ANSWER[:at] + bytes([value]) + ANSWER[at + 1 :])
    except NotIpp:
        return


def test_an_answer_cut_anywhere_is_refused() -> None:
    for end in range(len(ANSWER) - 1):
        with pytest.raises(NotIpp):
            decode(ANSWER[:end])


@contextmanager
def speaking(folder: Path, answer: bytes) -> Iterator[tuple[str, bytes]]:
    """A printer that answers everything with these bytes."""
    _, certificate, key = ensure(folder, ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                    with context.wrap_socket(connected, server_side=True) as secured:
                        secured.recv(65_536)
                        secured.sendall(answer)
                except (OSError, ssl.SSLError):
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        uri = f"ipps://localhost:{listening.getsockname()[1]}/"
        yield uri, fetch_fingerprint(uri)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"garbage\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + bytes(20), b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"],
    ids=["nothing", "empty", "garbage", "redirect", "zeros", "error"],
)  # fmt: skip
def test_whatever_a_printer_answers_is_a_typed_problem(folder: Path, answer: bytes) -> None:
    with speaking(folder, answer) as (uri, fingerprint):
        here = Printer(uri, fingerprint)
        with pytest.raises(device.Down):
            here.attributes()
        with pytest.raises(device.Unclear):
            here.send_document(1, PDF, "application/pdf")


def test_the_requests_are_what_rfc_8011_asks_for(server: PrinterServer, printer: Printer) -> None:
    told = decode(encode(Operation.CREATE_JOB, 7, [(Tag.URI, "printer-uri", server.uri)]))
    assert list(told.first("operation"))[:3] == ["attributes-charset", "attributes-natural-language", "printer-uri"]
    assert told.request == 7
