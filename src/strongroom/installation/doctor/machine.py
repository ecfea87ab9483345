"""The machine around it: core dumps, the website's port, users and units of the service."""

import socket
from typing import Final

from strongroom.formats import verdict_file
from strongroom.formats.clock import SystemClock
from strongroom.formats.grade import Role
from strongroom.formats.verdict import Look
from strongroom.formats.verdict_file import FOLDER, Forged, Missing
from strongroom.installation import neighbours, service
from strongroom.installation.doctor.findings import Examination, Found, advice, not_here, ok, problem, unknown
from strongroom.installation.doctor.patient import NotHere, Patient
from strongroom.installation.identities import NAMED
from strongroom.installation.units import TARGET

OLDEST: Final = 120
"""Minutes: the inspector looks at processes each quarter of an hour."""
SERVES: Final = ("strongroom-broker.service", "strongroom-web.service", "strongroom-worker.service",
                 "strongroom-inspector.service", "strongroom-prepare.service", TARGET)  # fmt: skip


def _cores(patient: Patient) -> Found:
    """Our processes cannot be dumped; what a crash of anything else may write is the machine's."""
    kernel = patient.machine.proc / "sys" / "kernel"
    try:
        pattern = (kernel / "core_pattern").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        raise NotHere("This system does not say what it does with core dumps.") from None
    if pattern.startswith("|") and not pattern.startswith("|/bin/false"):
        return advice(
            f"Core dumps go to a program ({pattern[1:].split()[0]}). Ours make none; other programs' may.",
            "echo 'kernel.core_pattern=|/bin/false' > /etc/sysctl.d/50-coredump.conf", "sysctl --system",
        )  # fmt: skip
    return ok("Core dumps go to no program, and our processes make none.")


def _port(patient: Patient) -> Found:
    web = patient.configuration.web
    if patient.is_up:
        return ok(f"Port {web.port} is the website's.") if _listens(web.listen, web.port) else problem(
            f"Strongroom runs, and nothing listens on port {web.port}.",
            f"tail {patient.folders.logs / 'website.log'}", "Restart Strongroom",
        )  # fmt: skip
    if not _listens(web.listen, web.port):
        return ok(f"Port {web.port} is free.")
    pid = neighbours.listener(web.port)
    who = f"process {pid}" if pid else "another process"
    return problem(f"Port {web.port} is taken by {who}.", f"End {who}, or choose another:", "[web] port = 9443")


def _listens(listen: str, port: int) -> bool:
    """Whether somebody answers there; asked by connecting, which disturbs nobody."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)  # noqa: S104 - compared, not listened on
    try:
        socket.create_connection((here, port), timeout=2).close()
    except OSError:
        return False
    return True


def _users(patient: Patient) -> Found:
    _service(patient)
    missing = [name for name in NAMED.values() if not service.exists(name)]
    if missing:
        return problem(f"Users of the service are missing: {', '.join(missing)}.", "strongroom init")
    return ok("Each process has a user of its own.")


def _units(patient: Patient) -> Found:
    _service(patient)
    missing = [name for name in SERVES if not (patient.machine.units / name).exists()]
    if missing:
        return problem(f"Units are missing: {', '.join(missing)}.", "strongroom init")
    if not patient.machine.booted.exists():
        return unknown("systemd does not run this machine, so that no unit is started by itself.", "strongroom up")
    failed = [name for name in SERVES if service.systemctl("is-failed", "--quiet", name)]
    if failed:
        return problem(f"Units failed: {', '.join(failed)}.", f"journalctl -u {failed[0]}", f"systemctl start {TARGET}")
    if not service.systemctl("is-enabled", "--quiet", TARGET):
        return advice("The service does not start with the machine.", f"systemctl enable {TARGET}")
    return ok("The units are there, enabled, and none failed.")


def _service(patient: Patient) -> None:
    if not list(patient.machine.units.glob("strongroom*")):
        raise NotHere("This is no service of the machine; `strongroom init` makes it one.")


def _inspector(patient: Patient) -> Found:
    """Whether it looks at all, by its verdict on processes, which needs nothing else."""
    patient.installed()
    patient.running()
    uids = patient.description.grade.uids
    found = verdict_file.read(patient.folders.data / FOLDER, Look.PROCESS_FLAGS, uids.get(Role.INSPECTOR, 0))
    if isinstance(found, Forged):
        return problem(found.why, "Look who wrote it; then restart Strongroom")
    log = patient.folders.logs / "inspector.log"
    if isinstance(found, Missing):
        return advice("The inspector has not written a verdict yet.", "Wait a minute, then look again", f"tail {log}")
    # By the file's own time: policy time may have been moved since, in a rehearsal or by a clock that jumped.
    written = (patient.folders.data / FOLDER / verdict_file.name_of(Look.PROCESS_FLAGS)).stat().st_mtime
    minutes = int(SystemClock().wall() - written) // 60
    if minutes > OLDEST:
        return problem(f"The inspector has not looked for {minutes} minutes.", f"tail {log}", "Restart Strongroom")
    return ok("The inspector looks.")


def _runs(patient: Patient) -> Found:
    patient.installed()
    if patient.is_up:
        return ok(f"Strongroom runs, as process {patient.holder}." if patient.holder else "Strongroom runs.")
    how = f"systemctl start {TARGET}" if (patient.machine.units / TARGET).exists() else "strongroom up"
    return advice("Strongroom does not run. Keys die at its next start, not before.", how)


def _grade(patient: Patient) -> Found:
    """Which of the two grades, and what stands in the way of the better."""
    grade = patient.description.grade
    if grade.is_service:
        return ok("Each process has a uid of its own.")
    if patient.is_rehearsal:
        return not_here("A rehearsal needs no users of its own.")
    return advice(f"Everything runs as one user. {grade.why}", "strongroom init")


EXAMINATIONS: Final = (
    Examination("machine.runs", "RR-2", "whether Strongroom runs", _runs),
    Examination("machine.grade", "ES-3", "whose each process is", _grade),
    Examination("machine.port", "ET-2", "the website's port", _port),
    Examination("machine.cores", "ES-3", "where core dumps go", _cores),
    Examination("machine.users", "ES-3", "users of the service", _users),
    Examination("machine.units", "ES-3", "units of the service", _units),
    Examination("machine.inspector", "ET-3", "whether the inspector looks", _inspector),
)
