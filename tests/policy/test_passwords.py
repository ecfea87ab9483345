"""What is no password: what is tried first, the company's words, the present one left unsaid (AZ-2, AM-8)."""

from collections.abc import Iterator

import pytest

from strongroom.formats.secret import Secret
from strongroom.policy.access_management.passwords import asked_of, is_common, why_too_weak
from tests.house.running import House
from tests.policy.people import PASSWORD, WRONG, Somebody, as_website, browser, get, is_inside, post, words

NEW = "Meadow-Gate-31!"


@pytest.fixture
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


def why(password: str, *names: str) -> str | None:
    return why_too_weak(password, "kit oduya kit@example.invalid", shortest=12, names=names)


@pytest.mark.parametrize(
    "password",
    ["Password1234!", "Qwerty123456!", "P@ssw0rd2024!", "Sunshine-2026!", "Iloveyou123456.",
     "John!20130605at1753", "Dr4g0n!!!!!!1", "International1!", "L3tm31n-2026?"],
)  # fmt: skip
def test_what_is_tried_first_is_refused_also_with_something_added(password: str) -> None:
    assert (
        why(password) == "This is one of the passwords that are tried first, or one with something added. Take another."
    )


@pytest.mark.parametrize(
    "password", ["Harbour-Lamp-77!", "Marble-4f2a91c0-Run", "9Xq!tLr0bZ#e", "Sunshine-Harbour-31!"]
)
def test_what_only_holds_a_common_word_is_taken(password: str) -> None:
    assert why(password) is None


@pytest.mark.parametrize("password", ["123456789", "QWERTYUIOP[]", "password", "Trustno1", "letmein!!"])
def test_capitals_and_signs_behind_make_nothing_rare(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    ["Str0ngr00m-Door-9!", "My-Amazon-Shop-12", "Toybox-and-Lamp-3!", "The-F0xglove-Lamp-3!", "@m4z0n-Lantern-8Q"],
)
def test_words_of_the_company_of_amazon_and_of_ourselves_are_refused(password: str) -> None:
    said = why(password, "The Foxglove Toybox Ltd")
    assert said == "A password holds nothing of the company's name, of Amazon's or of Strongroom's."


def test_short_words_of_a_companys_name_stand_in_passwords_by_chance() -> None:
    assert why("Leathern-Ltd-Lamp-3!", "The Ltd") is None


def test_what_is_asked_for_is_said_before() -> None:
    assert "tries first" in asked_of(12)
    assert "the company's" in asked_of(12)


def test_the_companys_own_name_is_read_where_a_password_is_chosen(web: None) -> None:
    from strongroom.policy.access_management import actions
    from strongroom.policy.logging_and_monitoring.models import Installation

    name = next(word for word in Installation.objects.get(id=1).company.split() if len(word) > 3)
    administrator = Somebody("administrator")
    person, token = actions.invite(name="Bo Lin", email=f"bo-{administrator.email}", by=administrator.row)
    for password, told in ((f"{name}-Gate-31!x", "company's name"), ("Password1234!", "tried first")):
        said = words(post(browser(), f"/invitation/{token}", password=password, again=password))
        assert told in said
    person.refresh_from_db()
    assert not person.has_usable_password()


def test_a_change_asks_for_the_present_password(web: None) -> None:
    somebody = Somebody("packer")
    somebody.sign_in()
    assert 'name="present"' in words(get(somebody.browser, "/me/password"))
    for said in ({}, {"present": ""}, {"present": WRONG}, {"present": NEW}):
        answer = post(somebody.browser, "/me/password", password=NEW, again=NEW, **said)
        assert answer.status_code == 422, said
        assert somebody.now().check_password(PASSWORD)
    answer = post(somebody.browser, "/me/password", present=PASSWORD, password=NEW, again=NEW)
    assert answer.status_code == 302
    assert somebody.now().check_password(NEW)
    assert is_inside(somebody.browser)


def test_wrong_present_passwords_count_as_at_the_door_and_lock(web: None) -> None:
    somebody = Somebody("packer")
    somebody.sign_in()
    said = [
        words(post(somebody.browser, "/me/password", present=f"{WRONG}{n}", password=NEW, again=NEW)) for n in range(5)
    ]
    assert all("not your present password" in text for text in said)
    assert somebody.now().locked_at is not None
    assert not is_inside(somebody.browser), "the session ended with the lock"
    assert "account is locked" in words(somebody.password(using=browser()))


def test_a_right_present_password_forgives_no_earlier_failure(web: None) -> None:
    somebody = Somebody("packer")
    somebody.sign_in()
    post(somebody.browser, "/me/password", present=WRONG, password=NEW, again=NEW)
    weak = words(post(somebody.browser, "/me/password", present=PASSWORD, password="short", again="short"))
    assert "at least 12 characters" in weak
    assert somebody.now().failures == 1


def test_whoever_has_a_passkey_alone_is_asked_for_no_present_password(web: None) -> None:
    from strongroom.policy.access_management.actions import change_password, check_present_password

    somebody = Somebody("packer", password=None, has_app=False)
    check_present_password(person=somebody.row, said=Secret(""), address="127.0.0.1")
    change_password(person=somebody.row, password=Secret(NEW))
    assert somebody.now().check_password(NEW)
