"""Our IPP client against a printer that is not ours: CUPS' `ippeveprinter`, over TLS (F24)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGES = {
    "ippeveprinter": "cups-ipp-utils",
    "dbus-daemon": "dbus",
    "avahi-daemon": "avahi-daemon",
    "unshare": "util-linux",
}


def test_a_label_is_printed_by_cups_own_printer(folder: Path) -> None:
    for program, package in PACKAGES.items():
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            pytest.skip(f"needs the package {package}")
    apart = ["unshare", "--net", "--mount", "--fork"]
    if os.getuid() != 0:
        apart.insert(1, "--map-root-user")
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine gives no network namespace")
    done = subprocess.run(
        [*apart, "bash", HERE / "ippeveprinter.sh", folder, sys.executable, HERE / "print_to_cups.py"],
        capture_output=True, text=True, check=False, timeout=120, cwd=folder,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-800:]
    told = json.loads(done.stdout)
    assert told == {
        "state": "idle", "formats": ["application/octet-stream", "application/pdf"], "accepted": "held",
        "ended": "completed", "pinned": True, "withdrawn": "canceled",
        "jobs": [["our-reference", "completed"], ["withdrawn", "canceled"]],
    }  # fmt: skip
    (printed,) = (folder / "spool").glob("*.pdf")
    assert printed.read_bytes().startswith(b"%PDF")
