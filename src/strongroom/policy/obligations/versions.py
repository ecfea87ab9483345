"""Versions of the policy: which profiles are in force, approved by two people, and what a change would move (DESIGN 1).

The profiles that come with Strongroom are always in force, so a row can only make the policy stricter. A version keeps
the company's own profiles as texts, and the digest of those that came with the program.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses import profiles, terms
from strongroom.policy.clauses.profiles import Mistake, Profile
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.least_privilege import approvals
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Approval, ApprovalKind, Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import SellingAccount
from strongroom.policy.obligations import duties
from strongroom.policy.obligations.actions import ObligationKind
from strongroom.policy.obligations.models import CheckDue, Obligation, PolicyVersion

CHANGE: Final = "change of terms"
"""The event that duties may start on."""
LOOK_EVERY: Final = 2.0
"""Seconds for which a process believes the version it read."""

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One thing that a proposal would change. `was` or `becomes` is empty where it is new or gone."""

    clause: str
    name: str
    scope: str
    was: str
    becomes: str


class InForce:
    """The source of the terms in force for a process: the newest version, read again every two seconds."""

    def __init__(self) -> None:
        self._terms: Terms | None = None
        self._read_at = float("-inf")

    def __call__(self) -> Terms:
        if self._terms is None or time.monotonic() - self._read_at > LOOK_EVERY:
            newest = _newest()
            number = newest.number if newest is not None else 0
            if self._terms is None or self._terms.number != number:
                self._terms = of_version(newest)
            self._read_at = time.monotonic()
        return self._terms


def of_version(version: PolicyVersion | None) -> Terms:
    """The terms that a version means. Raises `Refused` where its row no longer is what was approved."""
    if version is None:
        return terms.built_in()
    content = json.loads(version.content)
    if approvals.digest(content) != bytes(version.digest):
        raise Refused("LM-2", "The policy's version in the database was altered.")
    company, mistakes = profiles.read(content["profiles"], profiles.built_in())
    if mistakes:
        raise Refused("GS-2", f"The policy's version cannot be read by this program: {mistakes[0]}")
    return Terms([*profiles.built_in(), *company], version.number)


def lint(texts: Texts) -> tuple[list[Profile], list[Mistake]]:
    """A company's profiles, and everything wrong with them, alone and beside those in force."""
    company, mistakes = profiles.read(texts, profiles.built_in())
    return company, [*mistakes, *terms.lint(company, profiles.built_in())]


def content_of(texts: Texts, *, follows: int) -> dict[str, object]:
    """What a version keeps, and what two people approve. `follows`: the version that it was judged against."""
    built_in = {each.id: each.digest for each in profiles.built_in()}
    return {"profiles": dict(texts), "built in": built_in, "follows": follows}


def changes(before: Terms, after: Terms) -> list[Change]:
    """What would be different, in the policy's order: terms, then duties, then laws."""
    was, becomes = _said(before), _said(after)
    return [
        Change(*key, was.get(key, ("", None))[0], _other_words(was.get(key), becomes.get(key)))
        for key in [*was, *(key for key in becomes if key not in was)]
        if was.get(key) != becomes.get(key)
    ]


def moved_clocks(before: Terms, after: Terms) -> dict[str, int]:
    """How many open deadlines of retention would move earlier, by the words of their kind."""
    moved = {}
    for kind, name in CLOCKS.items():
        earlier = _earlier_by(name, before, after)
        if earlier > timedelta(0):
            moved[kind.value] = Obligation.objects.open().filter(kind=kind).count()  # sweep: a preview
    return moved


def propose(*, texts: Texts, reason: str, by: Person) -> Approval:
    """Propose these profiles to be in force. Raises `Refused` with the first mistake where there is any."""
    _, mistakes = lint(texts)
    if mistakes:
        raise Refused("GS-2", f"{mistakes[0]} ({len(mistakes)} in all; see `strongroom policy lint`.)")
    before = of_version(_newest())
    after = Terms([*profiles.built_in(), *lint(texts)[0]])
    if not changes(before, after) and _texts(_newest()) == dict(texts):
        raise Refused("GS-2", "These profiles are in force already.")
    content = content_of(texts, follows=before.number)
    subject = f"policy version {before.number + 1}"
    return approvals.propose(kind=ApprovalKind.TERMS, subject=subject, content=content, reason=reason, by=by)


@transaction.atomic
def put_in_force(*, approval: Approval, by: Person) -> PolicyVersion:
    """An approved proposal becomes the next version; open clocks of retention move earlier with it, never later.

    Raises `Refused` where another version came in between: what was approved is the step from the one before.
    """
    content = approvals.content_of(approval)
    newest = _newest()
    if content["follows"] != (newest.number if newest is not None else 0):
        raise Refused("LP-1", "The policy has changed since this was proposed. Look at what is in force, propose anew.")
    approvals.use(id_=approval.pk, kind=ApprovalKind.TERMS, content=content, by=reference_of(by))
    return _append(content, by=reference_of(by), approval=approval)


@transaction.atomic
def note_program(*, by: Actor = Actor.INSTALLER) -> PolicyVersion | None:
    """At start: a program with other profiles of its own makes a new version with the company's kept; else nothing.

    Its terms may be stricter than those before, so clocks move as they do after an approval; where a process died
    before it had moved them, they move now.
    """
    newest = _newest()
    mine = {each.id: each.digest for each in profiles.built_in()}
    if newest is not None and json.loads(newest.content)["built in"] == mine:
        _after(newest)
        return None
    content = content_of(_texts(newest), follows=newest.number if newest is not None else 0)
    return _append(content, by=by.reference, approval=None)


@transaction.atomic
def move_clocks(*, account: int, to: Terms) -> int:
    """Every open clock of retention of one account to where these terms put it, if that is earlier; how many moved.

    Idempotent. `to`: the terms of the new version themselves, since a process may believe the old ones for two seconds.
    """
    moved = 0
    now = definitions.now()
    for kind, name in CLOCKS.items():
        span = to.span(name)
        rows = Obligation.objects.open().select_for_update().filter(account_id=account, kind=kind)
        for row in rows.order_by("id").iterator(chunk_size=5_000):
            due = max(span.after(_counted_from(row)), now)
            if due < row.due_at:
                Obligation.objects.filter(account_id=account, id=row.id).update(due_at=due, next_at=due)
                moved += 1
    return moved


CLOCKS: Final = {
    ObligationKind.FORGET_DAY: "remove_pii_after",
    ObligationKind.FORGET_CANCELLED: "forget_cancelled_after",
    ObligationKind.FORGET_OTHER_DATA: "other_data_gone_after",
}
"""Which term says when each clock of retention is due."""


def _counted_from(row: Obligation) -> datetime:
    """What the clock runs from: its day, or since when it runs, which is when the order was cancelled or done."""
    if row.kind == ObligationKind.FORGET_DAY:
        return definitions.moment(row.subject.int * 86_400_000)
    return row.opened_at


def _append(content: Mapping[str, object], *, by: bytes, approval: Approval | None) -> PolicyVersion:
    newest = _newest()
    number = newest.number + 1 if newest is not None else 1
    digest = approvals.digest(content)
    facts: dict[Fact, int | bytes] = {Fact.VERSION: number, Fact.HASH: digest}
    if approval is not None:
        facts[Fact.APPROVAL] = approval.pk.bytes
    entry = journal.record(Kind.TERMS_CHANGED, by=by, facts=facts)
    made = PolicyVersion(
        number=number, content=approvals.canonical(content), digest=digest, since=definitions.now(),
        approval=approval.pk if approval is not None else None, entry=entry.id,
    )  # fmt: skip
    made.save(force_insert=True)
    if newest is not None:  # before the first there was nothing public that could be wrong
        duties.happened(CHANGE, by=by)
    _after(made)
    return made


def _after(made: PolicyVersion) -> None:
    """What follows once it is committed: clocks move, duties have deadlines, the public pages are looked at (DG-4).

    Each account has a transaction of its own; one that fails is caught up with at the worker's next start.
    """
    new = of_version(made)
    for account in SellingAccount.objects.filter(id__gt=0).values_list("id", flat=True):
        transaction.on_commit(_mover(account, new), robust=True)
    transaction.on_commit(lambda: duties.keep_open() and None, robust=True)
    transaction.on_commit(_look_at_the_pages, robust=True)


def _mover(account: int, to: Terms) -> Callable[[], None]:
    def move() -> None:
        move_clocks(account=account, to=to)

    return move


def _look_at_the_pages() -> None:
    """The checks of DG-4 run now: what is published is older than what runs, and must not be called true for a day."""
    CheckDue.objects.filter(check_id__startswith="DG-4.").update(wanted_at=definitions.now())


def _newest() -> PolicyVersion | None:
    return PolicyVersion.objects.order_by("-number").first()


def _texts(version: PolicyVersion | None) -> dict[str, str]:
    """The company's own profiles in a version."""
    found: dict[str, str] = json.loads(version.content)["profiles"] if version is not None else {}
    return found


def _earlier_by(name: str, before: Terms, after: Terms) -> timedelta:
    was, becomes = before.span(name), after.span(name)
    return was.length() - becomes.length()


def _said(of: Terms) -> dict[tuple[str, str, str], tuple[str, object]]:
    """Everything that terms say, by clause, name and scope: in words, and what else would make it another thing."""
    found: dict[tuple[str, str, str], tuple[str, object]] = {}
    for term in of.all():
        found[term.clause, term.name, term.scope_words] = (term.words or "none", None)
    for duty in of.duties():
        found[duty.clause, f"duty {duty.name}", ""] = (f"{duty.cadence}, by the {duty.owner}", duty)
    for law in of.laws():
        found["DG-4", f"law {law.id}", ""] = (f"{law.name} ({', '.join(law.where)})", law)
    return found


def _other_words(was: tuple[str, object] | None, becomes: tuple[str, object] | None) -> str:
    """What it becomes; said so where it only reads differently."""
    if becomes is None:
        return ""
    return f"{becomes[0]}, in other words" if was is not None and was[0] == becomes[0] else becomes[0]
