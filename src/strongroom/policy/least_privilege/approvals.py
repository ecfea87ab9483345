"""What two people decide: proposed by one, approved by another with a recent factor, used once, within its time.

A proposal is its content's hash. The verb that needs an approval hashes what it is about to do, in its own transaction;
so nothing but what was read and approved is done, and nothing is done twice.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.logging_and_monitoring import journal, references

LIVES: Final = timedelta(days=7)
"""A proposal that nobody approved, or an approval that nobody used, is void after this."""

PROPOSES: Final = {
    ApprovalKind.GRANT: Permission.PEOPLE_MANAGE, ApprovalKind.RESIDUAL: Permission.REGISTERS_MANAGE
}  # fmt: skip
GIVES: Final = {ApprovalKind.GRANT: Permission.PEOPLE_APPROVE}
"""The kinds with a permission of their own; every other asks for that of approvals."""

Content = Mapping[str, Any]


@transaction.atomic
def propose(
    *, kind: ApprovalKind, subject: str, content: Content, reason: str, by: Person, about: Person | None = None
) -> Approval:
    """Propose something for a reason. Raises `Refused` where the reason is empty or names anybody."""
    require(PROPOSES.get(kind, Permission.APPROVALS_PROPOSE), of=by)
    if not reason.strip():
        raise Refused("LP-1", "Say why: whoever approves must be able to judge it.")
    definitions.refuse_personal(reason)
    text = canonical(content)
    now = definitions.now()
    proposal = Approval(
        id=definitions.reference(), kind=kind, subject=subject, content=text, digest=digest(content), reason=reason,
        about=about, proposed_by=by, proposed_at=now, expires_at=now + LIVES,
    )  # fmt: skip
    proposal.save(force_insert=True)
    _journal(Kind.APPROVAL_PROPOSED, proposal, by)
    return proposal


@transaction.atomic
def approve(*, id_: uuid.UUID, by: Person) -> Approval:
    """The second pair of eyes. The page asks for a recent factor before; the same person never approves their own.

    Raises `Refused` for the proposer, for whom it is for, where it is decided or too old, and without the permission.
    """
    proposal = Approval.objects.select_for_update().get(pk=id_)
    require(gives(proposal), of=by)
    if by.pk in (proposal.proposed_by_id, proposal.about_id):
        raise Refused("LP-1", "Somebody else approves this: not who proposed it, in any browser, nor whom it is for.")
    _refuse_decided(proposal)
    proposal.approved_by, proposal.approved_at = by, definitions.now()
    proposal.save(update_fields=["approved_by", "approved_at"])
    _journal(Kind.APPROVAL_GIVEN, proposal, by)
    return proposal


@transaction.atomic
def decline(*, id_: uuid.UUID, by: Person) -> None:
    """It is not done; whoever proposed it may take it back the same way."""
    proposal = Approval.objects.select_for_update().get(pk=id_)
    if proposal.proposed_by_id != by.pk:
        require(gives(proposal), of=by)
    _refuse_decided(proposal)
    proposal.declined_by, proposal.declined_at = by, definitions.now()
    proposal.save(update_fields=["declined_by", "declined_at"])
    _journal(Kind.APPROVAL_DECLINED, proposal, by)


@transaction.atomic
def lapse(*, id_: uuid.UUID, by: bytes) -> None:
    """What it was about ended before anybody decided: nobody is asked any more."""
    now = definitions.now()
    waiting = Approval.objects.filter(pk=id_, approved_at__isnull=True, declined_at__isnull=True)
    if waiting.update(declined_at=now):
        proposal = Approval.objects.get(pk=id_)
        facts = {Fact.APPROVAL: proposal.pk.bytes, Fact.HASH: bytes(proposal.digest)}
        journal.record(Kind.APPROVAL_DECLINED, by=by, facts=facts)


def gives(proposal: Approval) -> Permission:
    """What a person must be allowed to do to decide this."""
    return GIVES.get(ApprovalKind(proposal.kind), Permission.APPROVALS_GIVE)


def use(*, id_: uuid.UUID, kind: ApprovalKind, content: Content, by: bytes) -> Approval:
    """Use an approval up, in the caller's transaction, for exactly this. Raises `Refused` where it does not fit."""
    proposal = Approval.objects.select_for_update().filter(pk=id_).first()
    if proposal is None or proposal.kind != kind or proposal.approved_at is None:
        raise Refused("LP-1", "Two people decide this: it is not approved.")
    if proposal.used_at is not None or proposal.expires_at <= definitions.now():
        raise Refused("LP-1", "This approval was used, or is too old. Propose it anew.")
    if bytes(proposal.digest) != digest(content):
        raise Refused("LP-1", "What was approved is something else than this. Propose it anew.")
    proposal.used_at = definitions.now()
    proposal.save(update_fields=["used_at"])
    journal.record(
        Kind.APPROVAL_USED, by=by, facts={Fact.APPROVAL: proposal.pk.bytes, Fact.HASH: bytes(proposal.digest)}
    )
    return proposal


def content_of(proposal: Approval) -> dict[str, Any]:
    """What is proposed. Raises `Refused` where the row no longer is what its hash says."""
    loaded: dict[str, Any] = json.loads(proposal.content)
    if digest(loaded) != bytes(proposal.digest):
        raise Refused("LM-2", "This proposal was altered after it was made. Propose it anew.")
    return loaded


def canonical(content: Content) -> str:
    """One spelling for one content."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(content: Content) -> bytes:
    """SHA-256 of the canonical content, 32 bytes."""
    return hashlib.sha256(canonical(content).encode()).digest()


def _refuse_decided(proposal: Approval) -> None:
    if proposal.approved_at is not None or proposal.declined_at is not None:
        raise Refused("LP-1", "This proposal is decided already.")
    if proposal.expires_at <= definitions.now():
        raise Refused("LP-1", "This proposal is too old. Propose it anew.")


def _journal(kind: Kind, proposal: Approval, by: Person) -> None:
    by_reference = references.of_person(by.pk, definitions.now())
    journal.record(kind, by=by_reference, facts={Fact.APPROVAL: proposal.pk.bytes, Fact.HASH: bytes(proposal.digest)})
