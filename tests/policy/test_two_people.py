"""What two people decide is one table, roles and residual risks among it (LP-1, GS-2, DESIGN 1)."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from strongroom.formats.refused import Refused
from strongroom.installation import database_roles
from tests.house.running import DAY, House
from tests.policy.people import Somebody


@pytest.fixture
def owner(house: House) -> Iterator[psycopg.Connection[Any]]:
    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


@pytest.fixture
def office(house: House) -> Iterator[dict[str, Any]]:
    """An administrator who proposes, a manager who approves, and somebody new."""
    with house.as_web():
        yield people()


def people() -> dict[str, Any]:
    return {
        role: Somebody(*([role] if role != "new" else []), password=None, has_app=False).row
        for role in ("administrator", "manager", "new")
    }


def proposed(office: dict[str, Any], role: str = "packer") -> Any:
    from strongroom.policy.least_privilege.actions import propose_grant
    from strongroom.policy.least_privilege.models import Reason
    from strongroom.policy.least_privilege.roles import Role

    return propose_grant(person=office["new"], role=Role(role), reason=Reason.JOB, by=office["administrator"])


def test_a_role_waits_for_an_approval_and_is_in_force_with_it(office: dict[str, Any]) -> None:
    from strongroom.policy.least_privilege.actions import approve_grant

    grant = proposed(office)
    assert grant.approval.about == office["new"]
    assert office["new"].roles() == []
    approve_grant(grant=grant, by=office["manager"])
    assert office["new"].roles() == ["packer"]
    grant.approval.refresh_from_db()
    assert grant.approval.used_at is not None


def test_neither_who_proposed_a_role_nor_whom_it_is_for_approves_it(
    office: dict[str, Any], owner: psycopg.Connection[Any]
) -> None:
    from strongroom.policy.least_privilege.actions import approve_grant, grant_role
    from strongroom.policy.least_privilege.roles import Role

    grant_role(person=office["new"], role=Role.MANAGER, granted_by=None, by=bytes(16))
    grant = proposed(office)
    for who in (office["administrator"], office["new"]):
        with pytest.raises(Refused, match="Somebody else approves"):
            approve_grant(grant=grant, by=who)
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "UPDATE approval SET approved_by_id = about_id, approved_at = proposed_at WHERE id = %s",
            [grant.approval_id],
        )


def test_the_database_refuses_a_role_by_another_without_an_approval(
    office: dict[str, Any], owner: psycopg.Connection[Any]
) -> None:
    grant = proposed(office)
    with pytest.raises(psycopg.errors.CheckViolation, match="grant_by_another_has_an_approval"):
        owner.execute(
            "UPDATE role_grant SET approval_id = NULL, approved_at = granted_at, approved_by_id = %s WHERE id = %s",
            [office["manager"].pk, grant.pk],
        )


def test_a_declined_role_waits_no_more_and_a_role_taken_back_asks_nobody(office: dict[str, Any]) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.actions import decline_grant, end_grant
    from strongroom.policy.least_privilege.models import Approval, EndReason, Grant

    first = proposed(office)
    approvals.decline(id_=first.approval_id, by=office["manager"])
    decline_grant(approval=Approval.objects.get(pk=first.approval_id), by=office["manager"])
    second = proposed(office)
    end_grant(grant=second, reason=EndReason.MISTAKE, by=bytes(16))
    assert not Grant.objects.proposed().filter(person=office["new"]).exists()
    assert Approval.objects.get(pk=second.approval_id).declined_at is not None


def test_a_role_that_nobody_approved_in_a_week_is_proposed_anew(house: House) -> None:
    from strongroom.policy.least_privilege.actions import approve_grant
    from strongroom.policy.least_privilege.models import EndReason

    with house.as_web():
        office = people()
        old = proposed(office)
    house.step(8 * DAY)
    with house.as_web():
        with pytest.raises(Refused, match="too old"):
            approve_grant(grant=old, by=office["manager"])
        new = proposed(office)
        old.refresh_from_db()
        assert old.end_reason == EndReason.TOO_OLD
        approve_grant(grant=new, by=office["manager"])
        assert office["new"].roles() == ["packer"]


def test_a_role_in_force_by_a_row_alone_fails_the_check(
    house: House, office: dict[str, Any], owner: psycopg.Connection[Any]
) -> None:
    from strongroom.policy.clauses.controls import Outcome
    from strongroom.policy.least_privilege.actions import approve_grant
    from strongroom.policy.least_privilege.checks import roles_rest_on_approvals
    from tests.policy.looking import look

    grant = proposed(office)
    approve_grant(grant=grant, by=office["manager"])
    assert roles_rest_on_approvals(look(house)).outcome is Outcome.PASS
    other = proposed(office, "support")
    owner.execute(
        "UPDATE role_grant SET approved_at = granted_at, approved_by_id = %s WHERE id = %s",
        [office["manager"].pk, other.pk],
    )
    try:
        assert roles_rest_on_approvals(look(house)).outcome is Outcome.FAIL
    finally:
        owner.execute("UPDATE role_grant SET approved_at = NULL, approved_by_id = NULL WHERE id = %s", [other.pk])


def test_a_threat_that_nothing_is_done_about_is_accepted_by_two(office: dict[str, Any]) -> None:
    from strongroom.policy.encryption_and_storage import registers
    from strongroom.policy.encryption_and_storage.models import Threat
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.models import Approval

    what = {"subject": "store:paper-bin", "words": "Somebody reads a slip", "control": "", "residual": "No names on it"}
    proposal = registers.record_threat(**what, accept=True, by=office["administrator"])
    assert isinstance(proposal, Approval)
    assert not Threat.objects.filter(subject="store:paper-bin").exists()
    with pytest.raises(Refused, match="Somebody else approves"):
        approvals.approve(id_=proposal.pk, by=office["administrator"])
    approved = approvals.approve(id_=proposal.pk, by=office["manager"])
    assert registers.accept_residual(approval=approved, by=office["manager"]).accepted_by == office["manager"].pk
