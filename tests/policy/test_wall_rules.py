"""A tile is only as good as its worst part, and nothing is true that was not shown (I28)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.clauses.clauses import Clause, Grade
from strongroom.policy.clauses.controls import Check, Outcome, Verdict, passed
from strongroom.policy.clauses.profiles import Duty
from strongroom.policy.clauses.values import Cadence, span
from strongroom.policy.obligations import rules
from strongroom.policy.obligations.rules import DeadlinesSeen, DutySeen, ExceptionSeen, RunSeen, State, Tile

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def looks(_: object) -> Verdict:
    return passed("fine")


CLAUSE = Clause("RR-2", "gone", "Retention", "gone", Grade.ENFORCED, Grade.ENFORCED, "1 hour")
SIGNED = replace(CLAUSE, id="AZ-4", grade=Grade.ATTESTED, inside=Grade.ATTESTED)
CHECK = Check("LM-2.tree", "whole", "broken", looks)
DUTY = Duty("read", "AZ-4", "Read the logs", Cadence(span("14 days")), "", "security", "notes", "late", span("14 days"))
FRESH = RunSeen("LM-2.tree", Outcome.PASS, "fine", NOW - HOUR / 2, NOW - HOUR / 2)
NO_DEADLINES = DeadlinesSeen()
DONE = DutySeen(DUTY, NOW + timedelta(days=9), warned=False, done_on=NOW - timedelta(days=5))


def tile(run: RunSeen | None = FRESH, *, clause: Clause = CLAUSE, duties: tuple[DutySeen, ...] = (),
         deadlines: DeadlinesSeen = NO_DEADLINES, exception: ExceptionSeen | None = None,
         lost: tuple[str, ...] = (), checked: bool = True) -> Tile:  # fmt: skip
    checks = [(CHECK, run)] if checked else []
    return rules.tile(
        clause, checks=checks, duties=duties, deadlines=deadlines, exception=exception, now=NOW, lost=lost
    )


def test_a_fresh_pass_is_true() -> None:
    assert tile().state is State.TRUE
    assert 0 < tile().left < 1


def test_a_check_that_never_ran_is_unknown() -> None:
    assert tile(None).state is State.UNKNOWN


def test_evidence_that_is_too_old_is_unknown_and_says_how_old() -> None:
    old = replace(FRESH, began_at=NOW - 2 * HOUR)
    assert tile(old).state is State.UNKNOWN
    assert "2 h old; 1 h is the most" in tile(old).reason


def test_evidence_of_the_future_is_unknown() -> None:
    assert tile(replace(FRESH, began_at=NOW + HOUR)).state is State.UNKNOWN


def test_a_row_that_is_not_the_one_in_the_journal_is_unknown_whatever_it_says() -> None:
    assert tile(replace(FRESH, whole=False)).state is State.UNKNOWN


def test_a_fail_is_false_and_a_crash_is_unknown() -> None:
    assert tile(replace(FRESH, outcome=Outcome.FAIL)).state is State.FALSE
    assert tile(replace(FRESH, outcome=Outcome.UNKNOWN)).state is State.UNKNOWN


def test_a_clause_without_a_check_is_unknown_even_where_somebody_signed() -> None:
    assert tile(checked=False).state is State.UNKNOWN
    assert tile(checked=False, duties=(DONE,)).state is State.UNKNOWN
    assert not tile(checked=False).is_built


def test_what_a_person_signed_is_attested_and_never_true() -> None:
    assert tile(clause=SIGNED, checked=False, duties=(DONE,)).state is State.ATTESTED
    assert tile(clause=replace(CLAUSE, grade=Grade.ATTESTED)).state is State.ATTESTED
    assert tile(duties=(DONE,)).state is State.ATTESTED


def test_a_duty_never_done_is_due_from_the_installation_on_and_false_once_late() -> None:
    never = DutySeen(DUTY, NOW + HOUR, warned=False, done_on=None)
    assert tile(clause=SIGNED, checked=False, duties=(never,)).state is State.DUE
    assert tile(clause=SIGNED, checked=False, duties=(replace(never, due_at=NOW - HOUR),)).state is State.FALSE


def test_a_duty_that_nobody_counts_is_unknown_but_one_that_waits_for_an_event_is_not_used() -> None:
    assert tile(clause=SIGNED, checked=False, duties=(replace(DONE, due_at=None),)).state is State.UNKNOWN
    event = replace(DUTY, cadence=Cadence(None, ("release",)))
    waits = DutySeen(event, None, warned=False, done_on=None)
    assert tile(clause=SIGNED, checked=False, duties=(waits,)).state is State.NOT_USED


def test_withdrawn_evidence_is_false() -> None:
    assert tile(clause=SIGNED, checked=False, duties=(replace(DONE, withdrawn=True),)).state is State.FALSE


def test_a_deadline_that_passed_is_false_also_where_no_sweeper_has_said_so() -> None:
    assert tile(deadlines=DeadlinesSeen(3, 0, 0, NOW - HOUR)).state is State.FALSE
    assert tile(deadlines=DeadlinesSeen(3, 0, 1, NOW + HOUR)).state is State.DUE
    assert tile(deadlines=DeadlinesSeen(3, 0, 0, NOW + HOUR)).state is State.TRUE


def test_a_silent_sweeper_makes_every_clause_with_deadlines_unknown() -> None:
    assert tile(deadlines=DeadlinesSeen(3, 0, 0, NOW + HOUR), lost=("sweeper",)).state is State.UNKNOWN
    assert tile(clause=SIGNED, checked=False, duties=(DONE,), lost=("sweeper",)).state is State.UNKNOWN


def test_an_exception_covers_what_is_not_true_until_its_end_and_says_what_it_covers() -> None:
    covered = tile(replace(FRESH, outcome=Outcome.FAIL), exception=ExceptionSeen(NOW + HOUR, "New bench."))
    assert covered.state is State.EXCEPTED
    assert "Without the exception: fine" in covered.reason
    assert tile(exception=ExceptionSeen(NOW + HOUR, "New bench.")).state is State.TRUE
    over = tile(replace(FRESH, outcome=Outcome.FAIL), exception=ExceptionSeen(NOW - HOUR, "New bench."))
    assert over.state is State.FALSE


def test_not_used_counts_only_where_nothing_else_is_there() -> None:
    unused = replace(FRESH, outcome=Outcome.UNUSED)
    assert tile(unused).state is State.NOT_USED
    assert tile(unused, deadlines=DeadlinesSeen(1, 0, 0, NOW + HOUR)).state is State.TRUE


runs = st.builds(
    RunSeen, st.just("LM-2.tree"), st.sampled_from(Outcome), st.just("said"),
    st.integers(-5_000, 5_000).map(lambda minutes: NOW + timedelta(minutes=minutes)), st.just(NOW), st.booleans(),
)  # fmt: skip


@given(run=st.none() | runs, passed_=st.integers(0, 3), minutes=st.integers(-500, 500), lost=st.booleans())
def test_true_is_only_what_a_fresh_whole_pass_shows_with_no_deadline_passed_and_a_sweeper_alive(
    run: RunSeen | None, passed_: int, minutes: int, lost: bool
) -> None:
    due = NOW + timedelta(minutes=minutes)
    made = tile(run, deadlines=DeadlinesSeen(4, passed_, 0, due), lost=("sweeper",) if lost else ())
    if made.state is State.TRUE:
        assert run is not None and run.whole
        assert run.outcome in (Outcome.PASS, Outcome.UNUSED)
        assert NOW - HOUR <= run.began_at <= NOW + timedelta(minutes=5)
        assert not passed_ and due > NOW and not lost
