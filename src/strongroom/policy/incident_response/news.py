"""News of cases: each that nobody has decided is told until somebody acknowledges it (DF-4, IR-2)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from strongroom.policy import definitions
from strongroom.policy.incident_response.models import Case
from strongroom.policy.least_privilege.roles import Role
from strongroom.policy.obligations.channels.events import Event
from strongroom.policy.obligations.channels.news import News, Seen, Source

AGAIN: Final = timedelta(hours=4)
MOST: Final = 200


def cases(_: Seen) -> Sequence[News]:
    """Cases that wait for a decision, oldest first."""
    rows = Case.objects.filter(account_id=definitions.INSTALLATION, decision="open").order_by("opened_at")[:MOST]
    return [
        News(
            f"case:{row.number}", Event.CASE_OPENED, f"Case {row.number} waits for a decision: {row.alarm_kind}",
            ("Decide whether it is an incident, or dismiss it in writing; its clock runs from the alarm.",),
            "/wall/DF-4/", (Role.SECURITY, Role.DIRECTOR), row.opened_at, "DF-4", again_after=AGAIN,
            figures={"case": row.number, "kind": row.alarm_kind},
        )
        for row in rows
    ]  # fmt: skip


NEWS: Final[tuple[Source, ...]] = (cases,)
