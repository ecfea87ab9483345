"""What shows that the API log has figures only and each call its end (LM-6)."""

from datetime import timedelta
from typing import Final

from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused
from strongroom.policy.logging_and_monitoring.checks.kept import ENDED, calls_of

DECLARED: Final = {
    "account_id": "bigint", "id": "uuid", "operation": "character varying(40)",
    "began_at": "timestamp with time zone", "ended_at": "timestamp with time zone", "status": "integer",
    "outcome": "character varying(24)", "request_id": "character varying(64)",
    "rate_limit": "character varying(16)", "milliseconds": "integer", "dropped_fields": "integer",
}  # fmt: skip
"""What a row of the API log may hold: operation, times, status, rate, request id, and counts."""
OPEN_FOR: Final = timedelta(minutes=15)
"""How long a call may be on its way; the client gives up long before."""

COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'api_call'::regclass AND attnum > 0 AND NOT attisdropped
"""
MISSHAPEN: Final = """
SELECT count(*), count(*) FILTER (WHERE operation !~ '^[A-Za-z]{1,40}$' OR outcome !~ '^[a-z]+([ -][a-z]+)*$'
    OR request_id !~ '^[A-Za-z0-9][A-Za-z0-9_.:=/+-]*$' OR rate_limit !~ '^[0-9]+([.][0-9]+)?$') FROM api_call
"""
UNENDED: Final = """
SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL AND began_at < %s),
       count(*) FILTER (WHERE ended_at < began_at) FROM api_call WHERE began_at > %s
"""


def rows_hold_figures_only(look: Look) -> Verdict:  # noqa: ARG001 - it looks at the table
    """The table's own columns, and the shape of each text in it."""
    columns = {str(name): str(kind) for name, kind in asking.rows(COLUMNS)}
    other = sorted(name for name in {*columns, *DECLARED} if columns.get(name) != DECLARED.get(name))
    if other:
        return failed(f"The API log's column {other[0]} is not as declared.", columns=len(columns), other=len(other))
    rows, wrong = asking.first(MISSHAPEN) or (0, 0)
    seen = {"columns": len(columns), "rows": rows, "wrong": wrong}
    if wrong:
        return failed(f"Rows of the API log with something that is no figure and no name of ours: {wrong:,}.", **seen)
    if not rows:
        return unused("Amazon was never asked.", **seen)
    return passed(f"{rows:,} calls, each with its operation, times and figures, and nothing else.", **seen)


def calls_have_ended(look: Look) -> Verdict:
    """Every call of the last day has its end; the day before is counted, so that none is lost later (LM-4)."""
    calls, unended, backwards = asking.first(UNENDED, look.now - OPEN_FOR, look.now - timedelta(days=1)) or (0, 0, 0)
    day = (look.now - timedelta(days=1)).date()
    before = calls_of(day)
    if unended or backwards:
        return failed(
            f"Calls that began and were never completed in the log: {unended + backwards:,}.", unended=unended
        )
    if not calls and not before:
        return unused("Amazon was not asked lately.", calls=0, day=day.isoformat())
    return passed(f"Each of {calls:,} calls within a day has its end.", day=day.isoformat(), calls=before, lately=calls)


CHECKS: Final = (
    Check(
        "LM-6.figures",
        "The API log holds operations, times and figures, and nothing of what was said.",
        "The API log holds something of what was said.",
        rows_hold_figures_only,
    ),
    Check(
        ENDED,
        "Every call has its end in the log.",
        "A call began and its end was never written.",
        calls_have_ended,
    ),
)
