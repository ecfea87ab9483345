"""`python -m strongroom.rehearsal.mail`: the rehearsal's mail server and its page as a process of its own."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from strongroom.installation.certificates import ensure
from strongroom.rehearsal.mail.page import MailPage
from strongroom.rehearsal.mail.server import MailServer, server_context


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m strongroom.rehearsal.mail", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="its certificate and password")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--page-port", type=int, default=0)
    parser.add_argument("--tray", type=Path, help="keep each letter as a file here")
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _, certificate, key = ensure(options.folder, ("localhost", "127.0.0.1"))
    context = server_context(certificate, key)
    password = (options.folder / "password").read_text(encoding="utf-8")
    if options.tray is not None:
        options.tray.mkdir(exist_ok=True, mode=0o700)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with (
        MailServer(context, port=options.port, password=password, tray=options.tray) as server,
        MailPage(server.box, context, port=options.page_port),
    ):
        if options.ready_fd is not None:
            os.write(options.ready_fd, f"{server.port}\n".encode())
            os.close(options.ready_fd)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
