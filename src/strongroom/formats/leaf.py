"""Entry and leaf of the journal, version 1 (docs/formats/leaf.md): typed facts only, no text, no personal data (LM-3).

An entry is the whole record and stays in the database; its leaf, in the public tree, holds the same header, the
public facts, and a salted commitment to the entry.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from strongroom.formats.malformed import Malformed

VERSION: Final = 1
SALT_BYTES: Final = 32
NOBODY: Final = bytes(16)


class Kind(IntEnum):
    """What happened. The numbers are bytes of the tree: never change or reuse one."""

    # the key broker itself
    ORIGIN = 1
    STARTED = 2
    HEARTBEAT = 3
    UNLOCKED = 4
    LOCKED = 5
    UNLOCK_REFUSED = 6
    CLOCK_STEPPED = 7
    TIME_CLAIMED = 8
    TIME_BELIEVED = 9
    TIME_BEHIND = 10
    SIGNING_KEY = 11
    # keys and what they open
    KEY_BORN = 20
    KEY_DESTROYED = 21
    SEALED = 22
    OPENED = 23
    OPEN_REFUSED = 24
    CARRIED = 25
    CARRY_REFUSED = 26
    SEARCHED = 27
    SEARCH_REFUSED = 28
    SEAL_REFUSED = 29
    # an order's way
    PAGE_RECEIVED = 40
    ORDER_FULFILLED = 41
    ORDER_CANCELLED = 42
    ORDER_ERASED = 43
    DAY_DROPPED = 44
    CARRY_ALARM = 45
    PERSONAL_DATA_ABSENT = 46
    MARKETPLACE_REFUSED = 47
    OBLIGATION_OPENED = 50
    OBLIGATION_SATISFIED = 51
    OBLIGATION_WARNED = 52
    OBLIGATION_BREACHED = 53
    OBLIGATION_MOVED = 54
    OBLIGATION_WITHDRAWN = 55
    # people
    SIGN_IN = 60
    SIGN_IN_REFUSED = 61
    SIGN_OUT = 62
    ACCESS_REFUSED = 63
    PERSON_CREATED = 64
    ROLE_GRANTED = 65
    GRANT_ENDED = 66
    FACTOR_ENROLLED = 67
    FIRST_ADMINISTRATOR = 68
    ACCOUNT_LOCKED = 69
    ACCOUNT_UNLOCKED = 70
    GRANT_SUSPENDED = 71
    GRANT_RESTORED = 72
    GRANT_PROPOSED = 73
    FACTOR_REMOVED = 74
    RECOVERY_CODE_USED = 75
    STEPPED_UP = 76
    SESSION_ENDED = 77
    PERSON_SWITCHED = 78
    PERSON_CHANGED = 79
    # the installation
    INSTALLED = 80
    ACCOUNT_ADDED = 81
    SETTING_CHANGED = 82
    PRINTER_ADDED = 83
    PRINTER_RETIRED = 84
    CREDENTIAL_CHANGED = 85
    LOGS_DROPPED = 86
    OTHER_DATA_ERASED = 87
    # what two people decide
    APPROVAL_PROPOSED = 90
    APPROVAL_GIVEN = 91
    APPROVAL_DECLINED = 92
    APPROVAL_USED = 93
    TERMS_CHANGED = 94
    EXCEPTION_MADE = 95
    EXCEPTION_ENDED = 96
    OWNER_CHANGED = 97
    POLICY_PUBLISHED = 98
    # despatch
    LABEL_QUEUED = 100
    LABEL_SENT = 101
    LABEL_CONFIRMED = 102
    LABEL_UNKNOWN = 103
    LABEL_DECIDED = 104
    LABEL_STOPPED = 105
    LABEL_BOUGHT = 106
    WAVE_MADE = 107
    ORDER_HELD = 108
    ORDER_RELEASED = 109
    SHIPMENT_RECORDED = 110
    SHIPMENT_CORRECTED = 111
    SHIPMENT_CONFIRMED = 112
    SHIPMENT_REFUSED = 113
    # looking after those who look
    OPENING_EXTENDED = 120
    EXPLANATION_ASKED = 121
    EXPLANATION_GIVEN = 122
    # whether the promises hold
    CHECK_RAN = 130
    CLAUSE_TURNED = 131
    EVIDENCE_RECEIVED = 132
    DUTY_STARTED = 133
    WATCH_LOST = 134
    VERDICT_REFUSED = 135
    PROBED = 136
    SABOTAGED = 137
    # messages
    MESSAGE_SENT = 140
    MESSAGE_FAILED = 141
    MESSAGE_ACKNOWLEDGED = 142
    # registers
    PLACE_RECORDED = 150
    THREAT_RECORDED = 151
    LINK_ADDED = 152
    LINK_RETIRED = 153
    DEVICE_ADDED = 154
    DEVICE_RETIRED = 155
    DEVICE_NAMED = 156
    ALARM_RAISED = 157
    CASE_OPENED = 158
    CASE_DECIDED = 159


SAID_BY_BROKER: Final = frozenset(kind for kind in Kind if kind <= Kind.SEALED) | {
    Kind.OPEN_REFUSED, Kind.CARRY_REFUSED, Kind.SEARCH_REFUSED, Kind.SEAL_REFUSED,
}  # fmt: skip
"""What only the key broker itself says: such a leaf has no entry in the database, and nobody else may append one."""


class Outcome(IntEnum):
    DONE = 1
    REFUSED = 2
    FAILED = 3


class Actor(IntEnum):
    """Processes that act by themselves; as a reference, 15 zero bytes and this number."""

    KEY_BROKER = 1
    RECEIPT = 2
    RETENTION = 3
    SEQUENCER = 4
    WEBSITE = 5
    COMMAND = 6
    REHEARSAL = 7
    INSTALLER = 8
    DESPATCH = 9
    WATCH = 10
    INSPECTOR = 11

    @property
    def reference(self) -> bytes:
        """16 bytes, never a person's."""
        return bytes(15) + bytes([self])


class Fact(IntEnum):
    """What an entry may say, each of one fixed width. Numbers from 64 up stay in the entry and out of the leaf."""

    PART = 1
    WRITE = 2
    PURPOSE = 3
    BORN = 4
    DAY = 5
    GENERATION = 6
    TOKEN = 7
    CALL = 8
    COUNT = 9
    REASON = 10
    SIZE = 11
    HASH = 12
    FIELD = 13
    STATE = 14
    SECONDS = 15
    MODE = 16
    PEER = 17
    VERSION = 18
    CLAUSE = 19
    FROM_DAY = 20
    DUE = 21
    COPIES = 22
    PARCEL = 23
    PRINT = 24
    WAS = 25
    APPROVAL = 26
    OBLIGATION = 27
    PERSON = 64
    ROLE = 65
    PERMISSION = 66
    CASE = 67
    PRINTER = 68
    FACTOR = 69
    SESSION = 70
    ENTRY = 71
    DEVICE = 72
    LINK = 73
    PLACE = 74
    MESSAGE = 75
    ALARM = 76

    @property
    def public(self) -> bool:
        return self < 64


WIDTHS: Final[dict[Fact, int]] = {
    Fact.PART: 1, Fact.WRITE: 8, Fact.PURPOSE: 1, Fact.BORN: 4, Fact.DAY: 4, Fact.GENERATION: 2, Fact.TOKEN: 32,
    Fact.CALL: 16, Fact.COUNT: 8, Fact.REASON: 2, Fact.SIZE: 8, Fact.HASH: 32, Fact.FIELD: 1, Fact.STATE: 1,
    Fact.SECONDS: 8, Fact.MODE: 1, Fact.PEER: 1, Fact.VERSION: 4, Fact.CLAUSE: 2, Fact.FROM_DAY: 4, Fact.DUE: 8,
    Fact.COPIES: 1, Fact.PARCEL: 2, Fact.PRINT: 16, Fact.WAS: 1, Fact.APPROVAL: 16, Fact.OBLIGATION: 16,
    Fact.PERSON: 16, Fact.ROLE: 1, Fact.PERMISSION: 2, Fact.CASE: 8, Fact.PRINTER: 8, Fact.FACTOR: 1, Fact.SESSION: 16,
    Fact.ENTRY: 16, Fact.DEVICE: 8, Fact.LINK: 8, Fact.PLACE: 8, Fact.MESSAGE: 16, Fact.ALARM: 16,
}  # fmt: skip

Facts = Mapping[Fact, int | bytes]
PURPOSE_AT: Final = 81
"""Where the purpose's byte stands in the entry of an opening, behind header, part and write: for who asks rows."""

_HEADER = struct.Struct(">B16sHBQq16s16s")
HEADER_BYTES: Final = _HEADER.size
"""What an entry and its leaf begin with, the same bytes in both."""
PUBLIC: Final = frozenset(fact for fact in Fact if fact.public)
# By number. Reading a journal asks these for each leaf, and an enum answers far slower than a table.
_KINDS: Final = {int(kind): kind for kind in Kind}
_OUTCOMES: Final = {int(outcome): outcome for outcome in Outcome}
_FACTS: Final = {int(fact): fact for fact in Fact}


@dataclass(frozen=True)
class Entry:
    """One record. `at` is believed time in milliseconds since 1970; `subject` and `by` are 16-byte references.

    A fact is an unsigned integer up to 8 bytes wide, or bytes where it is wider; see `WIDTHS`.
    """

    id: bytes
    kind: Kind
    outcome: Outcome
    at: int
    account: int
    subject: bytes
    by: bytes
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Leaf:
    """What the tree holds of an entry."""

    entry: Entry
    commitment: bytes


def encode_entry(entry: Entry) -> bytes:
    """The canonical bytes that a commitment and the broker speak about."""
    return _header(entry) + _facts(entry.facts)


def decode_entry(data: bytes) -> Entry:
    """The inverse; `Malformed` for unknown versions, kinds and facts, and for any other encoding of the same entry."""
    return _decode(data, behind=0)


def commitment(entry: bytes, salt: bytes) -> bytes:
    """SHA-256 over label, salt (32 bytes) and the canonical entry."""
    if len(salt) != SALT_BYTES:
        raise Malformed("a salt is 32 bytes")
    return hashlib.sha256(b"strongroom/journal/commitment/v1\n" + salt + entry).digest()


def encode_leaf(entry: Entry, salt: bytes) -> bytes:
    """The leaf of an entry: header, commitment, public facts."""
    public = {fact: value for fact, value in entry.facts.items() if fact in PUBLIC}
    return _header(entry) + commitment(encode_entry(entry), salt) + _facts(public)


def decode_leaf(data: bytes) -> Leaf:
    whole = _decode(data, behind=32)
    if not PUBLIC.issuperset(whole.facts):
        raise Malformed("a leaf holds public facts only")
    return Leaf(whole, data[HEADER_BYTES : HEADER_BYTES + 32])


def glance(data: bytes) -> tuple[int, int]:
    """The kind's number and the time (ms) of an entry or leaf, read without decoding it. `Malformed` for a stub."""
    if len(data) < _HEADER.size:
        raise Malformed("an entry ends inside its header")
    return int.from_bytes(data[17:19], "big"), int.from_bytes(data[20:28], "big")


def number(facts: Facts, fact: Fact) -> int:
    """The value of a numeric fact; `Malformed` where it is missing."""
    value = facts.get(fact)
    if not isinstance(value, int):
        raise Malformed(f"the entry must state {fact.name}")
    return value


def octets(facts: Facts, fact: Fact) -> bytes:
    """The value of a fact of more than 8 bytes; `Malformed` where it is missing."""
    value = facts.get(fact)
    if not isinstance(value, bytes):
        raise Malformed(f"the entry must state {fact.name}")
    return value


def _header(entry: Entry) -> bytes:
    if len(entry.id) != 16 or len(entry.subject) != 16 or len(entry.by) != 16:
        raise ValueError("references are 16 bytes")
    return _HEADER.pack(VERSION, entry.id, entry.kind, entry.outcome, entry.at, entry.account, entry.subject, entry.by)


def _decode(data: bytes, *, behind: int) -> Entry:
    """An entry whose facts begin so many bytes behind its header."""
    if len(data) < HEADER_BYTES:
        raise Malformed("an entry ends inside its header")
    version, id_, kind, outcome, at, account, subject, by = _HEADER.unpack_from(data)
    if version != VERSION:
        raise Malformed("unknown version")
    if kind not in _KINDS or outcome not in _OUTCOMES:
        raise Malformed("unknown kind or outcome")
    if len(data) < HEADER_BYTES + behind:
        raise Malformed("a leaf ends before its commitment")
    facts = _decode_facts(data[HEADER_BYTES + behind :])
    return Entry(id_, _KINDS[kind], _OUTCOMES[outcome], at, account, subject, by, facts)


def _facts(facts: Facts) -> bytes:
    out = [bytes([len(facts)])]
    for fact in sorted(facts):
        value, width = facts[fact], WIDTHS[fact]
        octets_ = value.to_bytes(width, "big") if isinstance(value, int) else value
        if len(octets_) != width:
            raise ValueError(f"{fact.name} is {width} bytes")
        out.append(bytes([fact]) + octets_)
    return b"".join(out)


def _decode_facts(data: bytes) -> dict[Fact, int | bytes]:
    if not data:
        raise Malformed("an entry ends before its facts")
    found: dict[Fact, int | bytes] = {}
    at, last = 1, -1
    for _ in range(data[0]):
        if at >= len(data):
            raise Malformed("an entry ends inside its facts")
        if data[at] <= last:
            raise Malformed("facts ascend, each once")
        last = data[at]
        fact = _FACTS.get(last)
        if fact is None:
            raise Malformed("unknown fact")
        width = WIDTHS[fact]
        value = data[at + 1 : at + 1 + width]
        if len(value) != width:
            raise Malformed("an entry ends inside a fact")
        found[fact] = int.from_bytes(value, "big") if width <= 8 else value
        at += 1 + width
    if at != len(data):
        raise Malformed("bytes after the end of an entry")
    return found
