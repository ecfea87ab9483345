"""A post office for tests: a real mail server with TLS, a webhook receiver, and tellers of the running house."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.obligations.channels.mail import Mailer
from strongroom.rehearsal.mail.server import Mail, MailServer, server_context
from strongroom.rehearsal.receiver.server import Receiver
from tests.house.running import House

PASSWORD = "a-password-77"
COUNT = itertools.count(1)
NEVER = 24
"""An hour that no day has."""
MAIL_ONLY = frozenset({"mail"})
BOTH = frozenset({"mail", "webhook"})


@dataclass
class Post:
    """The server, and news that a test lets stand. `tell`: one round of a teller that knows of nothing else."""

    house: House
    server: MailServer
    receiver: Receiver
    channels: Any
    news: list[Any] = field(default_factory=list)
    context: Any = None

    def teller(self, *sources: Any, channels: Any = None) -> Any:
        from strongroom.policy.clauses.controls import Controls
        from strongroom.policy.obligations import wall
        from strongroom.policy.obligations.channels.telling import Teller

        of = sources or (lambda _: self.news,)
        return Teller(channels or self.channels, of, lambda: wall.read(Controls((), ())))

    def tell(self, live: frozenset[str] = MAIL_ONLY) -> int:
        return int(self.teller().round(live))

    @property
    def mails(self) -> list[Mail]:
        """What arrived, oldest first. No pages among it: their hour never comes here."""
        return list(self.server.box.mails)

    def to(self, person: Any) -> list[Mail]:
        return [mail for mail in self.mails if mail.to == person.email]


def news(to: Any = None, **what: Any) -> Any:
    """A piece of news of its own, for the security team unless said otherwise."""
    from strongroom.policy import definitions
    from strongroom.policy.least_privilege.roles import Role
    from strongroom.policy.obligations.channels.events import Event
    from strongroom.policy.obligations.channels.news import News

    n = next(COUNT)
    given = {
        "key": f"test:{n}:{definitions.reference()}", "event": Event.CASE_OPENED, "subject": f"Case {n} waits",
        "lines": ("Decide it.",), "link": "/wall/DF-4/", "roles": (Role.SECURITY,), "since": definitions.now(),
    }  # fmt: skip
    return News(**{**given, **what})


def link_in(mail: Mail) -> str:
    """The path of a mail's link."""
    (line,) = [line for line in mail.text.splitlines() if "/messages/link/" in line]
    return "/messages/" + line.partition("/messages/")[2].strip()


def attempts(key: str) -> list[tuple[Any, Any, str]]:
    """Delivered, code and problem of each attempt at a key, in order."""
    from strongroom.policy.obligations.models import Delivery, Message

    ids = list(Message.objects.filter(account_id=0, key=key).values_list("id", flat=True))
    rows = Delivery.objects.filter(account_id=0, message__in=ids).order_by("at")
    return list(rows.values_list("delivered", "code", "problem"))


def states(key: str) -> set[str]:
    from strongroom.policy.obligations.models import Message

    return set(Message.objects.filter(account_id=0, key=key).values_list("state", flat=True))


def step(house: House, minutes: float) -> None:
    house.step(timedelta(minutes=minutes).total_seconds())


@contextmanager
def post_office(house: House, folder: Path) -> Iterator[Post]:
    from strongroom.policy.obligations.channels.telling import Channels
    from strongroom.policy.obligations.channels.webhook import Hook
    from strongroom.policy.obligations.channels.words import House as Letterhead

    ca, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
    context = server_context(certificate, key)
    secret = Secret("what signs")
    with (
        MailServer(context, password=PASSWORD, kept=None) as server,
        Receiver(context, secret, house.rehearsal.clock.wall) as receiver,
    ):
        mailer = Mailer("localhost", server.port, "starttls", "strongroom@example.invalid", "strongroom",
                        Secret(PASSWORD), ca)  # fmt: skip
        channels = Channels(
            Letterhead("Quillmarsh Toys", "https://localhost:8443", rehearsal=True), mailer,
            Hook(receiver.url, secret, ("localhost",), ca),
            {"directors": ("board@example.invalid",), "security_team": ()}, NEVER, house.rehearsal.folders.journal, None,
        )  # fmt: skip
        yield Post(house, server, receiver, channels, context=context)
