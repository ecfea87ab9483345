"""Cases as pages: a list, one that is taken and decided in writing, and the button that declares an incident (DF-4)."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.running import House
from tests.policy.people import WRONG, Somebody, as_website, get, post, words

WHY = "Looked at the log with them: they had a new telephone."


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


@pytest.fixture
def security(house: House) -> Somebody:
    made = Somebody("security")
    made.sign_in()
    return made


def a_case(kind: str = "probe failed") -> Any:
    """An alarm's case, as the watch opens it."""
    from strongroom.policy import definitions
    from strongroom.policy.incident_response.actions import open_cases
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.logging_and_monitoring.models import Alarm

    alarm = Alarm(
        account_id=0, id=uuid.uuid4(), kind=kind, subject=uuid.uuid4(), count=1, level=2, raised_at=definitions.now()
    )
    alarm.save(force_insert=True)
    open_cases()
    return Case.objects.get(alarm=alarm.id)


def test_a_case_is_taken_and_decided_and_its_alarm_answered(security: Somebody) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm

    case = a_case()
    path = f"/cases/{case.number}/"
    assert "nobody" in words(get(security.browser, "/cases/"))
    assert post(security.browser, f"{path}take").status_code == 302
    assert security.row.name in words(get(security.browser, path))
    assert post(security.browser, f"{path}decide", decision="dismissed", words="short").status_code == 422
    assert post(security.browser, f"{path}decide", decision="dismissed", words=WHY).status_code == 302
    assert "Dismissed by" in words(get(security.browser, path))
    assert Alarm.objects.get(id=case.alarm).closed_at is not None
    again = post(security.browser, f"{path}decide", decision="incident", words=WHY)
    assert again.status_code == 403, "a decision is made once"


def test_a_decision_names_no_customer(security: Somebody) -> None:
    case = a_case()
    answer = post(
        security.browser, f"/cases/{case.number}/decide", decision="incident", words="They wrote from jo@example.com."
    )
    assert answer.status_code == 403
    assert "e-mail address" in words(answer)


def test_who_only_reads_cases_decides_none(house: House) -> None:
    case, manager, packer = a_case(), Somebody("manager"), Somebody("packer")
    manager.sign_in()
    packer.sign_in()
    assert get(manager.browser, f"/cases/{case.number}/").status_code == 200
    assert post(manager.browser, f"/cases/{case.number}/decide", decision="dismissed", words=WHY).status_code == 403
    assert get(packer.browser, "/cases/").status_code == 403


def test_anybody_declares_an_incident_with_one_button_and_its_clock_runs(house: House) -> None:
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.obligations.models import Obligation

    packer = Somebody("packer")
    packer.sign_in()
    assert post(packer.browser, "/cases/declare").status_code == 302
    case = Case.objects.latest("number")
    assert case.alarm_kind == "declared"
    assert Obligation.objects.open().filter(account_id=0, kind="answer alarm", subject=case.id).exists()


def test_unlocking_an_account_does_not_answer_its_alarm(house: House, security: Somebody) -> None:
    from strongroom.policy.access_management import lockout
    from strongroom.policy.incident_response.actions import open_cases
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.logging_and_monitoring.models import Alarm

    victim, administrator = Somebody("packer"), Somebody("administrator")
    for _ in range(5):
        victim.password(WRONG)
    open_cases()
    alarm = Alarm.objects.get(kind="lockout", subject=uuid.UUID(int=victim.row.pk))
    lockout.unlock(person=victim.now(), restore=True, reason=lockout.UnlockReason.FORGOT, by=administrator.row)
    assert Alarm.objects.get(id=alarm.id).closed_at is None
    case = Case.objects.get(alarm=alarm.id)
    assert victim.row.name in words(get(security.browser, f"/cases/{case.number}/"))
    post(security.browser, f"/cases/{case.number}/decide", decision="dismissed", words=WHY)
    assert Alarm.objects.get(id=alarm.id).closed_at is not None


def test_a_case_that_is_none_is_not_found(security: Somebody) -> None:
    assert get(security.browser, "/cases/999999/").status_code == 404
