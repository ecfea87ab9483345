"""Between a process and PostgreSQL: passes everything on, until a COMMIT; then the connection is gone (F7).

A COMMIT either reached the server and was carried out before the connection broke, or never reached it. The process
cannot know which.
"""

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.installation.postgres import PORT


@dataclass
class Proxy:
    """Listens in `folder` as PostgreSQL would. `cut_at`: at which COMMIT from now on; `after`: once it was done."""

    folder: Path
    server: Path
    cut_at: int = 0
    after: bool = True
    cuts: int = 0
    commits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def aim(self, *, at: int, after: bool) -> None:
        with self._lock:
            self.commits, self.cut_at, self.after = 0, at, after

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                theirs, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(theirs,), daemon=True).start()

    def _pass_on(self, theirs: socket.socket) -> None:
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, ours, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            ours.connect(str(self.server))
            selector.register(theirs, selectors.EVENT_READ, ours)
            selector.register(ours, selectors.EVENT_READ, theirs)
            cutting = False
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(1 << 16)
                    if not data or (cutting and key.fileobj is ours):
                        return
                    if key.fileobj is theirs and self._is_the_one(data):
                        if not self.after:
                            return
                        cutting = True
                    key.data.sendall(data)

    def _is_the_one(self, data: bytes) -> bool:
        if b"COMMIT\0" not in data:
            return False
        with self._lock:
            self.commits += 1
            if self.commits != self.cut_at:
                return False
            self.cuts += 1
            return True


@contextmanager
def proxy_to(host: str, folder: Path) -> Iterator[Proxy]:
    """A proxy to the server whose sockets lie in `host`."""
    folder.mkdir()
    proxy = Proxy(folder, Path(host) / f".s.PGSQL.{PORT}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(folder / f".s.PGSQL.{PORT}"))
    listening.listen(16)
    for path in (folder, folder / f".s.PGSQL.{PORT}"):
        os.chmod(path, 0o777)  # noqa: PTH101, S103 - whoever the child is
    thread = threading.Thread(target=proxy.serve, args=(listening,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)
