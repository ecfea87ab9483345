"""What answers say beside terms: when each duty was last done, who we are, where our pages stand. Read from rows."""

from collections.abc import Mapping
from typing import Final

from strongroom.policy import definitions
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.data_governance.answers import NEVER
from strongroom.policy.data_governance.document import Publisher, day
from strongroom.policy.obligations.models import Evidence

UNSAID: Final = "nobody yet"


def facts(*, publisher: Publisher, site: str, terms: Terms) -> Mapping[str, str]:
    """By name: `last.DUTY`, `company.name`, `company.contact`, `company.site`. What was never done says so."""
    rows = Evidence.objects.filter(account_id=definitions.INSTALLATION, withdrawn_at__isnull=True)
    newest = {row.duty: row for row in rows.order_by("duty", "-effective_from", "-received_at").distinct("duty")}
    last = {duty.name: newest.get(duty.name) for duty in terms.duties()}
    return {
        **{f"last.{name}": day(row.effective_from) if row is not None else NEVER for name, row in last.items()},
        "company.name": publisher.name,
        "company.contact": publisher.contacts[0] if publisher.contacts else UNSAID,
        "company.site": site,
    }
