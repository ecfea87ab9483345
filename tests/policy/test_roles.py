"""The table of roles and the gate that reads it, written a second time by hand: what changes here was meant (LP-1, AM-1)."""

from typing import TYPE_CHECKING, Final

import pytest

from strongroom.formats.refused import Refused
from strongroom.policy.clauses.permissions import NUMBERS, Permission
from strongroom.policy.least_privilege import roles
from strongroom.policy.least_privilege.roles import FOR_PEOPLE, ROLES, Role

if TYPE_CHECKING:  # mutants begin this file some hundred times; what a house needs is not among what they change
    from tests.house.running import House

OFFICE: Final = """
approvals:approval:give approvals:approval:propose approvals:approval:read checks:check:run duties:duty:do
policy:answer:read registers:entry:read wall:clause:read
"""
TABLE: Final[dict[str, tuple[int, int, int, str]]] = {
    "packer": (
        1, 240, 12,
        """
        despatch:order:list despatch:order:pack despatch:print:decide despatch:wave:make orders:order:list
        orders:order:read printers:printer:read printers:printer:test wall:clause:read
        """,
    ),
    "support": (
        2, 15, 10,
        """
        despatch:order:list orders:order:list orders:order:read orders:part:reveal orders:person:search
        wall:clause:read
        """,
    ),
    "manager": (
        5, 30, 12,
        f"""
        cases:case:read despatch:order:hold despatch:order:list despatch:print:decide despatch:wave:make
        openings:opening:ask openings:opening:read orders:order:list orders:order:read people:grant:approve
        people:person:read printers:printer:read printers:printer:test retention:day:read {OFFICE}
        """,
    ),
    "security": (
        6, 30, 12,
        f"""
        cases:case:decide cases:case:read journal:leaf:read marketplace:call:read openings:opening:ask
        openings:opening:read people:grant:approve people:person:read policy:clause:own
        printers:printer:read printers:printer:test registers:entry:manage retention:day:read {OFFICE}
        """,
    ),
    "director": (
        7, 30, 12,
        f"""
        cases:case:read openings:opening:read people:person:read retention:day:read {OFFICE}
        """,
    ),
    "administrator": (
        3, 30, 12,
        f"""
        cases:case:read despatch:order:list devices:device:manage journal:leaf:read marketplace:account:ask
        marketplace:call:read orders:order:list orders:order:read people:grant:approve people:person:manage
        people:person:read policy:clause:own printers:printer:manage printers:printer:read
        printers:printer:test registers:entry:manage retention:day:read {OFFICE}
        """,
    ),
    "auditor": (
        4, 30, 12,
        """
        approvals:approval:read cases:case:read checks:check:run journal:leaf:read marketplace:call:read
        openings:opening:read people:person:read policy:answer:read printers:printer:read
        registers:entry:read retention:day:read wall:clause:read
        """,
    ),
    "probe": (
        8, 90, 2,
        """
        cases:case:read journal:leaf:read marketplace:call:read openings:opening:read orders:order:list
        orders:order:read orders:part:reveal orders:person:search printers:printer:read registers:entry:read
        retention:day:read wall:clause:read
        """,
    ),
}  # fmt: skip
"""Of each role: its number in the journal, the minutes and hours after which its sessions end, what it may do."""


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_stands_here_and_no_more(role: Role) -> None:
    number, idle, longest, words = TABLE[role.value]
    facts = ROLES[role]
    assert {permission.value for permission in facts.permissions} == set(words.split())
    assert (facts.number, facts.idle, facts.longest) == (number, idle, longest)


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {role.value for role in Role} == {role.value for role in ROLES}


def test_what_the_whole_office_may_do_is_written_once() -> None:
    assert {permission.value for permission in roles.OFFICE} == set(OFFICE.split())


def test_only_support_and_nobody_open_a_customers_data() -> None:
    assert {role for role in Role if ROLES[role].reveals} == {Role.SUPPORT, Role.PROBE}


def test_the_probes_role_is_given_to_nobody() -> None:
    assert set(FOR_PEOPLE) == set(Role) - {Role.PROBE}


class Holder:
    """All that the gate may ask of a person."""

    def __init__(self, *held: Permission) -> None:
        self._held = frozenset(held)

    def permissions(self) -> frozenset[Permission]:
        return self._held


@pytest.mark.parametrize("name", NUMBERS)
def test_the_gate_lets_through_who_holds_it_and_nobody_else(house: "House", name: Permission) -> None:
    from strongroom.policy.least_privilege.gate import can, require

    holder, other = Holder(name), Holder(*(set(NUMBERS) - {name}))
    assert can(holder, name)  # type: ignore[arg-type]
    assert not can(other, name)  # type: ignore[arg-type]
    require(name, of=holder)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refused:
        require(name, of=other)  # type: ignore[arg-type]
    assert refused.value.clause == ("AM-1" if name is Permission.ORDERS_REVEAL else "LP-1")
    assert "nothing was done" in refused.value.sentence
