"""The evaluator at its edges: the very minute that evidence grows old, the words, and how much of its time is left (I28)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.policy.clauses.controls import Outcome
from strongroom.policy.clauses.values import Cadence
from strongroom.policy.obligations import rules
from strongroom.policy.obligations.rules import DeadlinesSeen, DutySeen, ExceptionSeen, Part, State
from tests.policy.test_wall_rules import CHECK, CLAUSE, DONE, DUTY, FRESH, HOUR, NOW, SIGNED, tile

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (3_660, "1 h 1 min"),
        (9 * 3_600 + 120, "9 h 2 min"), (10 * 3_600 + 120, "10 h"), (86_400, "1 d"), (90_000, "1 d 1 h"),
        (9 * 86_400 + 7_200, "9 d 2 h"), (10 * 86_400 + 7_200, "10 d"), (86_399, "23 h"), (86_400 + 3_599, "1 d"),
    ],
)  # fmt: skip
def test_a_length_of_time_has_at_most_two_units(seconds: int, words: str) -> None:
    assert rules.age(timedelta(seconds=seconds)) == words


def test_evidence_is_fresh_to_the_last_second_of_its_age_and_not_beyond() -> None:
    oldest = NOW - CHECK.max_age
    assert tile(replace(FRESH, began_at=oldest)).state is State.TRUE
    assert tile(replace(FRESH, began_at=oldest - SECOND)).state is State.UNKNOWN


def test_evidence_may_be_five_minutes_ahead_and_no_more() -> None:
    assert tile(replace(FRESH, began_at=NOW + timedelta(minutes=5))).state is State.TRUE
    assert tile(replace(FRESH, began_at=NOW + timedelta(minutes=5) + SECOND)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.PASS, State.TRUE),
        (Outcome.FAIL, State.FALSE),
        (Outcome.UNUSED, State.NOT_USED),
        (Outcome.UNKNOWN, State.UNKNOWN),
    ],
)
def test_each_outcome_is_its_state_with_its_reason(outcome: Outcome, state: State) -> None:
    part = rules.of_check(CHECK, replace(FRESH, outcome=outcome, reason="said so"), NOW)
    assert (part.name, part.state, part.reason, part.evidence_at, part.due_at) == (
        CHECK.id,
        state,
        "said so",
        FRESH.began_at,
        None,
    )
    assert part.fresh_until == FRESH.began_at + CHECK.max_age


def test_how_much_is_left_is_the_share_of_its_time() -> None:
    assert tile(replace(FRESH, began_at=NOW)).left == 1.0
    assert tile(replace(FRESH, began_at=NOW - CHECK.max_age / 4)).left == pytest.approx(0.75)
    assert tile(replace(FRESH, began_at=NOW - CHECK.max_age)).left == 0.0
    assert tile(replace(FRESH, began_at=NOW - 3 * CHECK.max_age)).left == 0.0
    assert tile(replace(FRESH, began_at=NOW + timedelta(minutes=4))).left == 1.0
    assert tile(None).left == 0.0
    assert rules._left(Part("x", State.TRUE, "", None, NOW), NOW) == 1.0
    assert rules._left(Part("x", State.NOT_USED, "", NOW, None), NOW) == 1.0
    assert rules._left(Part("x", State.FALSE, "", NOW, None), NOW) == 0.0
    assert rules._left(Part("x", State.TRUE, "", NOW, NOW), NOW) == 0.0
    assert rules._left(Part("x", State.TRUE, "", NOW - SECOND / 2, NOW + SECOND / 2), NOW) == pytest.approx(0.5)


def test_a_duty_is_late_at_its_very_moment() -> None:
    assert rules.of_duty(replace(DONE, due_at=NOW + SECOND), NOW).state is State.ATTESTED
    late = rules.of_duty(replace(DONE, due_at=NOW), NOW)
    assert (late.state, late.reason) == (State.FALSE, "Read the logs: 0 s late.")
    assert rules.of_duty(replace(DONE, due_at=NOW - HOUR), NOW).reason == "Read the logs: 1 h late."


def test_a_duty_says_when_it_was_done() -> None:
    assert rules.of_duty(DONE, NOW).reason == "Done on 20 November 2026: read the logs."
    assert rules.of_duty(replace(DONE, warned=True), NOW).reason == "Read the logs. Last done on 20 November 2026."
    never = replace(DONE, done_on=None)
    assert (rules.of_duty(never, NOW).state, rules.of_duty(never, NOW).reason) == (
        State.DUE,
        "Read the logs. Never done yet.",
    )


def test_a_duty_without_a_deadline_is_not_used_only_where_it_waits_for_an_event() -> None:
    waiting = DutySeen(replace(DUTY, cadence=Cadence(None)), None, warned=False, done_on=None)
    assert rules.of_duty(waiting, NOW).state is State.NOT_USED
    for duty in (DUTY, replace(DUTY, cadence=None)):
        assert rules.of_duty(replace(waiting, duty=duty), NOW).state is State.UNKNOWN


def test_deadlines_say_how_many_are_late_or_soon() -> None:
    def said(seen: DeadlinesSeen) -> tuple[State, str]:
        part = rules.of_deadlines(seen, NOW)
        return part.state, part.reason

    assert said(DeadlinesSeen(2, 0, 0, NOW + SECOND)) == (State.TRUE, "2 open, none late.")
    assert said(DeadlinesSeen(2, 0, 0, NOW)) == (State.FALSE, "1 passed undone.")
    assert said(DeadlinesSeen(2, 2, 0, NOW + SECOND)) == (State.FALSE, "2 passed undone.")
    assert said(DeadlinesSeen(2, 0, 1, NOW + SECOND)) == (State.DUE, "1 due soon.")
    assert said(DeadlinesSeen(2, 0, 0, None)) == (State.TRUE, "2 open, none late.")


def test_the_worst_part_speaks_and_the_nearest_dates_are_shown() -> None:
    both = tile(
        duties=(replace(DONE, due_at=NOW + 9 * HOUR), replace(DONE, warned=True, due_at=NOW + 3 * HOUR)),
        deadlines=DeadlinesSeen(1, 0, 0, NOW + 5 * HOUR),
    )
    assert (both.state, both.due_at) == (State.DUE, NOW + 3 * HOUR)
    assert both.evidence_at == DONE.done_on
    assert [part.name for part in both.parts] == [CHECK.id, "read", "read", "deadlines"]


def test_an_exception_covers_only_until_its_moment_and_only_what_needs_it() -> None:
    failed = replace(FRESH, outcome=Outcome.FAIL, reason="broken")
    for until, state in ((NOW + SECOND, State.EXCEPTED), (NOW, State.FALSE)):
        assert tile(failed, exception=ExceptionSeen(until, "Agreed.")).state is state
    excepted = tile(failed, exception=ExceptionSeen(NOW + HOUR, "Agreed."))
    assert (excepted.due_at, excepted.excepted_until) == (NOW + HOUR, NOW + HOUR)
    assert excepted.reason == "Agreed. Without the exception: broken"
    whole = tile(exception=ExceptionSeen(NOW + HOUR, "Agreed."))
    assert (whole.state, whole.excepted_until) == (State.TRUE, None)


def test_what_nothing_looks_at_is_not_built_and_says_so() -> None:
    bare = tile(checked=False)
    assert (bare.state, bare.is_built, bare.reason) == (State.UNKNOWN, False, rules.NOT_BUILT)
    assert tile().is_built
    alone = tile(clause=SIGNED, checked=False)
    assert (alone.state, [part.reason for part in alone.parts]) == (State.UNKNOWN, [rules.NOT_BUILT])


def test_a_silent_watch_matters_where_something_is_counted_or_nothing_looks() -> None:
    assert tile(lost=("sweeper",)).state is State.TRUE
    assert tile(lost=("sweeper",), deadlines=DeadlinesSeen(1, 0, 0, NOW + HOUR)).state is State.UNKNOWN
    assert tile(lost=("sweeper",), duties=(DONE,)).state is State.UNKNOWN
    silent = tile(lost=("sweeper", "checks"), clause=SIGNED, checked=False)
    assert [part.reason for part in silent.parts] == ["The sweeper is silent: nobody counts deadlines."]


def test_a_state_is_ranked_worst_first_and_named() -> None:
    assert [state.rank for state in State] == list(range(7))
    assert State.NOT_USED.words == "Not used"
    assert tile(clause=replace(CLAUSE, grade=SIGNED.grade)).state is State.ATTESTED


def test_no_deadlines_is_none_of_any_kind() -> None:
    assert DeadlinesSeen() == DeadlinesSeen(open=0, passed=0, warned=0, next_due=None)


def test_the_part_with_the_least_time_left_says_how_much_is_left() -> None:
    shown = tile(
        replace(FRESH, began_at=NOW - CHECK.max_age / 10), duties=(replace(DONE, due_at=NOW + timedelta(days=5)),)
    )
    assert shown.left == pytest.approx(0.5), "five days of ten, though nine tenths of the proof's hour are left"


def test_the_dates_of_what_is_not_used_are_nobodys() -> None:
    unused = replace(FRESH, outcome=Outcome.UNUSED, began_at=NOW - CHECK.max_age)
    shown = tile(unused, duties=(DONE,))
    assert (shown.state, shown.evidence_at) == (State.ATTESTED, DONE.done_on)
    newer = replace(DONE, done_on=NOW - timedelta(minutes=1))
    assert tile(unused, duties=(newer,)).evidence_at == newer.done_on
