"""What must have happened at least once, or a run proves little (Antithesis's *sometimes* assertions)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from strongroom.formats.leaf import Entry, Kind, Outcome
from strongroom.rehearsal.rehearse import faults

DEMANDED_FROM: Final = 90
"""Days from which on a run with faults fails where one of SOMETIMES was never seen; a shorter one only says so."""
BY_LEAF: Final[Mapping[Kind, str]] = {
    Kind.CARRIED: "an order was carried", Kind.KEY_DESTROYED: "a day key died",
    Kind.ORDER_ERASED: "an order was erased", Kind.DAY_DROPPED: "a dead day was dropped",
    Kind.ACCESS_REFUSED: "a person was refused", Kind.OPENED: "an order was opened",
    Kind.PERSONAL_DATA_ABSENT: "an order came without its recipient", Kind.CARRY_ALARM: "a carry raised its alarm",
    Kind.TIME_CLAIMED: "our clock claimed what nobody confirmed", Kind.TIME_BEHIND: "our clock was behind",
    Kind.LABEL_CONFIRMED: "a label came out", Kind.LABEL_UNKNOWN: "nobody knew whether a label came out",
    Kind.UNLOCKED: "somebody unlocked", Kind.OBLIGATION_BREACHED: "a deadline passed and was shown",
    Kind.MARKETPLACE_REFUSED: "Amazon refused us",
}  # fmt: skip
SEEN_OTHERWISE: Final = (
    "a cancelled order was erased", "a flip-flop was not sealed anew", "the key broker was born again with keys",
    "an opening of what was forgotten was refused", "an opening was refused while the broker was frozen",
    "a throttled call", "a call whose process died over it", "a kill hit the worker over a call of Amazon",
    "a kill hit the worker or the database in a transaction", "a step was not finished in time",
    "a stolen copy of the ring opened while its keys lived",
)  # fmt: skip
SOMETIMES: Final = (*BY_LEAF.values(), *SEEN_OTHERWISE)


def hear(seen: Counter[str], entry: Entry) -> None:
    """A leaf's part of the list."""
    words = BY_LEAF.get(entry.kind)
    if words is not None and entry.account >= 0 and (entry.kind is not Kind.OPENED or entry.outcome is Outcome.DONE):
        seen[words] += 1


def never(seen: Counter[str]) -> list[str]:
    """What never happened."""
    return [words for words in SOMETIMES if not seen[words]]


def unfired(fired: Counter[str]) -> list[str]:
    """Kinds of fault that never really happened."""
    return [kind for kind in faults.Kind if not fired[kind]]
