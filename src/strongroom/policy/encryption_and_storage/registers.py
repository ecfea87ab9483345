"""The registers: places and what protects them, what stands there, links, and the threat that speaks of each (GS-1, 2).

A thing that is not in its register does not go live: the table refuses a server, bin or printer without a place, a
place without a control, and a link or printer without a threat that is answered.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.encryption_and_storage.models import Equipment, Link, Place, Printer, Threat
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.logging_and_monitoring import journal

NOT_RECORDED: Final = "not recorded yet"


@dataclass(frozen=True)
class Known:
    """A threat that comes with Strongroom."""

    subject: str
    words: str
    control: str


def known_threats() -> list[Known]:
    """Threats of the links, stores and recipients that every installation has."""
    loaded = tomllib.loads((files(__package__) / "threats.toml").read_text(encoding="utf-8"))
    return [Known(subject, table["words"], table["control"]) for subject, table in loaded.items()]


@transaction.atomic
def seed_threats(at: datetime) -> int:
    """Rows for the known threats that have none, or only a placeholder; how many. At installation, as the owner."""
    made = 0
    for known in known_threats():
        row = Threat.objects.filter(subject=known.subject).first()
        if row is None or not row.words:
            Threat.objects.update_or_create(
                subject=known.subject,
                defaults={
                    "words": known.words, "control": known.control, "residual": "", "recorded_at": at,
                    "reviewed_at": at,
                },
            )  # fmt: skip
            made += 1
    return made


def record_place(*, name: str, kind: str, controls: str, by: Person) -> Place:
    """A place with its physical controls: what keeps others out."""
    require(Permission.REGISTERS_MANAGE, of=by)
    return record_known_place(name=name, kind=kind, controls=controls, by=reference_of(by))


@transaction.atomic
def record_known_place(*, name: str, kind: str, controls: str, by: bytes) -> Place:
    """`record_place` for whoever installs. Raises `Refused` without a control, or with somebody named in it."""
    name, controls = name.strip(), controls.strip()
    if not name or len(controls) < 3 or controls == NOT_RECORDED:
        raise Refused("GS-1", "Say what the place is called and what keeps others out of it.")
    definitions.refuse_personal(f"{name}\n{controls}")
    now = definitions.now()
    place, _ = Place.objects.update_or_create(
        name=name, defaults={"kind": kind, "controls": controls, "recorded_at": now, "retired_at": None}
    )
    journal.record(Kind.PLACE_RECORDED, by=by)
    return place


def add_equipment(*, name: str, kind: str, place: str, by: Person) -> Equipment:
    """A server or a bin, in its place."""
    require(Permission.REGISTERS_MANAGE, of=by)
    return add_known_equipment(name=name, kind=kind, place=place, by=reference_of(by))


@transaction.atomic
def add_known_equipment(*, name: str, kind: str, place: str, by: bytes) -> Equipment:
    """`add_equipment` for whoever installs. Raises `Refused` for a place that is not recorded."""
    made, _ = Equipment.objects.update_or_create(
        name=name.strip(),
        defaults={"kind": kind, "place": the_place(place), "added_at": definitions.now(), "retired_at": None},
    )
    journal.record(Kind.PLACE_RECORDED, by=by, facts={Fact.PLACE: made.pk})
    return made


@transaction.atomic
def retire_equipment(*, equipment: Equipment, by: Person) -> None:
    require(Permission.REGISTERS_MANAGE, of=by)
    Equipment.objects.filter(pk=equipment.pk, retired_at__isnull=True).update(retired_at=definitions.now())
    journal.record(Kind.PLACE_RECORDED, by=reference_of(by), facts={Fact.PLACE: equipment.pk})


def the_place(name: str) -> Place:
    """A recorded place. Raises `Refused` where there is none: nothing goes live without one."""
    found = Place.objects.filter(name=name, retired_at__isnull=True).first()
    if found is None or found.controls == NOT_RECORDED:
        raise Refused("GS-1", "Record this place first, with what keeps others out of it, on the page Registers.")
    return found


def places() -> list[str]:
    """The names of recorded places where things may stand."""
    found = Place.objects.filter(retired_at__isnull=True).exclude(controls=NOT_RECORDED)
    return list(found.order_by("name").values_list("name", flat=True))


@transaction.atomic
def record_threat(
    *, subject: str, words: str, control: str, residual: str, accept: bool, by: Person
) -> Threat | Approval:
    """What could happen and what is done about it. Where nothing is, two people accept what is left: a proposal."""
    require(Permission.REGISTERS_MANAGE, of=by)
    if not words.strip() or not (control.strip() or (accept and residual.strip())):
        raise Refused("GS-2", "Say what could happen, and what is done about it; or propose to accept what is left.")
    definitions.refuse_personal(f"{words}\n{control}\n{residual}")
    if not control.strip():
        return approvals.propose(
            kind=ApprovalKind.RESIDUAL, subject=subject, content=_left(subject, words.strip(), residual.strip()),
            reason="Nothing is done about it; what is left is accepted.", by=by,
        )  # fmt: skip
    return _keep_threat(by, subject, words=words.strip(), control=control.strip(), residual=residual.strip())


@transaction.atomic
def accept_residual(*, approval: Approval, by: Person) -> Threat:
    """What two people accepted: the threat stands with what is left, and who accepted it."""
    content = approvals.content_of(approval)
    left = _left(content["subject"], content["words"], content["residual"])
    approvals.use(id_=approval.pk, kind=ApprovalKind.RESIDUAL, content=left, by=reference_of(by))
    return _keep_threat(
        by, left["subject"], words=left["words"], control="", residual=left["residual"], accepted_by=by.pk
    )


def _left(subject: str, words: str, residual: str) -> dict[str, str]:
    """What two people decide about a threat without a control."""
    return {"subject": subject, "words": words, "residual": residual}


def _keep_threat(by: Person, subject: str, **what: Any) -> Threat:
    now = definitions.now()
    kept = {"accepted_by": None, **what, "recorded_at": now, "reviewed_at": now}
    row, _ = Threat.objects.update_or_create(subject=subject, defaults=kept)
    journal.record(Kind.THREAT_RECORDED, by=reference_of(by))
    return row


@transaction.atomic
def know_link(*, name: str, direction: str, peer: str, transport: str, carries: str, by: bytes) -> Link:
    """A link that is about to be used. Raises `Refused` where no threat speaks of it: it does not go live (GS-2)."""
    threat = Threat.objects.filter(subject=f"link:{name}").first()
    if threat is None:
        raise Refused("GS-2", f"No threat speaks of the link {name}. Record one on the page Registers first.")
    what = {"direction": direction, "peer": peer, "transport": transport, "carries": carries, "retired_at": None}
    same = Link.objects.filter(name=name, **what).first()
    if same is not None:
        return same
    row, _ = Link.objects.update_or_create(
        name=name, defaults={**what, "threat": threat, "added_at": definitions.now()}
    )
    journal.record(Kind.LINK_ADDED, by=by, facts={Fact.LINK: row.pk})
    return row


@transaction.atomic
def retire_link(*, name: str, by: bytes) -> None:
    """It is no longer used."""
    row = Link.objects.filter(name=name, retired_at__isnull=True).first()
    if row is not None:
        Link.objects.filter(pk=row.pk).update(retired_at=definitions.now())
        journal.record(Kind.LINK_RETIRED, by=by, facts={Fact.LINK: row.pk})


def links() -> list[Link]:
    return list(Link.objects.filter(retired_at__isnull=True).select_related("threat").order_by("name"))


def unanswered(now: datetime, reviewed_within: datetime) -> list[str]:
    """Links, printers, known stores and recipients without an answered threat, or with one reviewed too long ago."""
    rows = {row.subject: row for row in Threat.objects.all()}
    subjects = [
        *(f"link:{link.name}" for link in links()),
        *(str(printer.threat_id) for printer in Printer.objects.filter(retired_at__isnull=True)),
        *(known.subject for known in known_threats()),
    ]
    return [name for name in dict.fromkeys(subjects) if not _is_answered(rows.get(name), now, reviewed_within)]


def _is_answered(row: Threat | None, now: datetime, reviewed_within: datetime) -> bool:
    answered = row is not None and bool(row.control or (row.residual and row.accepted_by))
    return answered and row is not None and reviewed_within <= row.reviewed_at <= now


def without_a_place(kinds: Iterable[str] = ("server", "bin")) -> list[str]:
    """Equipment and printers in no recorded place; must be none."""
    bad = [
        row.name
        for row in Equipment.objects.filter(retired_at__isnull=True, kind__in=list(kinds)).select_related("place")
        if row.place.retired_at is not None or row.place.controls == NOT_RECORDED
    ]
    printers = Printer.objects.filter(retired_at__isnull=True).select_related("place")
    return [*bad, *(p.name for p in printers if p.place.retired_at is not None or p.place.controls == NOT_RECORDED)]
