"""The running house, as its rows tell: schema, rounds, checks, deadlines, messages. No row of a customer is read."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.db import DatabaseError

from strongroom.command.installed import read_as
from strongroom.installation.doctor.findings import Examination, Found, advice, ok, problem, unknown
from strongroom.installation.doctor.patient import NotHere, Patient
from strongroom.policy.encryption_and_storage.connection import Unavailable

AS: Final = "web"
STUCK: Final = timedelta(hours=1)
RUN_BOOK: Final = "docs/run-books/printer-changed-its-certificate.md"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Connections are closed at the end, whatever was looked at."""
    try:
        yield
    finally:
        from django.conf import settings  # noqa: PLC0415

        if settings.configured:
            from django.db import connections  # noqa: PLC0415

            connections.close_all()


def _asked(look: Callable[[Patient], Found]) -> Callable[[Patient], Found]:
    """A look at the database's rows, where there is a house to ask."""

    def guarded(patient: Patient) -> Found:
        patient.installed()
        patient.running()
        if patient.told is None:
            raise NotHere("The key broker does not answer; see keys.broker.")
        log = patient.folders.logs / "postgres.log"
        try:
            _begin(patient.folders.data)
            return look(patient)
        except (DatabaseError, SystemExit) as why:
            return problem(f"The database does not answer ({type(why).__name__}).", f"tail {log}", "Restart Strongroom")
        except Unavailable:
            return unknown("The key broker stopped answering.", "strongroom doctor keys.broker")

    return guarded


_begun: Final[list[Path]] = []


def _begin(data: Path) -> None:
    """Join this process to the house, once."""
    from strongroom.installation.folders import Folders  # noqa: PLC0415

    if data not in _begun:
        read_as(AS, Folders(data))
        _begun.append(data)


def _schema(_: Patient) -> Found:
    from django.db import connection  # noqa: PLC0415 - Django is set up now
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label} {migration.name}" for migration, _ in plan[:3])
        return problem(f"The database lacks {len(plan)} changes: {names}.", "Restart Strongroom, which makes them")
    return ok("The database is as this version wants it.")


def _worker(patient: Patient) -> Found:
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations.sweeper import SWEEPER, lost  # noqa: PLC0415

    log = patient.folders.logs / "worker.log"
    if lost([SWEEPER], definitions.now()):
        return problem("The worker does no rounds.", f"tail {log}", "Restart Strongroom")
    return ok("The worker does its rounds.")


def _checks(_: Patient) -> Found:
    """Whether the checks run: the oldest due that did not."""
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations.models import CheckDue  # noqa: PLC0415

    late = CheckDue.objects.filter(due_at__lt=definitions.now() - STUCK).order_by("due_at")
    names = list(late.values_list("check_id", flat=True))
    if names:
        few = ", ".join(names[:5])
        return problem(f"{len(names)} checks have been due for an hour: {few}.", f"strongroom checks run {names[0]}")
    return ok("Every check ran when it was due.")


def _promises(_: Patient) -> Found:
    """What `strongroom status` says, in one line."""
    from strongroom.website.wall import reports  # noqa: PLC0415

    counts = reports.status()["counts"]
    if counts["false"]:
        return problem(f"{counts['false']} promises are false now.", "strongroom status")
    if counts["unknown"]:
        return advice(f"{counts['unknown']} promises are unknown.", "strongroom status")
    return ok("No promise is false or unknown.")


def _deadlines(_: Patient) -> Found:
    from strongroom.policy.retention_and_recovery.actions import overdue  # noqa: PLC0415

    late = overdue()
    if late:
        return problem(f"{late} deadlines of orders passed.", "strongroom retention run", "strongroom retention due")
    return ok("No deadline of an order passed.")


def _messages(_: Patient) -> Found:
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.obligations.models import Message  # noqa: PLC0415

    waiting = Message.objects.filter(
        account_id=definitions.INSTALLATION, state="queued", made_at__lt=definitions.now() - STUCK,
    ).count()  # fmt: skip
    if waiting:
        return problem(
            f"{waiting} messages have waited for an hour.",
            "Look at the page Messages: why each did not leave", "strongroom doctor settings.mail",
        )  # fmt: skip
    return ok("No message waits for long.")


def _printers(_: Patient) -> Found:
    from strongroom.policy.encryption_and_storage.models import Printer  # noqa: PLC0415

    found = list(Printer.objects.filter(retired_at__isnull=True))
    if not found:
        return advice("No printer is registered.", "Register one on the page Printers: its address and certificate")
    down = [printer for printer in found if printer.condition in ("down", "wrong", "stopped")]
    if down:
        words = ", ".join(f"{printer.name} ({printer.condition})" for printer in down)
        return problem(f"Printers that print nothing now: {words}.", RUN_BOOK)
    return ok(f"{len(found)} printers are registered, and none is down.")


def _people(_: Patient) -> Found:
    from strongroom.policy.least_privilege.models import Grant  # noqa: PLC0415

    held = set(Grant.objects.in_force().values_list("role", flat=True))
    missing = [role for role in ("administrator", "security", "manager") if role not in held]
    if "administrator" in missing:
        return problem("Nobody is administrator.", "Open the one-time link that `strongroom up` prints")
    if missing:
        return advice(f"Nobody holds the role {', '.join(missing)}.", f"strongroom people propose EMAIL {missing[0]}")
    return ok("The roles that others depend on are held.")


EXAMINATIONS: Final = (
    Examination("house.schema", "RR-5", "the database's schema", _asked(_schema)),
    Examination("house.worker", "RR-3", "whether the worker does its rounds", _asked(_worker)),
    Examination("house.checks", "IR-3", "whether checks run when they are due", _asked(_checks)),
    Examination("house.promises", "IR-3", "the wall", _asked(_promises)),
    Examination("house.deadlines", "RR-2", "deadlines of orders", _asked(_deadlines)),
    Examination("house.messages", "IR-2", "messages that wait", _asked(_messages)),
    Examination("house.printers", "ES-5", "printers", _asked(_printers)),
    Examination("house.people", "LP-1", "who holds which role", _asked(_people)),
)
