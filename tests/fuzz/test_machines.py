"""Lives of things in any order of events, against plain models: an approval, an obligation, a key, a journal's tree.

The parts are real: rows and triggers in PostgreSQL, a key broker process on a clock, a tree on disk.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from strongroom.formats import merkle
from strongroom.formats.broker import Sealed, Status
from strongroom.formats.leaf import Actor
from strongroom.formats.refused import Refused
from strongroom.formats.wire import number
from strongroom.keybroker.tree import Tree
from tests.house.running import House
from tests.keybroker.running import DAY, Broker, broker_in
from tests.keybroker.test_opening import WHO
from tests.keybroker.test_tree import naive_root
from tests.policy.people import Somebody

FEW = settings(
    max_examples=8, stateful_step_count=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


class TreeLife(RuleBasedStateMachine):
    """Appended to, published, cut short by a crash, opened again: always the tree of what was flushed, in its order."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sr-"))
        self.tree, self.leaves = Tree(self.folder), list[bytes]()
        self.heads: dict[int, bytes] = {}

    @rule(count=st.sampled_from([1, 2, 3, 120, 255, 256, 257]))
    def append(self, count: int) -> None:
        more = [os.urandom(9) for _ in range(count)]
        self.tree.append(more)
        self.leaves += more

    @rule()
    def publish(self) -> None:
        self.tree.publish_tiles()
        if self.leaves:
            self.heads[len(self.leaves)] = self.tree.root()

    @rule()
    def close_and_open(self) -> None:
        self.tree.close()
        self.tree = Tree(self.folder)

    @rule(rest=st.integers(1, 11))
    def die_while_writing(self, rest: int) -> None:
        """A record that did not arrive whole: it was never acknowledged, and is gone."""
        self.tree.append([b"never acknowledged"])
        self.tree.close()
        tail = self.folder / "tail"
        if tail.exists() and tail.stat().st_size > rest:
            tail.write_bytes(tail.read_bytes()[:-rest])
        self.tree = Tree(self.folder)
        if self.tree.size == len(self.leaves) + 1:  # it had been moved into the tiles, whole
            self.leaves.append(b"never acknowledged")

    @invariant()
    def it_is_the_tree_of_its_leaves(self) -> None:
        if not hasattr(self, "tree"):
            return
        assert self.tree.size == len(self.leaves)
        if self.leaves:
            assert self.tree.root() == naive_root(self.leaves)
        for size, root in list(self.heads.items())[-3:]:
            assert self.tree.root_at(size) == root, "what was signed once is a prefix for ever"

    def teardown(self) -> None:
        if hasattr(self, "tree"):
            self.tree.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def test_a_tree_through_any_life() -> None:
    run_state_machine_as_test(TreeLife, settings=FEW)
    assert merkle.empty_root()


class KeyLife(RuleBasedStateMachine):
    """Sealed, opened, days gone by, brokers killed and left locked: what is sealed opens until its day is 28 days old."""

    broker: ClassVar[Broker]

    @initialize()
    def begin(self) -> None:
        self.sealed: list[tuple[bytes, Sealed]] = []
        self.locked = False

    def _opens(self, order: bytes, sealed: Sealed) -> bool:
        _, request = self.broker.opening(sealed, order=order)
        return number(self.broker.open(request)[0]) == Status.OK

    @precondition(lambda self: not self.locked)
    @rule()
    def seal(self) -> None:
        order = os.urandom(16)
        self.sealed.append((order, self.broker.seal(order=order, **WHO)))

    @rule(days=st.sampled_from([0.3, 1.0, 5.0, 13.0, 27.0]))
    def time_passes(self, days: float) -> None:
        self.broker.clock.step(days * DAY)
        self.broker.told()

    @rule(unlocked=st.booleans())
    def it_is_killed_and_started(self, unlocked: bool) -> None:
        self.broker.kill()
        self.broker.start(unlocked=unlocked)
        self.locked = not unlocked

    @invariant()
    def what_opens_is_what_should(self) -> None:
        if not getattr(self, "sealed", None) or self.locked:
            return
        now = self.broker.told().at / 1000
        for order, sealed in self.sealed[-2:] + self.sealed[:2]:
            assert self._opens(order, sealed) is (now < (sealed.day.day + 28) * DAY)

    def teardown(self) -> None:
        if getattr(self, "locked", False):
            self.it_is_killed_and_started(unlocked=True)


def test_a_key_through_any_life(folder: Path) -> None:
    with broker_in(folder) as broker:
        KeyLife.broker = broker
        run_state_machine_as_test(KeyLife, settings=settings(FEW, max_examples=4))


class ApprovalLife(RuleBasedStateMachine):
    """Proposed, approved, declined, used, by whoever tries: two people and once, or not at all."""

    people: ClassVar[dict[str, Any]]

    @initialize()
    def begin(self) -> None:
        from strongroom.policy.least_privilege import approvals
        from strongroom.policy.least_privilege.models import ApprovalKind

        self.content = {"account": "0", "obligation": str(uuid.uuid4()), "clause": "DG-2", "due": "2027-01-01"}
        self.row = approvals.propose(
            kind=ApprovalKind.LATER, subject="a deadline", content=self.content, reason="The auditor comes later.",
            by=self.people["manager"], about=self.people["director"],
        )  # fmt: skip
        self.state = "waits"

    @rule(who=st.sampled_from(["manager", "director", "security", "administrator", "auditor", "packer"]))
    def approve(self, who: str) -> None:
        from strongroom.policy.least_privilege import approvals

        wanted = self.state == "waits" and who in ("security", "administrator")
        assert self._done(lambda: approvals.approve(id_=self.row.pk, by=self.people[who])) is wanted
        self.state = "approved" if wanted else self.state

    @rule(who=st.sampled_from(["manager", "security", "auditor", "packer"]))
    def decline(self, who: str) -> None:
        from strongroom.policy.least_privilege import approvals

        wanted = self.state == "waits" and who in ("manager", "security")
        assert self._done(lambda: approvals.decline(id_=self.row.pk, by=self.people[who])) is wanted
        self.state = "declined" if wanted else self.state

    @rule(same=st.booleans(), kind=st.sampled_from(["later", "withdrawal"]))
    def use(self, same: bool, kind: str) -> None:
        from strongroom.policy.least_privilege import approvals
        from strongroom.policy.least_privilege.models import ApprovalKind

        content = self.content if same else {**self.content, "due": "2029-01-01"}
        wanted = self.state == "approved" and same and kind == "later"
        chosen = ApprovalKind.LATER if kind == "later" else ApprovalKind.WITHDRAWAL
        used = self._done(
            lambda: approvals.use(id_=self.row.pk, kind=chosen, content=content, by=Actor.REHEARSAL.reference)
        )
        assert used is wanted
        self.state = "used" if wanted else self.state

    def _done(self, act: Any) -> bool:
        from django.db import transaction

        try:
            with transaction.atomic():
                act()
        except Refused:
            return False
        return True

    @invariant()
    def the_row_says_so(self) -> None:
        if not hasattr(self, "state"):
            return
        self.row.refresh_from_db()
        assert (self.row.approved_at is not None) is (self.state in ("approved", "used"))
        assert (self.row.declined_at is not None) is (self.state == "declined")
        assert (self.row.used_at is not None) is (self.state == "used")

    def teardown(self) -> None:
        if getattr(self, "state", "") == "waits":
            self.decline("manager")


@pytest.fixture
def people(house: House) -> Iterator[dict[str, Any]]:
    with house.as_web():
        roles = ("manager", "director", "security", "administrator", "auditor", "packer")
        yield {role: Somebody(role, password=None, has_app=False).row for role in roles}


def test_an_approval_through_any_life(house: House, people: dict[str, Any]) -> None:
    ApprovalLife.people = people
    run_state_machine_as_test(ApprovalLife, settings=FEW)


class ObligationLife(RuleBasedStateMachine):
    """Opened again and again, satisfied, moved by two people: a deadline of retention only ever comes nearer."""

    house: ClassVar[House]
    people: ClassVar[dict[str, Any]]

    @initialize(retention=st.booleans())
    def begin(self, retention: bool) -> None:
        from strongroom.policy.obligations.actions import KINDS, ObligationKind

        self.kind = next(kind for kind in ObligationKind if KINDS[kind].is_retention is retention and kind != "duty")
        self.retention, self.subject = retention, uuid.uuid4()
        self.due: datetime | None = None
        self.state = "none"

    def _row(self) -> Any:
        from strongroom.policy.obligations.models import Obligation

        return (
            Obligation.objects.filter(account_id=0, kind=self.kind, subject=self.subject)
            .order_by("opened_at", "id")
            .last()
        )

    @precondition(lambda self: self.state in ("none", "open"))
    @rule(days=st.integers(2, 40))
    def open(self, days: int) -> None:
        from strongroom.policy.obligations.actions import open_obligation

        due = self.house.now() + timedelta(days=days)
        open_obligation(account=0, kind=self.kind, subject=self.subject, due_at=due, by=Actor.WATCH)
        self.due = due if self.due is None else min(self.due, due)
        self.state = "open"

    @rule()
    def satisfy(self) -> None:
        from strongroom.policy.obligations.actions import satisfy

        done = satisfy(account=0, kind=self.kind, subject=self.subject, by=Actor.WATCH)
        assert done is (self.state == "open")
        self.state = "satisfied" if done else self.state

    @precondition(lambda self: self.state == "open")
    @rule(days=st.integers(41, 80), approved=st.booleans(), other=st.booleans())
    def move_later(self, days: int, approved: bool, other: bool) -> None:
        from strongroom.policy.least_privilege import approvals
        from strongroom.policy.least_privilege.models import ApprovalKind
        from strongroom.policy.obligations import actions

        row, due = self._row(), self.house.now() + timedelta(days=days)
        said = actions.later_content(row, due)
        made = approvals.propose(kind=ApprovalKind.LATER, subject="a deadline", content=said, reason="It takes longer.",
                                 by=self.people["manager"])  # fmt: skip
        if approved:
            approvals.approve(id_=made.pk, by=self.people["security"])
        wanted = approved and not other and not self.retention
        try:
            actions.move_later(
                obligation=row, due_at=due + timedelta(days=other), approval=made, by=self.people["manager"]
            )
        except Refused:
            assert not wanted
            if not approved:
                approvals.decline(id_=made.pk, by=self.people["manager"])
            return
        assert wanted
        self.due = due

    @precondition(lambda self: self.state == "open")
    @rule()
    def withdraw_without_anybody(self) -> None:
        from strongroom.policy.least_privilege import approvals
        from strongroom.policy.least_privilege.models import ApprovalKind
        from strongroom.policy.obligations import actions

        row = self._row()
        made = approvals.propose(kind=ApprovalKind.WITHDRAWAL, subject="a deadline", content=actions.withdrawal_content(row),
                                 reason="Nobody needs it.", by=self.people["manager"])  # fmt: skip
        with pytest.raises(Refused):
            actions.withdraw(obligation=row, approval=made, by=self.people["manager"])
        approvals.decline(id_=made.pk, by=self.people["manager"])

    @invariant()
    def the_row_says_so(self) -> None:
        if getattr(self, "state", "none") == "none":
            return
        row = self._row()
        assert row.due_at == self.due
        assert (row.satisfied_at is not None) is (self.state == "satisfied")
        if self.retention:
            assert row.due_at <= row.first_due_at

    def teardown(self) -> None:
        if getattr(self, "state", "") == "open":
            self.satisfy()


def test_an_obligation_through_any_life(house: House, people: dict[str, Any]) -> None:
    ObligationLife.house, ObligationLife.people = house, people
    run_state_machine_as_test(ObligationLife, settings=FEW)
