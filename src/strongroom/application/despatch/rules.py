"""What a scan means, who carries a number, and when a label may be printed. Plain values; no clock, no database."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from strongroom.formats.refused import Refused
from strongroom.policy.definitions import OrderState

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that a code read aloud or typed is not mistaken."""
CODE_CHARACTERS: Final = 10
CODE_BITS: Final = 5 * CODE_CHARACTERS
PREFIX: Final = "SR"
LONGEST_SCAN: Final = 120
SAME_SCAN_WITHIN: Final = timedelta(seconds=2)
FIRST_PACKAGE: Final = 8_700_000
"""Amazon replaces a package told again under its reference; other tools count from 1, and theirs stay theirs."""
OPEN_AT_BENCH: Final = timedelta(minutes=30)
"""How long a bench remembers the order it packs: then a tracking number needs the order scanned again."""


class Hold(IntEnum):
    """Why an order waits. The numbers stand in the database and the journal."""

    BUYER_ASKED = 1
    STOCK_MISSING = 2
    ADDRESS_DOUBTFUL = 3
    FRAUD_REVIEW = 4
    MANAGER = 5

    @property
    def words(self) -> str:
        return HOLD_WORDS[self]


HOLD_WORDS: Final = {
    Hold.BUYER_ASKED: "the buyer asked to wait",
    Hold.STOCK_MISSING: "stock is missing",
    Hold.ADDRESS_DOUBTFUL: "the address is doubtful",
    Hold.FRAUD_REVIEW: "it is being reviewed",
    Hold.MANAGER: "a manager decided so",
}


class ScanKind(StrEnum):
    """What somebody scanned, as far as its form says."""

    OUR_CODE = "our code"
    AMAZON_NUMBER = "amazon number"
    TRACKING_OR_SKU = "tracking or sku"
    SKU = "sku"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Scan:
    kind: ScanKind
    value: str


def code_of(ref: uuid.UUID) -> str:
    """The short code of an order that people read and scanners scan: 50 bits of our reference, nothing of Amazon's."""
    bits = ref.int >> (128 - CODE_BITS)
    return "".join(ALPHABET[(bits >> shift) & 31] for shift in range(CODE_BITS - 5, -5, -5))


def spaced(code: str) -> str:
    """As it is printed for people: K7M29-QXD4P."""
    return f"{code[:5]}-{code[5:]}"


def range_of(code: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The references that have this code: first and last."""
    bits = 0
    for character in code:
        bits = bits << 5 | ALPHABET.index(character)
    low = bits << (128 - CODE_BITS)
    return uuid.UUID(int=low), uuid.UUID(int=low | ((1 << (128 - CODE_BITS)) - 1))


def read_scan(text: str) -> Scan:
    """What was scanned. A scanner sends one long string; typed letters may be small and mistaken."""
    value = text.strip()[:LONGEST_SCAN]
    if not value:
        return Scan(ScanKind.NOTHING, "")
    packed = re.sub(r"[\s-]", "", value).upper()
    is_prefixed = packed.startswith(PREFIX) and len(packed) > CODE_CHARACTERS  # a code may begin with these letters too
    bare = packed.removeprefix(PREFIX) if is_prefixed else packed
    bare = bare.replace("I", "1").replace("L", "1").replace("O", "0")
    if (is_prefixed or "-" in value[5:6]) and _is_code(bare):
        return Scan(ScanKind.OUR_CODE, bare)
    if re.fullmatch(r"\d{3}-\d{7}-\d{7}", value):
        return Scan(ScanKind.AMAZON_NUMBER, value)
    if re.fullmatch(r"[A-Z0-9]{8,40}", packed) and sum(c.isdigit() for c in packed) >= 6:
        return Scan(ScanKind.TRACKING_OR_SKU, value)
    return Scan(ScanKind.SKU, value)


def shape_of(text: str) -> str:
    """What may be kept of a scan that was not found: a tracking number is personal data, so its last four only."""
    value = text.strip()
    kept = value if read_scan(value).kind in (ScanKind.OUR_CODE, ScanKind.AMAZON_NUMBER) else value[-4:]
    return kept if kept == value else f"{len(value)} characters, ends {kept}"


CARRIERS: Final[tuple[tuple[str, str, str], ...]] = (
    ("Royal Mail", "Royal Mail", r"[A-Z]{2}\d{9}GB"),
    ("UPS", "UPS", r"1Z[A-Z0-9]{16}"),
    ("DHL", "DHL", r"(JJD\d{16,20}|JD\d{18})"),
    ("DPD", "DPD", r"1?\d{14}"),
    ("Evri", "Evri", r"(H|T)[A-Z0-9]{15}"),
    ("Deutsche Post", "Deutsche Post", r"[A-Z]{2}\d{9}DE"),
    ("Colissimo", "Colissimo", r"[0-9][A-Z]\d{11}"),
    ("Japan Post", "Japan Post", r"[A-Z]{2}\d{9}JP"),
    ("PTT", "PTT", r"[A-Z]{2}\d{9}TR"),
)
"""Carriers by name, Amazon's code for them (v0 `carrierCode`), and the form of their numbers (UPU S10, their own)."""
OTHER: Final = "Other"


def carrier_of(tracking: str) -> str:
    """Who carries this number, by its form; `Other` where no form fits or two do."""
    packed = pack_tracking(tracking)
    fitting = {name for name, _, form in CARRIERS if re.fullmatch(form, packed)}
    return fitting.pop() if len(fitting) == 1 else OTHER


def carrier_names() -> list[str]:
    return [name for name, _, _ in CARRIERS] + [OTHER]


def pack_tracking(text: str) -> str:
    """A tracking number as it is sent: capitals, nothing between. Raises `Refused` for what cannot be one."""
    packed = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z0-9]{6,40}", packed):
        raise Refused("RR-1", "This is not a tracking number: letters and digits only, 6 to 40 of them.")
    return packed


@dataclass(frozen=True)
class Printable:
    """What decides whether a label of this order may be printed now."""

    state: OrderState
    fulfilled_by: str
    done: bool
    cancelled: bool
    held_for: int | None
    has_address: bool
    data_absent: bool


def why_not_printed(order: Printable) -> str | None:
    """`None` where a label may be printed, else one sentence for the packer. Cancelled comes first (F18)."""
    reasons = (
        (
            order.cancelled or order.state is OrderState.CANCELLED,
            "Cancelled. Put the goods back; this order gets no label.",
        ),
        (order.fulfilled_by != "MERCHANT", "Amazon ships this order itself; it gets no label here."),
        (order.done or order.state is OrderState.FULFILLED, "It has left already. Scan the next one."),
        (
            order.state not in (OrderState.TO_SHIP, OrderState.PART_SHIPPED),
            "Amazon has not released this order yet.",
        ),
        (order.held_for is not None, f"On hold: {_hold_words(order.held_for)}. Put it aside for a manager."),
        (
            not order.has_address and order.data_absent,
            "Amazon sent no address for it. Put it aside; Strongroom keeps asking.",
        ),
        (
            not order.has_address,
            "Its address was forgotten on its day. Put it aside; Strongroom is fetching it again.",
        ),
    )
    return next((sentence for applies, sentence in reasons if applies), None)


def _hold_words(held_for: int | None) -> str:
    return Hold(held_for).words if held_for is not None else ""


def package_reference(number: int) -> str:
    """The reference under which Amazon is told of an order's parcel."""
    return str(FIRST_PACKAGE + number)


@dataclass(frozen=True)
class Pieces:
    """Pieces of an order by line: ordered; in parcels still here; in parcels Amazon may count; counted by Amazon."""

    ordered: dict[int, int]
    here: dict[int, int]
    gone: dict[int, int]
    told: dict[int, int]


def left_over(pieces: Pieces) -> dict[int, int]:
    """Pieces by line that are in no parcel yet.

    What Amazon says left may be our own parcels or somebody else's, so the larger counts; a parcel that is still
    here is neither.
    """
    free = {
        line: n - pieces.here.get(line, 0) - max(pieces.gone.get(line, 0), pieces.told.get(line, 0))
        for line, n in pieces.ordered.items()
    }
    return {line: n for line, n in free.items() if n > 0}


def fulfilled_at(*, ordered: dict[int, int], left: Sequence[tuple[datetime, dict[int, int]]]) -> datetime | None:
    """When the last piece left, by our own parcels; `None` while something is still here (RR-2)."""
    gone: dict[int, int] = {}
    for _, pieces in left:
        for line, count in pieces.items():
            gone[line] = gone.get(line, 0) + count
    if not left or any(gone.get(line, 0) < count for line, count in ordered.items()):
        return None
    return max(moment for moment, _ in left)


def wait_before_try(tries: int) -> timedelta:
    """How long after a failure to try again: seconds at first, at most a quarter of an hour."""
    return min(timedelta(seconds=5 * 2**tries), timedelta(minutes=15)) if tries < 10 else timedelta(minutes=15)


def _is_code(text: str) -> bool:
    return len(text) == CODE_CHARACTERS and set(text) <= set(ALPHABET)
