"""The scan of a running installation as an administrator asks for it, with its positive control (RR-4).

Canaries are whoever's words went through it: an order that somebody placed under a made-up name.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from strongroom.policy.retention_and_recovery.leaks import plants
from strongroom.policy.retention_and_recovery.leaks.canaries import Canary
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut, Place, of_installation
from strongroom.policy.retention_and_recovery.leaks.plants import Control, Plant
from strongroom.policy.retention_and_recovery.leaks.report import LeakReport
from strongroom.policy.retention_and_recovery.leaks.scan import Request, Stream, scan_installation


def scan_running(
    *, data: Path, canaries: Sequence[Canary], since: float, processes: Iterable[int] = (),
    streams: Iterable[Stream] = (), more: Sequence[Place] = (), left_out: Sequence[LeftOut] = (),
    more_plants: Sequence[Plant] = (), user: int | None = None,
) -> LeakReport:  # fmt: skip
    """Everything of an installation's, and `more` places, for these canaries.

    One plant for each form, container and place; plants are gone afterwards. since: seconds since 1970, for the
    temporary folder. Raises `NoEngine` and `ScanFailed`: both are unknown.
    """
    where = (*of_installation(data, since=since, temporary=Path(tempfile.gettempdir())), *more)
    pids, control = list(processes), Control()
    sinks = (plants.in_files(data), plants.in_places(where), plants.in_a_process(pids), *more_plants)
    with plants.all_of(control, sinks):
        request = Request((*canaries, *control.canaries), where, tuple(left_out), tuple(pids))
        return scan_installation(request, planted=control.planted, streams=streams, user=user)
