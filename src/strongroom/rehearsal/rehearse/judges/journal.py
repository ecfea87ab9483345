"""What is written down: leaves before acts, a tree that only grows, no words of a customer anywhere (I1, I4 to I8)."""

from collections.abc import Iterator

from strongroom.formats import leaf as leaf_format
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Purpose
from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.seen import ACCOUNT, Seen


def no_words(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    forms = [memory.marker, memory.marker.decode().encode("utf-16-le"), memory.marker.hex().encode()]

    def look() -> Iterator[str]:
        for path in now.changed:
            try:
                data = path.read_bytes()
            except OSError:
                continue
            if any(form in data for form in forms):
                yield f"a canary's word stands in {path.name}"

    return look() if memory.canaries and now.changed else None


def leaf_first(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    asked, memory.openings = memory.openings, []
    memory.label_openings += sum(
        e.entry.kind is Kind.OPENED
        and e.entry.facts.get(Fact.PURPOSE) in (Purpose.LABEL, Purpose.BOUGHT_LABEL)
        and e.entry.account == ACCOUNT
        for e in now.leaves
    )

    def look() -> Iterator[str]:
        for what, shown, written in asked:
            if shown and not written:
                yield f"{what} was shown before its leaf was in the tree"
        if now.printed > memory.label_openings:
            yield f"{now.printed} labels came out, {memory.label_openings} openings for labels are in the tree"

    return look() if asked or now.printed else None


def refuses(_: Seen | None, _now: Seen, memory: Memory) -> Iterator[str] | None:
    asked, memory.while_frozen = memory.while_frozen, []
    late = [f"an opening hung for {seconds:.0f} s" for _, seconds in asked if seconds > 10]
    return iter(late + ["an opening was answered by nobody" for shown, _ in asked if shown]) if asked else None


def grows(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    old, memory.note = memory.note, now.tree.note

    def look() -> Iterator[str]:
        try:
            now.tree.verify_head()
            if old:
                now.tree.consistency(old)
        except (Malformed, ValueError) as why:
            yield f"the tree is not what it was, and more: {why}"

    return look()


def once(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    def look() -> Iterator[str]:
        for place, each in enumerate(now.leaves, now.first):
            if each.entry.id in memory.ids:
                yield f"leaf {place} repeats an entry"
            memory.ids.add(each.entry.id)
        for row in now.rows["places"]:
            at = row.index - now.first
            if 0 <= at < len(now.leaves) and now.leaves[at].entry.id != row.entry.bytes:
                yield f"the database says that leaf {row.index} is another entry"
        if now.finished and now.rows["pending"] and not now.locked:
            yield from _waiting(now)

    return look() if now.leaves else None


def _waiting(now: Seen) -> Iterator[str]:
    """Entries that had their turn and no place. Some were written since: the look comes after people did something."""
    if len(now.rows["pending"]) > 400:
        yield f"{len(now.rows['pending'])} entries wait for their place"


def facts_only(_: Seen | None, now: Seen, memory: Memory) -> Iterator[str] | None:
    def look() -> Iterator[str]:
        for place, each in enumerate(now.leaves, now.first):
            if memory.marker in leaf_format.encode_entry(each.entry):
                yield f"leaf {place} holds a canary's word"

    return look() if now.leaves else None
