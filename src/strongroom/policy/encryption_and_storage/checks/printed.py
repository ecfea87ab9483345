"""What shows that only labels name a customer on paper: the ledger, the openings, the printers' word (ES-5)."""

from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.formats.leaf import PURPOSE_AT, Kind
from strongroom.formats.parts import Purpose
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown, unused

PRINTERS: Final = """
SELECT name, condition, jobs_seen, jobs_foreign, jobs_at FROM printer WHERE retired_at IS NULL ORDER BY name
"""
FOR_LABELS: Final = (Purpose.LABEL, Purpose.BOUGHT_LABEL)
WINDOW: Final = timedelta(days=1)
ASKED_WITHIN: Final = timedelta(minutes=10)

MORE_OPENED: Final = """
SELECT count(*), count(*) FILTER (WHERE opened.n > printed.n)
FROM (SELECT DISTINCT account_id, subject FROM entry
      WHERE account_id = ANY (%(accounts)s) AND kind = %(opened)s AND at > %(since)s
        AND get_byte(payload, %(at)s) = ANY (%(purposes)s)) o
CROSS JOIN LATERAL (SELECT count(*) AS n FROM entry e
      WHERE e.account_id = o.account_id AND e.subject = o.subject AND e.kind = %(opened)s
        AND get_byte(e.payload, %(at)s) = ANY (%(purposes)s)) opened
CROSS JOIN LATERAL (SELECT count(*) AS n FROM label_print l
      WHERE l.account_id = o.account_id AND l.order_ref = o.subject AND l.job IS NOT NULL) printed
"""
"""Orders whose address was opened for a label lately, and those opened more often than a printer took a label."""
MORE_PRINTED: Final = """
SELECT count(*), count(*) FILTER (WHERE opened.n < printed.n)
FROM (SELECT account_id, order_ref FROM label_print
      WHERE account_id = ANY (%(accounts)s) AND state = 'confirmed' AND queued_at > %(since)s
      GROUP BY account_id, order_ref) p
CROSS JOIN LATERAL (SELECT count(*) AS n FROM label_print l
      WHERE l.account_id = p.account_id AND l.order_ref = p.order_ref AND l.state = 'confirmed') printed
CROSS JOIN LATERAL (SELECT count(*) AS n FROM entry e
      WHERE e.account_id = p.account_id AND e.subject = p.order_ref AND e.kind = %(opened)s
        AND get_byte(e.payload, %(at)s) = ANY (%(purposes)s)) opened
"""
"""Orders with labels printed lately, and those of which more labels are on paper than addresses were opened."""


def labels_and_openings_agree(look: Look) -> Verdict:
    """Each address opened for a label has its row in the ledger, and each label on paper its opening."""
    accounts = [id_ for (id_,) in asking.rows("SELECT id FROM selling_account WHERE id > 0")]
    values = {
        "accounts": accounts, "opened": int(Kind.OPENED), "since": look.now - WINDOW, "at": PURPOSE_AT,
        "purposes": [int(purpose) for purpose in FOR_LABELS],
    }  # fmt: skip
    with asking.same_moment():
        opened, unprinted = asking.named(MORE_OPENED, values) or (0, 0)
        printed, unopened = asking.named(MORE_PRINTED, values) or (0, 0)
        ever = asking.value("SELECT EXISTS (SELECT FROM label_print WHERE account_id = ANY (%s))", accounts)
    seen = {"opened": opened, "printed": printed, "unprinted": unprinted, "unopened": unopened}
    if unprinted:
        return failed(
            f"Orders whose address was opened for a label that the ledger does not have: {unprinted:,}.", **seen
        )
    if unopened:
        return failed(f"Orders with labels on paper for which nobody opened an address: {unopened:,}.", **seen)
    if not ever:
        return unused("No label was ever printed.", **seen)
    return passed(f"{printed:,} orders with labels within a day; ledger and openings agree.", **seen)


def printers_print_labels_only(look: Look) -> Verdict:
    """What each registered printer itself remembers, as the worker asked it last."""
    printers = asking.settled(lambda: asking.rows(PRINTERS), lambda rows: not _silent(rows, look.now))
    if not printers:
        return unused("No printer is registered.", printers=0)
    foreign, silent = [row[0] for row in printers if row[3]], _silent(printers, look.now)
    jobs = sum(row[2] or 0 for row in printers)
    seen = {"printers": len(printers), "silent": len(silent), "jobs": jobs}
    if foreign:
        return failed(f"{foreign[0]} printed something that is no label of ours.", **seen)
    if silent:
        return unknown(f"{silent[0]} does not tell what it printed.", **seen)
    return passed(f"{len(printers)} printers remember {jobs:,} jobs since they are ours, every one a label.", **seen)


def _silent(printers: list[tuple[Any, ...]], now: datetime) -> list[str]:
    """Printers that answer, and have not told for ten minutes what they printed."""
    return [
        name
        for name, condition, _, _, asked in printers
        if condition in ("ready", "busy", "stopped") and (asked is None or asked < now - ASKED_WITHIN)
    ]


CHECKS: Final = (
    Check(
        "ES-5.ledger",
        "Every address opened for a label has its row in the print ledger, and every printed label its opening.",
        "An address was opened for a label that was never printed, or the other way round.",
        labels_and_openings_agree,
        every=timedelta(minutes=1),
    ),
    Check(
        "ES-5.printers",
        "What the printers themselves remember are labels of ours and nothing else.",
        "A label printer printed something else.",
        printers_print_labels_only,
        every=timedelta(minutes=1),
    ),
)
