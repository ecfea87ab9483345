"""How much may be opened: a plain count beside the broker's, over any day of openings, searches and restarts (I22)."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.keybroker.budgets import WINDOW, Budgets, Limits

SMALL = Limits(3, 5, 4, 2, 3, 2, 1)
PEOPLE = (b"A" * 16, b"B" * 16, b"C" * 16)
WORKER = bytes(15) + b"\x02"
BY_THE_WEB = [purpose for purpose in Purpose if Peer.WEB in OPENS[purpose].peers]
BY_THE_WORKER = [purpose for purpose in Purpose if Peer.WEB not in OPENS[purpose].peers]


def opened(by: bytes, at: int, purpose: Purpose, account: int = 7) -> Entry:
    return Entry(b"i" * 16, Kind.OPENED, Outcome.DONE, at, account, b"o" * 16, by, {Fact.PURPOSE: purpose})


def searched(by: bytes, at: int, account: int = 7) -> Entry:
    return Entry(b"i" * 16, Kind.SEARCHED, Outcome.DONE, at, account, bytes(16), by, {Fact.FIELD: 1})


class Day(RuleBasedStateMachine):
    """Openings and searches in any order, time that passes, and brokers that die and recount from their leaves."""

    @initialize()
    def begin(self) -> None:
        self.now = 10 * WINDOW
        self.leaves: list[Entry] = []
        self.budgets = Budgets(SMALL)

    def _of(self, kind: Kind, **only: Any) -> int:
        """How many leaves of the last 24 hours are of this kind, by these."""
        recent = [e for e in self.leaves if e.kind is kind and e.at > self.now - WINDOW]
        return sum(all(test(e) for test in only.values()) for e in recent)

    @rule(by=st.sampled_from(PEOPLE), purpose=st.sampled_from(BY_THE_WEB))
    def a_person_opens(self, by: bytes, purpose: Purpose) -> None:
        def web(e: Entry) -> bool:
            return e.account == 7 and e.facts[Fact.PURPOSE] in BY_THE_WEB and e.by != WORKER

        wanted = self._of(Kind.OPENED, web=web, mine=lambda e: e.by == by) < SMALL.web_openings_an_actor
        wanted = wanted and self._of(Kind.OPENED, web=web) < SMALL.web_openings
        assert self.budgets.may_open(Peer.WEB, by, self.now, 7) is wanted
        if wanted:
            self.leaves.append(opened(by, self.now, purpose))

    @rule(by=st.sampled_from([*PEOPLE, WORKER]), purpose=st.sampled_from(BY_THE_WORKER))
    def the_worker_opens(self, by: bytes, purpose: Purpose) -> None:
        def worker(e: Entry) -> bool:
            return e.account == 7 and (e.facts[Fact.PURPOSE] in BY_THE_WORKER or e.by == WORKER)

        wanted = self._of(Kind.OPENED, worker=worker) < SMALL.worker_openings
        assert self.budgets.may_open(Peer.WORKER, by, self.now, 7) is wanted
        if wanted:
            self.leaves.append(opened(by, self.now, purpose))

    @rule()
    def the_worker_follows_a_parcel_under_its_own_name(self) -> None:
        if self.budgets.may_open(Peer.WORKER, WORKER, self.now, 7):
            self.leaves.append(opened(WORKER, self.now, Purpose.TRACKING))

    @rule(by=st.sampled_from(PEOPLE))
    def a_person_searches(self, by: bytes) -> None:
        wanted = (
            self._of(Kind.SEARCHED, account=lambda e: e.account == 7, mine=lambda e: e.by == by)
            < SMALL.searches_an_actor
        )
        wanted = wanted and self._of(Kind.SEARCHED, account=lambda e: e.account == 7) < SMALL.searches
        assert self.budgets.may_search(by, self.now, 7) is wanted
        if wanted:
            self.leaves.append(searched(by, self.now))

    @rule(by=st.sampled_from(PEOPLE))
    def a_check_opens_and_searches_nobody(self, by: bytes) -> None:
        wanted = self._of(Kind.OPENED, probe=lambda e: e.account == -1) < SMALL.probe_openings
        assert self.budgets.may_open(Peer.WEB, by, self.now, -1) is wanted
        if wanted:
            self.leaves.append(opened(by, self.now, Purpose.DELIVERY, -1))
        wanted = self._of(Kind.SEARCHED, probe=lambda e: e.account == -1) < SMALL.probe_searches
        assert self.budgets.may_search(by, self.now, -1) is wanted
        if wanted:
            self.leaves.append(searched(by, self.now, -1))

    @rule(spent=st.sampled_from([1, WINDOW // 3, WINDOW // 2, WINDOW - 1, WINDOW]))
    def time_passes(self, spent: int) -> None:
        self.now += spent

    @rule()
    def the_broker_dies_and_recounts(self) -> None:
        self.budgets = Budgets(SMALL)
        for entry in self.leaves:
            self.budgets.recount(entry)

    @invariant()
    def nobody_is_ever_over(self) -> None:
        if hasattr(self, "leaves"):
            assert self._of(Kind.OPENED, account=lambda e: e.account == 7) <= SMALL.web_openings + SMALL.worker_openings


Day.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
TestADayOfOpeningsAndSearches = Day.TestCase


def test_what_an_opening_of_an_unknown_purpose_was_counts_nowhere_and_breaks_nothing() -> None:
    budgets = Budgets(SMALL)
    for purpose in (0, 99, b"x"):
        budgets.recount(
            Entry(b"i" * 16, Kind.OPENED, Outcome.DONE, 1, 7, b"o" * 16, PEOPLE[0], {Fact.PURPOSE: purpose})
        )
    budgets.recount(Entry(b"i" * 16, Kind.SIGN_IN, Outcome.DONE, 1, 7, bytes(16), PEOPLE[0], {}))
    assert all(budgets.may_open(Peer.WEB, PEOPLE[0], 2, 7) for _ in range(3))


def test_the_compiled_in_limits_are_those_of_the_page() -> None:
    assert [getattr(Limits(), field.name) for field in fields(Limits)] == [300, 3_000, 30_000, 100, 1_000, 1_000, 1_000]
    assert WINDOW == 86_400_000


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
def test_each_limit_may_only_be_lowered(field: str) -> None:
    most = getattr(Limits(), field)
    for value in (0, 1, most):
        assert getattr(Limits().lowered({field: value}), field) == value
    for wrong in (-1, most + 1, "1", 1.5, None):
        with pytest.raises(ValueError, match=field):
            Limits().lowered({field: wrong})
    with pytest.raises(ValueError, match="no budget named"):
        Limits().lowered({"x": 1})
