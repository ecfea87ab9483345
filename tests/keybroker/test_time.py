"""Believed time: no clock that jumps keeps data or destroys it early (I10, I11)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats.broker import Status, Verb
from strongroom.formats.leaf import Kind
from strongroom.formats.wire import number, u64
from strongroom.keybroker.believed_time import (
    CLAIM_STANDS,
    DAY,
    FOLLOW,
    Believed,
    advance,
    agrees,
    believe,
)
from tests.keybroker.running import Broker, broker_in
from tests.keybroker.test_opening import ORDER, WHO, leaves

HOUR = 3_600_000
NOW = 1_795_000_000_000
BOOT = b"b" * 16


def at(boot: int = 0) -> Believed:
    return Believed(NOW, boot, BOOT)


def test_it_advances_with_boot_time_whatever_the_wall_says() -> None:
    state = advance(at(), wall=NOW - 10 * 365 * DAY, boot=5 * HOUR, boot_id=BOOT)
    assert (state.now, state.in_doubt, state.behind) == (NOW + 5 * HOUR, False, True)


def test_a_small_lead_of_the_wall_is_followed_an_hour_a_day_at_most() -> None:
    state = advance(at(), wall=NOW + 40 * 60_000, boot=1, boot_id=BOOT)
    assert state.now == NOW + 40 * 60_000
    again = advance(state, wall=state.now + 50 * 60_000, boot=2, boot_id=BOOT)
    assert again.followed == FOLLOW
    assert again.now < state.now + 21 * 60_000


def test_a_lead_of_more_than_an_hour_is_a_claim_and_changes_nothing_yet() -> None:
    state = advance(at(), wall=NOW + 2 * HOUR, boot=1000, boot_id=BOOT)
    assert (state.now, state.in_doubt) == (NOW + 1000, True)


def test_a_claim_falls_when_the_wall_comes_back() -> None:
    state = advance(at(), wall=NOW + 2 * HOUR, boot=1000, boot_id=BOOT)
    assert not advance(state, wall=NOW + 2000, boot=2000, boot_id=BOOT).in_doubt


def test_a_claim_is_believed_after_24_hours_of_uptime_summed_over_boots() -> None:
    ahead = NOW + 400 * DAY
    state = advance(at(), wall=ahead, boot=1, boot_id=BOOT)
    for i in range(1, 24):
        state = advance(state, wall=ahead, boot=HOUR, boot_id=bytes([i]) * 16)
    assert state.in_doubt
    state = advance(state, wall=ahead, boot=HOUR, boot_id=b"z" * 16)
    assert (state.in_doubt, state.now) == (False, ahead)


def test_amazon_confirms_the_wall_and_sets_no_time_of_its_own() -> None:
    state = advance(at(), wall=NOW + 9 * HOUR, boot=1, boot_id=BOOT)
    assert not agrees(state, wall=NOW + 9 * HOUR, heard=NOW)
    assert agrees(state, wall=NOW + 9 * HOUR, heard=NOW + 9 * HOUR - 60_000)
    assert believe(state, NOW + 9 * HOUR).now == NOW + 9 * HOUR


def test_the_time_since_a_reboot_has_passed() -> None:
    state = advance(at(boot=77 * DAY), wall=NOW, boot=3 * HOUR, boot_id=b"n" * 16)
    assert state.now == NOW + 3 * HOUR


step = st.tuples(
    st.integers(0, 3 * DAY),  # time that truly passes
    st.one_of(st.just(0), st.integers(-10 * 365 * DAY, 10 * 365 * DAY)),  # what somebody does to the wall
    st.booleans(),  # a reboot
)


@settings(max_examples=400, deadline=None)
@given(st.lists(step, max_size=40))
def test_believed_time_never_goes_back_and_never_leads_more_than_the_wall_was_allowed(
    steps: list[tuple[int, int, bool]],
) -> None:
    state, true, offset, boot, boot_id = at(), NOW, 0, 0, BOOT
    uptime = 0
    for i, (passes, jump, reboots) in enumerate(steps):
        true, offset = true + passes, offset + jump
        if reboots:
            boot, boot_id = passes, bytes([i % 256]) * 16
        else:
            boot += passes
        uptime += passes
        before = state
        state = advance(state, wall=true + offset, boot=boot, boot_id=boot_id)
        assert state.now >= before.now, "never back"
        assert state.now >= before.now + passes, "what certainly passed is counted"
        led = state.now - before.now - passes
        if led > FOLLOW:
            assert before.claimed + passes > CLAIM_STANDS, "more than an hour only after a claim stood for a day"


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def test_while_a_claim_stands_nothing_is_sealed_or_opened_and_then_keys_die_first(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    _, request = broker.opening(sealed, order=ORDER)
    broker.clock.move_wall(365 * 86_400)
    assert broker.told().in_doubt
    assert number(broker.open(request)[0]) == Status.TIME_IN_DOUBT
    assert number(broker.ok("worker", Verb.STATUS)[8]) == 0, "no key was destroyed on the wall's word alone"
    broker.ok("worker", Verb.DATE_HEARD, u64(int(broker.clock.wall()) - 365 * 86_400))
    assert broker.told().in_doubt, "Amazon does not agree"
    broker.ok("worker", Verb.DATE_HEARD, u64(int(broker.clock.wall())))
    assert not broker.told().in_doubt
    assert number(broker.ok("worker", Verb.STATUS)[8]) == sealed.day.day
    kinds = [entry.kind for entry in leaves(broker)]
    assert Kind.TIME_CLAIMED in kinds
    assert Kind.TIME_BELIEVED in kinds


def test_a_person_at_the_terminal_can_agree(broker: Broker) -> None:
    broker.clock.move_wall(5 * 3600)
    assert broker.told().in_doubt
    broker.ok("terminal", Verb.AGREE)
    assert not broker.told().in_doubt


def test_a_wall_set_back_ten_years_keeps_nothing_alive(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.clock.move_wall(-10 * 365 * 86_400)
    broker.clock.move_boot(29 * 86_400)
    assert number(broker.ok("worker", Verb.STATUS)[8]) == sealed.day.day
    assert [e for e in leaves(broker) if e.kind is Kind.TIME_BEHIND]


def test_each_step_of_a_rehearsals_clock_leaves_a_leaf(broker: Broker) -> None:
    broker.clock.step(10)
    broker.told()
    broker.clock.step(10)
    broker.told()
    assert len([e for e in leaves(broker) if e.kind is Kind.CLOCK_STEPPED]) == 2
    broker.stop()
    broker.clock.step(10)
    broker.start()
    assert len([e for e in leaves(broker) if e.kind is Kind.CLOCK_STEPPED]) == 3, "also one while it was reborn"
