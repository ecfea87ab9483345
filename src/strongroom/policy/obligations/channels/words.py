"""How news is written: the worst in the first line, ids and counts and times and links, nobody in it (I26).

A reason that a check or a person wrote is looked at once more before it leaves; one that could name somebody stays
here, and the letter says where it stands.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.obligations.channels.moments import LONDON, when
from strongroom.policy.obligations.channels.news import URGENCY, News
from strongroom.policy.obligations.channels.pages import Month, Today
from strongroom.policy.obligations.rules import State, Tile, age

LONGEST_SUBJECT: Final = 120
MOST_ROWS: Final = 40
SHARED: Final = 3
"""So many clauses with the same reason stand in one line."""
WORST: Final = (State.FALSE, State.UNKNOWN, State.DUE, State.EXCEPTED)


@dataclass(frozen=True)
class House:
    """What every letter says of where it comes from. address: of the website."""

    company: str
    address: str
    rehearsal: bool

    def link(self, path: str) -> str:
        return f"{self.address}{path}"

    def subject(self, words: str) -> str:
        """One line without control characters; a rehearsal says so first."""
        line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
        return (f"[rehearsal] {line}" if self.rehearsal else line)[:LONGEST_SUBJECT]

    def letter(self, first: str, name: str, paragraphs: Iterable[str], path: str) -> str:
        """A whole letter. `first`: its first line, the worst. `name`: the recipient's own."""
        kind = "a rehearsal, no real data" if self.rehearsal else "live"
        parts = [
            one_line(first), f"{one_line(name)},", *paragraphs, f"Look here: {self.link(path)}",
            f"Strongroom of {one_line(self.company)}, {kind}.",
        ]  # fmt: skip
        return "\n\n".join(part for part in parts if part) + "\n"


def of_news(house: House, news: News, name: str) -> tuple[str, str]:
    """Subject and body of one piece of news for one person."""
    lines = [one_line(line) for line in news.lines]
    paragraphs = [without_anybody(lines), f"Since {when(news.since)}."]
    if news.again_after:
        paragraphs.append(f"Sent again every {age(news.again_after)} until somebody acknowledges it, or it is over.")
    return house.subject(news.subject), house.letter(f"{news.subject}.", name, paragraphs, news.link)


def for_webhook(house: House, news: News) -> str:
    """The same news for a machine; `text` is what a chat shows."""
    said = {
        "event": news.event, "key": news.key, "clause": news.clause, "since": news.since.isoformat(),
        "text": house.subject(news.subject), "link": house.link(news.link), "rehearsal": house.rehearsal,
        **dict(news.figures),
    }  # fmt: skip
    return json.dumps(said, sort_keys=True, ensure_ascii=True)


def link_line(house: House, token: str) -> str:
    """What is added when a letter leaves: its own link, for who signs in as who it was sent to."""
    return f"\nRead? Acknowledge it here: {house.link(f'/messages/link/{token}')}\n"


def of_today(house: House, today: Today, name: str) -> tuple[str, str]:
    """The daily digest: what is false first, even when nothing is."""
    first = f"{headline(today.counts)}, {today.at.astimezone(LONDON):%A %-d %B}"
    standing = sorted(today.news, key=lambda each: (URGENCY[each.event], each.since))
    paragraphs = [
        *(section(state, today.tiles) for state in WORST),
        rows("To be done or decided", [one_line(each.subject) for each in standing]),
        rows("Turned more often than is good within a day", [f"{id_}: {n} times" for id_, n in today.restless]),
        _undelivered(today.failed),
        _rest(today.counts),
        checkpoint(today.note),
    ]  # fmt: skip
    return house.subject(f"Today: {headline(today.counts)}"), house.letter(f"{first}.", name, paragraphs, "/wall/")


def of_month(house: House, month: Month, name: str) -> tuple[str, str]:
    """The director's page: how things stand, what was false for how long, what is overdue."""
    title = f"{month.first:%B %Y}"
    broken = [f"{id_}: {age(span)}, {n} time{'s' if n != 1 else ''}" for id_, span, n in month.false_for]
    counts = ", ".join(f"{month.counts[state]} {state}" for state in State)
    paragraphs = [
        f"Now: {counts}.",
        rows(f"False in {title}, longest first", broken) or f"Nothing was false in {title}.",
        rows("Overdue now", [one_line(line) for line in month.overdue]) or "Nothing is overdue.",
        _undelivered(month.failed),
        checkpoint(month.note),
    ]  # fmt: skip
    bad = sum((span for _, span, _ in month.false_for), timedelta())
    first = (
        f"{title}: {headline(month.counts)}; false for {age(bad)} in all" if broken else f"{title}: nothing was false"
    )
    return house.subject(f"{title}: {headline(month.counts)}"), house.letter(f"{first}.", name, paragraphs, "/wall/")


def today_for_webhook(house: House, today: Today, key: str) -> str:
    """The digest's figures for a machine."""
    said = {
        "event": "digest", "key": key, "text": house.subject(f"Today: {headline(today.counts)}"),
        "link": house.link("/wall/"), "rehearsal": house.rehearsal,
        "counts": {str(state): today.counts[state] for state in State},
        "false": [tile.clause.id for tile in today.tiles if tile.state is State.FALSE], "checkpoint": today.note,
    }  # fmt: skip
    return json.dumps(said, sort_keys=True, ensure_ascii=True)


def headline(counts: dict[State, int]) -> str:
    """The worst first, in a few words."""
    bad = [f"{counts[state]} {state}" for state in (State.FALSE, State.UNKNOWN, State.DUE) if counts[state]]
    return ", ".join(bad) or "nothing is false, unknown or due"


def section(state: State, tiles: Sequence[Tile]) -> str:
    """The clauses in one state, a line each; several for the same reason share one. Empty where there is none."""
    why: dict[str, list[Tile]] = defaultdict(list)
    for tile in tiles:
        if tile.state is state:
            why[without_anybody([one_line(tile.reason)], "Its reason stands on its page.")].append(tile)
    lines = []
    for reason, same in why.items():
        if len(same) >= SHARED:
            lines.append(f"{reason} {', '.join(tile.clause.id for tile in same)}.")
        else:
            lines += [f"{tile.clause.id} {tile.clause.short}: {reason}" for tile in same]
    return rows(state.words, lines, sum(len(same) for same in why.values()))


def rows(title: str, lines: Sequence[str], count: int | None = None) -> str:
    """A titled list, cut where it grows too long; empty where there is nothing. count: of what it lists."""
    if not lines:
        return ""
    more = [f"  and {len(lines) - MOST_ROWS} more"] if len(lines) > MOST_ROWS else []
    return "\n".join(
        [
            f"{title} ({len(lines) if count is None else count}):",
            *(f"  {line[:600]}" for line in lines[:MOST_ROWS]),
            *more,
        ]
    )


def checkpoint(note: str) -> str:
    """The journal's newest signed head: whoever keeps this letter can show later that nothing was rewritten (LM-2)."""
    if not note:
        return "The journal's newest checkpoint could not be read or verified; look at it today."
    return f"The journal's newest checkpoint (keep this letter: it proves what the journal was):\n\n{note.rstrip()}"


def without_anybody(lines: Sequence[str], instead: str = "The reason stands on its page.") -> str:
    """These lines, unless something in them looks like a person's data."""
    text = "\n".join(lines)
    try:
        definitions.refuse_personal(text)
    except Refused:
        return instead
    return text


def one_line(text: str) -> str:
    """Without control characters or line breaks, so that nothing in a text passes for the letter's own form."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _rest(counts: dict[State, int]) -> str:
    """What is not bad; a person's word is counted apart."""
    true, attested, unused = counts[State.TRUE], counts[State.ATTESTED], counts[State.NOT_USED]
    return f"{true} true, {attested} attested (a person's word), {unused} not used."


def _undelivered(failed: int) -> str:
    if not failed:
        return ""
    return f"{failed} message{'s' if failed != 1 else ''} could not be delivered; the page Messages says which and why."
