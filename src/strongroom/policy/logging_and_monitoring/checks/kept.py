"""What shows that logs stay their full term: entries, places of sign-ins, and calls of Amazon (LM-4)."""

import json
import os
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from strongroom.formats import leaf
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.tiles import WIDTH
from strongroom.policy import definitions
from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused
from strongroom.policy.logging_and_monitoring import verifying
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.policy.logging_and_monitoring.verifying import Altered

SAMPLE: Final = 12
"""Bundles of the last year that are looked at; a shorter journal is looked at whole."""
ENDED: Final = "LM-6.ended"


def entries_are_kept(look: Look) -> Verdict:
    """Leaves of the term, at random, oldest first: each has its entry. Nothing in this program deletes one."""
    tree = PublishedTree(look.data / "journal")
    since = definitions.milliseconds(look.now - terms.span("logs_kept"))
    first = _first_bundle(tree, since)
    within = range(first, tree.bundles)
    chosen = sorted({first, *sorted(within, key=lambda _: os.urandom(4))[:SAMPLE]})
    try:
        leaves, entries = verifying.compare(tree, chosen)
    except (Altered, Malformed) as why:
        return failed(f"The journal does not hold what it should for {_months()}: {why}.")
    seen = {"leaves": leaves, "entries": entries, "bundles": len(within)}
    return passed(f"{entries:,} entries of the last {_months()} looked for; each is here.", **seen)


def places_of_sign_ins_are_kept(look: Look) -> Verdict:
    """Every sign-in of the term that the journal tells of: where it was from is still known."""
    since = look.now - terms.span("logs_kept")
    sessions: list[str] = []
    for (payload,) in asking.rows(
        "SELECT payload FROM entry WHERE account_id = 0 AND kind = %s AND at > %s", Kind.SIGN_IN, since
    ):
        session = leaf.decode_entry(bytes(payload)).facts.get(Fact.SESSION)
        if isinstance(session, bytes):
            sessions.append(session.hex())
    if not sessions:
        return unused("Nobody signed in yet.", sessions=0)
    kept = asking.value(
        "SELECT count(*) FROM unnest(%s::uuid[]) AS s (id) WHERE EXISTS (SELECT FROM sign_in_detail d"
        " WHERE d.session = s.id)", sessions,
    )  # fmt: skip
    gone = len(sessions) - (kept or 0)
    seen = {"sessions": len(sessions), "gone": gone}
    if gone:
        return failed(
            f"Sign-ins of the last {_months()} of which nobody knows any more where they were: {gone:,}.", **seen
        )
    return passed(f"Of {len(sessions):,} sign-ins of the last {_months()} it is known where they were.", **seen)


def calls_are_kept(look: Look) -> Verdict:
    """Calls that the journal names, and as many a day as were counted when that day was over."""
    since = look.now - terms.span("logs_kept")
    named: Counter[tuple[int, str]] = Counter()
    for (payload,) in asking.rows(
        "SELECT payload FROM entry WHERE account_id > 0 AND kind = %s AND at > %s", Kind.PAGE_RECEIVED, since
    ):
        entry = leaf.decode_entry(bytes(payload))
        named[entry.account, leaf.octets(entry.facts, Fact.CALL).hex()] += 1
    there = asking.value(
        "SELECT count(*) FROM unnest(%s::bigint[], %s::uuid[]) AS n (account_id, id)"
        " JOIN api_call c ON c.account_id = n.account_id AND c.id = n.id",
        [account for account, _ in named], [id_ for _, id_ in named],
    )  # fmt: skip
    short = [day for day, counted in _counted(since).items() if calls_of(day) < counted]
    seen = {"named": len(named), "gone": len(named) - (there or 0), "short days": len(short)}
    if len(named) > (there or 0):
        return failed(f"Calls that the journal names and the API log has lost: {len(named) - (there or 0):,}.", **seen)
    if short:
        return failed(f"The API log of {short[0]:%-d %B} has fewer calls than were counted then.", **seen)
    if not named:
        return unused("Amazon was never asked.", **seen)
    return passed(f"{len(named):,} calls that the journal names are here, and no day has lost one.", **seen)


def calls_of(day: date) -> int:
    """How many calls the log holds of a UTC day."""
    began = datetime.combine(day, time(), UTC)
    return int(asking.value(
        "SELECT count(*) FROM selling_account a CROSS JOIN LATERAL (SELECT FROM api_call c WHERE c.account_id = a.id"
        " AND c.began_at >= %s AND c.began_at < %s) x", began, began + timedelta(days=1),
    ) or 0)  # fmt: skip


def _counted(since: datetime) -> dict[date, int]:
    """What was counted of each day when it was over, as the runs of another check were journalled."""
    found: dict[date, int] = {}
    for (text,) in asking.rows(
        "SELECT seen FROM run WHERE account_id = 0 AND check_id = %s AND began_at > %s AND outcome = 'pass'",
        ENDED, since,
    ):  # fmt: skip
        seen = json.loads(text)
        day = date.fromisoformat(seen["day"])
        found[day] = max(found.get(day, 0), int(seen["calls"]))
    return found


def _first_bundle(tree: PublishedTree, at: int) -> int:
    """The first bundle of which something is younger than a moment (ms)."""
    low, high = 0, max(0, tree.size - 1) // WIDTH
    while low < high:
        middle = (low + high) // 2
        if max(leaf.glance(data)[1] for data in tree.bundle(middle)) < at:
            low = middle + 1
        else:
            high = middle
    return low


def _months() -> str:
    return str(terms.in_force().span("logs_kept"))


CHECKS: Final = (
    Check(
        "LM-4.entries",
        "Entries of the journal are kept for their whole term.",
        "Entries are gone before their term.",
        entries_are_kept,
        patience=timedelta(seconds=60),
    ),
    Check(
        "LM-4.places",
        "Where people signed in from is kept for the log's term.",
        "Where people signed in from was forgotten before the log's term.",
        places_of_sign_ins_are_kept,
    ),
    Check(
        "LM-4.calls",
        "Calls of Amazon are kept for the log's term.",
        "Calls of Amazon are gone from the log before its term.",
        calls_are_kept,
    ),
)
