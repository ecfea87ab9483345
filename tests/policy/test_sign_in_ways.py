"""Each way in, asked by somebody who should not come in (AM-2, AM-8, AZ-1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.house.running import House
from tests.policy.people import PASSWORD, WRONG, Somebody, as_website, browser, get, is_inside, post, words
from tests.policy.soft_passkey import SoftPasskey


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


def test_a_passkey_whose_device_verified_its_person_signs_in() -> None:
    somebody = Somebody()
    somebody.sign_in()
    passkey, station = somebody.passkey(), browser()
    assert somebody.touch(passkey, station).status_code == 302
    assert is_inside(station)
    assert not is_inside(somebody.browser), "one person, one session"


def test_a_passkey_without_verification_is_one_factor_and_opens_nothing() -> None:
    """Whoever found a security key has no PIN; a challenge made for stepping up must not help them."""
    owner, thief = Somebody(), Somebody()
    owner.sign_in()
    passkey = owner.passkey()
    assert owner.touch(passkey, browser(), verified=False).status_code == 401
    thief.sign_in()
    thief.passkey()
    options = post(thief.browser, "/sign-in/passkey/challenge", own="1").json()
    answer = post(thief.browser, "/sign-in/passkey", credential=passkey.sign(options, verified=False))
    assert answer.status_code == 401
    assert not is_inside(thief.browser) or owner.row.name not in words(get(thief.browser, "/me"))
    assert options["publicKey"]["userVerification"] == "required"


def test_an_answer_of_another_site_or_an_old_challenge_is_refused() -> None:
    somebody = Somebody()
    somebody.sign_in()
    passkey, station = somebody.passkey(), browser()
    old = post(station, "/sign-in/passkey/challenge").json()
    post(station, "/sign-in/passkey/challenge")
    assert post(station, "/sign-in/passkey", credential=passkey.sign(old)).status_code == 401
    passkey.origin = "https://localhost.example.invalid"
    assert somebody.touch(passkey, station).status_code == 401
    assert not is_inside(station)


def test_signs_that_are_no_digits_are_a_wrong_code_like_any_other() -> None:
    somebody = Somebody()
    somebody.password()
    for said in ("١٢٣٤٥٦", "12é456", "٠٠٠٠٠٠٠٠"):
        assert post(somebody.browser, "/sign-in/code", code=said).status_code == 401, said
    assert somebody.now().failures == 3


def test_answers_that_the_broker_could_not_look_at_are_no_failures(house: House) -> None:
    """A morning with a locked broker must leave nobody shut out for good."""
    somebody = Somebody()
    somebody.password()
    with locked(house):
        for _ in range(6):
            assert post(somebody.browser, "/sign-in/code", code=somebody.code()).status_code == 503
    assert somebody.now().failures == 0
    assert post(somebody.browser, "/sign-in/code", code=somebody.code()).status_code == 302
    assert is_inside(somebody.browser)


def test_tries_that_ended_with_their_process_lock_instead_of_shutting_out_for_good() -> None:
    """A killed worker leaves its charge. Whoever comes then is locked, which a person can undo."""
    from strongroom.policy.access_management import lockout

    somebody = Somebody()
    for _ in range(5):
        lockout.charge(somebody.row)
    assert "locked" in words(somebody.password())
    assert somebody.now().locked_at is not None
    lockout.unlock(
        person=somebody.row, restore=True, by=Somebody("administrator").row, reason=lockout.UnlockReason.FAULT
    )
    somebody.sign_in()
    assert is_inside(somebody.browser)


def test_nobody_can_tell_by_a_lock_whether_an_address_has_an_account() -> None:
    somebody, nobody = Somebody(), f"nobody-{id(object())}@example.invalid"
    said: dict[str, list[tuple[int, bool]]] = {somebody.email: [], nobody: []}
    for email, heard in said.items():
        for n in range(7):
            answer = post(browser(f"10.0.{n}.{len(email) % 200}"), "/sign-in", email=email, password=WRONG)
            heard.append((answer.status_code, "locked" in words(answer).partition("<form")[0]))
    assert said[somebody.email] == said[nobody]
    assert said[nobody][-1] == (401, True)


def test_a_claim_to_be_somebody_without_their_passkey_locks_nobody() -> None:
    """A passkey's answer names its person; numbers are guessed easily, the ids of passkeys are not."""
    victim = Somebody()
    victim.sign_in()
    real = victim.passkey()
    forged = SoftPasskey()
    for n in range(6):
        station = browser(f"10.9.0.{n}")
        options = post(station, "/sign-in/passkey/challenge").json()
        assert post(station, "/sign-in/passkey", credential=forged.sign(options, claims=real.user)).status_code == 401
    assert victim.now().failures == 0
    for n in range(5):
        station = browser(f"10.9.1.{n}")
        options = post(station, "/sign-in/passkey/challenge").json()
        post(station, "/sign-in/passkey", credential=forged.sign(options, claims=real.user, id_=real.id))
    assert victim.now().locked_at is not None, "who holds the passkey's id and cannot sign is counted"


def test_a_new_link_leaves_no_old_password_that_enrols() -> None:
    from strongroom.policy.access_management import actions

    administrator, lost = Somebody("administrator"), Somebody("support")
    actions.invite_again(person=lost.row, by=administrator.row)
    answer = lost.password()
    assert answer.status_code == 401, "the password that somebody may know leads nowhere"
    assert get(lost.browser, "/sign-in/enrol").status_code == 302


def test_who_resets_somebodys_factors_does_not_get_their_roles() -> None:
    """An administrator who makes a link and uses it themselves would be that person."""
    from strongroom.policy.access_management import actions

    manager, administrator, support = Somebody("manager"), Somebody("administrator"), Somebody("support")
    actions.invite_again(person=support.row, by=administrator.row)
    assert manager.row.permissions()
    assert not support.row.permissions(), "the roles wait until somebody else approved them again"
    (grant,) = support.row.grants.filter(ended_at__isnull=True)
    assert (grant.approved_at, grant.granted_by_id) == (None, administrator.row.pk)


def test_a_right_password_waits_a_quarter_of_an_hour_for_its_code() -> None:
    somebody = Somebody()
    somebody.password()
    session: Any = somebody.browser.session
    session["waiting-for-code"] = [somebody.row.pk, session["waiting-for-code"][1] - 16 * 60]
    session.save()
    assert post(somebody.browser, "/sign-in/code", code=somebody.code()).headers["location"] == "/sign-in"
    assert PASSWORD not in str(dict(session))


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Within this the key broker opens nothing, as after a start that nobody unlocked yet."""
    from strongroom.formats.broker import Verb
    from strongroom.formats.wire import u8
    from strongroom.policy.encryption_and_storage.connection import Connection

    folders = house.rehearsal.folders
    terminal = Connection(path=str(folders.terminal_socket))
    terminal.ask(Verb.LOCK)
    try:
        yield
    finally:
        terminal.ask(Verb.UNLOCK, u8(2), (folders.data / "rehearsal-unlock").read_bytes())
        terminal.close()
