"""What shows that everything stands in a place that is protected, and that every threat is answered (GS-1, GS-2)."""

import socket
from datetime import timedelta
from typing import Final

from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed

WALK: Final = "walk_sites"
REVIEW: Final = "review_threats"
NOT_RECORDED: Final = "not recorded yet"
DAILY: Final = timedelta(days=1)

WITHOUT_PLACE: Final = """
SELECT t.kind, t.name FROM (
    SELECT kind, name, place FROM equipment WHERE retired_at IS NULL
    UNION ALL SELECT 'printer', name, place FROM printer WHERE retired_at IS NULL
) t LEFT JOIN place p ON p.name = t.place AND p.retired_at IS NULL AND p.controls NOT IN ('', %s)
WHERE p.name IS NULL ORDER BY t.kind, t.name
"""
"""What stands somewhere that is not recorded, or where nothing keeps anybody out."""
UNANSWERED: Final = """
SELECT s.subject FROM (
    SELECT 'link:' || name AS subject FROM link WHERE retired_at IS NULL
    UNION SELECT threat FROM link WHERE retired_at IS NULL
    UNION SELECT threat FROM printer WHERE retired_at IS NULL
    UNION SELECT subject FROM threat
    UNION SELECT unnest(%s::text[])
) s LEFT JOIN threat t ON t.subject = s.subject AND t.words <> '' AND t.reviewed_at BETWEEN %s AND %s
    AND (t.control <> '' OR (t.residual <> '' AND t.accepted_by IS NOT NULL))
WHERE t.subject IS NULL ORDER BY 1
"""
"""Subjects without a threat that is answered and was looked at within its time; threats of nothing here too."""
STORES: Final = (
    "store:sealed", "store:orders", "store:journal", "store:api-log", "store:logs", "store:keys",
    "recipient:carrier", "recipient:amazon",
)  # fmt: skip
"""What every installation has, whatever its registers say."""


def everything_has_its_place(look: Look) -> Verdict:  # noqa: ARG001 - it looks at registers, and at this machine's name
    """This machine, every server, bin and printer: each in a place with a control; and the duty to walk there."""
    here = socket.gethostname()
    server = asking.value(
        "SELECT count(*) FROM equipment WHERE kind = 'server' AND name = %s AND retired_at IS NULL", here
    ) or 0  # fmt: skip
    things = asking.value(
        "SELECT (SELECT count(*) FROM equipment WHERE retired_at IS NULL)"
        " + (SELECT count(*) FROM printer WHERE retired_at IS NULL)"
    ) or 0  # fmt: skip
    loose = asking.rows(WITHOUT_PLACE, NOT_RECORDED)
    seen = {"things": things, "without a place": len(loose), "this machine": server}
    if not server:
        return failed("This machine stands in no recorded place.", **seen)
    if loose:
        return failed(f"The {loose[0][0]} {loose[0][1]} stands in no place with a control.", **seen)
    if WALK not in {duty.name for duty in terms.in_force().duties()}:
        return failed("Nobody has the duty to walk the sites.", **seen)
    return passed(f"All {things} things, this machine among them, stand in places with controls.", **seen)


def every_threat_is_answered(look: Look) -> Verdict:
    """Links that are configured, used or printed to, stores and recipients: a threat speaks of each and is answered."""
    cadence = terms.in_force().cadence(REVIEW).every
    since = look.now - (cadence.length() if cadence is not None else timedelta(days=365))
    rows = [subject for (subject,) in asking.rows(UNANSWERED, list(STORES), since, look.now + timedelta(minutes=5))]
    if rows:
        what = rows[0].partition(":")[2]
        return failed(f"Nothing is said of what could happen to {what}, or done about it.", unanswered=len(rows))
    return passed("A threat speaks of every link, store and recipient; each is answered.", unanswered=0)


CHECKS: Final = (
    Check(
        "GS-1.places",
        "Every server, bin and printer stands in a recorded place with a control.",
        "Something stands where nothing is recorded to keep others out.",
        everything_has_its_place,
        every=DAILY,
    ),
    Check(
        "GS-2.threats",
        "A threat speaks of every link, store and recipient, and each is answered.",
        "Something could happen of which nobody has said what is done about it.",
        every_threat_is_answered,
        every=DAILY,
    ),
)
