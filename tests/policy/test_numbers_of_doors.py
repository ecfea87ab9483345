"""How many wrong answers lock, how long a password is and lives: what the terms in force say, not the program (AZ-2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.clauses import profiles, terms
from strongroom.policy.clauses.terms import Terms
from tests.house.running import House
from tests.policy.people import WRONG, Somebody, as_website, browser, get, post, words

COMPANY = """
[profile]
id = "strict"
version = 1
from = 2026-11-24
words = "Stricter"
source = "a test"

[terms.lock_after_failures]
clause = "AM-8"
kind = "count"
value = 3

[terms.password_length]
clause = "AZ-2"
kind = "count"
stricter = "larger"
value = 20

[terms.passwords_remembered]
clause = "AZ-2"
kind = "count"
stricter = "larger"
value = 12

[terms.password_lives]
clause = "AZ-2"
kind = "duration"
value = "90 days"
"""


@pytest.fixture(autouse=True)
def web(house: House) -> Iterator[None]:
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield


@contextmanager
def stricter() -> Iterator[None]:
    """A company's own profile is in force besides those that come with the program."""
    from strongroom.policy.obligations.versions import InForce

    company, mistakes = profiles.read({"strict.toml": COMPANY}, profiles.built_in())
    assert not mistakes, mistakes
    made = Terms([*profiles.built_in(), *company], 1)
    terms.use_source(lambda: made)
    try:
        yield
    finally:
        terms.use_source(InForce())


def test_as_many_wrong_answers_lock_as_the_policy_says(house: House) -> None:
    with stricter():
        victim = Somebody("packer")
        for _ in range(3):
            victim.password(WRONG)
        assert victim.now().locked_at is not None
        email = "nobody-here@example.invalid"
        said = [words(post(browser(), "/sign-in", email=email, password=WRONG)) for _ in range(4)]
        assert ["account is locked" in each for each in said] == [False, False, False, True]
        assert "3 wrong answers lock" in words(get(browser(), "/sign-in"))


def test_a_password_is_as_long_as_the_policy_says(house: House) -> None:
    from strongroom.policy.access_management.actions import change_password

    somebody = Somebody("packer")
    with stricter():
        with pytest.raises(Refused, match="at least 20"):
            change_password(person=somebody.row, password=Secret("Meadow-Gate-31!"))
        change_password(person=somebody.row, password=Secret("Meadow-Gate-31!-and-lantern"))
    change_password(person=somebody.row, password=Secret("Meadow-Gate-31!"))


def test_a_password_lives_as_long_as_the_policy_says(house: House) -> None:
    from strongroom.policy.access_management.actions import must_change_password
    from strongroom.policy.least_privilege.actions import wall_now

    somebody = Somebody("packer")
    somebody.row.password_set_at = wall_now() - timedelta(days=100)
    assert not must_change_password(somebody.row)
    with stricter():
        assert must_change_password(somebody.row)


def test_as_many_passwords_are_remembered_as_the_policy_says(house: House) -> None:
    from strongroom.policy.access_management.actions import change_password

    first, somebody = "Harbour-Lamp-77!-and-rope", Somebody("packer", password="Harbour-Lamp-77!-and-rope")
    for n in range(11):
        change_password(person=somebody.row, password=Secret(f"Meadow-Gate-{n}!-and-lantern"))
    with stricter(), pytest.raises(Refused, match="yours before"):
        change_password(person=somebody.row, password=Secret(first))
    change_password(person=somebody.row, password=Secret(first))


def test_the_database_itself_remembers_a_password(house: House) -> None:
    from strongroom.policy.access_management.models import OldPassword
    from strongroom.policy.least_privilege.models import Person

    somebody = Somebody("packer")
    was = somebody.row.password
    Person.objects.filter(pk=somebody.row.pk).update(password="argon2$another")
    assert OldPassword.objects.get(person=somebody.row).password == was


def test_a_password_alone_leads_to_a_factor_for_a_quarter_of_an_hour_and_to_nothing_after(house: House) -> None:
    from strongroom.policy.least_privilege.actions import wall_now
    from strongroom.policy.least_privilege.models import Person

    Somebody("administrator")
    late = Somebody(has_app=False)
    assert late.password().headers["location"] == "/sign-in/enrol"
    Person.objects.filter(pk=late.row.pk).update(password_set_at=wall_now() - timedelta(minutes=16))
    answer = late.password(using=browser())
    assert answer.status_code == 401
    assert "new link" in words(answer)
