"""Forged requests: forms from elsewhere, stolen and planted cookies, headers that lie, lists of stolen passwords
(AM-2, AM-8, AM-10, NP-2)."""

from typing import Any

import pytest
from django.test import Client

from tests.attacks.cast import PEOPLE, Cast, sign_in
from tests.attacks.test_matrix import Line, address, mine, of_route, published
from tests.policy.people import WRONG, Somebody, browser, get, is_inside, post, words

FORGED = "This form was too old"
EVIL = "https://evil.example"


def guarded(source: Client) -> Client:
    """The same cookies in a browser that checks forms, as the server does."""
    made = Client(enforce_csrf_checks=True, headers={"host": "localhost"}, raise_request_exception=False)
    made.cookies = source.cookies.copy()  # type: ignore[assignment]
    return made


def posts() -> list[Line]:
    return [line for line in published().values() if "POST" in line.methods]


def token_of(client: Client) -> str:
    import re

    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', words(get(client, "/me")))
    assert found is not None
    return found[1]


def test_no_form_of_another_site_is_taken_by_any_route(cast: Cast, web: None) -> None:
    """Without the token; with that of somebody else; with the right one sent from elsewhere, or from nowhere."""
    cast.refresh("administrator")
    client = guarded(cast.people["administrator"].browser)
    right, others = token_of(client), token_of(guarded(cast.people["security"].browser))
    taken = []
    for line in posts():
        values = of_route(line.route, mine(cast, "administrator"))
        path, home = address(line.route, values), "https://localhost/"
        tries: list[tuple[dict[str, str], dict[str, str]]] = [
            ({}, {"referer": home}),
            ({"csrfmiddlewaretoken": others}, {"referer": home}),
            ({"csrfmiddlewaretoken": right}, {"referer": f"{EVIL}/"}),
            ({"csrfmiddlewaretoken": right}, {"referer": home, "origin": EVIL}),
            ({"csrfmiddlewaretoken": right}, {"referer": home, "origin": "null"}),
            ({"csrfmiddlewaretoken": right}, {}),
        ]  # fmt: skip
        for fields, headers in tries:
            answer = client.post(path, fields, secure=True, headers=headers)
            if answer.status_code != 403 or FORGED not in words(answer):
                taken.append((path, headers, answer.status_code))
    assert not taken, taken
    assert (
        client.post("/questions/", {"csrfmiddlewaretoken": right}, secure=True, headers={"referer": home}).status_code
        == 405
    )


def test_a_planted_session_is_worth_nothing_after_the_victim_signed_in(cast: Cast, web: None) -> None:
    """Session fixation: the attacker knows the cookie from before, whether it was ours or invented."""
    victim, attacker = Somebody("support"), browser()
    post(attacker, "/sign-in", email="nobody@example.invalid", password=WRONG)
    for planted in (getattr(attacker.cookies.get("__Host-session"), "value", ""), "a" * 32):
        victim.browser = browser()
        victim.browser.cookies["__Host-session"] = planted
        cookie_before = planted
        sign_in_keeping_cookies(victim)
        assert victim.browser.cookies["__Host-session"].value != cookie_before
        thief = browser()
        thief.cookies["__Host-session"] = planted
        assert not is_inside(thief)


def sign_in_keeping_cookies(who: Somebody) -> None:
    for ahead in (0, 1, -1):
        if who.sign_in(ahead=ahead).status_code == 302:
            return
    raise AssertionError("not let in")


def test_the_cookie_changes_between_password_and_factor(cast: Cast, web: None) -> None:
    victim = Somebody("support")
    victim.password()
    half = victim.browser.cookies["__Host-session"].value
    sign_in_keeping_cookies(victim)
    thief = browser()
    thief.cookies["__Host-session"] = half
    assert victim.browser.cookies["__Host-session"].value != half
    assert not is_inside(thief)
    assert post(thief, "/sign-in/code", code=victim.code(ahead=1)).headers["location"] == "/sign-in"


def thief_of(who: Somebody) -> Client:
    """Another machine with the session's cookie and nothing else."""
    made = browser("192.0.2.77")
    made.cookies["__Host-session"] = who.browser.cookies["__Host-session"].value
    return made


def test_a_stolen_session_cookie_alone_opens_no_customer(cast: Cast, web: None) -> None:
    """The device's cookie stayed behind: the thief must first say in the journal which device this is."""
    cast.refresh("support")
    thief = thief_of(cast.people["support"])
    answer = post(thief, f"/orders/{cast.own['ref']}/reveal", purpose="1")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/devices/this")


@pytest.mark.parametrize("ends", ["signs out", "signs in elsewhere", "is locked", "leaves", "is suspended"])
def test_a_stolen_cookie_dies_with_its_session(cast: Cast, web: None, ends: str) -> None:
    from strongroom.policy.access_management import leavers, sessions
    from strongroom.policy.least_privilege.actions import reference_of, suspend_grants

    victim = Somebody("support")
    sign_in(victim)
    thief = thief_of(victim)
    assert is_inside(thief), "while the session lives, its cookie is the session"
    administrator = cast.people["administrator"].row
    match ends:
        case "signs out":
            post(victim.browser, "/sign-out")
        case "signs in elsewhere":
            sign_in(victim)
        case "is locked":
            for _ in range(5):
                victim.password(WRONG, using=browser())
        case "leaves":
            leavers.leave(person=victim.row, by=reference_of(administrator))
        case _:
            suspend_grants(person=victim.row, by=reference_of(administrator))
            sessions.end_all(person=victim.row, by=reference_of(administrator))
    assert not is_inside(thief)


def test_a_role_that_ended_is_worth_nothing_in_the_session_that_had_it(cast: Cast, web: None) -> None:
    from strongroom.policy.least_privilege.actions import end_grant, reference_of
    from strongroom.policy.least_privilege.models import EndReason

    victim = Somebody("support", "manager")
    sign_in(victim)
    assert get(victim.browser, "/openings/").status_code == 200
    grant = victim.row.grants.get(role="manager", ended_at__isnull=True)
    end_grant(grant=grant, reason=EndReason.OTHER_JOB, by=reference_of(cast.people["administrator"].row))
    assert get(victim.browser, "/openings/").status_code == 403
    assert get(victim.browser, "/orders/").status_code == 200


FORWARDED = {
    "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http",
    "x-forwarded-port": "80", "forwarded": "for=127.0.0.1;host=evil.example;proto=http", "x-real-ip": "127.0.0.1",
    "x-forwarded-user": "administrator", "x-user-id": "1", "remote-user": "administrator", "x-original-url": "/people/",
    "x-rewrite-url": "/people/", "x-http-method-override": "POST", "via": "1.1 evil.example",
}  # fmt: skip


def test_what_a_proxy_would_say_changes_nothing(cast: Cast, web: None) -> None:
    cast.refresh("packer")
    packer = cast.people["packer"].browser
    assert browser().get("/people/", secure=True, headers=FORWARDED).headers["location"].startswith("/sign-in")
    assert packer.get("/people/", secure=True, headers=FORWARDED).status_code == 403
    assert packer.get("/worklist/", secure=True, headers=FORWARDED).status_code == 200
    assert packer.get("/sign-out", secure=True, headers=FORWARDED).status_code == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8443", "", "localhost@evil.example"]
)
def test_another_host_is_answered_nothing_and_stands_in_no_link(cast: Cast, web: None, host: str) -> None:
    cast.refresh("administrator")
    client = cast.people["administrator"].browser
    client.raise_request_exception = False
    for path in ("/people/", "/sign-in", "/policy"):
        answer = client.get(path, secure=True, headers={"host": host})
        assert answer.status_code == 400, path
    answer = client.post(
        "/people/invite", {"name": "N", "email": "forged-host@example.invalid"}, secure=True,
        headers={"host": "localhost", "x-forwarded-host": "evil.example", "referer": "https://localhost/people/"},
    )  # fmt: skip
    assert "evil.example" not in words(answer)


def test_a_forwarded_address_is_not_ones_own(cast: Cast, web: None) -> None:
    """Neither loopback, where the first administrator comes from, nor a new place for each guess."""
    station, answers = browser("198.51.100.9"), []
    for n in range(33):
        answer = station.post(
            "/sign-in", {"email": f"guess{n}@example.invalid", "password": WRONG}, secure=True,
            headers={"x-forwarded-for": f"203.0.113.{n}", "x-real-ip": f"203.0.113.{n}", "referer": "https://localhost/sign-in"},
        )  # fmt: skip
        answers.append(answer.status_code)
    assert answers == [401] * 30 + [429] * 3
    assert station.get("/first/anything", secure=True, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.example//evil.example/x",
        "//evil.example/",
        "https://localhost//evil.example/",
        "javascript:alert(1)",
    ],
)
def test_a_lying_referer_leads_nobody_away(cast: Cast, web: None, referer: str) -> None:
    who = Somebody("administrator")
    sign_in(who)
    session: Any = who.browser.session
    session["factor-at"] -= 11 * 60
    session.save()
    answer = who.browser.post("/people/invite", {}, secure=True, headers={"referer": referer})
    assert answer.headers["location"].startswith("/step-up?next=")
    done = post(who.browser, answer.headers["location"], code=who.code(ahead=1))
    assert done.status_code == 302
    assert done.headers["location"].startswith("/")
    assert not done.headers["location"].startswith(("//", "/\\"))


def test_a_list_of_stolen_passwords_locks_one_account_wherever_it_comes_from(cast: Cast, web: None) -> None:
    """Spread over many places no limit of a place is met; the account's own counter is."""
    victim = Somebody("support")
    answers = [victim.password(WRONG, using=browser(f"203.0.113.{n}")) for n in range(8)]
    assert ["account is locked" in words(answer) for answer in answers] == [False] * 5 + [True] * 3
    assert victim.now().locked_at is not None


def test_a_right_password_of_the_list_is_no_way_in_and_tells_nothing_of_the_second_factor(
    cast: Cast, web: None
) -> None:
    victim, thief = Somebody("support"), browser()
    assert victim.password(using=thief).headers["location"] == "/sign-in/code"
    assert not is_inside(thief)
    for path in ("/orders/", "/me", "/me/command-token", "/sessions/00000000-0000-4000-8000-000000000000/end"):
        answer = thief.post(path, secure=True, headers={"referer": "https://localhost/"})
        assert answer.headers["location"].startswith("/sign-in"), path


def test_everybody_of_the_cast_is_who_they_were(cast: Cast, web: None) -> None:
    """After all of the above nobody has a role more, or less."""
    assert {role: sorted(who.now().roles()) for role, who in cast.people.items()} == {role: [role] for role in PEOPLE}


def test_fields_that_no_form_has_change_nothing(cast: Cast, web: None) -> None:
    """Mass assignment: a role, an owner, a state, an account that the form does not ask for."""
    from strongroom.policy.least_privilege.models import Person

    cast.refresh("administrator")
    email = "mass-assigned@example.invalid"
    more = {"is_active": "0", "is_synthetic": "1", "roles": "support", "role": "administrator", "id": "1", "pk": "1",
            "password": "Owned-By-Me-99!", "locked_at": "", "granted_by": "1", "approved_at": "2026-01-01"}  # fmt: skip
    answer = post(cast.people["administrator"].browser, "/people/invite", name="Mass", email=email, **more)
    assert answer.status_code == 200
    made = Person.objects.get(email=email)
    assert (made.is_active, made.is_synthetic, made.has_usable_password(), list(made.roles())) == (
        True,
        False,
        False,
        [],
    )


def test_a_field_in_the_address_is_none_of_the_form(cast: Cast, web: None) -> None:
    """Parameter pollution: what the body must say is not read from the address, and of two the last alone counts."""
    cast.refresh("support")
    support = cast.people["support"].browser
    path = f"/orders/{cast.own['ref']}/reveal"
    assert post(support, f"{path}?purpose=1").status_code == 422
    answer = support.post(
        path, "purpose=1&purpose=6", content_type="application/x-www-form-urlencoded", secure=True,
        headers={"referer": "https://localhost/"},
    )  # fmt: skip
    assert answer.status_code == 422, "6 is the worker's purpose, and it is what was said last"
    assert post(browser(), "/sign-in?email=a@example.invalid&password=x").status_code in (200, 422)
