"""`python -m strongroom.rehearsal.sample_office`: the office's part of a rehearsal: duties done, pages published.

Everything goes through the verbs that pages use, by the sample person whose duty it is.
"""

import hashlib
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin

LEFT_UNDONE: Final = frozenset({"test_penetration", "attest_use"})
"""Duties that are still due, so that the board has something on it."""
OWNERS: Final = {
    "AM": "manager", "AU": "director", "AZ": "security", "DF": "security", "DG": "administrator", "DR": "director",
    "ES": "security", "ET": "administrator", "GS": "manager", "IR": "security", "LM": "security", "LP": "manager",
    "NP": "administrator", "RR": "security",
}  # fmt: skip


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    return keep()


def keep() -> int:
    """What is due in the office, done as of now. Django is set up."""
    from strongroom.policy.least_privilege.models import Person  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415

    if not Installation.objects.filter(id=1, mode="rehearsal").exists():
        sys.stderr.write("a sample office is for rehearsals only\n")
        return 1
    people = {person.email.partition("@")[0]: person for person in Person.objects.all()}
    _do_duties(people)
    _own_clauses(people)
    _answer_alarms(people["security"])
    _read_letters(people)
    _publish(people["security"])
    return 0


def _do_duties(people: dict[str, Any]) -> None:
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.clauses import terms  # noqa: PLC0415
    from strongroom.policy.obligations import duties, evidence  # noqa: PLC0415

    now = definitions.now()
    for place, duty in enumerate(terms.in_force().duties()):
        if duty.name in LEFT_UNDONE or duty.cadence is None or duty.cadence.every is None:
            continue
        last = evidence.in_force(duty.clause, duty.name)
        if last is not None and last.effective_until is not None and last.effective_until > now + timedelta(days=7):
            continue
        on = now - min(duty.cadence.every.length() / 4, timedelta(days=place % 5 + 1))
        duties.do(
            name=duty.name, words=f"Rehearsed: {duty.words.lower()}.", on=on, by=people[duty.owner],
            document_sha256=hashlib.sha256(duty.name.encode()).digest(), kept_at="Rehearsal binder 1",
        )  # fmt: skip


def _own_clauses(people: dict[str, Any]) -> None:
    from strongroom.policy.clauses.clauses import all_clauses  # noqa: PLC0415
    from strongroom.policy.obligations import owners  # noqa: PLC0415

    known = owners.answering()
    for clause in all_clauses():
        if clause not in known:
            owner = people[OWNERS[clause.partition("-")[0]]]
            owners.hand_over(clause=clause, to=owner, delegate=None, by=people["administrator"])


def _answer_alarms(security: Any) -> None:
    """Every open case is looked into: in a rehearsal each has its harmless reason."""
    from strongroom.policy.incident_response import actions  # noqa: PLC0415
    from strongroom.policy.incident_response.models import Case  # noqa: PLC0415

    for case in Case.objects.filter(account_id=0, decision="open").order_by("number"):
        actions.decide(
            number=case.number, decision="dismissed", by=security,
            words="Looked into during the rehearsal: what raised it was part of it, and nothing was lost.",
        )  # fmt: skip


def _read_letters(people: dict[str, Any]) -> None:
    """Everybody has read what they were sent, so that it is not sent again."""
    from strongroom.policy.obligations.channels import outbox  # noqa: PLC0415
    from strongroom.policy.obligations.models import Message  # noqa: PLC0415

    by_number = {person.pk: person for person in people.values()}
    told = Message.objects.filter(account_id=0, channel=outbox.MAIL, state="sent", again_after__gt=0, over_at=None)
    for message in told.order_by("made_at", "id"):
        reader = by_number.get(message.to, people["director"])
        outbox.acknowledge(message=message, by=reader, by_link=False)


def _publish(security: Any) -> None:
    """The public pages say what runs; once for each version of the policy."""
    from strongroom.policy.clauses import terms  # noqa: PLC0415
    from strongroom.policy.data_governance import actions, publication  # noqa: PLC0415
    from strongroom.website.published import company  # noqa: PLC0415

    served = publication.facts(company.data())
    if served is None or served["version"] != terms.in_force().number:
        actions.publish(publisher=company.here(), data=company.data(), by=security)


if __name__ == "__main__":
    sys.exit(main())
