"""A change of terms: proposed by one, approved by another, in the journal; open clocks of retention move earlier only."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.utils import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from tests.house.running import ACCOUNTS, House
from tests.policy.people import Somebody, as_website
from tests.policy.test_sign_in_people import journalled

HEAD = '[profile]\nid = "quillmarsh"\nversion = 1\nfrom = 2026-11-24\nsource = "Board"\n'
EARLIER = {
    "quillmarsh.toml": HEAD
    + '[terms.remove_pii_after]\nvalue = "29 days"\n[terms.forget_cancelled_after]\nvalue = "23 hours"\n'
}
LOCK = {"quillmarsh.toml": HEAD + "[terms.lock_after_failures]\nvalue = 4\n"}


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    """The website's process; afterwards the policy is again what it was, and so is this process's source of it."""
    from strongroom.policy.clauses import terms
    from strongroom.policy.obligations.versions import InForce

    with as_website(house):
        yield
        terms.use_source(InForce())
        if terms.in_force().number and len(terms.in_force().profiles) > 4:
            put_in_force({})
        terms.use_source(InForce())


def people() -> tuple[Any, Any]:
    one, another = (Somebody(role, password=None, has_app=False).now() for role in ("security", "manager"))
    return one, another


def propose(texts: dict[str, str], by: Any) -> Any:
    from strongroom.policy.obligations import versions

    return versions.propose(texts=texts, reason="The board wants it stricter", by=by)


def put_in_force(texts: dict[str, str]) -> Any:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    one, another = people()
    proposal = propose(texts, one)
    return versions.put_in_force(approval=approvals.approve(id_=proposal.pk, by=another), by=another)


def built_in() -> Any:
    from strongroom.policy.clauses import terms

    return terms.built_in()


def in_force() -> Any:
    """As a process sees it that has just started."""
    from strongroom.policy.obligations.versions import InForce

    return InForce()()


@contextmanager
def unguarded(house: House) -> Iterator[psycopg.Connection[Any]]:
    """The database's superuser, for whom no trigger fires."""
    running = house.rehearsal.running
    parameters = {**running.admin, "dbname": running.configuration.database.name}
    with psycopg.connect(**parameters, autocommit=True) as sql:
        sql.execute("SET session_replication_role = replica")
        yield sql


def test_two_people_put_a_stricter_term_in_force_and_the_journal_says_so() -> None:
    from strongroom.policy.obligations import versions

    before = in_force().number
    made = put_in_force(LOCK)
    assert in_force().number == made.number == before + 1
    assert in_force().count("lock_after_failures") == 4
    (entry,) = journalled(Kind.TERMS_CHANGED)[-1:]
    assert (entry.facts[Fact.VERSION], entry.facts[Fact.HASH]) == (made.number, bytes(made.digest))
    assert entry.facts[Fact.APPROVAL] == made.approval.bytes
    for kind in (Kind.APPROVAL_PROPOSED, Kind.APPROVAL_GIVEN, Kind.APPROVAL_USED):
        assert journalled(kind)[-1].facts[Fact.APPROVAL] == made.approval.bytes
    (change,) = versions.changes(built_in(), in_force())
    assert (change.clause, change.was, change.becomes) == ("AM-8", "5", "4")


def test_it_is_in_force_in_every_process_within_two_seconds(house: House) -> None:
    from strongroom.policy.clauses import terms
    from strongroom.policy.obligations import versions

    terms.use_source(versions.InForce())
    assert terms.count("lock_after_failures") == 5
    put_in_force(LOCK)
    assert versions.LOOK_EVERY == 2.0
    terms._source._read_at = float("-inf")  # type: ignore[attr-defined]  # two seconds later
    assert terms.count("lock_after_failures") == 4


def test_nobody_approves_their_own_proposal() -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    one, _ = people()
    proposal = propose(LOCK, one)
    with pytest.raises(Refused, match="Somebody else approves this"):
        approvals.approve(id_=proposal.pk, by=one)
    with pytest.raises(Refused, match="it is not approved"):
        versions.put_in_force(approval=proposal, by=one)
    assert in_force().count("lock_after_failures") == 5


def test_nor_does_the_database_let_them() -> None:
    one, _ = people()
    proposal = propose(LOCK, one)
    with pytest.raises(DatabaseError, match="approval_is_by_somebody_else"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE approval SET approved_by_id = proposed_by_id, approved_at = proposed_at WHERE id = %s",
            [proposal.pk],
        )


def test_a_proposal_that_was_altered_after_it_was_made_is_refused(house: House) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    one, another = people()
    proposal = propose(LOCK, one)
    with unguarded(house) as sql:
        sql.execute(
            "UPDATE approval SET content = replace(content, 'value = 4', 'value = 3') WHERE id = %s", [proposal.pk]
        )
    approved = approvals.approve(id_=proposal.pk, by=another)
    with pytest.raises(Refused, match="altered after it was made"):
        versions.put_in_force(approval=approved, by=another)
    assert in_force().count("lock_after_failures") == 5


def test_what_was_approved_is_used_once() -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    one, another = people()
    approved = approvals.approve(id_=propose(LOCK, one).pk, by=another)
    versions.put_in_force(approval=approved, by=another)
    with pytest.raises(Refused):
        versions.put_in_force(approval=approved, by=another)


def test_a_proposal_is_void_once_another_version_came_in_between() -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    one, another = people()
    first, second = propose(LOCK, one), propose(EARLIER, one)
    versions.put_in_force(approval=approvals.approve(id_=second.pk, by=another), by=another)
    with pytest.raises(Refused, match="changed since this was proposed"):
        versions.put_in_force(approval=approvals.approve(id_=first.pk, by=another), by=another)
    assert str(in_force().span("forget_cancelled_after")) == "23 hours", "the first would have undone it unseen"


def test_what_lint_would_not_let_pass_is_not_even_proposed() -> None:
    one, _ = people()
    with pytest.raises(Refused, match=r"line 7: remove_pii_after = 31 days is looser .*`strongroom policy lint`"):
        propose({"quillmarsh.toml": HEAD + '[terms.remove_pii_after]\nvalue = "31 days"\n'}, one)


def test_what_is_in_force_already_is_not_proposed_again() -> None:
    one, _ = people()
    put_in_force(LOCK)
    with pytest.raises(Refused, match="in force already"):
        propose(LOCK, one)


def test_a_version_that_was_altered_in_the_database_is_refused_by_every_process(house: House) -> None:
    made = put_in_force(LOCK)
    with unguarded(house) as sql:
        sql.execute(
            "UPDATE policy_version SET content = replace(content, 'value = 4', 'value = 5') WHERE number = %s",
            [made.number],
        )
        try:
            with pytest.raises(Refused, match="was altered"):
                in_force()
        finally:
            sql.execute("UPDATE policy_version SET content = %s WHERE number = %s", [made.content, made.number])
    assert in_force().count("lock_after_failures") == 4


def test_no_process_of_ours_can_alter_a_version(house: House) -> None:
    put_in_force(LOCK)
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("UPDATE policy_version SET content = '{}'")


def test_a_new_version_asks_for_new_pages_and_starts_the_duty_to_publish_them(house: House) -> None:
    from strongroom.policy.obligations.models import CheckDue, Obligation

    with unguarded(house) as sql:
        sql.execute(
            "INSERT INTO check_due (check_id, due_at) VALUES ('DG-4.page', %s) ON CONFLICT DO NOTHING", [house.now()]
        )
    put_in_force(LOCK)
    row = Obligation.objects.open().get(account_id=0, kind="duty", duty="publish_policy")
    assert row.due_at <= house.now() + timedelta(hours=24)
    assert CheckDue.objects.get(check_id="DG-4.page").wanted_at is not None


def test_a_program_with_other_profiles_of_its_own_makes_a_version_and_keeps_the_companys(house: House) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    made = put_in_force(LOCK)
    assert versions.note_program() is None, "nothing is new"
    content = json.loads(made.content)
    content["built in"]["laws"] = "0" * 64
    older = approvals.canonical(content)
    with unguarded(house) as sql:
        sql.execute("UPDATE policy_version SET content = %s, digest = %s WHERE number = %s",
                    [older, approvals.digest(content), made.number])  # fmt: skip
    newer = versions.note_program()
    assert newer is not None
    assert newer.number == made.number + 1
    assert in_force().count("lock_after_failures") == 4


def test_a_stricter_term_moves_open_clocks_earlier_and_its_end_moves_none_back(house: House) -> None:
    from strongroom.policy.clauses import terms
    from strongroom.policy.obligations.models import Obligation

    terms.in_force()  # this process believes the old terms for two seconds; the clocks move all the same
    account = an_account(house)
    due = open_clocks(house, account)
    put_in_force(EARLIER)
    moved = {row.id: row for row in Obligation.objects.filter(account_id=account)}
    assert {row.kind: due[id_] - row.due_at for id_, row in moved.items()} == {
        "forget day": timedelta(days=1), "forget cancelled": timedelta(hours=1), "explain opening": timedelta(0),
    }  # fmt: skip
    assert all(row.first_due_at == due[id_] for id_, row in moved.items()), "what was promised first is still seen"
    put_in_force({})
    assert {row.id: row.due_at for row in Obligation.objects.filter(account_id=account)} == {
        id_: row.due_at for id_, row in moved.items()
    }


def open_clocks(house: House, account: int) -> dict[Any, datetime]:
    """A clock of each kind, opened as receipt opens them; when each is due."""
    from strongroom.formats.leaf import Actor
    from strongroom.policy.obligations.actions import ObligationKind, of_day, open_obligation
    from strongroom.policy.obligations.models import Obligation

    now = house.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ours = built_in()
    begun = now - timedelta(hours=2)
    for kind, subject, due, opened in (
        (ObligationKind.FORGET_DAY, of_day(now.date()), ours.span("remove_pii_after").after(day), None),
        (ObligationKind.FORGET_CANCELLED, reference(), ours.span("forget_cancelled_after").after(begun), begun),
        (ObligationKind.EXPLAIN_OPENING, reference(), ours.span("explain_opening").after(now), None),
    ):
        open_obligation(account=account, kind=kind, subject=subject, due_at=due, by=Actor.RECEIPT, opened_at=opened)
    return {row.id: row.due_at for row in Obligation.objects.filter(account_id=account)}


def reference() -> Any:
    from strongroom.policy import definitions

    return definitions.reference()


steps = st.lists(
    st.tuples(st.sampled_from(["remove_pii_after", "forget_cancelled_after", "other_data_gone_after"]),
              st.integers(1, 700), st.sampled_from(["hours", "days", "months"])),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_terms_follow_each_other_no_clock_of_retention_moves_later(house: House, changes: list[Any]) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.policy.obligations import versions
    from strongroom.policy.obligations.actions import ObligationKind, open_obligation
    from strongroom.policy.obligations.models import Obligation

    account = an_account(house)
    open_clocks(house, account)
    kept_18_months = built_in().span("other_data_gone_after")
    open_obligation(account=account, kind=ObligationKind.FORGET_OTHER_DATA, subject=reference(),
                    due_at=kept_18_months.after(house.now()), by=Actor.RETENTION)  # fmt: skip
    for name, number, unit in changes:
        due = dict(Obligation.objects.filter(account_id=account).values_list("id", "due_at"))
        kinds = dict(Obligation.objects.filter(account_id=account).values_list("id", "kind"))
        to = terms_with(name, f"{number} {unit}")
        moved = versions.move_clocks(account=account, to=to)
        after = dict(Obligation.objects.filter(account_id=account).values_list("id", "due_at"))
        assert all(after[id_] <= due[id_] for id_ in due)
        assert sum(after[id_] < due[id_] for id_ in due) == moved
        assert all(after[id_] == due[id_] for id_ in due if kinds[id_] == "explain opening")
        assert all(after[id_] >= house.now() - timedelta(minutes=1) for id_ in due if after[id_] < due[id_])
        assert versions.move_clocks(account=account, to=to) == 0, "again it moves nothing"


def terms_with(name: str, value: str) -> Any:
    """The terms in force were this profile beside the built-in ones; also one that lint would refuse as looser."""
    from strongroom.policy.clauses import profiles
    from strongroom.policy.clauses.terms import Terms

    text = HEAD + f'[terms.{name}]\nvalue = "{value}"\n'
    (company,), mistakes = profiles.read({"quillmarsh.toml": text}, profiles.built_in())
    assert not mistakes
    return Terms([company, *(each for each in profiles.built_in() if each.id == "strongroom")] + [
        each for each in profiles.built_in() if each.id != "strongroom"
    ])  # fmt: skip


def an_account(house: House) -> int:
    """A selling account without an Amazon of its own. Accounts are the worker's to add."""
    account = next(ACCOUNTS)
    with unguarded(house) as sql:
        sql.execute("INSERT INTO selling_account (id, name, region, added_at) VALUES (%s, 'clocks', 'eu', %s)",
                    [account, house.now()])  # fmt: skip
    return account
