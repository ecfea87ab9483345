"""The printing end of the ledger: the worker hands queued labels to their printers (ES-4, ES-5, AM-3, I19).

The order of steps is what keeps a label from being printed twice or lost in silence:
1. the printer accepts a job; nothing is open yet, and a refusal only means a later try or the second printer;
2. the ledger says `sent`, committed; from here on a crash leaves a label whose fate a person decides;
3. the address is opened for this one print, with its entry and leaf, rendered in memory and delivered;
4. the printer's word for the job makes it `confirmed`, or, when there is none, `unknown`.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from strongroom.application.despatch import rules
from strongroom.application.despatch.actions import printable
from strongroom.application.despatch.buying import FORMS, opened
from strongroom.application.despatch.content import content_of
from strongroom.application.despatch.labels.content import CannotRender
from strongroom.application.despatch.labels.pdf import render_pdf
from strongroom.application.despatch.labels.zpl import render_zpl
from strongroom.application.despatch.printing import printer as device
from strongroom.application.despatch.printing.remembered import ask_jobs
from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Purpose
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.actions import open_for
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintState
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import SellingAccount
from strongroom.policy.retention_and_recovery.models import Order, Parcel

CLAIM: Final = timedelta(minutes=2)
SILENT_AFTER: Final = timedelta(minutes=5)
"""After this a job whose end the printer does not tell is unknown."""
ASK_PRINTERS_EVERY: Final = timedelta(minutes=1)
OPEN: Final = (PrintState.QUEUED, PrintState.SENT)
MIME: Final = {"pdf": "application/pdf", "zpl": "application/vnd.zebra-zpl"}

log = logging.getLogger("strongroom.printing")

Door = Callable[[Printer], device.Printer]


def door(printer: Printer) -> device.Printer:
    """The device behind a registered printer, believed only with its pinned certificate."""
    return device.Printer(printer.uri, bytes(printer.fingerprint))


def print_due(*, sender: tuple[str, ...], to: Door = door) -> int:
    """Print what is queued and follow what was sent; returns how many rows moved on. Idempotent, safe to kill."""
    moved = 0
    for account in _with_labels():
        for label in _claim(account):
            _print(label, sender, to)
            moved += 1
        moved += sum(_follow(label, to) for label in _sent(account))
    return moved


def ask_printers(*, to: Door = door) -> None:
    """How every registered printer is, for the bench's picker. No label is involved."""
    old = definitions.now() - ASK_PRINTERS_EVERY
    for printer in Printer.objects.filter(Q(asked_at__isnull=True) | Q(asked_at__lt=old), retired_at__isnull=True):
        _ask(printer, to)


def _ask(printer: Printer, to: Door) -> None:
    try:
        told = to(printer).attributes()
    except device.WrongCertificate:
        condition, reasons = "wrong", "its certificate is not the registered one"
    except (device.PrinterProblem, Refused) as problem:
        condition, reasons = "down", type(problem).__name__.lower()
    else:
        condition = {"idle": "ready", "processing": "busy"}.get(told.state, "stopped")
        reasons = ", ".join(told.reasons)[:120]
        ask_jobs(printer, to(printer))
    Printer.objects.filter(pk=printer.pk).update(
        condition=condition, reasons=reasons, asked_at=definitions.now()
    )  # fmt: skip


def _with_labels() -> list[int]:
    """Sweep: accounts with a label that is queued or followed. Asked ten times a second, so it is all that is asked."""
    ours = SellingAccount.objects.filter(id__gt=0).values("id")
    open_labels = LabelPrint.objects.filter(account_id__in=ours, state__in=OPEN)
    return sorted(set(open_labels.values_list("account_id", flat=True)))


def _claim(account: int) -> list[LabelPrint]:
    """Queued labels that are due, for this worker alone; a dead worker's claim ends by itself."""
    now = definitions.now()
    with transaction.atomic(durable=True):
        due = LabelPrint.objects.select_for_update(skip_locked=True).filter(
            Q(claimed_until__isnull=True) | Q(claimed_until__lt=now), account_id=account, state=PrintState.QUEUED,
            try_at__lte=now,
        )  # fmt: skip
        labels = list(due.order_by("try_at")[:20])
        LabelPrint.objects.filter(account_id=account, id__in=[label.id for label in labels]).update(
            claimed_until=now + CLAIM
        )
    return labels


def _print(label: LabelPrint, sender: tuple[str, ...], to: Door) -> None:
    order = Order.objects.get(account_id=label.account_id, ref=label.order_ref)
    why = rules.why_not_printed(printable(order))
    if why is not None:
        _stop(label, "not printable")
        return
    accepted = _accept(label, to)
    if accepted is None:
        _later(label)
        return
    printer, at_the_printer, job = accepted
    if not _mark_sent(label, printer, job):
        _withdraw(at_the_printer, job)
        return
    _deliver(label, printer, at_the_printer, job, sender)


def _accept(label: LabelPrint, to: Door) -> tuple[Printer, device.Printer, int] | None:
    """A job at the label's printer, or at its second where it is down; `None` where neither takes one now."""
    printer = Printer.objects.get(pk=label.printer)
    seconds = [printer.second] if printer.second is not None and printer.second.retired_at is None else []
    for candidate in [printer, *seconds]:
        try:
            at_the_printer = to(candidate)
            return candidate, at_the_printer, at_the_printer.create_job(label.id.hex)
        except (device.PrinterProblem, Refused) as problem:
            label.problem = type(problem).__name__[:40]
            _ask(candidate, to)
    return None


def _mark_sent(label: LabelPrint, printer: Printer, job: int) -> bool:
    """The ledger's word, committed before anything is opened; false where the order was stopped meanwhile, or where
    another worker took the label over because this one's claim ran out while a printer kept it waiting.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(account_id=label.account_id, ref=label.order_ref)
        if rules.why_not_printed(printable(order)) is not None:
            _stop(label, "not printable")
            return False
        now = definitions.now()
        mine = LabelPrint.objects.filter(account_id=label.account_id, id=label.id, state=PrintState.QUEUED).update(
            state=PrintState.SENT, since=now, job=job, printer=printer.pk, tries=F("tries") + 1, problem=None
        )
        if not mine:
            return False
        label.printer, label.job, label.state, label.since = printer.pk, job, PrintState.SENT, now
        _journal(Kind.LABEL_SENT, label)
    return True


def _deliver(label: LabelPrint, printer: Printer, at: device.Printer, job: int, sender: tuple[str, ...]) -> None:
    """Open for this print, render in memory, deliver; whatever fails before the first byte stops the label."""
    try:
        data = _rendered(label, printer.format, sender)
    except (Forgotten, Refused, Unavailable, CannotRender) as problem:
        _withdraw(at, job)
        _stop(label, type(problem).__name__)
        return
    try:
        at.send_document(job, data, MIME[printer.format])
    except device.Unclear:
        _settle(label, PrintState.UNKNOWN, "the printer did not answer")
    except device.PrinterProblem as problem:
        _settle(label, PrintState.UNKNOWN, type(problem).__name__)
    finally:
        data[:] = bytes(len(data))
        data.clear()


def _rendered(label: LabelPrint, form: str, sender: tuple[str, ...]) -> bytearray:
    """The label's bytes, in memory only. The opening has its own entry and leaf, each time (AM-3)."""
    parcel = Parcel.objects.get(account_id=label.account_id, order_ref=label.order_ref, number=label.parcel)
    purpose = Purpose.BOUGHT_LABEL if parcel.purchase == "bought" else Purpose.LABEL
    opening = open_for(account=label.account_id, order=label.order_ref, purpose=purpose, by=label.by.bytes)
    if purpose is Purpose.BOUGHT_LABEL:
        return _bought(opening.fields["label"], label.parcel, form)
    content = content_of(label=label, fields=opening.fields, sender=sender)
    return render_pdf([content]) if form == "pdf" else render_zpl([content])


def _bought(sealed: Secret, parcel: int, form: str) -> bytearray:
    """The file that Amazon sold for this parcel. Raises `CannotRender` where it is another's, or of another form."""
    try:
        label = opened(sealed).get(parcel)
    except Malformed:
        label = None
    if label is None or label.form is not FORMS[form]:
        raise CannotRender("the label that was bought is of another parcel or for another printer")
    return bytearray(label.content.bytes())


def _sent(account: int) -> list[LabelPrint]:
    return list(
        LabelPrint.objects.filter(account_id=account, state=PrintState.SENT, job__isnull=False).order_by("since")[:50]
    )


def _follow(label: LabelPrint, to: Door) -> bool:
    """Ask the printer how a job ended; whether the label moved on."""
    printer = Printer.objects.get(pk=label.printer)
    try:
        state = to(printer).job_state(int(label.job or 0))
    except (device.PrinterProblem, Refused):
        state = None
    match state:
        case "completed":
            return _settle(label, PrintState.CONFIRMED, None)
        case "aborted" | "canceled":
            return _settle(label, PrintState.UNKNOWN, f"the printer {state} it")
    if _silent(label.since):
        return _settle(label, PrintState.UNKNOWN, "the printer does not tell its end")
    return False


def _silent(since: datetime) -> bool:
    return definitions.now() - since > SILENT_AFTER


def _settle(label: LabelPrint, state: PrintState, problem: str | None) -> bool:
    with transaction.atomic(durable=True):
        moved = LabelPrint.objects.filter(
            account_id=label.account_id, id=label.id, state=PrintState.SENT
        ).update(state=state, since=definitions.now(), problem=problem)  # fmt: skip
        if moved:
            done = state is PrintState.CONFIRMED
            _journal(
                Kind.LABEL_CONFIRMED if done else Kind.LABEL_UNKNOWN, label, Outcome.DONE if done else Outcome.FAILED
            )
    return bool(moved)


def _stop(label: LabelPrint, problem: str) -> None:
    """This label is not printed: cancelled, held, or its address cannot be opened. The bench is told why."""
    with transaction.atomic():
        moved = LabelPrint.objects.filter(
            account_id=label.account_id, id=label.id, state__in=[PrintState.QUEUED, PrintState.SENT]
        ).update(state=PrintState.STOPPED, since=definitions.now(), problem=problem[:40])  # fmt: skip
        if moved:
            _journal(Kind.LABEL_STOPPED, label, Outcome.REFUSED)


def _later(label: LabelPrint) -> None:
    """No printer took it: nothing was opened, so it is simply tried again."""
    LabelPrint.objects.filter(account_id=label.account_id, id=label.id, state=PrintState.QUEUED).update(
        try_at=definitions.now() + rules.wait_before_try(label.tries), tries=F("tries") + 1, claimed_until=None,
        problem=label.problem,
    )  # fmt: skip


def _withdraw(at: device.Printer, job: int) -> None:
    try:
        at.cancel(job)
    except (device.PrinterProblem, Refused):
        log.warning("a job that was given nothing could not be withdrawn")  # it holds no document and prints nothing


def _journal(kind: Kind, label: LabelPrint, outcome: Outcome = Outcome.DONE) -> None:
    journal.record(
        kind,
        by=Actor.DESPATCH.reference,
        account=label.account_id,
        subject=uuid.UUID(str(label.order_ref)).bytes,
        outcome=outcome,
        facts={
            Fact.PRINT: label.id.bytes,
            Fact.PARCEL: label.parcel,
            Fact.REASON: label.reason,
            Fact.COPIES: label.copies,
            Fact.PRINTER: label.printer,
        },
    )
