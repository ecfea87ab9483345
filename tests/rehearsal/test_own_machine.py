"""A drill's own network and mounts: what is broken there is not this machine's."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from strongroom.installation.file_systems import mounts

GOES = """
import json, socket, subprocess, sys
from strongroom.installation.inspector.listeners import listening
from strongroom.rehearsal import own_machine

went = own_machine.enter()
before = listening()
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=2).close()
    after = listening()
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[1]], check=True)
print(json.dumps([went, before, len(after)]))
"""


def test_it_hears_itself_and_nobody_else_and_its_mounts_end_with_it() -> None:
    if os.getuid() != 0:
        pytest.skip("only root may leave the machine")
    with tempfile.TemporaryDirectory() as made:
        ran = subprocess.run([sys.executable, "-c", GOES, made], capture_output=True, text=True, check=True)
        assert json.loads(ran.stdout) == [True, [], 1]
        assert not [mount for mount in mounts() if mount.point == Path(made)]


def test_whoever_is_not_root_stays_on_this_machine() -> None:
    goes = [sys.executable, "-c", "from strongroom.rehearsal import own_machine; print(own_machine.enter())"]
    if os.getuid() == 0:
        goes = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *goes]
    assert subprocess.run(goes, capture_output=True, text=True, check=True, cwd="/").stdout == "False\n"
