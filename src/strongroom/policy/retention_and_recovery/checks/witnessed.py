"""What shows that nothing is opened, refused or changed without the journal saying so (AM-3, LM-1).

The probe's session asks over HTTPS like anybody's; what it did must stand in the journal, in its tree and in the feed.
"""

import os
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from strongroom.formats import leaf
from strongroom.formats.leaf import Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Part, Purpose
from strongroom.formats.refused import Refused
from strongroom.policy.access_management.visiting import NoProbe, as_probe
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown
from strongroom.policy.clauses.pages import NoAnswer
from strongroom.policy.definitions import PROBES
from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable
from strongroom.policy.logging_and_monitoring import proving, settings_file
from strongroom.policy.retention_and_recovery.checks import visits

LOOK_BACK: Final = (timedelta(minutes=10), timedelta(days=7))
"""How far leaves are looked at anew: from the last proof and a little, at most a week."""
CLOSED_PAGE: Final = "/people/"
"""A page that the probe's role does not reach."""


def an_opening_stands_in_journal_and_feed(look: Look) -> Verdict:
    """The probe opened over HTTPS: its entry, its leaf with a proof, its line in the feed; a false entry is refused."""
    try:
        ref, known = visits.order()
        with as_probe(look) as visitor:
            page, entry = visits.did(lambda: visits.reveal(visitor, ref, Purpose.CALL_BACK), Kind.OPENED, ref)
            feed = visitor.get("/openings/").text
        lied = _opens_by_a_false_entry(ref)
    except (NoAnswer, NoProbe, visits.NoOrder, Forgotten, Unavailable) as why:
        return unknown(f"The probe could not be opened: {type(why).__name__}.")
    shown = known[Part.RECIPIENT]["phone"] in page.text
    seen = {"shown": int(shown), "entry": int(entry is not None), "lied": int(lied)}
    if lied:
        return failed("The broker opened for an entry that says something else.", **seen)
    if not shown:
        return unknown(f"Nothing was shown: the page answers {page.status_code}.", **seen)
    unseen = _why_unseen(look, entry, is_in_feed=str(ref)[:8] in feed)
    if unseen:
        return failed(f"A customer's data was shown, {unseen}.", **seen)
    return passed("An opening stands in the journal, in its tree, and before those who watch.", **seen)


def every_opening_has_its_entry(look: Look) -> Verdict:
    """Each leaf that says something was opened, since the last proof: its entry is here, and says the same."""
    before = asking.value(
        "SELECT max(began_at) FROM run WHERE account_id = 0 AND check_id = 'AM-3.leaves' AND outcome = 'pass'"
    )
    least, most = LOOK_BACK
    back = most if before is None else min(max(look.now - before, timedelta()) + least, most)
    try:
        tree = proving.journal(look.data)
        leaves = {
            found.entry.id: found
            for _, found in proving.since(tree, look.now - back)
            if found.entry.kind is Kind.OPENED
        }
    except (Malformed, FileNotFoundError):
        return failed("The journal's tree cannot be read, so nothing shows who opened what.")
    entries = asking.rows(
        "SELECT id, payload, salt FROM entry WHERE id = ANY (%s) AND kind = %s",
        [UUID(bytes=id_) for id_ in leaves], Kind.OPENED,
    )  # fmt: skip
    same = sum(
        leaf.commitment(bytes(payload), bytes(salt)) == leaves[id_.bytes].commitment for id_, payload, salt in entries
    )
    seen = {"leaves": len(leaves), "entries": same}
    if same < len(leaves):
        return failed(f"{len(leaves) - same:,} openings stand in the tree, and no entry here says so.", **seen)
    return passed(f"{len(leaves):,} openings since the last look, each with its entry.", **seen)


def access_refusals_and_settings_are_journalled(look: Look) -> Verdict:
    """An opening, a refused page and a changed setting, each synthetic: found in the journal and in its tree."""
    try:
        ref, _ = visits.order()
        with as_probe(look) as visitor:
            closed, attempt = visits.did(lambda: visitor.get(CLOSED_PAGE), Kind.ACCESS_REFUSED)
            opened, access = visits.did(lambda: visits.reveal(visitor, ref, Purpose.TRACKING), Kind.OPENED, ref)
    except (NoAnswer, NoProbe, visits.NoOrder) as why:
        return unknown(f"The website could not be asked: {type(why).__name__}.")
    made = settings_file.note(os.urandom(32), account=PROBES)
    setting = made and asking.value("SELECT id FROM entry WHERE account_id = %s AND id = %s", PROBES, made)
    found = {"access": access, "attempt": attempt, "setting": setting}
    missing = [name for name, entry in found.items() if entry is None]
    if closed.status_code != HTTPStatus.FORBIDDEN or opened.status_code != HTTPStatus.OK:
        return unknown("The probe was not answered as it should be, so nothing could be journalled.")
    if missing:
        return failed(f"What was done stands nowhere in the journal: {', '.join(missing)}.", missing=len(missing))
    loose = [name for name, entry in found.items() if entry is not None and not visits.is_placed(look, entry)]
    if loose:
        return failed(f"What was journalled stands in no tree: {', '.join(loose)}.", loose=len(loose))
    return passed("An opening, a refusal and a changed setting stand in the journal and its tree.", found=len(found))


def settings_are_those_of_the_journal(look: Look) -> Verdict:
    """What `strongroom.toml` says now, against what was journalled last."""
    now, noted = settings_file.digest_of(look.data / "strongroom.toml"), settings_file.last_noted(0)
    if noted is None:
        return unknown("No settings were journalled yet.")
    if now != noted:
        return failed("The settings were changed, and the journal knows nothing of it.", same=0)
    return passed("The settings are those that were journalled.", same=1)


def _why_unseen(look: Look, entry: UUID | None, *, is_in_feed: bool) -> str:
    """Where an opening is missing; empty where it is nowhere."""
    if entry is None:
        return "and no entry says so"
    if not visits.is_placed(look, entry):
        return "and its entry stands in no tree"
    return "" if is_in_feed else "and nobody who watches sees it"


def _opens_by_a_false_entry(ref: UUID) -> bool:
    """Whether the broker opens an address for an entry that speaks of a gift note."""
    return not isinstance(visits.ask(ref, Purpose.LABEL, claims=Purpose.GIFT_NOTE), Refused)


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "AM-3.opening",
        passes="A synthetic opening stands in the journal, in its tree and in the feed; a false entry opens nothing.",
        fails="Something was opened that the journal does not say.",
        run=an_opening_stands_in_journal_and_feed,
    ),
    Check(
        "AM-3.leaves",
        passes="Every opening in the tree has its entry here.",
        fails="Something was opened for an entry that was never written, or was altered since.",
        run=every_opening_has_its_entry,
    ),
    Check(
        "LM-1.attempts",
        passes="A synthetic opening, refusal and changed setting are found in the journal.",
        fails="Something was done or refused, and the journal does not say so.",
        run=access_refusals_and_settings_are_journalled,
    ),
    Check(
        "LM-1.settings",
        passes="The settings are those that were journalled before they were in force.",
        fails="The settings were changed past the journal.",
        run=settings_are_those_of_the_journal,
    ),
)
