"""`python -m strongroom.rehearsal.printer`: the rehearsal's label printer as a process of its own."""

import argparse
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from strongroom.installation.certificates import ensure
from strongroom.rehearsal.printer.server import PrinterFault, PrinterServer


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m strongroom.rehearsal.printer", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="its certificate")
    parser.add_argument("--control", type=Path, required=True, help="where faults are asked for, a line each")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _, certificate, key = ensure(options.folder, ("localhost", "127.0.0.1"))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with PrinterServer(certificate=certificate, key=key, port=options.port) as server:
        _listen(server, options.control)
        if options.ready_fd is not None:
            os.write(options.ready_fd, f"{server.port}\n".encode())
            os.close(options.ready_fd)
        stop.wait()
    return 0


def _listen(server: PrinterServer, path: Path) -> None:
    """Faults by name, one a line, on a private socket; `forget` drops a job. It answers how many labels it printed, to
    `waiting` how many faults are to come.
    """
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)
    listening.listen(4)

    def serve() -> None:
        while True:
            connected, _ = listening.accept()
            with connected, connected.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    with server.lock:
                        if (
                            line.strip() == "forget"
                        ):  # as somebody at its panel would: the last job, and what it printed
                            server.tray.jobs.pop(max(server.tray.jobs, default=0), None)
                        elif line.strip() not in ("printed", "waiting"):
                            server.tray.faults.append(PrinterFault(line.strip()))
                        waits = line.strip() == "waiting"
                        lines.write(f"{len(server.tray.faults) if waits else server.tray.printed}\n")
                    lines.flush()

    threading.Thread(target=serve, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
