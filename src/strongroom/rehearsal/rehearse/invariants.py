"""What must hold after every step, each with its number in reliability.md; sentences name references, never people.

A judge is asked with the look before (`None` at the first) and the look now, and says what is broken. It counts as
evaluated only where there was something to judge.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from strongroom.rehearsal.rehearse.judges import journal, keys, office, orders
from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.seen import Seen

Judge = Callable[[Seen | None, Seen, Memory], Iterator[str] | None]
"""`None`: there was nothing to judge."""


@dataclass(frozen=True)
class Invariant:
    """One promise that is looked at after each step."""

    number: str
    words: str
    judge: Judge


@dataclass
class Findings:
    """How often each was evaluated, and what was broken."""

    evaluated: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def look(self, before: Seen | None, now: Seen, memory: Memory) -> list[str]:
        """Judge one step; what is broken, each with its number."""
        found = []
        for each in INVARIANTS:
            said = each.judge(before, now, memory)
            if said is not None:
                self.evaluated[each.number] += 1
                found += [f"{each.number}: {words}" for words in said]
        self.broken += found
        return found


INVARIANTS: Final = (
    Invariant("I1", "no word of a canary in any file that changed (raw, UTF-16, hex)", journal.no_words),
    Invariant("I4", "nothing was shown or printed before its leaf was in the tree", journal.leaf_first),
    Invariant("I5", "with a frozen broker an opening is refused in time", journal.refuses),
    Invariant("I6", "the tree verifies, and extends what it was", journal.grows),
    Invariant("I7", "every entry once, where the database says", journal.once),
    Invariant("I8", "leaves hold typed facts only", journal.facts_only),
    Invariant("I9", "no day key past its time, nothing forgotten is shown", keys.dies),
    Invariant("I10", "deadlines and latches move earlier only", keys.earlier_only),
    Invariant("I11", "no key dies early or late, whatever our clock says", keys.never_early),
    Invariant("I12", "what is erased is erased everywhere", keys.erased_whole),
    Invariant("I13", "no old copy of the ring opens a dead day", keys.no_copy_opens),
    Invariant("I15", "nothing doubled: one row an order, one current write a part", orders.nothing_doubled),
    Invariant("I16", "what must ship is held, what is Amazon's to ship is not", orders.sealed_when_due),
    Invariant("I17", "behind the watermark everything of Amazon's is here, as new as there", orders.nothing_lost),
    Invariant("I18", "no operation is called more often than its allowance", orders.within_allowance),
    Invariant("I19", "a label that was sent never waits to be printed again", office.printed_once),
    Invariant("I21", "a leaver's session is answered nowhere", office.leaver_is_out),
    Invariant("I26/I27", "a deadline that passed is shown as passed", office.shown_as_late),
    Invariant("I28", "a tile is true on fresh runs that passed only", office.green_on_fresh),
    Invariant("I29", "while locked nothing is sealed and no key is born", keys.locked_is_locked),
    Invariant("RR-2/RR-3", "nothing is held past its term", keys.forgotten_when_due),
)  # fmt: skip
NOT_HERE: Final = {
    "I2": "wires: the inspector's and the journeys' (ET-3)", "I3": "forced errors: `strongroom drill leak`",
    "I14": "there are no backups yet", "I20": "needs a network of its own: `strongroom drill sabotage`",
    "I22": "sign-in is on real time: tests/policy", "I23": "certification is not built yet",
    "I24": "constraints: tests/policy/test_schema.py", "I25": "routes: tests/journeys/test_pages.py",
    "I30": "one version only",
}  # fmt: skip
"""Not judged here, and where instead or why not."""
