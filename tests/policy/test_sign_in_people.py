"""Locks, sessions, passwords and roles of people, as the website's routes and verbs keep them (AM-2 to AM-10, AZ-2)."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.formats.refused import Refused
from tests.house.running import House
from tests.policy.people import (
    PASSWORD,
    WRONG,
    Somebody,
    as_website,
    browser,
    get,
    is_inside,
    leads,
    post,
    website_broker,
    words,
)
from tests.policy.soft_passkey import SoftPasskey

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


def journalled(kind: Any) -> list[Any]:
    """The entries of a kind, newest last, with their facts."""
    from strongroom.formats.leaf import decode_entry
    from strongroom.policy.logging_and_monitoring.models import Entry

    rows = Entry.objects.filter(account_id=0, kind=kind).order_by("at", "id")
    return [decode_entry(bytes(row.payload)) for row in rows]


def in_two_processes(house: House, *arguments: str) -> list[str]:
    """What `tests.policy.tries` says in two processes of the website that begin at the same moment."""
    environment = house.rehearsal.running.environment("web")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.policy.tries", *arguments], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**environment, "STRONGROOM_REHEARSAL_CLOCK": str(house.rehearsal.folders.data / "clock")},
            pass_fds=(int(environment["STRONGROOM_BROKER_CHANNEL"]),),
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]


def test_one_code_said_in_two_processes_at_once_lets_one_in(house: House) -> None:
    """A code of an app, then a recovery code: each works once, whichever worker sees it first.

    Each of somebody else: three wrong answers before and four at once would be more than lock an account (AM-8).
    """
    from strongroom.policy.access_management import factors

    first, second = Somebody("packer"), Somebody("packer")
    for somebody, code in (
        (first, first.code(ahead=1)), (second, factors.new_recovery_codes(person=second.row)[0]),
    ):  # fmt: skip
        said = in_two_processes(house, somebody.email, PASSWORD, code)
        assert sorted(said) == ["in", "refused", "refused", "refused"]


def test_two_processes_with_five_wrong_answers_each_get_five_looked_at(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Alarm

    victim = Somebody("support")
    said = in_two_processes(house, victim.email, WRONG)
    assert sorted(said) == ["locked"] * 5 + ["looked at"] * 5
    assert victim.now().locked_at is not None
    assert not victim.row.permissions()
    assert [g.suspended_at is not None for g in victim.row.grants.all()] == [True]
    assert (
        Alarm.objects.filter(kind="lockout", closed_at__isnull=True, subject__endswith=f"{victim.row.pk:012x}").count()
        == 1
    )


def test_a_lock_says_what_was_found_when_it_is_undone(house: House) -> None:
    from strongroom.formats.leaf import Fact, Kind

    administrator, victim = Somebody("administrator"), Somebody("packer")
    for _ in range(6):
        victim.password(WRONG)
    administrator.sign_in()
    path = f"/people/{victim.row.pk}/unlock"
    assert post(administrator.browser, path).status_code == 422, "a reason is asked for"
    assert victim.now().locked_at is not None
    assert post(administrator.browser, path, reason="43").status_code == 302
    assert victim.now().locked_at is None
    assert not victim.row.permissions(), "roles come back only where that was chosen"
    assert journalled(Kind.ACCOUNT_UNLOCKED)[-1].facts[Fact.REASON] == 43


def test_nobody_unlocks_themselves(house: House) -> None:
    from strongroom.policy.access_management import lockout

    administrator = Somebody("administrator")
    with pytest.raises(Refused, match="Somebody else unlocks"):
        lockout.unlock(
            person=administrator.row, restore=True, reason=lockout.UnlockReason.FORGOT, by=administrator.row
        )  # fmt: skip


def test_a_right_answer_takes_back_its_own_count_of_a_place_and_no_other(house: House) -> None:
    """Else whoever has an account guesses at others' without end, signing in between."""
    insider = Somebody()
    insider.sign_in()
    passkey = insider.passkey()
    for n in range(27):
        post(insider.browser, "/sign-in", email=f"guess{n}@example.invalid", password=WRONG)
    station = browser()
    assert insider.touch(passkey, station).status_code == 302
    answers = [
        post(station, "/sign-in", email=f"more{n}@example.invalid", password=WRONG).status_code for n in range(5)
    ]
    assert answers == [401, 401, 401, 429, 429]


def test_a_network_of_ipv6_is_one_place() -> None:
    from strongroom.policy.access_management.lockout import place_hash

    assert place_hash("2001:db8::1") == place_hash("2001:db8::ffff:2")
    assert place_hash("2001:db8::1") != place_hash("2001:db8:0:1::1")
    assert place_hash("192.0.2.1") != place_hash("192.0.2.2")


def test_of_four_sign_ins_at_once_one_session_lives(house: House) -> None:
    from django.db import connections

    from strongroom.policy.access_management.models import SignedIn

    somebody = Somebody()
    somebody.sign_in()
    passkey, stations = somebody.passkey(), [browser() for _ in range(4)]

    def come(station: Any) -> int:
        with website_broker(house):
            status = somebody.touch(passkey, station).status_code
        connections.close_all()
        return int(status)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(come, stations)) == [302] * 4
    assert SignedIn.objects.filter(person=somebody.row, ended_at__isnull=True).count() == 1
    assert sum(is_inside(station) for station in stations) == 1


def test_the_database_refuses_a_second_living_session(house: House) -> None:
    from django.db import IntegrityError, transaction

    from strongroom.policy.access_management.models import SignedIn

    somebody = Somebody()
    somebody.sign_in()
    row = SignedIn.objects.get(person=somebody.row, ended_at__isnull=True)
    row.pk = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(IntegrityError, match="signed_in_is_one_a_person"), transaction.atomic():
        row.save(force_insert=True)


def test_the_next_person_at_a_station_ends_the_session_before_and_lands_where_they_may(house: House) -> None:
    from strongroom.formats.leaf import Fact, Kind
    from strongroom.policy.access_management.models import SignedIn

    first, second = Somebody("support"), Somebody("packer")
    second.sign_in()
    passkey = second.passkey()
    first.sign_in()
    station = first.browser
    options = post(station, "/sign-in/passkey/challenge").json()
    credential = passkey.sign(options)
    answer = post(station, "/sign-in/passkey", credential=credential, next="/find-person")
    assert leads(answer) == "/", "a packer finds nobody"
    assert not SignedIn.objects.filter(person=first.row, ended_at__isnull=True).exists()
    switched = journalled(Kind.PERSON_SWITCHED)[-1]
    assert switched.facts[Fact.PERSON] != switched.by
    assert not get(station, "/me").content.count(first.row.name.encode())


@pytest.mark.parametrize(
    ("address", "lands"),
    [
        ("/worklist/", "/worklist/"), ("/worklist/?show=late", "/worklist/?show=late"), ("//example.invalid/", "/"),
        ("https://example.invalid/", "/"), ("/\\example.invalid", "/"), ("/nowhere", "/"), ("javascript:alert(1)", "/"),
    ],
)  # fmt: skip
def test_a_sign_in_leads_to_paths_of_ours_only(house: House, address: str, lands: str) -> None:
    packer = Somebody("packer")
    packer.sign_in()
    passkey, station = packer.passkey(), browser()
    options = post(station, "/sign-in/passkey/challenge").json()
    answer = post(station, "/sign-in/passkey", credential=passkey.sign(options), next=address)
    assert leads(answer) == lands


def test_a_second_sign_in_says_on_the_first_page_that_it_ended_the_other(house: House) -> None:
    packer = Somebody("packer")
    packer.sign_in()
    passkey, station = packer.passkey(), browser()
    packer.touch(passkey, station)
    assert "Your earlier session was ended" in words(get(station, "/worklist/"))
    assert "Your earlier session was ended" not in words(get(station, "/worklist/"))


def test_a_password_older_than_a_year_leads_nowhere_but_to_a_new_one(house: House) -> None:
    from strongroom.policy.least_privilege.actions import wall_now
    from strongroom.policy.least_privilege.models import Person

    packer = Somebody("packer")
    packer.sign_in()
    assert get(packer.browser, "/worklist/").status_code == 200
    Person.objects.filter(pk=packer.row.pk).update(password_set_at=wall_now() - timedelta(days=366))
    for path in ("/worklist/", "/pack", "/me", "/"):
        assert get(packer.browser, path).headers["location"] == "/me/password", path
    new = "Meadow-Gate-31!"
    assert post(packer.browser, "/me/password", present=PASSWORD, password=new, again=new).status_code == 302
    assert get(packer.browser, "/worklist/").status_code == 200


def test_somebody_may_have_a_passkey_and_no_password(house: House) -> None:
    from strongroom.policy.access_management import actions

    administrator = Somebody("administrator")
    person, token = actions.invite(name="Pass Key", email="passkey-alone@example.invalid", by=administrator.row)
    link, station = f"/invitation/{token}", browser()
    assert post(station, link, **{"passkey-alone": "1"}).headers["location"] == "/sign-in/enrol"
    page = words(get(station, "/sign-in/enrol"))
    assert "Make a passkey" in page
    assert "authenticator app</h2>" not in page, "a code would open nothing without a password"
    assert get(browser(), link).status_code == 200, "until there is a passkey, the link is all they have"
    passkey = SoftPasskey()
    options = post(station, "/sign-in/passkey/challenge", make="1").json()
    assert post(station, "/sign-in/enrol/passkey", credential=passkey.make(options)).status_code == 302
    assert is_inside(station)
    assert get(browser(), link).status_code == 404, "it worked once"
    other = browser()
    options = post(other, "/sign-in/passkey/challenge").json()
    assert post(other, "/sign-in/passkey", credential=passkey.sign(options)).status_code == 302
    person.refresh_from_db()
    assert not person.has_usable_password()


def test_two_who_hold_one_link_enrol_one_passkey(house: House) -> None:
    from strongroom.policy.access_management import actions

    _, token = actions.invite(name="One Link", email="one-link@example.invalid", by=Somebody("administrator").row)
    stations = [browser(), browser()]
    answers = []
    for station in stations:
        post(station, f"/invitation/{token}", **{"passkey-alone": "1"})
    told = [(s, SoftPasskey().make(post(s, "/sign-in/passkey/challenge", make="1").json())) for s in stations]
    answers = [post(s, "/sign-in/enrol/passkey", credential=made).headers.get("location") for s, made in told]
    assert answers == ["/", "/sign-in"]
    assert [is_inside(s) for s in stations] == [True, False]


def test_the_last_way_in_stays(house: House) -> None:
    from allauth.mfa.models import Authenticator

    from strongroom.policy.access_management import factors

    somebody = Somebody()
    somebody.sign_in()
    somebody.passkey()
    factors.new_recovery_codes(person=somebody.row)
    ways = Authenticator.objects.filter(user=somebody.row).exclude(type="recovery_codes").order_by("pk")
    answers = [post(somebody.browser, f"/me/factors/{row.pk}/remove").status_code for row in list(ways)]
    assert answers == [302, 403], "recovery codes are no way in by themselves"


def test_the_last_administrator_stays_whatever_asks(house: House) -> None:
    from django.db import transaction

    from strongroom.formats.leaf import Actor
    from strongroom.policy.access_management import leavers
    from strongroom.policy.least_privilege.actions import end_grant, keep_an_administrator
    from strongroom.policy.least_privilege.models import EndReason, Grant

    for grant in Grant.objects.in_force().filter(role="administrator"):
        Grant.objects.filter(pk=grant.pk).update(ended_at=house.now())
    last = Somebody("administrator")
    (grant,) = last.row.grants.all()
    with pytest.raises(Refused, match="last administrator"):
        end_grant(grant=grant, reason=EndReason.MISTAKE, by=Actor.COMMAND.reference)
    with pytest.raises(Refused, match="last administrator"):
        leavers.leave(person=last.row, by=Actor.COMMAND.reference)
    assert last.now().is_active
    another = Somebody("administrator")
    for _ in range(6):
        another.password(WRONG)
    with pytest.raises(Refused, match="last administrator"), transaction.atomic():
        keep_an_administrator(besides=last.row.pk)


def test_who_may_not_manage_people_proposes_and_approves_nothing_by_any_door(house: House) -> None:
    from strongroom.policy.least_privilege.actions import approve_grant, propose_grant
    from strongroom.policy.least_privilege.models import Reason
    from strongroom.policy.least_privilege.roles import Role

    packer, administrator, _manager = Somebody("packer"), Somebody("administrator"), Somebody("manager")
    with pytest.raises(Refused, match="does not include"):
        propose_grant(person=packer.row, role=Role.SUPPORT, reason=Reason.JOB, by=packer.row)
    grant = propose_grant(person=Somebody().row, role=Role.SUPPORT, reason=Reason.JOB, by=administrator.row)
    with pytest.raises(Refused, match="does not include"):
        approve_grant(grant=grant, by=packer.row)


def test_a_role_ends_for_a_reason_that_stands_in_the_journal(house: House) -> None:
    from strongroom.formats.leaf import Fact, Kind

    administrator, packer = Somebody("administrator"), Somebody("packer")
    administrator.sign_in()
    (grant,) = packer.row.grants.all()
    assert post(administrator.browser, f"/grants/{grant.pk}/end").status_code == 422
    assert post(administrator.browser, f"/grants/{grant.pk}/end", reason="27").status_code == 422, (
        "not for people to say"
    )
    assert post(administrator.browser, f"/grants/{grant.pk}/end", reason="22").status_code == 302
    assert not packer.row.permissions()
    assert journalled(Kind.GRANT_ENDED)[-1].facts[Fact.REASON] == 22
    assert "Does another job now".lower() in words(get(administrator.browser, f"/people/{packer.row.pk}/")).lower()


def test_a_token_for_the_command_line_ends_with_the_sessions(house: House) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.policy.access_management import command_tokens, sessions

    somebody = Somebody()
    token = command_tokens.make(somebody.row)
    assert command_tokens.person_of(token).pk == somebody.row.pk
    sessions.end_all(person=somebody.row, by=Actor.COMMAND.reference)
    with pytest.raises(Refused, match="token is unknown"):
        command_tokens.person_of(token)


def test_an_old_factor_leads_to_step_up_and_back_and_no_form_is_kept(house: House) -> None:
    from strongroom.formats.leaf import Kind

    administrator = Somebody("administrator")
    administrator.sign_in()
    session: Any = administrator.browser.session
    session["factor-at"] -= 11 * 60
    session.save()
    answer = administrator.browser.post(
        "/people/invite", {"name": "N", "email": "later@example.invalid"}, secure=True,
        headers={"referer": "https://localhost/people/"},
    )  # fmt: skip
    assert answer.headers["location"] == "/step-up?next=%2Fpeople%2F"
    before = len(journalled(Kind.STEPPED_UP))
    answer = post(administrator.browser, "/step-up?next=/people/", code=administrator.code(ahead=1))
    assert answer.headers["location"] == "/people/"
    assert len(journalled(Kind.STEPPED_UP)) == before + 1
    assert "later@example.invalid" not in words(get(administrator.browser, "/people/"))
    assert post(administrator.browser, "/people/invite", name="N", email="later@example.invalid").status_code == 200


def test_sessions_and_the_journal_hold_nothing_of_a_person(house: House) -> None:
    from django.contrib.sessions.models import Session

    from strongroom.policy.logging_and_monitoring.models import Entry

    somebody = Somebody("packer")
    somebody.sign_in()
    somebody.passkey()
    held = [str(session.get_decoded()) for session in Session.objects.all()]
    needles = (somebody.email, somebody.row.name, "Chrome/156.0", "Harbour-Lamp")
    assert held
    assert not [needle for needle in needles for session in held if needle in session]
    payloads = b"".join(bytes(p) for p in Entry.objects.filter(account_id=0).values_list("payload", flat=True))
    assert not [needle for needle in needles if needle.encode() in payloads]
    assert re.search(rb".", payloads)
