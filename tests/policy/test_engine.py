"""Deadlines that warn and pass, duties, runs, evidence and approvals: rows that nobody rewrites (DESIGN 1, I28)."""

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db.utils import DatabaseError

from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.refused import Refused
from strongroom.installation import database_roles
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed
from tests.house.running import DAY, House
from tests.policy.people import Somebody


@pytest.fixture
def owner(house: House) -> Iterator[psycopg.Connection[Any]]:
    """The tables' owner, who is above every grant and below every trigger."""
    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


def open_one(house: House, days: float, kind: str = "explain opening", account: int = 0) -> Any:
    from strongroom.policy.obligations.actions import ObligationKind, open_obligation
    from strongroom.policy.obligations.models import Obligation

    subject = uuid.uuid4()
    due = house.now() + timedelta(days=days)
    open_obligation(account=account, kind=ObligationKind(kind), subject=subject, due_at=due, by=Actor.WATCH)
    return Obligation.objects.get(account_id=account, subject=subject)


def again(row: Any) -> Any:
    from strongroom.policy.obligations.models import Obligation

    return Obligation.objects.get(account_id=row.account_id, id=row.id)


def sweep() -> Any:
    from strongroom.policy.obligations.sweeper import sweep as swept

    return swept()


def test_a_deadline_warns_before_it_is_due_and_passes_when_nothing_was_done(house: House) -> None:
    row = open_one(house, 10)
    sweep()
    assert again(row).state == "open"
    house.step(8.5 * DAY)
    sweep()
    assert again(row).state == "warned"
    house.step(2 * DAY)
    sweep()
    assert again(row).state == "breached"


def test_what_is_open_is_counted_by_account_kind_and_clause_as_going_through_every_row_counts_it(house: House) -> None:
    from strongroom.policy import definitions
    from strongroom.policy.obligations import wall
    from strongroom.policy.obligations.actions import ObligationKind, satisfy
    from strongroom.policy.obligations.models import Obligation

    opened = [open_one(house, days, kind, account) for days, kind, account in (
        (1, "explain opening", 0), (2, "explain opening", 0), (3, "ask again", definitions.PROBES), (9, "ask again", 0),
        (30, "change key", 0), (4, "forget cancelled", definitions.PROBES),
    )]  # fmt: skip
    house.step(2.5 * DAY)
    sweep()
    now = house.now()
    expected: dict[tuple[str, str, str], list[Any]] = {}
    for row in Obligation.objects.open().order_by("due_at"):
        of_it = expected.setdefault((row.kind, row.duty, row.clause), [0, 0, 0, row.due_at])
        of_it[0] += 1
        of_it[1] += row.due_at <= now
        of_it[2] += row.warned_at is not None
    found = wall.all_open(now)
    assert {(r.kind.value, r.duty, r.clause): [r.count, r.passed, r.warned, r.due_at] for r in found} == expected
    assert [row.due_at for row in found] == sorted(row.due_at for row in found)
    assert any(row.passed for row in found)
    assert wall.all_open(now, "RR-3") == tuple(row for row in found if row.clause == "RR-3")
    for row in opened:
        satisfy(account=row.account_id, kind=ObligationKind(row.kind), subject=row.subject, by=Actor.WATCH)


def test_after_days_of_downtime_one_round_says_everything_that_passed(house: House) -> None:
    rows = [open_one(house, days) for days in (1, 2, 3)]
    house.step(20 * DAY)
    done = sweep()
    assert done.breached >= 3
    assert {again(row).state for row in rows} == {"breached"}
    assert all(again(row).warned_at is not None for row in rows)


def test_what_was_late_stays_late_when_it_is_done(house: House) -> None:
    from strongroom.policy.obligations.actions import ObligationKind, satisfy

    row = open_one(house, 1)
    house.step(2 * DAY)
    sweep()
    assert satisfy(account=0, kind=ObligationKind.EXPLAIN_OPENING, subject=row.subject, by=Actor.WATCH)
    assert again(row).state == "satisfied late"
    assert not satisfy(account=0, kind=ObligationKind.EXPLAIN_OPENING, subject=row.subject, by=Actor.WATCH)


def test_a_passed_deadline_raises_one_alarm_for_its_clause_and_stands_in_the_journal(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm, Entry

    open_one(house, 1)
    open_one(house, 1)
    house.step(2 * DAY)
    sweep()
    assert Alarm.objects.filter(account_id=0, kind="deadline missed", closed_at__isnull=True).count() >= 1
    assert Entry.objects.filter(account_id=0, kind=Kind.OBLIGATION_BREACHED).exists()


def test_a_second_sweeper_does_nothing_while_the_first_works(house: House) -> None:
    from django.db import connection

    from strongroom.policy.obligations.sweeper import _LOCK

    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            held.set()
            let_go.wait(60)
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])  # a closed connection lets go a moment later
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(30)
    assert not sweep().leader
    let_go.set()
    other.join()
    assert sweep().leader


def test_a_silent_sweeper_is_an_alarm_told_by_whoever_still_runs(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm
    from strongroom.policy.obligations.sweeper import SWEEPER, lost, tell_lost

    sweep()
    since = house.now()
    assert not lost([SWEEPER], house.now())
    house.step(600)
    assert tell_lost([SWEEPER], since=since) == [SWEEPER]
    assert Alarm.objects.filter(account_id=0, kind="watch lost", closed_at__isnull=True).exists()


def test_a_watch_that_fell_silent_while_nobody_ran_has_five_minutes_to_come_back(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm
    from strongroom.policy.obligations.sweeper import tell_lost

    begun = house.now()
    assert not tell_lost(["test watch"], since=begun)
    house.step(299)
    assert not tell_lost(["test watch"], since=begun)
    before = Alarm.objects.filter(kind="watch lost", closed_at__isnull=True).count()
    house.step(2)
    assert tell_lost(["test watch"], since=begun)
    assert Alarm.objects.filter(kind="watch lost", closed_at__isnull=True).count() == before + 1


def test_a_deadline_of_retention_moves_earlier_only_whoever_asks(house: House, owner: psycopg.Connection[Any]) -> None:
    with house.shop() as shop:
        row = open_one(house, 10, "forget day", shop.account)
        moved = "UPDATE obligation SET due_at = due_at + %s WHERE account_id = %s AND id = %s"
        owner.execute(moved, [timedelta(hours=-1), row.account_id, row.id])
        for how in (
            (moved, [timedelta(hours=1), row.account_id, row.id]),
            ("UPDATE obligation SET withdrawn_at = due_at, approval = %s WHERE account_id = %s AND id = %s",
             [uuid.uuid4(), row.account_id, row.id]),
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(*how)


def test_another_deadline_moves_later_by_an_approval_of_somebody_else_and_where_it_stood_stays(house: House) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.models import ApprovalKind
    from strongroom.policy.obligations import actions

    row = open_one(house, 10)
    later = row.due_at + timedelta(days=5)
    with house.as_web():
        manager, director = (
            Somebody("manager", password=None, has_app=False).row,
            Somebody("director", password=None, has_app=False).row,
        )
        proposal = approvals.propose(
            kind=ApprovalKind.LATER, subject="AM-3", content=actions.later_content(row, later),
            reason="Away for a week.", by=manager,
        )  # fmt: skip
        with pytest.raises(Refused, match="not approved"):
            actions.move_later(obligation=row, due_at=later, approval=proposal, by=manager)
        with pytest.raises(Refused, match="Somebody else approves"):
            approvals.approve(id_=proposal.pk, by=manager)
        approved = approvals.approve(id_=proposal.pk, by=director)
        with pytest.raises(Refused, match="something else"):
            actions.move_later(obligation=row, due_at=later + timedelta(days=1), approval=approved, by=manager)
        actions.move_later(obligation=row, due_at=later, approval=approved, by=manager)
        with pytest.raises(Refused, match="was used"):
            actions.move_later(obligation=row, due_at=later, approval=approved, by=manager)
    assert again(row).due_at == later
    assert again(row).first_due_at == row.due_at


def test_the_database_itself_refuses_who_approves_their_own_proposal(
    house: House, owner: psycopg.Connection[Any]
) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.models import ApprovalKind

    with house.as_web():
        manager = Somebody("manager", password=None, has_app=False).row
        proposal = approvals.propose(
            kind=ApprovalKind.EXCEPTION, subject="AZ-4", content={"clause": "AZ-4"}, reason="Busy.", by=manager
        )
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "UPDATE approval SET approved_by_id = proposed_by_id, approved_at = proposed_at WHERE id = %s",
            [proposal.pk],
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("UPDATE approval SET content = '{}' WHERE id = %s", [proposal.pk])


def test_a_proposal_is_void_after_a_week(house: House) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.models import ApprovalKind

    with house.as_web():
        manager, director = (
            Somebody("manager", password=None, has_app=False).row,
            Somebody("director", password=None, has_app=False).row,
        )
        proposal = approvals.propose(
            kind=ApprovalKind.EXCEPTION, subject="AZ-4", content={"clause": "AZ-4"}, reason="Busy.", by=manager
        )
    house.step(8 * DAY)
    with house.as_web(), pytest.raises(Refused, match="too old"):
        approvals.approve(id_=proposal.pk, by=director)


def test_a_duty_is_counted_from_when_it_was_last_done(house: House) -> None:
    from strongroom.policy.obligations import duties
    from strongroom.policy.obligations.models import Obligation

    duties.keep_open()
    with house.as_web():
        made = duties.do(
            name="review_logs", words="Read from Monday to Monday; nothing stood out.",
            on=house.now() - timedelta(days=2), by=Somebody("security", password=None, has_app=False).row,
        )  # fmt: skip
    row = Obligation.objects.open().get(account_id=0, duty="review_logs")
    assert row.due_at == made.effective_from + timedelta(days=14)
    assert not duties.keep_open()


def test_a_duty_done_too_long_ago_is_no_proof_of_now(house: House) -> None:
    from strongroom.policy.obligations import duties

    with house.as_web(), pytest.raises(Refused, match="late again at once"):
        duties.do(
            name="review_logs", words="Read them all.", on=house.now() - timedelta(days=20),
            by=Somebody("security", password=None, has_app=False).row,
        )  # fmt: skip


def test_an_event_starts_the_duties_that_wait_for_it(house: House) -> None:
    from strongroom.policy.obligations import duties
    from strongroom.policy.obligations.models import Obligation

    assert "scan_code" in duties.happened("release", by=Actor.INSTALLER.reference)
    row = Obligation.objects.open().get(account_id=0, duty="scan_code")
    assert row.due_at <= house.now() + timedelta(days=14)


def test_evidence_names_nobody_speaks_of_the_past_and_is_superseded_not_edited(
    house: House, owner: psycopg.Connection[Any]
) -> None:
    from strongroom.policy.obligations import evidence
    from strongroom.policy.obligations.models import Evidence

    with house.as_web():
        security = Somebody("security", password=None, has_app=False).row
        for words, on in (
            ("Asked Jane at jane@example.com about it.", house.now()),
            ("Order 206-1234567-1234567 was looked at.", house.now()),
            ("Nothing stood out.", house.now() + timedelta(days=1)),
        ):
            with pytest.raises(Refused):
                evidence.receive(
                    clause="AZ-4", duty="x", words=words, effective_from=on, effective_until=None, by=security
                )
        first, second = (
            evidence.receive(
                clause="AZ-4", duty="x", words=words, effective_from=house.now(), effective_until=None, by=security
            )
            for words in ("Nothing stood out.", "One refusal, looked into.")
        )
    assert Evidence.objects.get(account_id=0, id=first.id).superseded_by == second.id
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("UPDATE evidence SET words = 'All well.' WHERE account_id = 0 AND id = %s", [second.id])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("DELETE FROM evidence WHERE account_id = 0 AND id = %s", [first.id])


def runner(house: House, *checks: Check) -> Any:
    from strongroom.policy.obligations.runner import Runner
    from strongroom.website.wiring import look

    running = house.rehearsal.running
    return Runner(checks, lambda: look(running.folders, running.configuration))


def check(act: Any, name: str = "LM-1.test", patience: float = 5.0) -> Check:
    return Check(f"{name}{uuid.uuid4().hex[:6]}", "passes", "fails", act, timedelta(seconds=patience))


def last(check_: Check) -> Any:
    from strongroom.policy.obligations.runs import last_of

    return last_of(check_.id, 1)[0]


def test_every_run_is_kept_with_its_figures_its_time_and_its_place_in_the_journal(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Entry

    one = check(lambda _: failed("Two rows are too old.", rows=2))
    runner(house, one).run(one)
    row = last(one)
    assert (row.outcome, row.reason, row.seen) == ("fail", "Two rows are too old.", '{"rows": 2}')
    assert Entry.objects.filter(account_id=0, id=row.entry, kind=Kind.CHECK_RAN).exists()


def test_a_check_that_raises_is_unknown_and_repeats_nothing_of_what_it_met(house: House) -> None:
    def raises(_: Look) -> Verdict:
        raise ValueError("Jane Doe, 1 High Street")

    one = check(raises)
    assert runner(house, one).run(one).outcome == "unknown"
    assert "Jane" not in last(one).reason
    assert "ValueError" in last(one).reason


def test_a_check_that_hangs_is_unknown_and_left_behind_and_three_of_them_end_the_process(house: House) -> None:
    from strongroom.policy.obligations.runner import TooManyHang

    free = threading.Event()

    def hangs(_: Look) -> Verdict:
        free.wait(20)
        return passed("late")

    one = check(hangs, patience=0.05)
    mine = runner(house, one)
    for _ in range(3):
        assert "did not end within" in mine.run(one).reason
    with pytest.raises(TooManyHang):
        mine.run(one)
    free.set()
    time.sleep(0.1)
    assert last(one).outcome == "unknown", "the fourth does not begin"


def test_a_run_whose_process_died_is_unknown_once_its_time_is_over(house: House) -> None:
    from strongroom.policy.obligations import runs

    one = check(lambda _: passed("fine"))
    runs.begin(one, house.now())
    house.step(300)
    runs.finish_abandoned()
    assert last(one).outcome == "unknown"


def test_a_check_runs_when_it_is_due_and_at_once_when_somebody_asks(house: House) -> None:
    from strongroom.policy.obligations import runs

    ran: list[int] = []

    def looks(_: Look) -> Verdict:
        ran.append(1)
        return passed("fine")

    one = check(looks)
    mine = runner(house, one)
    mine.round()
    mine.round()
    assert len(ran) == 1
    runs.want([one.id], house.now())
    mine.round()
    assert len(ran) == 2
    house.step(one.interval.total_seconds())
    mine.round()
    assert len(ran) == 2, "however fast a clock goes, half the interval is rested"
    runner(house, one).round()
    assert len(ran) == 3, "a process that has not looked yet does"


def test_who_asks_while_a_check_runs_has_a_run_that_began_after(house: House) -> None:
    from strongroom.policy.obligations import runs

    ran: list[int] = []

    def looks(_: Look) -> Verdict:
        ran.append(1)
        if len(ran) == 2:  # somebody changes something and asks, after this look has passed over it
            time.sleep(0.05)
            runs.want([one.id], house.now())
        return passed("fine")

    one = check(looks)
    mine = runner(house, one)
    mine.round()
    runs.want([one.id], house.now())
    mine.round()
    mine.round()
    mine.round()
    assert len(ran) == 3


def test_a_run_that_was_rewritten_past_the_guards_no_longer_counts(house: House) -> None:
    from strongroom.policy.obligations import wall

    one = check(lambda _: failed("Broken."))
    runner(house, one).run(one)
    assert wall.last_runs([one.id])[one.id].whole
    name = house.rehearsal.running.configuration.database.name
    with psycopg.connect(**{**house.rehearsal.running.admin, "dbname": name}, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE run SET outcome = 'pass' WHERE check_id = %s", [one.id])
    seen = wall.last_runs([one.id])[one.id]
    assert seen.outcome == "pass"
    assert not seen.whole


def test_nobody_changes_or_deletes_a_run_a_turn_or_a_version(house: House, owner: psycopg.Connection[Any]) -> None:
    from strongroom.policy.obligations import versions
    from strongroom.policy.obligations.models import Run

    one = check(lambda _: passed("fine"))
    runner(house, one).run(one)
    versions.note_program()
    with pytest.raises(DatabaseError):
        Run.objects.filter(account_id=0, check_id=one.id).update(reason="better")
    for act in (
        "UPDATE run SET reason = 'better' WHERE account_id = 0", "DELETE FROM run WHERE account_id = 0",
        "UPDATE policy_version SET content = '{}'", "DELETE FROM policy_version", "TRUNCATE run", "TRUNCATE evidence",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(act)


def test_every_high_alarm_becomes_one_case_with_a_clock_and_is_answered_in_writing_once(house: House) -> None:
    from strongroom.policy.incident_response import actions
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.logging_and_monitoring.models import Alarm
    from strongroom.policy.obligations.models import Obligation
    from strongroom.policy.obligations.sweeper import raise_alarm

    subject = uuid.uuid4()
    raise_alarm(account=0, kind="probe failed", subject=subject, count=1)
    alarm = Alarm.objects.get(account_id=0, subject=subject)
    actions.open_cases()
    actions.open_cases()
    case = Case.objects.get(account_id=0, alarm=alarm.id)
    assert Obligation.objects.open().filter(account_id=0, subject=case.id, clause="DF-4").count() == 1
    with house.as_web():
        security = Somebody("security", password=None, has_app=False).row
        with pytest.raises(Refused, match="in a sentence"):
            actions.decide(number=case.number, decision="dismissed", words="no", by=security)
        with pytest.raises(Refused):
            actions.decide(number=case.number, decision="dismissed", words="Mail bob@example.com said so.", by=security)
        actions.decide(number=case.number, decision="dismissed", words="A probe of ours, seen twice.", by=security)
        with pytest.raises(Refused, match="decided already"):
            actions.decide(number=case.number, decision="incident", words="It was one after all.", by=security)
    assert Alarm.objects.get(account_id=0, id=alarm.id).closed_at is not None
    assert not Obligation.objects.open().filter(account_id=0, subject=case.id).exists()
