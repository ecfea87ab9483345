"""The website's server for tests of its TLS; `python -m tests.attacks.tls SSLYZE` has sslyze judge it (`make tls`).

sslyze is a tool here, in an environment of its own: its licence is AGPL and it holds older versions of our libraries.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.installation.certificates import ensure
from strongroom.rehearsal.ports import free_port

ROOT = Path(__file__).parents[2]
START = "import sys; from strongroom.website.serve import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"


@contextmanager
def serving(application: str = "tests.attacks.smallest:application") -> Iterator[tuple[int, Path]]:
    """granian as `website/serve.py` starts it, with a certificate of an authority of ours; its port, and the authority."""
    made = Path(tempfile.mkdtemp(prefix="sr-"))
    ca, certificate, key = ensure(made, ("localhost", "127.0.0.1"))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", START, application, "--port", str(port), "--certificate", str(certificate), "--key", str(key)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while not _listens(port):
            assert process.poll() is None
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.1)
        yield port, ca
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(made, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(sslyze: str) -> int:
    """Zero where Mozilla's `modern` is met."""
    with serving() as (port, ca):
        return subprocess.run(
            [sslyze, "--mozilla_config=modern", f"--certinfo_ca_file={ca}", f"localhost:{port}"], check=False
        ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
