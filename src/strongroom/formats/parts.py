"""The parts of an order that are sealed, the fields of each, and which purpose opens which (AM-1, DF-3).

The numbers stand in bytes on disk and in the journal: never change or reuse one. A part is sealed as one text
(docs/formats/sealed-part.md); the broker hands back only the fields that the purpose names.
"""

from dataclasses import dataclass
from enum import IntEnum


class Part(IntEnum):
    """A separately sealed group of fields of one order."""

    RECIPIENT = 1
    BUYER = 2
    GIFT = 3
    TRACKING = 4
    LABEL = 5


ADDRESS = (
    "company", "line1", "line2", "line3", "city", "district", "state", "municipality", "postcode",
    "street_name", "street_number", "complement", "neighbourhood", "address_type",
)  # fmt: skip
DELIVERY = ("drop_off", "instruction", "delivery_time")

FIELDS: dict[Part, tuple[str, ...]] = {
    Part.RECIPIENT: ("name", "phone", *ADDRESS, *DELIVERY),
    Part.BUYER: ("name", "email", "company", "purchase_order", "tax_registrations"),
    Part.GIFT: ("messages", "customisations"),
    Part.TRACKING: ("carrier", "number"),
    Part.LABEL: ("label",),
}


class Peer(IntEnum):
    """Who is at the other end of a broker connection."""

    WEB = 1
    WORKER = 2
    INSPECTOR = 3
    TERMINAL = 4


class Purpose(IntEnum):
    """Why a part is opened. The purpose decides the part, the fields and which process may ask."""

    DELIVERY = 1
    CARRIER = 2
    CORRECTION = 3
    CALL_BACK = 4
    WRITE_BACK = 5
    LABEL = 6
    GIFT_NOTE = 7
    TRACKING = 8
    BOUGHT_LABEL = 9


@dataclass(frozen=True)
class Opens:
    """What one purpose opens."""

    part: Part
    fields: tuple[str, ...]
    peers: tuple[Peer, ...]
    words: str


OPENS: dict[Purpose, Opens] = {
    Purpose.DELIVERY: Opens(
        Part.RECIPIENT, ("name", *ADDRESS, *DELIVERY), (Peer.WEB,), "Answer the buyer about delivery"
    ),
    Purpose.CARRIER: Opens(Part.RECIPIENT, ("phone", *ADDRESS), (Peer.WEB,), "Trace the parcel with the carrier"),
    Purpose.CORRECTION: Opens(
        Part.RECIPIENT, ("name", *ADDRESS), (Peer.WEB,), "Correct the address before a second despatch"
    ),
    Purpose.CALL_BACK: Opens(Part.RECIPIENT, ("phone",), (Peer.WEB,), "Call back"),
    Purpose.WRITE_BACK: Opens(Part.BUYER, ("name", "email"), (Peer.WEB,), "Write back to the buyer"),
    Purpose.LABEL: Opens(Part.RECIPIENT, ("name", "phone", *ADDRESS, *DELIVERY), (Peer.WORKER,), "Print the label"),
    Purpose.GIFT_NOTE: Opens(Part.GIFT, ("messages", "customisations"), (Peer.WORKER,), "Print the gift note"),
    Purpose.TRACKING: Opens(Part.TRACKING, ("carrier", "number"), (Peer.WEB, Peer.WORKER), "Follow the parcel"),
    Purpose.BOUGHT_LABEL: Opens(Part.LABEL, ("label",), (Peer.WORKER,), "Print a label bought through Amazon"),
}
