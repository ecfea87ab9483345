"""Customers are opened, searched and printed on the company's own devices, each named once a browser (AM-6)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from strongroom.formats.leaf import Actor, Fact, Kind, decode_entry
from strongroom.formats.refused import Refused
from tests.house.running import House
from tests.policy.people import Somebody, as_website, browser, get, post, words

NAMES = iter(range(1, 1000))


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


def device() -> Any:
    from strongroom.policy.access_management import devices

    return devices.record_known(
        name=f"Test desk {next(NAMES)}", kind="computer", stated=True, by=Actor.REHEARSAL.reference
    )


def say(using: Client, chosen: Any, following: str = "/orders/") -> Any:
    return post(using, "/devices/this", device=str(chosen.pk), next=following)


def session_of(person: Any) -> Any:
    from strongroom.policy.access_management.models import SignedIn

    return SignedIn.objects.get(person=person, ended_at__isnull=True)


def test_somebody_who_may_see_customers_is_asked_once_a_browser(house: House) -> None:
    desk, support = device(), Somebody("support")
    assert support.sign_in().headers["location"].startswith("/devices/this?next=")
    assert desk.name in words(get(support.browser, "/devices/this"))
    assert say(support.browser, desk).headers["location"] == "/orders/"
    assert session_of(support.row).device_id == desk.pk
    passkey = support.passkey()
    assert support.touch(passkey, support.browser).headers["location"] == "/", "the browser remembers"
    assert session_of(support.row).device_id == desk.pk


def test_the_next_person_at_the_same_browser_is_not_asked_again(house: House) -> None:
    desk, first, second = device(), Somebody("packer"), Somebody("packer")
    second.sign_in()
    passkey = second.passkey()
    first.sign_in()
    say(first.browser, desk)
    second.touch(passkey, first.browser)
    assert session_of(second.row).device_id == desk.pk


def test_whoever_sees_no_customers_is_not_asked(house: House) -> None:
    device()
    assert Somebody("auditor").sign_in().headers["location"] == "/"


def test_nothing_personal_happens_before_it_is_said(house: House) -> None:
    device()
    support, packer = Somebody("support"), Somebody("packer")
    support.sign_in()
    packer.sign_in()
    nowhere = "00000000-0000-4000-8000-000000000000"
    for using, path, method in (
        (support, f"/orders/{nowhere}/reveal", post), (support, "/orders/customer", get), (packer, "/pack", get),
        (packer, "/pack/scan", post), (packer, f"/worklist/{nowhere}/part", post),
    ):  # fmt: skip
        answer = method(using.browser, path)
        assert answer.status_code == 302, path
        assert answer.headers["location"].startswith("/devices/this?next="), path
    assert get(support.browser, "/orders/").status_code == 200, "what shows nobody needs no device"


def test_every_route_that_opens_searches_or_prints_asks_for_a_device(house: House) -> None:
    """Named here, so that a new one is thought about."""
    from strongroom.website.checks import routes

    personal = {
        "orders/customer", "orders/<uuid:ref>/reveal", "orders/<uuid:ref>/extend", "pack", "pack/scan", "pack/again",
        "pack/decide", "pack/settings", "worklist/<uuid:ref>/part", "worklist/<uuid:ref>/buy",
        "worklist/<uuid:ref>/parcels/<int:number>/left", "prints/<uuid:label>/decide",
    }  # fmt: skip
    asking = {route for route, view in routes(get_resolver()) if getattr(view, "asks_for_a_device", False)}
    assert asking == personal


def test_a_retired_device_ends_its_sessions_and_is_asked_for_anew(house: House) -> None:
    from strongroom.policy.access_management import devices
    from strongroom.policy.access_management.models import SignedIn

    desk, administrator, support = device(), Somebody("administrator"), Somebody("support")
    support.sign_in()
    say(support.browser, desk)
    devices.retire(device=desk, by=administrator.row)
    assert not SignedIn.objects.filter(person=support.row, ended_at__isnull=True).exists()
    again = support.sign_in(ahead=1)
    assert again.headers["location"].startswith("/devices/this"), "its cookie is worth nothing"
    assert post(support.browser, "/devices/this", device=str(desk.pk)).status_code == 403


def test_a_cookie_that_we_did_not_sign_is_no_device(house: House) -> None:
    from django.core import signing

    desk, support = device(), Somebody("support")
    for forged in ("1", str(desk.pk), signing.dumps(desk.pk, key="another key", salt="__Host-device")):
        support.browser = browser()
        support.browser.cookies["__Host-device"] = forged
        support.password()
        answer = post(support.browser, "/sign-in/code", code=support.code())
        if answer.status_code == 302:
            assert answer.headers["location"].startswith("/devices/this")


def test_who_said_it_and_in_which_session_is_journalled(house: House) -> None:
    from strongroom.policy.logging_and_monitoring.models import Entry

    desk, support = device(), Somebody("support")
    support.sign_in()
    say(support.browser, desk)
    newest = Entry.objects.filter(account_id=0, kind=Kind.DEVICE_NAMED).latest("at")
    facts = decode_entry(bytes(newest.payload)).facts
    assert (facts[Fact.DEVICE], facts[Fact.SESSION]) == (desk.pk, session_of(support.row).pk.bytes)


def test_an_opening_says_on_which_device(house: House) -> None:
    from strongroom.policy.access_management import devices

    desk, support = device(), Somebody("support")
    assert devices.where(support.row) is None
    support.sign_in()
    say(support.browser, desk)
    assert devices.where(support.row) == desk.pk


def test_a_device_is_recorded_only_with_the_statement_and_by_who_may(house: House) -> None:
    from strongroom.policy.access_management import devices

    administrator, support = Somebody("administrator"), Somebody("support")
    with pytest.raises(Refused, match="Personal ones never"):
        devices.record(name="My own", kind="computer", stated=False, by=administrator.row)
    with pytest.raises(Refused, match="role"):
        devices.record(name="A desk", kind="computer", stated=True, by=support.row)
    administrator.sign_in()
    answer = post(administrator.browser, "/devices/record", name="A desk without a word", kind="computer")
    assert answer.status_code == 422
    name = f"Recorded {next(NAMES)}"
    assert post(administrator.browser, "/devices/record", name=name, kind="tablet", stated="on").status_code == 302
    assert name in words(get(administrator.browser, "/devices/"))


def test_the_database_takes_no_personal_device(house: House) -> None:
    from django.db import IntegrityError, transaction

    from strongroom.policy.access_management.models import Device

    for personal in ({"company_owned": False}, {"managed": False}):
        row = Device(
            **{"name": f"Own {next(NAMES)}", "kind": "computer", "company_owned": True, "managed": True,
               "added_at": house.now(), **personal}
        )  # fmt: skip
        with pytest.raises(IntegrityError, match="device_is_the_companys"), transaction.atomic():
            row.save(force_insert=True)
