"""What shows that the database's files are its own, and that it is told to log no values (RR-4)."""

from typing import Final

from strongroom.formats.verdict import Look as Seen
from strongroom.policy.clauses.controls import Check, Look, Verdict
from strongroom.policy.obligations.inspected import PATIENCE, look_at


def the_database_keeps_to_itself(look: Look) -> Verdict:
    """Owner, modes and links of its files, tables elsewhere, settings beyond ours, and those it was started with."""
    return look_at(look, Seen.DATABASE_FILES)


CHECKS: Final = (
    Check(
        "RR-4.database",
        passes="The database's files are closed to others, lie in one place, and no setting puts values into logs.",
        fails="Others reach the database's files, or it is told to write values into logs.",
        run=the_database_keeps_to_itself,
        patience=PATIENCE,
        needs=Seen.DATABASE_FILES,
    ),
)
