"""A person's factors: passkeys, time-based codes, recovery codes. Stored by allauth, sealed by a house key (AZ-1).

allauth brings the storage, the passkey ceremonies (python-fido2) and the recovery codes. That a time-based code works
once, whichever worker sees it, is kept by the row itself: its cache would forget while the next step still accepts it.
"""

import base64
import json
import time
from enum import IntEnum
from typing import Any, Final

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import transaction
from fido2.utils import websafe_decode

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp
from strongroom.policy.encryption_and_storage import house
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal

LARGEST_CREDENTIAL: Final = 32 * 1024
MOST_PASSKEYS: Final = 10
NOT_RIGHT: Final = "This passkey is not right, or took too long. Nothing was opened."


class FactorKind(IntEnum):
    """How somebody proved who they are. The numbers stand in the database and the journal."""

    PASSKEY = 1
    CODE = 2
    RECOVERY = 3

    @property
    def words(self) -> str:
        return {1: "passkey", 2: "password and code", 3: "recovery code"}[self]


TYPES: Final = {
    Authenticator.Type.WEBAUTHN.value: FactorKind.PASSKEY,
    Authenticator.Type.TOTP.value: FactorKind.CODE,
    Authenticator.Type.RECOVERY_CODES.value: FactorKind.RECOVERY,
}


class SealingAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's hooks: its secrets go through the key broker, and no mail is sent."""

    def encrypt(self, text: str) -> str:
        return house.seal("totp", text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        return house.open("totp", encrypted_text).text()

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """News of a factor stands in the journal."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Strongroom"}


def held(person: Person) -> set[FactorKind]:
    """The kinds of factor a person has."""
    return {TYPES[kind] for kind in Authenticator.objects.filter(user=person).values_list("type", flat=True)}


def can_sign_in(person: Person, *, without: int | None = None) -> bool:
    """Whether the person has a way in: a passkey, or an app beside a password. Recovery codes alone are none."""
    rows = Authenticator.objects.filter(user=person).exclude(pk=without)
    kinds = {TYPES[kind] for kind in rows.values_list("type", flat=True)}
    return FactorKind.PASSKEY in kinds or (FactorKind.CODE in kinds and person.has_usable_password())


def anybody_besides(person: Person) -> bool:
    """Whether somebody else has a factor."""
    return bool(Authenticator.objects.exclude(user=person).exists())


def list_of(person: Person) -> list[Authenticator]:
    return list(Authenticator.objects.filter(user=person).order_by("type", "created_at"))


def add_code(*, person: Person, secret: Secret, said: str) -> None:
    """Keep an authenticator app once its first code was right; never over one that is there."""
    step = totp.matching_step(secret, said, now=time.time(), after=-1)
    if step is None:
        raise Refused("AZ-1", "This code is not right. Look at the newest one in your app.")
    with transaction.atomic():
        locked = Person.objects.select_for_update().get(pk=person.pk)
        if not locked.has_usable_password():
            raise Refused("AZ-1", "A code goes with a password. Make a passkey, or set a password first.")
        if Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists():
            raise Refused("AZ-1", "You have an authenticator app already.")
        keep_code(person=person, secret=secret, step=step)
        _journal(Kind.FACTOR_ENROLLED, person, FactorKind.CODE)


def keep_code(*, person: Person, secret: Secret, step: int = -1) -> None:
    """The row of an authenticator app; `step`: the newest time step that was used."""
    text = base64.b32encode(secret.bytes()).decode()
    Authenticator(
        user=person, type=Authenticator.Type.TOTP,
        data={"secret": SealingAdapter().encrypt(text), "last_step": step},
    ).save(force_insert=True)  # fmt: skip


def code_is_right(*, person: Person, said: str) -> bool:
    """Whether this is a code of the person's app, newer than any used before; it is used by this (ASVS 6.5.1)."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(user=person, type=Authenticator.Type.TOTP).first()
        if row is None:
            return False
        secret = Secret(base64.b32decode(SealingAdapter().decrypt(row.data["secret"])))
        step = totp.matching_step(secret, said, now=time.time(), after=int(row.data.get("last_step", -1)))
        if step is None:
            return False
        row.data["last_step"] = step
        row.save(update_fields=["data"])
    row.record_usage()
    return True


def recovery_is_right(*, person: Person, said: str) -> bool:
    """Whether this is an unused recovery code; it is used by this, by whoever comes first of two at once."""
    rows = Authenticator.objects.filter(user=person, type=Authenticator.Type.RECOVERY_CODES)
    with transaction.atomic():
        row = rows.select_for_update().first()
        if row is None or not RecoveryCodes(row).validate_code(said):
            return False
        row.record_usage()
        journal.record(Kind.RECOVERY_CODE_USED, by=reference_of(person))
    return True


def new_recovery_codes(*, person: Person) -> list[str]:
    """Ten new codes, shown once; the old ones are void."""
    with transaction.atomic():
        Authenticator.objects.filter(user=person, type=Authenticator.Type.RECOVERY_CODES).delete()
        codes = RecoveryCodes.activate(person).generate_codes()
        _journal(Kind.FACTOR_ENROLLED, person, FactorKind.RECOVERY)
    return [f"{code[:4]} {code[4:]}" for code in codes]


def begin_passkey(person: Person) -> dict[str, Any]:
    """What the browser needs to make a passkey: discoverable, and the person verified by the device."""
    if Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN).count() >= MOST_PASSKEYS:
        raise Refused("AZ-1", "Ten passkeys are the most. Remove one first.")
    return dict(webauthn.begin_registration(person, passwordless=True))


def add_passkey(*, person: Person, name: str, credential: str, first: bool = False) -> None:
    """Keep a passkey that the browser made for this session's challenge; `first`: only where there is no factor."""
    told = _loaded(credential)
    try:
        webauthn.complete_registration(told)
    except (ValidationError, ValueError, TypeError, KeyError):
        raise Refused("AZ-1", NOT_RIGHT) from None
    with transaction.atomic():
        locked = Person.objects.select_for_update().get(pk=person.pk)
        if first and can_sign_in(locked):
            raise Refused("AZ-1", "You have a factor already. Sign in with it.")
        webauthn.WebAuthn.add(person, name[:40], told)
        _journal(Kind.FACTOR_ENROLLED, person, FactorKind.PASSKEY)


def begin_sign_in(person: Person | None = None) -> dict[str, Any]:
    """The browser's challenge; for nobody in particular where any discoverable passkey will do."""
    return dict(webauthn.begin_authentication(person))


def passkey_person(credential: str, *, only: Person | None = None) -> Person:
    """Whose passkey answered this session's challenge. Raises `Refused`; the person is known then only by its claim."""
    told = _loaded(credential)
    try:
        person = only or webauthn.extract_user_from_response(told)
        webauthn.complete_authentication(person, told).record_usage()
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
        raise Refused("AM-8", NOT_RIGHT) from None
    if not isinstance(person, Person):
        raise Refused("AM-8", NOT_RIGHT)
    return person


def claimed_person(credential: str) -> Person | None:
    """Whose passkey an answer names, for counting failures; nothing is believed by this.

    Only for the id of a passkey that this person has: their number is guessed easily, and must lock nobody.
    """
    try:
        told = _loaded(credential)
        found = webauthn.extract_user_from_response(told)
        known = webauthn.get_authenticator_by_credential_id(found, websafe_decode(told["rawId"]))
    except (Refused, ValidationError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if isinstance(found, Person) and known is not None else None


def remove(*, factor: Authenticator, by: Person) -> None:
    """Remove a factor of one's own; the last way in stays."""
    with transaction.atomic():
        person, kind = Person.objects.select_for_update().get(pk=factor.user_id), TYPES[factor.type]
        if kind is not FactorKind.RECOVERY and not can_sign_in(person, without=factor.pk):
            raise Refused("AZ-1", "This is the last factor. Add another before you remove it.")
        factor.delete()
        _journal(Kind.FACTOR_REMOVED, person, kind, by=by)


def remove_all(*, person: Person, by: bytes) -> None:
    """A leaver's factors go, in the caller's transaction (AM-5)."""
    Authenticator.objects.filter(user=person).delete()
    journal.record(Kind.FACTOR_REMOVED, by=by, facts={Fact.PERSON: reference_of(person)})


def _loaded(credential: str) -> dict[str, Any]:
    if len(credential) > LARGEST_CREDENTIAL:
        raise Refused("AM-8", NOT_RIGHT)
    try:
        told = json.loads(credential)
    except (ValueError, RecursionError):
        raise Refused("AM-8", NOT_RIGHT) from None
    if not isinstance(told, dict):
        raise Refused("AM-8", NOT_RIGHT)
    return told


def _journal(kind: Kind, person: Person, factor: FactorKind, by: Person | None = None) -> None:
    facts: dict[Fact, int | bytes] = {Fact.FACTOR: factor, Fact.PERSON: reference_of(person)}
    journal.record(kind, by=reference_of(by or person), facts=facts)
