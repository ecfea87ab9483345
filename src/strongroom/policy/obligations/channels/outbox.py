"""The outbox: queued once, claimed by one, tried for a day, sent again until somebody acknowledges it (F25).

An attempt is a row before it is made, committed with the claim: of two senders one sends, and a crash between sending
and its commit repeats the letter once, where the log shows both. No statement here waits for a mail server.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from django.db import transaction
from django.db.models import F, Q, QuerySet

from strongroom.formats.leaf import Actor, Fact, Kind, Outcome
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.obligations.channels.answers import FINAL, Answer
from strongroom.policy.obligations.channels.people import may_answer_for
from strongroom.policy.obligations.models import Delivery, Message

HERE: Final = definitions.INSTALLATION
CLAIM: Final = timedelta(minutes=5)
"""Longer than any attempt lasts; after it, whoever claimed is taken for dead."""
GIVES_UP: Final = timedelta(hours=24)
BACK_OFF: Final = tuple(timedelta(minutes=n) for n in (1, 2, 5, 10, 20, 30, 60))
MAIL: Final = "mail"
WEBHOOK: Final = "webhook"
CHANNELS: Final = (MAIL, WEBHOOK)


@dataclass(frozen=True)
class Draft:
    """A message that is to be queued: rendered, and sent as it is."""

    channel: str
    event: str
    clause: str
    to: int
    mailbox: str
    key: str
    subject: str
    body: str
    again_after: timedelta = timedelta(0)


@dataclass(frozen=True)
class Claimed:
    """A message that this process sends now. token: of the link in this attempt, nowhere else in plain words."""

    message: Message
    delivery: uuid.UUID
    token: str


def queue(draft: Draft) -> bool:
    """Put it into the outbox, once a key, person and channel; false where it is there already."""
    now = definitions.now()
    row = Message(
        account_id=HERE, id=definitions.reference(), channel=draft.channel, event=draft.event, clause=draft.clause,
        to=draft.to, mailbox=draft.mailbox, key=draft.key, subject=draft.subject, body=draft.body, made_at=now,
        state="queued", tries=0, try_at=now, sent_times=0, again_after=int(draft.again_after.total_seconds()),
    )  # fmt: skip
    Message.objects.bulk_create([row], ignore_conflicts=True)
    return Message.objects.filter(account_id=HERE, id=row.id).exists()


def known(keys: Iterable[str]) -> set[tuple[str, int, str, str]]:
    """Which of these are in the outbox: channel, person, mailbox and key of each."""
    found = Message.objects.filter(account_id=HERE, key__in=list(keys))
    return set(found.values_list("channel", "to", "mailbox", "key"))


def is_due(channel: str) -> bool:
    return _due(channel, definitions.now()).exists()


@transaction.atomic
def claim(channel: str) -> Claimed | None:
    """The next message of this channel that is due, for this process alone; its attempt is in the log from now on."""
    now = definitions.now()
    row = _due(channel, now).select_for_update(skip_locked=True).order_by("try_at", "id").first()
    if row is None:
        return None
    token = secrets.token_urlsafe(24) if channel == MAIL else ""
    attempt = Delivery(
        account_id=HERE, id=definitions.reference(), message=row.id, at=now,
        link_sha256=hash_of(token) if token else None,
    )  # fmt: skip
    attempt.save(force_insert=True)
    Message.objects.filter(account_id=HERE, id=row.id).update(claimed_until=now + CLAIM, tries=F("tries") + 1)
    row.tries, row.claimed_until = row.tries + 1, now + CLAIM
    return Claimed(row, attempt.id, token)


@transaction.atomic
def complete(claimed: Claimed, answer: Answer, *, milliseconds: int) -> None:
    """What became of it: in the log, in the message, and in the journal where it was sent or has failed."""
    now, row = definitions.now(), claimed.message
    Delivery.objects.filter(account_id=HERE, id=claimed.delivery, ended_at__isnull=True).update(
        ended_at=now, delivered=answer.delivered, code=answer.code, problem=answer.problem, proof=answer.proof,
        milliseconds=milliseconds,
    )  # fmt: skip
    mine = Message.objects.filter(account_id=HERE, id=row.id)
    if answer.delivered:
        again = now + timedelta(seconds=row.again_after) if row.again_after else None
        mine.filter(acknowledged_at__isnull=True).update(state="sent")
        mine.update(tries=0, try_at=again, claimed_until=None, sent_at=now, sent_times=F("sent_times") + 1)
        _journal(Kind.MESSAGE_SENT, row, Outcome.DONE, answer)
        return
    since = row.made_at if row.sent_at is None else row.sent_at + timedelta(seconds=row.again_after)
    wait = back_off(row.tries)
    if answer.problem in FINAL or now + wait - since > GIVES_UP:
        mine.filter(acknowledged_at__isnull=True).update(state="failed")
        mine.update(try_at=None, claimed_until=None)
        _journal(Kind.MESSAGE_FAILED, row, Outcome.FAILED, answer)
    else:
        mine.update(try_at=now + wait, claimed_until=None)


def back_off(tries: int) -> timedelta:
    """How long after so many failures in a row it is tried again."""
    return BACK_OFF[min(max(tries, 1), len(BACK_OFF)) - 1]


@transaction.atomic
def end_over(standing: Iterable[str], events: Iterable[str]) -> int:
    """Of these events, what no longer stands is sent no more; how many ended."""
    open_ = Message.objects.filter(account_id=HERE, event__in=list(events), over_at__isnull=True)
    ids = list(open_.exclude(key__in=list(standing)).values_list("id", flat=True))
    over = Message.objects.filter(account_id=HERE, id__in=ids)
    over.filter(state="queued").update(state="dropped")
    return over.update(over_at=definitions.now(), try_at=None)


@transaction.atomic
def rest_acknowledged() -> int:
    """What one of several has acknowledged is sent to the others no more; how many rest."""
    waiting = Message.objects.filter(account_id=HERE, try_at__isnull=False, again_after__gt=0)
    keys = set(waiting.values_list("key", flat=True))
    answered = Message.objects.filter(account_id=HERE, key__in=keys, acknowledged_at__isnull=False)
    told = waiting.filter(key__in=set(answered.values_list("key", flat=True)), state="sent")
    return told.update(try_at=None)


@transaction.atomic
def replace_older(event: str, key: str) -> None:
    """A newer page is made: older ones of the event that nobody has got yet are not sent any more."""
    older = Message.objects.filter(account_id=HERE, event=event, over_at__isnull=True).exclude(key=key)
    older.filter(state="queued").update(state="dropped")
    older.update(over_at=definitions.now(), try_at=None)


def of_link(token: str) -> Message | None:
    """The message whose link this is; each mail has its own, and every one of them works."""
    found = Delivery.objects.filter(account_id=HERE, link_sha256=hash_of(token)).values_list("message", flat=True)
    return Message.objects.filter(account_id=HERE, id__in=list(found[:1])).first()


def acknowledge(*, message: Message, by: Person, by_link: bool) -> bool:
    """This person has read it; once. Raises `Refused`, journalled with the message, for anybody it was not sent to."""
    if not may_answer_for(message, by):
        refuse(message=message, by=by)
    with transaction.atomic():
        me, now = reference_of(by), definitions.now()
        row = Message.objects.select_for_update().get(account_id=HERE, id=message.id)
        if row.acknowledged_at is not None:
            return False
        Message.objects.filter(account_id=HERE, id=row.id).update(
            state="acknowledged", acknowledged_at=now, acknowledged_by=uuid.UUID(bytes=me)
        )
        journal.record(
            Kind.MESSAGE_ACKNOWLEDGED, by=me, facts={Fact.MESSAGE: row.id.bytes, Fact.STATE: 1 if by_link else 2}
        )
    return True


def refuse(*, message: Message, by: Person) -> NoReturn:
    """Somebody else's message: the journal says which, in a transaction of its own; then raises `Refused`."""
    journal.record_committed(
        Kind.MESSAGE_ACKNOWLEDGED, by=reference_of(by), outcome=Outcome.REFUSED, facts={Fact.MESSAGE: message.id.bytes}
    )
    raise Refused("LP-1", "This message was sent to somebody else; only they, or who stands in, acknowledge it.")


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _due(channel: str, now: datetime) -> "QuerySet[Message]":
    return Message.objects.filter(
        Q(claimed_until__isnull=True) | Q(claimed_until__lt=now), account_id=HERE, channel=channel,
        state__in=["queued", "sent"], try_at__lte=now, acknowledged_at__isnull=True, over_at__isnull=True,
    )  # fmt: skip


def _journal(kind: Kind, row: Message, outcome: Outcome, answer: Answer) -> None:
    """The message by its number, which attempt it was, and the server's code."""
    facts: dict[Fact, int | bytes] = {Fact.MESSAGE: row.id.bytes, Fact.COUNT: row.sent_times + 1}
    if answer.code is not None:
        facts[Fact.REASON] = max(0, min(answer.code, 65_535))
    journal.record(kind, by=Actor.WATCH.reference, outcome=outcome, facts=facts)
