"""What happens when two people have decided: the verb that each kind of approval lets through (DESIGN 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage import registers
from strongroom.policy.least_privilege import actions as roles
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.obligations import actions, owners, versions
from strongroom.policy.obligations.models import Obligation

Carry = Callable[[Approval, Person], object]


@dataclass(frozen=True)
class Effect:
    """The words of a kind, what is done once it is approved, and what where it is declined."""

    words: str
    carry_out: Carry
    give_up: Carry | None = None


def carry_out(proposal: Approval, by: Person) -> None:
    """Do what was approved, at once."""
    EFFECTS[ApprovalKind(proposal.kind)].carry_out(proposal, by)


def give_up(proposal: Approval, by: Person) -> None:
    """Do what follows from a no, where the kind says so."""
    effect = EFFECTS[ApprovalKind(proposal.kind)].give_up
    if effect is not None:
        effect(proposal, by)


def _grant(proposal: Approval, by: Person) -> object:
    return roles.use_grant(approval=proposal, by=by)


def _no_grant(proposal: Approval, by: Person) -> object:
    return roles.decline_grant(approval=proposal, by=by)


def _terms(proposal: Approval, by: Person) -> object:
    return versions.put_in_force(approval=proposal, by=by)


def _exception(proposal: Approval, by: Person) -> object:
    return owners.make_exception(approval=proposal, by=by)


def _later(proposal: Approval, by: Person) -> object:
    content = approvals.content_of(proposal)
    due = datetime.fromisoformat(content["due"])
    return actions.move_later(obligation=_obligation(content), due_at=due, approval=proposal, by=by)


def _withdrawal(proposal: Approval, by: Person) -> object:
    return actions.withdraw(obligation=_obligation(approvals.content_of(proposal)), approval=proposal, by=by)


def _residual(proposal: Approval, by: Person) -> object:
    return registers.accept_residual(approval=proposal, by=by)


def _obligation(content: dict[str, Any]) -> Obligation:
    return Obligation.objects.open().get(account_id=int(content["account"]), id=content["obligation"])


EFFECTS: Final = {
    ApprovalKind.GRANT: Effect("a role for somebody", _grant, _no_grant),
    ApprovalKind.TERMS: Effect("a new version of the policy", _terms),
    ApprovalKind.EXCEPTION: Effect("an exception from a promise", _exception),
    ApprovalKind.LATER: Effect("a later deadline", _later),
    ApprovalKind.WITHDRAWAL: Effect("a deadline withdrawn", _withdrawal),
    ApprovalKind.RESIDUAL: Effect("a residual risk accepted", _residual),
}


def words_of(proposal: Approval, now: datetime) -> str:
    """Where a proposal stands, in one word."""
    if proposal.declined_at is not None:
        return "declined"
    if proposal.used_at is not None:
        return "done"
    if proposal.expires_at <= now:
        return "too old"
    return "approved" if proposal.approved_at is not None else "waits"


def lines_of(proposal: Approval) -> list[tuple[str, str]]:
    """What is proposed, as names and values that a person can judge."""
    content = approvals.content_of(proposal)
    if proposal.kind == ApprovalKind.TERMS:
        return _terms_lines(content)
    if proposal.kind == ApprovalKind.GRANT and proposal.about is not None:
        return [("person", proposal.about.name), ("role", str(content["role"])), ("why", proposal.reason)]
    return [(name, _said(value)) for name, value in content.items() if name != "account"]


def _terms_lines(content: dict[str, Any]) -> list[tuple[str, str]]:
    """A new version as what it changes, and which open deadlines would move; the files behind it by name."""
    from strongroom.policy.clauses import profiles, terms  # noqa: PLC0415 - only here are profiles read again
    from strongroom.policy.clauses.terms import Terms  # noqa: PLC0415

    company, _ = versions.lint(content["profiles"])
    after = Terms([*profiles.built_in(), *company])
    lines = [
        (f"{change.clause} {change.name} {change.scope}".strip(), f"{change.was or 'new'} → {change.becomes or 'gone'}")
        for change in versions.changes(terms.in_force(), after)
    ]
    moved = versions.moved_clocks(terms.in_force(), after)
    lines += [(f"open deadlines to {kind}", f"{count:,} move earlier") for kind, count in moved.items()]
    return [*lines, ("files", ", ".join(sorted(content["profiles"])) or "none")]


def _said(value: Any) -> str:
    try:
        return f"{datetime.fromisoformat(value):%-d %B %Y, %H:%M} UTC"
    except (TypeError, ValueError):
        return str(value)


def waiting() -> int:
    """How many proposals wait for somebody."""
    return Approval.objects.waiting(definitions.now()).count()
