"""The company's devices: personal data is opened, searched and printed in sessions on these, and nowhere else (AM-6).

Whoever signs in at a browser for the first time says which device it is, once; the browser keeps a signed cookie that
no script reads, each session a row. A person's word binds a browser to a device: it is journalled with the session.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management import sessions
from strongroom.policy.access_management.models import Device, SignedIn
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal

View = TypeVar("View", bound=Callable[..., Any])

COOKIE: Final = sessions.DEVICE_COOKIE
LIVES: Final = 400 * 86_400
"""Seconds; browsers keep no cookie longer."""
KINDS: Final = {"computer": "a computer", "tablet": "a tablet", "station": "a bench or desk that people share"}
PERSONAL: Final = frozenset(
    {Permission.ORDERS_REVEAL, Permission.ORDERS_SEARCH, Permission.DESPATCH_PACK, Permission.DESPATCH_DECIDE}
)
"""Whoever may do any of this works on a recorded device."""


def record(*, name: str, kind: str, stated: bool, by: Person) -> Device:
    """A device of the company. `stated`: that it is the company's and managed; a personal one cannot be recorded."""
    require(Permission.DEVICES_MANAGE, of=by)
    return record_known(name=name, kind=kind, stated=stated, by=reference_of(by))


def record_known(*, name: str, kind: str, stated: bool, by: bytes) -> Device:
    """`record` for whoever installs. Raises `Refused` without the statement, and for a name that is taken."""
    if not stated:
        raise Refused("AM-6", "Only the company's own and managed devices may show customers. Personal ones never do.")
    definitions.refuse_personal(name)
    try:
        with transaction.atomic():
            made = Device(name=name.strip(), kind=kind, company_owned=True, managed=True, added_at=definitions.now())
            made.save(force_insert=True)
            journal.record(Kind.DEVICE_ADDED, by=by, facts={Fact.DEVICE: made.pk})
    except IntegrityError:
        raise Refused("AM-6", "A device of this name is, or was, recorded. Take another name.") from None
    return made


@transaction.atomic
def retire(*, device: Device, by: Person) -> None:
    """It shows nobody any more, from this moment: sessions on it end, its browsers' cookies are worth nothing."""
    require(Permission.DEVICES_MANAGE, of=by)
    if Device.objects.filter(pk=device.pk, retired_at__isnull=True).update(retired_at=definitions.now()):
        for session in SignedIn.objects.select_for_update().filter(device=device, ended_at__isnull=True):
            sessions.end(session=session, by=reference_of(by))
        journal.record(Kind.DEVICE_RETIRED, by=reference_of(by), facts={Fact.DEVICE: device.pk})


def recorded() -> list[Device]:
    return list(Device.objects.filter(retired_at__isnull=True).order_by("name"))


def of_browser(request: HttpRequest) -> Device | None:
    """The recorded device that this browser was said to be on."""
    try:
        pk = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE)
    except signing.BadSignature:
        return None
    return Device.objects.filter(pk=pk, retired_at__isnull=True).first() if isinstance(pk, int) else None


def of_session(request: HttpRequest) -> Device | None:
    """The recorded device that this session is on, where this browser is on it too.

    A session's cookie that was copied to another machine has the session and not the device: whoever holds it must
    first say in the journal which device that machine is.
    """
    id_, here = sessions.current(request), of_browser(request)
    living = SignedIn.objects.filter(ended_at__isnull=True, device=here)
    return here if id_ is not None and here is not None and living.filter(pk=id_).exists() else None


def where(person: Person) -> int | None:
    """The device that a person's one session is on, for the journal."""
    row = SignedIn.objects.filter(person=person, ended_at__isnull=True).first()
    return row.device_id if row is not None else None


def is_asked(request: HttpRequest, person: Person) -> bool:
    """Whether this person must say, before anything personal, which device this browser is on."""
    return bool(PERSONAL & person.permissions()) and of_browser(request) is None and not person.is_synthetic


def name_it(request: HttpRequest, response: HttpResponse, *, device: Device, by: Person) -> None:
    """This browser is on that device: said once, by a person, kept by the browser and by the session."""
    session = sessions.current(request)
    with transaction.atomic():
        held = Device.objects.select_for_update().get(pk=device.pk)
        if session is None or held.retired_at is not None:
            raise Refused("AM-6", "This device is retired. Work on one that is recorded.")
        SignedIn.objects.filter(pk=session, person=by, ended_at__isnull=True).update(device=held)
        Device.objects.filter(pk=held.pk).update(seen_at=definitions.now())
        facts: dict[Fact, int | bytes] = {Fact.DEVICE: held.pk, Fact.SESSION: session.bytes}
        journal.record(Kind.DEVICE_NAMED, by=reference_of(by), facts=facts)
    response.set_cookie(
        COOKIE, signing.dumps(device.pk, salt=COOKIE), max_age=LIVES, secure=True, httponly=True, samesite="Strict"
    )


def on_a_device(view: View) -> View:
    """For what opens, searches or prints personal data: a session on no recorded device is asked for it first."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        synthetic = isinstance(request.user, Person) and request.user.is_synthetic
        if synthetic or of_session(request) is not None:
            return view(request, *args, **kwargs)
        return HttpResponseRedirect(f"{reverse('this-device')}?{urlencode({'next': sessions.back_to(request)})}")

    guarded.asks_for_a_device = True  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]
