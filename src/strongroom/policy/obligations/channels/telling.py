"""One round of telling: what stands is queued once, pages are made when their hour comes, what is due leaves (F25).

Everything that waits for another machine happens here, between transactions. What is queued and not sent is gone on
with by the next round or the next process.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from strongroom.formats.malformed import Malformed
from strongroom.policy import definitions
from strongroom.policy.least_privilege.roles import Role
from strongroom.policy.logging_and_monitoring import checkpoints
from strongroom.policy.logging_and_monitoring.checkpoints import PlaceLost
from strongroom.policy.logging_and_monitoring.models import Installation
from strongroom.policy.obligations import sweeper
from strongroom.policy.obligations.channels import outbox, pages, people, words
from strongroom.policy.obligations.channels.answers import OF_THE_LINK, Answer, Letter, Problem
from strongroom.policy.obligations.channels.events import Event
from strongroom.policy.obligations.channels.mail import Mailer, Session
from strongroom.policy.obligations.channels.moments import LONDON
from strongroom.policy.obligations.channels.news import HOURLY, PASSING, News, Seen, Source
from strongroom.policy.obligations.channels.outbox import MAIL, WEBHOOK, Claimed, Draft
from strongroom.policy.obligations.channels.people import Addressee, Mailboxes
from strongroom.policy.obligations.channels.webhook import Hook
from strongroom.policy.obligations.channels.words import House
from strongroom.policy.obligations.models import Heartbeat
from strongroom.policy.obligations.wall import Wall

CHECKPOINTS: Final = "checkpoints"
"""The heartbeat of the second place."""
DIGEST_ROLES: Final = (Role.DIRECTOR, Role.SECURITY, Role.ADMINISTRATOR)
REST: Final = timedelta(minutes=1)
"""How long a channel rests after its server could not be reached."""
MOST_A_ROUND: Final = 500
WEEKLY: Final = timedelta(days=7)

log = logging.getLogger("strongroom.telling")


@dataclass(frozen=True)
class Channels:
    """What the configuration says of channels. journal: the tree's folder; second_place: where checkpoints go."""

    house: House
    mail: Mailer | None
    webhook: Hook | None
    mailboxes: Mailboxes
    digest_hour: int
    journal: Path
    second_place: Path | None


class Teller:
    """Tells what there is to tell. One a process; two at once are safe. look: reads the wall."""

    def __init__(self, channels: Channels, sources: Sequence[Source], look: Callable[[], Wall]) -> None:
        self._channels = channels
        self._sources = sources
        self._look = look
        self._silent: set[str] = set()
        self._rests: dict[str, datetime] = {}

    def round(self, live: frozenset[str]) -> int:
        """Everything there is to do now on the channels that are live; how many letters left."""
        seen = Seen(definitions.now(), self._look)
        self._put_elsewhere(seen.now)
        news = [each for source in (*self._sources, self._place) for each in source(seen)]
        if live:
            self._queue(self._twice(news), live)
            self._pages(seen, news, live)
            outbox.end_over([each.key for each in news], PASSING)
            outbox.rest_acknowledged()
        return sum(self.send(channel) for channel in sorted(live))

    def send(self, channel: str) -> int:
        """What is due on one channel, letter by letter; how many were delivered."""
        sent, now = 0, definitions.now()
        if now < self._rests.get(channel, now) or not outbox.is_due(channel):
            return 0
        with _Desk(self._channels) as desk:
            for _ in range(MOST_A_ROUND):
                claimed = outbox.claim(channel)
                if claimed is None:
                    break
                began = time.monotonic()
                answer = desk.hand_over(claimed)
                outbox.complete(claimed, answer, milliseconds=round((time.monotonic() - began) * 1000))
                sent += answer.delivered
                if answer.problem in OF_THE_LINK:
                    log.warning("the %s does not take what is sent: %s", channel, answer.problem)
                    self._rests[channel] = definitions.now() + REST
                    break
        return sent

    def _queue(self, news: Sequence[News], live: frozenset[str]) -> None:
        known = outbox.known(each.key for each in news)
        for each in news:
            if not each.fresh:
                continue
            if MAIL in live:
                told = people.answering(each.clause, each.roles, self._channels.mailboxes, each.besides)
                for who in told:
                    if (MAIL, who.person, who.mailbox, each.key) not in known:
                        outbox.queue(self._draft(each, who, *words.of_news(self._channels.house, each, who.name)))
            if WEBHOOK in live and (WEBHOOK, 0, "", each.key) not in known:
                outbox.queue(
                    Draft(WEBHOOK, each.event, each.clause, 0, "", each.key,
                          self._channels.house.subject(each.subject), words.for_webhook(self._channels.house, each))
                )  # fmt: skip

    @staticmethod
    def _draft(news: News, who: Addressee, subject: str, body: str) -> Draft:
        return Draft(
            MAIL, news.event, news.clause, who.person, who.mailbox, news.key, subject, body, news.again_after
        )  # fmt: skip

    def _twice(self, news: Sequence[News]) -> list[News]:
        """A silent watch is told at the second look: after a suspended machine all of them wake at once."""
        silent = {each.key for each in news if each.event is Event.WATCH_LOST}
        before, self._silent = self._silent, silent
        return [each for each in news if each.event is not Event.WATCH_LOST or each.key in before]

    def _pages(self, seen: Seen, news: Sequence[News], live: frozenset[str]) -> None:
        """The digest after its hour, each day; the month's page after the hour of any later day of the next month."""
        here = seen.now.astimezone(LONDON)
        if here.hour < self._channels.digest_hour:
            return
        key = f"digest:{here:%Y-%m-%d}"
        if not outbox.known([key]):
            self._digest(seen, news, key, live)
        until = here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        first = (until - timedelta(days=1)).replace(day=1)
        installed = Installation.objects.filter(id=1).values_list("created_at", flat=True).first()
        month = f"month:{first:%Y-%m}"
        if MAIL in live and installed is not None and installed < until and not outbox.known([month]):
            self._month(seen, news, month, first, until)

    def _digest(self, seen: Seen, news: Sequence[News], key: str, live: frozenset[str]) -> None:
        house, today = self._channels.house, pages.today(seen, news, self._note())
        if MAIL in live:
            for who in people.everybody(DIGEST_ROLES, self._channels.mailboxes):
                subject, body = words.of_today(house, today, who.name)
                outbox.queue(Draft(MAIL, Event.DIGEST, "", who.person, who.mailbox, key, subject, body))
        if WEBHOOK in live:
            body = words.today_for_webhook(house, today, key)
            outbox.queue(Draft(WEBHOOK, Event.DIGEST, "", 0, "", key, house.subject("Today"), body))
        outbox.replace_older(Event.DIGEST, key)

    def _month(self, seen: Seen, news: Sequence[News], key: str, first: datetime, until: datetime) -> None:
        made = pages.month(seen, news, self._note(), first, until)
        for who in people.everybody([Role.DIRECTOR], self._channels.mailboxes):
            subject, body = words.of_month(self._channels.house, made, who.name)
            outbox.queue(Draft(MAIL, Event.MONTH, "", who.person, who.mailbox, key, subject, body, WEEKLY))
        outbox.replace_older(Event.MONTH, key)

    def _note(self) -> str:
        """The newest signed head, verified; nothing where it is not sound, which the letter then says."""
        try:
            return checkpoints.newest(self._channels.journal)
        except (Malformed, OSError):
            return ""

    def _put_elsewhere(self, now: datetime) -> None:
        """Each hour's checkpoint goes to the second place and is read back; its heartbeat says when it last was."""
        place = self._channels.second_place
        if place is None:
            return
        last = _beat()
        if last is not None and now - last < HOURLY:
            return
        try:
            checkpoints.copy_out(self._channels.journal, place, now, is_first=last is None)
        except (PlaceLost, Malformed, OSError) as problem:
            log.warning("the checkpoint did not reach the second place: %s", type(problem).__name__)
        else:
            sweeper.beat(CHECKPOINTS)

    def _place(self, seen: Seen) -> list[News]:
        """The second place, where nothing reached it for two hours."""
        last = _beat()
        since = last or Installation.objects.values_list("created_at", flat=True).get(id=1)
        if self._channels.second_place is None or seen.now - since < 2 * HOURLY:
            return []
        return [
            News(
                f"second place:{definitions.milliseconds(since)}", Event.WATCH_LOST,
                "No checkpoint reaches the second place",
                ("Whoever rewrites the journal here is not found out there. Is the folder mounted and writable?",),
                "/journal/", (Role.ADMINISTRATOR, Role.SECURITY), since, "LM-2", again_after=HOURLY * 24,
            )
        ]  # fmt: skip


class _Desk:
    """Where letters are handed over; one connection to the mail server for all of a round."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def hand_over(self, claimed: Claimed) -> Answer:
        row, house = claimed.message, self._channels.house
        at = definitions.milliseconds(definitions.now()) / 1000
        if row.channel == WEBHOOK:
            hook = self._channels.webhook
            letter = Letter(str(row.id), "", row.subject, row.body, at=at)
            return hook.send(letter) if hook is not None else Answer(Problem.NOBODY)
        to = people.address_of(row, self._channels.mailboxes)
        if not to or self._channels.mail is None:
            return Answer(Problem.NOBODY)
        if self._session is None:
            self._session = self._channels.mail.session()
        body = row.body + words.link_line(house, claimed.token)
        return self._session.send(Letter(str(row.id), to, row.subject, body, str(row.sent_times + 1), at))


def _beat() -> datetime | None:
    return Heartbeat.objects.filter(name=CHECKPOINTS).values_list("at", flat=True).first()
