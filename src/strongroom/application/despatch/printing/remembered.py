"""What printers themselves remember to have printed: how much of it, and how much that is not ours (ES-5)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from strongroom.application.despatch.printing import printer as device
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer
from strongroom.policy.retention_and_recovery.actions import selling_accounts

HEX: Final = re.compile(r"[0-9a-f]{32}")


def test_name(printer: Printer) -> str:
    """What the job of this printer's test page is called."""
    return f"TEST{printer.pk}"


def ask_jobs(printer: Printer, at: device.Printer) -> None:
    """What it remembers since it was first asked, and how much of that is no print of ours.

    Only counts are kept: the name of another's document may be somebody's.
    """
    try:
        jobs = at.jobs()
    except (device.PrinterProblem, Refused):
        return
    last = max((job.number for job in jobs), default=0)
    began = last if printer.jobs_from is None else printer.jobs_from
    if jobs and last < (printer.jobs_last or 0):  # its numbers began again: it was reset
        began = 0
    later = [job for job in jobs if job.number > began]
    Printer.objects.filter(pk=printer.pk).update(
        jobs_from=began, jobs_last=last, jobs_seen=len(later), jobs_foreign=_foreign(printer, later),
        jobs_at=definitions.now(),
    )  # fmt: skip


def _foreign(printer: Printer, jobs: Sequence[device.Job]) -> int:
    """How many of these jobs are no print of ours, nor this printer's test page."""
    names = [uuid.UUID(hex=job.name) for job in jobs if HEX.fullmatch(job.name)]
    numbers = {
        label.id.hex: label.job
        for account in (selling_accounts() if names else ())
        for label in LabelPrint.objects.filter(account_id=account, id__in=names)
    }
    return sum(job.name != test_name(printer) and not _is_ours(job, numbers) for job in jobs)


def _is_ours(job: device.Job, numbers: Mapping[str, int | None]) -> bool:
    """Whether the ledger knows a job by its name, and by its number too where it was printed."""
    if job.name not in numbers:
        return False
    return job.state != "completed" or numbers[job.name] in (job.number, device.BY_VALIDATION)
