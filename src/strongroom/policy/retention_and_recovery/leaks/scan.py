"""`python -m strongroom.policy.retention_and_recovery.leaks.scan`: the scan as a process of its own, under any uid.

What to look for comes over its standard input and is never an argument, a variable or a file: the scan would find it
there. It answers on standard output with paths and names only. Hostile files meet a process that holds nothing else.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.formats.secret import Secret
from strongroom.policy.retention_and_recovery.leaks import places, processes
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.engine import Engine, NoEngine
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.policy.retention_and_recovery.leaks.looking import Hit, Limits, Scanner, Seen
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut, Place
from strongroom.policy.retention_and_recovery.leaks.report import LeakReport, Planted, judge

MODULE: Final = "strongroom.policy.retention_and_recovery.leaks.scan"
Stream = tuple[str, Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """What to look for, where. The scan does not know which canaries were planted; `report.judge` does.

    processes: roots whose descendants are looked at too. streams are read by the asking process (`scan_installation`).
    """

    canaries: tuple[Canary, ...]
    places: tuple[Place, ...]
    left_out: tuple[LeftOut, ...] = ()
    processes: tuple[int, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)


class ScanFailed(Exception):
    """The scanning process ended without an answer, so the result is unknown."""


def scan_installation(
    request: Request, *, planted: Sequence[Planted] = (), streams: Iterable[Stream] = (), user: int | None = None,
    before: Seen | None = None,
) -> LeakReport:  # fmt: skip
    """One whole scan: files and processes by a process of its own (as `user`), database rows here. RR-4, LM-3.

    before: what was seen on the way here, such as logs that are begun anew. It counts for what was found only.

    Raises `NoEngine` where the scan engine is not installed, `ScanFailed` where the process died: both are unknown.
    """
    began = time.monotonic()
    wanted = needles(request.canaries)
    scanner = Scanner(Engine(wanted))
    seen = _apart(request, user)
    for name, pieces in streams:
        scanner.pieces(name, pieces)
    _join(seen, scanner.seen)
    if before is not None:
        seen.hits |= before.hits
        seen.unknown |= before.unknown
    return judge(
        seen, needles=len(wanted), seconds=time.monotonic() - began, planted=planted, left_out=request.left_out
    )


def look(request: Request) -> Seen:
    """The scan of files and processes, in this process."""
    scanner = Scanner(Engine(needles(request.canaries)), Limits(**request.limits))
    places.look_at(scanner, request.places, request.left_out)
    processes.look_at(scanner, processes.family(request.processes) if request.processes else ())
    return scanner.seen


def _apart(request: Request, user: int | None) -> Seen:
    done = subprocess.run(
        [sys.executable, "-m", MODULE], input=_packed(request), capture_output=True, check=False, user=user,
        group=user, extra_groups=None if user is None else [],
    )  # fmt: skip
    if done.returncode == NO_ENGINE:
        raise NoEngine(done.stderr.decode(errors="replace").strip())
    if done.returncode != 0:
        raise ScanFailed(f"The scanning process ended with {done.returncode}.")
    return _seen(json.loads(done.stdout))


NO_ENGINE: Final = 4


def main() -> int:
    """Read a request, scan, answer."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = _unpacked(json.loads(sys.stdin.buffer.read()))
    try:
        seen = look(request)
    except NoEngine as why:
        sys.stderr.write(str(why))
        return NO_ENGINE
    sys.stdout.write(
        json.dumps(
            {
                "hits": [[hit.path, hit.canary, hit.form] for hit in sorted(seen.hits)], "unknown": seen.unknown,
                "files": seen.files, "bytes": seen.bytes, "unpacked": seen.unpacked, "vanished": seen.vanished,
            }
        )
    )  # fmt: skip
    return 0


def _packed(request: Request) -> bytes:
    told = {
        "canaries": [[c.id, [text.text() for text in c.texts]] for c in request.canaries],
        "places": [[p.id, str(p.path), p.since, p.shared, p.uids] for p in request.places],
        "left_out": [[str(each.path), each.reason] for each in request.left_out],
        "processes": list(request.processes),
        "limits": request.limits,
    }
    return json.dumps(told).encode()


def _unpacked(told: dict[str, Any]) -> Request:
    return Request(
        canaries=tuple(Canary(id_, tuple(Secret(text) for text in texts)) for id_, texts in told["canaries"]),
        places=tuple(
            Place(id_, Path(path), since, shared, tuple(uids)) for id_, path, since, shared, uids in told["places"]
        ),
        left_out=tuple(LeftOut(Path(path), reason) for path, reason in told["left_out"]),
        processes=tuple(told["processes"]),
        limits=told["limits"],
    )


def _seen(told: dict[str, Any]) -> Seen:
    return Seen(
        hits={Hit(*hit) for hit in told["hits"]}, unknown=told["unknown"], files=told["files"], bytes=told["bytes"],
        unpacked=told["unpacked"], vanished=told["vanished"],
    )  # fmt: skip


def _join(into: Seen, other: Seen) -> None:
    into.hits |= other.hits
    into.unknown |= other.unknown
    into.files += other.files
    into.bytes += other.bytes
    into.unpacked += other.unpacked
    into.vanished += other.vanished


if __name__ == "__main__":
    sys.exit(main())
