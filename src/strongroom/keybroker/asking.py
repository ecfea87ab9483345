"""What every verb shares: who asks, how it is refused, and arguments read as what they must be."""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.formats.broker import Status
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Peer
from strongroom.formats.ring import Row
from strongroom.formats.wire import pack, signed, u8, u16, u32
from strongroom.keybroker.keys import token_hash

Values = list[bytes]


@dataclass
class Asker:
    """Who is at the other end of one connection, and what it searched for last."""

    peer: Peer
    searched: tuple[int, int, bytes] | None = None


@dataclass
class No(Exception):
    """A verb's refusal: its status, clause and sentence."""

    status: Status
    clause: str
    sentence: str


def item_refused(no: No) -> bytes:
    return pack([u8(no.status), no.clause.encode(), no.sentence.encode()])


def key_of_day(row: Row) -> bytes:
    return pack([u32(row.day), u16(row.generation), token_hash(row)])


def exactly(arguments: Sequence[bytes], count: int) -> None:
    if len(arguments) != count:
        raise Malformed(f"this verb takes {count} arguments")


def account_of(arguments: Sequence[bytes], at: int = 0) -> int:
    if len(arguments) <= at:
        raise Malformed("this verb names an account")
    account = signed(arguments[at])
    if account == 0:
        raise No(Status.REFUSED, "RR-1", "account 0 is the installation; it has no day key and no order")
    return account


def reference_of(arguments: Sequence[bytes], at: int) -> bytes:
    if len(arguments) <= at or len(arguments[at]) != 16:
        raise Malformed("a reference is 16 bytes")
    return arguments[at]
