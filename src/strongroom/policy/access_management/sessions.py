"""Sessions: one a person, each a row that can be ended from elsewhere at once (AM-2, AM-10)."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth import login
from django.db import connection, transaction
from django.http import HttpRequest

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.access_management.factors import FactorKind
from strongroom.policy.access_management.models import CommandToken, Device, SignedIn
from strongroom.policy.least_privilege.actions import reference_of, wall_now
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.least_privilege.roles import ROLES
from strongroom.policy.logging_and_monitoring import journal

KEY: Final = "signed-in"
FACTOR_AT: Final = "factor-at"
DEVICE_COOKIE: Final = "__Host-device"
RECENT: Final = timedelta(minutes=10)
"""How old a factor's use may be for a dangerous act."""
WAITS: Final = timedelta(minutes=15)
"""How long a right password or a link waits for a factor."""
SEEN_EVERY: Final = timedelta(seconds=30)
IDLE_WITHOUT_ROLE: Final = 30
LONGEST_WITHOUT_ROLE: Final = 12
AGENTS: Final = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def begin(request: HttpRequest, person: Person, factor: FactorKind, place: bytes, device: Device | None = None) -> int:
    """Sign a person in; returns how many of their earlier sessions this ended. Raises `Refused` for a closed account.

    Whoever this browser was signed in for is out; their row ends with it. The person's row is held, so that of two
    sign-ins at once one ends the other, and a lock or a leaver's moment that came meanwhile wins.
    """
    now, me = wall_now(), reference_of(person)
    with transaction.atomic():
        held = Person.objects.select_for_update().get(pk=person.pk)
        if held.locked_at is not None or not held.is_active:
            raise Refused("AM-8", "This account was closed meanwhile. Nothing was opened.")
        give_way(request, to=person)
        ended = end_all(person=person, by=me)
        row = SignedIn(
            id=definitions.reference(), person=person, began_at=now, seen_at=now, factor=factor, device=device
        )  # fmt: skip
        row.save(force_insert=True)
        _note_where(row.id, agent_words(request.headers.get("user-agent", "")), place)
        if device is not None:
            Device.objects.filter(pk=device.pk).update(seen_at=definitions.now())
        journal.record(Kind.SIGN_IN, by=me, facts={Fact.FACTOR: factor, Fact.SESSION: row.id.bytes})
    request.session.flush()
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    request.session[KEY], request.session[FACTOR_AT] = row.id.hex, now.timestamp()
    return ended


def put_aside(request: HttpRequest) -> None:
    """Sign this browser out before somebody begins to sign in at it: nothing of the one session reaches the other."""
    before = _row(request)
    if before is not None:
        end(session=before, by=reference_of(before.person))
    request.session.flush()


def give_way(request: HttpRequest, *, to: Person) -> None:
    """End the session of whoever sat here before somebody else; the journal says who took over from whom."""
    before = _row(request)
    if before is None or before.person_id == to.pk:
        return
    with transaction.atomic():
        end(session=before, by=reference_of(to))
        facts: dict[Fact, int | bytes] = {Fact.PERSON: reference_of(before.person), Fact.SESSION: before.pk.bytes}
        journal.record(Kind.PERSON_SWITCHED, by=reference_of(to), facts=facts)


def is_living(request: HttpRequest, person: Person) -> bool:
    """Whether this session may go on: not ended, not idle too long, not older than its roles allow."""
    id_ = _id(request)
    row = SignedIn.objects.filter(pk=id_, person=person, ended_at__isnull=True).first() if id_ is not None else None
    now = wall_now()
    if row is None or not person.is_active or person.locked_at is not None:
        return False
    idle, longest = limits(person)
    if now - row.seen_at > idle or now - row.began_at > longest:
        SignedIn.objects.filter(pk=row.pk).update(ended_at=now)
        return False
    if now - row.seen_at > SEEN_EVERY:
        SignedIn.objects.filter(pk=row.pk).update(seen_at=now)
    return True


def limits(person: Person) -> tuple[timedelta, timedelta]:
    """How long a session may be idle, and may last: the shortest of the person's roles, who may see customers first."""
    roles = [ROLES[role] for role in person.roles()]
    idle = min((role.idle for role in roles), default=IDLE_WITHOUT_ROLE)
    longest = min((role.longest for role in roles), default=LONGEST_WITHOUT_ROLE)
    return timedelta(minutes=idle), timedelta(hours=longest)


def of(person: Person) -> list[SignedIn]:
    return list(SignedIn.objects.filter(person=person, ended_at__isnull=True).order_by("-seen_at"))


def is_recent(request: HttpRequest) -> bool:
    """Whether a factor was used within the last ten minutes of this session."""
    at = request.session.get(FACTOR_AT, 0.0)
    return wall_now() - datetime.fromtimestamp(float(at), wall_now().tzinfo) < RECENT


def stepped_up(request: HttpRequest, person: Person, factor: FactorKind) -> None:
    """A factor was used again, for what comes next."""
    request.session[FACTOR_AT] = wall_now().timestamp()
    journal.record_committed(Kind.STEPPED_UP, by=reference_of(person), facts={Fact.FACTOR: factor})


@transaction.atomic
def end(*, session: SignedIn, by: bytes) -> None:
    """End one session: its next request finds nobody signed in."""
    if SignedIn.objects.filter(pk=session.pk, ended_at__isnull=True).update(ended_at=wall_now()):
        journal.record(Kind.SESSION_ENDED, by=by, facts={Fact.SESSION: session.pk.bytes})


@transaction.atomic
def end_all(*, person: Person, by: bytes, but: uuid.UUID | None = None) -> int:
    """End a person's sessions, but one where named, and their token for the command line; how many sessions."""
    CommandToken.objects.filter(person=person).delete()
    living = SignedIn.objects.select_for_update().filter(person=person, ended_at__isnull=True)
    found = [session for session in living if session.pk != but]
    for session in found:
        end(session=session, by=by)
    return len(found)


def current(request: HttpRequest) -> uuid.UUID | None:
    return _id(request)


def back_to(request: HttpRequest) -> str:
    """Where a page that asks for something first leads back to: here, or where the form stood."""
    back = request.path if request.method == "GET" else request.headers.get("referer", "/").split("//", 1)[-1]
    return back if back.startswith("/") else "/" + back.partition("/")[2]


def agent_words(agent: str) -> str:
    """A browser and a system in two words; the whole header is kept nowhere."""
    browser = next((word for sign, word in AGENTS if sign in agent), "Another browser")
    system = next((word for sign, word in SYSTEMS if sign in agent), "another system")
    return f"{browser} on {system}"


def _note_where(session: uuid.UUID, agent: str, place: bytes) -> None:
    """In the table that forgets it after the log's term; in the caller's transaction, with its entry (LM-1, LM-4)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT note_sign_in(%s, %s, %s, %s)", [session, definitions.now(), agent, place.hex()[:8]]
        )  # fmt: skip


def _row(request: HttpRequest) -> SignedIn | None:
    """The living session of this browser."""
    id_ = _id(request)
    return SignedIn.objects.filter(pk=id_, ended_at__isnull=True).first() if id_ is not None else None


def _id(request: HttpRequest) -> uuid.UUID | None:
    said = request.session.get(KEY)
    try:
        return uuid.UUID(hex=said) if isinstance(said, str) else None
    except ValueError:
        return None
