"""A network and mounts of a rehearsal's own, with its firewall: what is broken there is not this machine's.

As root only. The rules are made and loaded as `strongroom init` does, for the uids of this rehearsal, and written down
again and again as the service's timer does: the inspector may not ask the kernel for them.
"""

import fcntl
import json
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Final

from strongroom.installation import firewall
from strongroom.installation.process_flags import leave_the_machine
from strongroom.installation.supervisor import Process
from strongroom.rehearsal.installation import Rehearsal

WRITES: Final = 'while :; do "$0" -j list ruleset > "$1.new" && chmod 644 "$1.new" && mv "$1.new" "$1"; sleep 0.5; done'
WRITTEN_WITHIN: Final = 10.0
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1


def enter() -> bool:
    """Go there, with a loopback that works; false where this user or kernel cannot. Before anything is started."""
    if not leave_the_machine():
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    return True


def put_up_the_firewall(rehearsal: Rehearsal) -> bool:
    """Load the rules of this rehearsal and keep them written down; false without uids of its own or without nft."""
    running, folders = rehearsal.running, rehearsal.folders
    if not running.who.is_service or not firewall.is_installed():
        return False
    users = {role: str(one.uid) for role, one in running.who.roles.items() if role not in running.who.shared}
    rules = rules_of(rehearsal)
    rules.write_text(firewall.rules(running.configuration, users), encoding="utf-8")
    wanted = folders.data / firewall.WANTED
    wanted.write_text(json.dumps(firewall.as_the_kernel_shows(rules)), encoding="utf-8")
    wanted.chmod(0o644)
    dump = folders.run / firewall.FOLDER / firewall.DUMP
    dump.parent.mkdir(mode=0o755, exist_ok=True)
    nft("-f", str(rules))
    running.supervisor.start(Process("firewall-look", ["sh", "-c", WRITES, firewall.program(), str(dump)]))
    wait_until_written(rehearsal)
    return True


def rules_of(rehearsal: Rehearsal) -> Path:
    return rehearsal.folders.data / firewall.RULES


def nft(*arguments: str) -> None:
    """As root in this network. Raises where the kernel does not take it."""
    subprocess.run([firewall.program(), *arguments], check=True, capture_output=True, cwd="/")


def wait_until_written(rehearsal: Rehearsal) -> None:
    """Until the rules as they are now are written down: the second writing from now began after now."""
    dump = rehearsal.folders.run / firewall.FOLDER / firewall.DUMP
    deadline = time.monotonic() + WRITTEN_WITHIN
    for _ in range(2):
        before = dump.stat().st_ino if dump.exists() else 0
        while (dump.stat().st_ino if dump.exists() else 0) == before:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.05)
