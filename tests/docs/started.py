"""The program with its imports done once: each command is a process of its own, forked with the shell's descriptors.

Starting Python and reading every module takes longer than most commands. What runs is `main`, as it would alone.
"""

import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect({socket!r})
    told = json.dumps([os.getcwd(), dict(os.environ), ["--data", {data!r}, *sys.argv[1:]]]).encode()
    socket.send_fds(there, [len(told).to_bytes(4, "big")], [0, 1, 2])
    there.sendall(told)
    sys.exit(int(there.recv(8) or b"70"))
"""


@contextmanager
def program(folder: Path, data: Path) -> Iterator[None]:
    """While this lasts, `folder` holds a program `strongroom` that knows its data folder."""
    where = folder / "started.sock"
    with subprocess.Popen([sys.executable, "-m", __name__, str(where)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        path = folder / "strongroom"
        path.write_text(CLIENT.format(python=sys.executable, socket=str(where), data=str(data)))
        path.chmod(0o755)
        yield
        server.terminate()


def serve(where: str) -> None:
    from strongroom.command import main  # the imports that are done once

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(where)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            with listening.accept()[0] as asked:
                length, descriptors, _, _ = socket.recv_fds(asked, 4, 3)
                told = b""
                while len(told) < int.from_bytes(length, "big"):
                    told += asked.recv(65_536)
                pid = os.fork()
                if pid == 0:
                    become(main.main, descriptors, *json.loads(told))
                _, status = os.waitpid(pid, 0)
                for descriptor in descriptors:
                    os.close(descriptor)
                asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def become(main: object, descriptors: list[int], folder: str, environment: dict[str, str], words: list[str]) -> None:
    """The command; never returns."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        assert callable(main)
        code = main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - what alone would end it with a traceback
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
