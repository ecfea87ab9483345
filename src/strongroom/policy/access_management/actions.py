"""Signing in, by whichever way: a factor each time, each wrong answer counted; invitations, passwords.

No way leads to a session without a second factor: a passkey whose device verified its person, or password and code.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import factors, lockout, sessions, totp
from strongroom.policy.access_management.factors import FactorKind
from strongroom.policy.access_management.models import FirstLink, Invitation, OldPassword
from strongroom.policy.access_management.passwords import why_too_weak
from strongroom.policy.clauses import terms
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import (
    create_person,
    grant_role,
    propose_grants_anew,
    reference_of,
    wall_now,
)
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.least_privilege.roles import Role
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Installation, SellingAccount

LINK_LIVES: Final = timedelta(minutes=15)
ENROL_WITHIN: Final = timedelta(minutes=15)
INVITATION_LIVES: Final = timedelta(hours=24)
WRONG: Final = "This e-mail address, password or code is not right. Nothing was opened."


def check_secret(*, email: str, password: Secret, address: str) -> Person:
    """The person with this e-mail and password. Raises `Refused` with one sentence for every reason but a lock."""
    lockout.count_place(address)
    person = Person.objects.filter(email=email.casefold(), is_active=True).first()
    if person is None or not person.has_usable_password():
        lockout.count_nobody(email)
        check_password(password.text(), _nobodys())  # as slow as for somebody, so that nobody can be told apart
        raise Refused("AM-8", WRONG)
    with lockout.one_try(person):
        if not person.check_password(password.text()):
            raise Refused("AM-8", WRONG)
    lockout.take_back(person)
    lockout.take_back_place(address)
    _refuse_one_factor(person)
    return person


def _refuse_one_factor(person: Person) -> None:
    """A password alone leads to a factor for as long as its choosing takes, and to nothing after (AZ-1).

    Unless nobody has a factor yet: then nobody could make another link.
    """
    chosen = person.password_set_at or person.created_at
    if wall_now() - chosen > ENROL_WITHIN and not factors.can_sign_in(person) and factors.anybody_besides(person):
        raise Refused("AZ-1", "Your second factor was not added in time. Ask your administrator for a new link.")


def check_code(*, person: Person, said: str, address: str) -> FactorKind:
    """A code of the person's app, or one of their recovery codes. Raises `Refused`, counted."""
    lockout.count_place(address)
    plain = said.replace(" ", "").replace("-", "")
    kind = FactorKind.CODE if len(plain) <= totp.DIGITS else FactorKind.RECOVERY
    is_right = factors.code_is_right if kind is FactorKind.CODE else factors.recovery_is_right
    with lockout.one_try(person):
        if not is_right(person=person, said=plain):
            raise Refused("AM-8", WRONG)
    _let_in(person, address)
    return kind


def check_passkey(*, credential: str, address: str, only: Person | None = None) -> Person:
    """Whose passkey answered. A wrong answer counts against whom it claims to be."""
    lockout.count_place(address)
    claimed = only or factors.claimed_person(credential)
    if claimed is None or not claimed.is_active:
        lockout.refused(None)
        raise Refused("AM-8", factors.NOT_RIGHT)
    with lockout.one_try(claimed):
        person = factors.passkey_person(credential, only=only)
    _let_in(person, address)
    return person


def must_change_password(person: Person) -> bool:
    """Whether the password is older than its term (AZ-2); who signs in by passkey alone has none."""
    set_at = person.password_set_at
    return person.has_usable_password() and (set_at is None or wall_now() - set_at > terms.span("password_lives"))


def check_present_password(*, person: Person, said: Secret, address: str) -> None:
    """Who changes their password says the present one; a wrong one is counted as at the door, and may lock (AM-8).

    Nothing to say for somebody without one. Raises `Refused`.
    """
    if not person.has_usable_password():
        return
    lockout.count_place(address)
    with lockout.one_try(person):
        if not person.check_password(said.text()):
            raise Refused("AM-8", "This is not your present password. Nothing was changed.")
    lockout.take_back(person)
    lockout.take_back_place(address)


def why_refused(password: Secret, *, name: str, email: str) -> str | None:
    """Why this is no password for somebody of this name and address, here (AZ-2); `None` where it may be one."""
    company = Installation.objects.filter(id=1).values_list("company", flat=True)
    names = [*company, *SellingAccount.objects.filter(id__gt=0).values_list("name", flat=True)]
    shortest = terms.count("password_length")
    return why_too_weak(password.text(), f"{name} {email}".casefold(), shortest=shortest, names=names)


@transaction.atomic
def change_password(*, person: Person, password: Secret, by: Person | None = None) -> None:
    """A new password: strong, nothing of the name, none of the last (AZ-2). Raises `Refused` with what is wrong."""
    why = why_refused(password, name=person.name, email=person.email)
    if why is not None:
        raise Refused("AZ-2", why)
    remembered = terms.count("passwords_remembered")
    old = OldPassword.objects.filter(person=person).order_by("-set_at", "-id").values_list("password", flat=True)
    before = [person.password, *old[:remembered]]
    if any(check_password(password.text(), old) for old in before if old):
        raise Refused("AZ-2", "This password was yours before. Take one that never was.")
    person.set_password(password.text())
    person.password_set_at = wall_now()
    person.save(update_fields=["password", "password_set_at"])
    journal.record(Kind.PERSON_CHANGED, by=reference_of(by or person), facts={Fact.PERSON: reference_of(person)})


def signed_out(*, person: Person) -> None:
    journal.record_committed(Kind.SIGN_OUT, by=reference_of(person))


def invite(*, name: str, email: str, by: Person) -> tuple[Person, str]:
    """A new person and the token of their one link, shown once: they set password and factor themselves."""
    require(Permission.PEOPLE_MANAGE, of=by)
    with transaction.atomic():
        person = create_person(name=name, email=email, password=None, by=reference_of(by))
        return person, _new_invitation(person)


def invite_again(*, person: Person, by: Person) -> str:
    """A new link for somebody who lost theirs, or every factor: password, factors and sessions end with it.

    An old password would enrol a factor. Their roles wait until somebody else approved them: whoever made
    the link holds it.
    """
    require(Permission.PEOPLE_MANAGE, of=by)
    if person.pk == by.pk:
        raise Refused("AM-2", "Somebody else does this for you.")
    with transaction.atomic():
        sessions.end_all(person=person, by=reference_of(by))
        factors.remove_all(person=person, by=reference_of(by))
        forget_password(person)
        propose_grants_anew(person=person, by=by)
        return _new_invitation(person)


def invited(token: str) -> Person | None:
    """Whom this link is for, while it works."""
    found = Invitation.objects.filter(token_sha256=_digest(token)).select_related("person").first()
    return found.person if found is not None and wall_now() < found.until and found.person.is_active else None


@transaction.atomic
def accept_invitation(*, token: str, password: Secret) -> Person:
    """The link is used up; from here on only enrolling a factor lets the person in."""
    person = invited(token)
    if person is None:
        raise Refused("AM-2", "This link was used, is too old, or is not the newest one.")
    change_password(person=person, password=password)
    Invitation.objects.filter(person=person).delete()
    return person


def accept_without_password(token: str) -> Person:
    """Whose link this is, to enrol a passkey alone. The link works until a passkey is there: nothing else lets in."""
    person = invited(token)
    if person is None or person.has_usable_password() or factors.can_sign_in(person):
        raise Refused("AM-2", "This link was used, is too old, or is not the newest one.")
    return person


@transaction.atomic
def enrol_passkey(*, person: Person, credential: str) -> None:
    """The first passkey of somebody without any factor; their link is used up by it."""
    factors.add_passkey(person=person, name="First passkey", credential=credential, first=True)
    Invitation.objects.filter(person=person).delete()


def issue_first_link(*, base: str, file: Path) -> str | None:
    """A one-time address for the first administrator, also in a 0600 file; `None` once anybody exists."""
    if Person.objects.exists():
        file.unlink(missing_ok=True)
        return None
    token = secrets.token_urlsafe(32)
    FirstLink.objects.update_or_create(
        id=1, defaults={"token_sha256": _digest(token), "until": wall_now() + LINK_LIVES}
    )
    link = f"{base}/first/{token}"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(link + "\n", encoding="utf-8")
    return link


def first_link_works(*, token: str) -> bool:
    """Whether this is the link, in time, and nobody exists yet."""
    link = FirstLink.objects.filter(id=1).first()
    right = link is not None and hmac.compare_digest(bytes(link.token_sha256), _digest(token))
    return bool(right and link and wall_now() < link.until and not Person.objects.exists())


def create_first_administrator(*, token: str, name: str, email: str, password: Secret, roles: list[Role]) -> Person:
    """The first person, with the roles they give themselves; self-approved, and the journal says so."""
    with transaction.atomic():
        FirstLink.objects.select_for_update().filter(id=1).first()
        if not first_link_works(token=token):
            raise Refused("AM-2", "This link was used, is too old, or is not the newest one.")
        person = create_person(name=name, email=email, password=password, by=Actor.WEBSITE.reference)
        by = reference_of(person)
        journal.record(Kind.FIRST_ADMINISTRATOR, by=by)
        for role in {Role.ADMINISTRATOR, *roles}:
            grant_role(person=person, role=role, granted_by=person, by=by)
        FirstLink.objects.all().delete()
    return person


def _let_in(person: Person, address: str) -> None:
    """Reset the counts; a lock that came meanwhile wins."""
    with transaction.atomic():
        if not lockout.succeeded(person):
            raise Refused("AM-8", lockout.LOCKED)
    lockout.take_back_place(address)


def forget_password(person: Person) -> None:
    """No password opens anything for them; the one they had is not taken again: the database remembers it (AZ-2)."""
    person.set_unusable_password()
    Person.objects.filter(pk=person.pk).update(password=person.password)


def _new_invitation(person: Person) -> str:
    token = secrets.token_urlsafe(32)
    Invitation.objects.update_or_create(
        person=person, defaults={"token_sha256": _digest(token), "until": wall_now() + INVITATION_LIVES}
    )
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_of_nobody: list[str] = []


def _nobodys() -> str:
    if not _of_nobody:
        _of_nobody.append(make_password(secrets.token_urlsafe(16)))
    return _of_nobody[0]
