"""When data must go, and when it may be carried: every rule at its edge, and all of them together (RR-2, DF-3)."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.definitions import OrderState
from strongroom.policy.retention_and_recovery import rules
from strongroom.policy.retention_and_recovery.rules import Carriable

DAY = date(2026, 11, 1)
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(days=26)
AGE, END, SECOND = timedelta(hours=24), timedelta(days=84), timedelta(seconds=1)
GOOD = Carriable(DAY, DAY, OrderState.TO_SHIP, done=False, answered_at=NOW, left=False, left_confirmed=False)


def why(order: Carriable, now: datetime = NOW) -> str | None:
    return rules.why_not_carried(order, now=now, answer_age=AGE, end=END)


def test_a_key_dies_28_days_after_its_day_began() -> None:
    assert rules.dies_at(DAY) == MIDNIGHT + timedelta(days=28)


@pytest.mark.parametrize(
    ("now", "inside"),
    [
        (timedelta(days=24) - SECOND, False), (timedelta(days=24), True), (timedelta(days=28) - SECOND, True),
        (timedelta(days=28), False),
    ],
)  # fmt: skip
def test_the_window_is_the_last_hours_and_not_the_moment_of_death(now: timedelta, inside: bool) -> None:
    assert rules.in_window(day=DAY, now=MIDNIGHT + now, window=timedelta(hours=96)) is inside


def test_what_waits_is_carried_in_both_states() -> None:
    assert why(GOOD) is None
    assert why(replace(GOOD, state=OrderState.PART_SHIPPED)) is None


@pytest.mark.parametrize(
    "state", [each for each in OrderState if each not in (OrderState.TO_SHIP, OrderState.PART_SHIPPED)]
)
def test_no_other_state_is_carried(state: OrderState) -> None:
    assert why(replace(GOOD, state=state)) == "it is not waiting to be shipped"


def test_what_is_done_is_not_carried_whatever_its_state_says() -> None:
    assert why(replace(GOOD, done=True)) == "it is not waiting to be shipped"


def test_nothing_is_carried_twice() -> None:
    assert why(replace(GOOD, born=DAY - timedelta(days=1))) == "it was carried once already"


def test_the_end_counts_from_the_day_it_was_born() -> None:
    fresh = replace(GOOD, answered_at=MIDNIGHT + END)
    assert why(fresh, MIDNIGHT + END - SECOND) is None
    assert why(fresh, MIDNIGHT + END) == "it was received too long ago"


def test_what_left_by_our_own_rows_is_carried_only_where_a_person_says_otherwise() -> None:
    assert "a person must confirm" in str(why(replace(GOOD, left=True)))
    assert why(replace(GOOD, left=True, left_confirmed=True)) is None
    assert why(replace(GOOD, left_confirmed=True)) is None


def test_an_answer_of_a_day_is_fresh_and_one_second_more_is_not() -> None:
    assert why(replace(GOOD, answered_at=NOW - AGE)) is None
    assert why(replace(GOOD, answered_at=NOW - AGE - SECOND)) == "Amazon's last answer for it is too old"


def test_only_what_an_answer_would_let_through_waits_for_one() -> None:
    def waits(order: Carriable, now: datetime = NOW) -> bool:
        return rules.waits_for_answer(order, now=now, answer_age=AGE)

    old = replace(GOOD, answered_at=NOW - AGE - SECOND)
    assert waits(old)
    assert not waits(replace(old, answered_at=NOW - AGE)), "it has its answer"
    for other in (replace(old, done=True), replace(old, born=DAY - timedelta(days=1)), replace(old, left=True),
                  replace(old, state=OrderState.CANCELLED)):  # fmt: skip
        assert not waits(other)
    assert waits(replace(old, left=True, left_confirmed=True))
    assert waits(old, MIDNIGHT + END - SECOND)
    assert not waits(old, MIDNIGHT + END), "84 days after its birth no answer helps"


@given(
    st.integers(-100, 100), st.integers(-2, 2), st.sampled_from(list(OrderState)), st.booleans(), st.booleans(),
    st.booleans(), st.integers(-40, 40),
)  # fmt: skip
def test_whatever_is_carried_meets_every_condition(
    age: int, born: int, state: OrderState, done: bool, left: bool, confirmed: bool, answered: int
) -> None:
    now = MIDNIGHT + timedelta(days=age)
    order = Carriable(DAY, DAY + timedelta(days=born), state, done, now - timedelta(hours=answered), left, confirmed)
    allowed = (
        not done and state in (OrderState.TO_SHIP, OrderState.PART_SHIPPED) and born == 0 and age < 84
        and (not left or confirmed) and answered <= 24
    )  # fmt: skip
    assert (why(order, now) is None) is allowed


KEPT = timedelta(days=30)


@pytest.mark.parametrize(("done", "to_ship", "had_data"), list(itertools.product([False, True], repeat=3)))
def test_a_tombstone_is_due_at_its_own_moment(done: bool, to_ship: bool, had_data: bool) -> None:
    """To ship: when nothing could be carried any more. Done and once held: at once. Else: after the term."""

    def due(after: timedelta) -> bool:
        return rules.is_tombstone_due(
            done=done,
            to_ship=to_ship,
            had_data=had_data,
            received_at=MIDNIGHT,
            now=MIDNIGHT + after,
            kept=KEPT,
            end=END,
        )

    if to_ship and not done:
        first = END
    elif done and had_data:
        first = timedelta()
    else:
        first = KEPT
    assert due(first)
    assert due(first + SECOND)
    if first:
        assert not due(first - SECOND)
