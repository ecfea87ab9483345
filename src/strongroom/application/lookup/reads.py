"""What the order pages show, read without opening anything."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet

from strongroom.application.despatch.reads import by_code
from strongroom.application.despatch.rules import ScanKind, read_scan
from strongroom.formats.leaf import Kind, Outcome
from strongroom.formats.parts import OPENS, Part, Peer, Purpose
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage.models import SealedPart
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import references
from strongroom.policy.logging_and_monitoring.models import Entry, Leaf
from strongroom.policy.retention_and_recovery import rules
from strongroom.policy.retention_and_recovery.actions import selling_accounts
from strongroom.policy.retention_and_recovery.models import Order

FILTERS = {
    "to-ship": (
        "To ship",
        Q(state__in=[OrderState.TO_SHIP, OrderState.PART_SHIPPED], fulfilled_by="MERCHANT", done_on__isnull=True),
    ),
    "absent": ("No address", Q(data_absent=True, fulfilled_by="MERCHANT", done_on__isnull=True)),
    "done": ("Despatched or cancelled", Q(done_on__isnull=False, erased_at__isnull=True)),
    "forgotten": ("Forgotten", Q(erased_at__isnull=False)),
    "all": ("All", Q()),
}
WAITING: Final = ("to-ship", "absent")
"""What somebody must still do something for: few, so counted. The others are all that ever was."""
A_PAGE: Final = 50
MOST_PAGES: Final = 1_000
"""A page far back costs as much as all before it; older orders are found by their number."""
WORDS = {
    Kind.OPENED: "Opened",
    Kind.OPENING_EXTENDED: "Shown a minute longer",
    Kind.EXPLANATION_ASKED: "Somebody asked why it was opened",
    Kind.EXPLANATION_GIVEN: "The reason was given",
    Kind.LABEL_QUEUED: "Label asked for",
    Kind.LABEL_SENT: "Label sent to its printer",
    Kind.LABEL_CONFIRMED: "Label printed",
    Kind.LABEL_UNKNOWN: "Printer lost sight of the label",
    Kind.LABEL_DECIDED: "A person decided on the label",
    Kind.LABEL_STOPPED: "Label not printed",
    Kind.SHIPMENT_RECORDED: "Parcel left",
    Kind.SHIPMENT_CORRECTED: "Tracking number corrected",
    Kind.SHIPMENT_CONFIRMED: "Amazon knows the parcel",
    Kind.SHIPMENT_REFUSED: "Amazon refuses the parcel",
    Kind.ORDER_HELD: "Put on hold",
    Kind.ORDER_RELEASED: "Let go",
    Kind.CARRIED: "Carried to another day's key",
    Kind.ORDER_FULFILLED: "Despatched",
    Kind.ORDER_CANCELLED: "Amazon says: cancelled",
    Kind.ORDER_ERASED: "Forgotten",
    Kind.PERSONAL_DATA_ABSENT: "Amazon sent no address",
    Kind.OBLIGATION_OPENED: "A deadline began",
    Kind.OBLIGATION_SATISFIED: "A deadline was met",
}


@dataclass(frozen=True)
class Happening:
    """A line of an order's history."""

    at: datetime
    what: str
    by: str
    leaf: int | None
    refused: bool = False


@dataclass(frozen=True)
class Page:
    """Some of a list whose end nobody looked for. What a template asks of Django's own page, as far as it is known."""

    number: int
    orders: list[Order]
    has_next: bool

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def has_other_pages(self) -> bool:
        return self.has_next or self.has_previous

    @property
    def previous_page_number(self) -> int:
        return self.number - 1

    @property
    def next_page_number(self) -> int:
        return self.number + 1


def orders(chosen: str, accounts: Sequence[int]) -> QuerySet[Order]:
    """The orders of a filter, newest first."""
    which = FILTERS.get(chosen, FILTERS["to-ship"])[1]
    return Order.objects.filter(which, account_id__in=accounts).order_by("-received_at", "ref")


def page_of(chosen: str, accounts: Sequence[int], number: int) -> Page:
    """A page of a filter's orders, newest first. Each account's newest come from its own part of the index."""
    number = min(max(number, 1), MOST_PAGES)
    first, last = (number - 1) * A_PAGE, number * A_PAGE
    newest = [orders(chosen, [account])[: last + 1] for account in accounts]
    match newest:
        case []:
            return Page(1, [], has_next=False)
        case [only]:
            found = only[first:]
        case [one, *others]:
            found = one.union(*others, all=True).order_by("-received_at", "ref")[first : last + 1]
    listed = list(found)
    return Page(number, listed[:A_PAGE], has_next=len(listed) > A_PAGE and number < MOST_PAGES)


def by_number(number: str) -> Order | None:
    """The living order with Amazon's number, or the one with our code; a forgotten one has no number any more."""
    scan = read_scan(number)
    if scan.kind is ScanKind.OUR_CODE:
        return by_code(scan.value)
    if scan.kind is not ScanKind.AMAZON_NUMBER:
        return None  # a name in the wrong field goes into no statement (RR-4)
    return Order.objects.filter(account_id__in=selling_accounts(), order_id=scan.value).first()


def counts(accounts: Sequence[int]) -> dict[str, int]:
    """How many orders wait, and why: by the index of what is not done, whatever was done before."""
    mine = Order.objects.filter(account_id__in=accounts, fulfilled_by="MERCHANT", done_on__isnull=True)
    found: dict[str, int] = mine.aggregate(**{name: Count("ref", filter=FILTERS[name][1]) for name in WAITING})
    return found


def held_parts(order: Order) -> list[SealedPart]:
    """The parts of an order that can still be opened, by part."""
    return list(SealedPart.objects.filter(account_id=order.account_id, order_ref=order.ref).order_by("part"))


def deaths(orders: Sequence[Order]) -> dict[uuid.UUID, datetime]:
    """When each of these orders can no longer be opened, where it still can, in one query for a page of them."""
    days: dict[uuid.UUID, datetime] = {}
    accounts, refs = {order.account_id for order in orders}, [order.ref for order in orders]
    for part in SealedPart.objects.filter(account_id__in=accounts, order_ref__in=refs):
        dies = rules.dies_at(part.day)
        days[part.order_ref] = max(dies, days.get(part.order_ref, dies))
    return days


def dies_at(parts: list[SealedPart]) -> datetime | None:
    """When the last of these parts can no longer be opened."""
    return max((rules.dies_at(part.day) for part in parts), default=None)


def purposes(parts: list[SealedPart]) -> list[tuple[Purpose, str, str]]:
    """What a person may open these parts for: purpose, words, and the fields in words."""
    held = {Part(part.part) for part in parts}
    return [
        (purpose, opens.words, _fields(opens.fields))
        for purpose, opens in OPENS.items()
        if Peer.WEB in opens.peers and opens.part in held
    ]


def history(order: Order) -> list[Happening]:
    """What the journal says of an order, oldest first, with each entry's place in the tree."""
    entries = list(Entry.objects.filter(account_id=order.account_id, subject=order.ref).order_by("at", "id"))
    places = dict(
        Leaf.objects.filter(account_id=order.account_id, entry__in=[e.id for e in entries]).values_list(
            "entry", "index"
        )
    )
    names = who({entry.by for entry in entries})
    return [
        Happening(
            entry.at,
            WORDS.get(Kind(entry.kind), Kind(entry.kind).name.replace("_", " ").capitalize()),
            names[entry.by],
            places.get(entry.id),
            entry.outcome == Outcome.REFUSED,
        )
        for entry in entries
        if Kind(entry.kind) not in (Kind.OBLIGATION_OPENED, Kind.OBLIGATION_SATISFIED)
    ]


def who(found: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Names for references: of people while the mapping lives, of processes always."""
    people = references.people(found)
    names = dict(Person.objects.filter(pk__in=people.values()).values_list("pk", "name"))
    shown = {}
    for reference in found:
        process = references.process(reference)
        if process is not None:
            shown[reference] = process.name.replace("_", " ").lower()
        else:
            shown[reference] = names.get(people.get(reference, 0), f"person {str(reference)[:8]}")
    return shown


def openings_today(by: bytes, now: datetime) -> int:
    """How often this person opened something within 24 hours, for the page; the broker counts for itself."""
    since = now - timedelta(hours=24)
    return Entry.objects.filter(
        account_id__in=selling_accounts(), by=uuid.UUID(bytes=by), kind=Kind.OPENED, at__gt=since
    ).count()


def _fields(names: tuple[str, ...]) -> str:
    words: list[str] = [word for word in ("name", "phone", "email") if word in names]
    if "line1" in names:
        words.append("address")
    return ", ".join({"phone": "telephone", "email": "e-mail address"}.get(word, word) for word in words) or "parcel"
