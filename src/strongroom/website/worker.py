"""`python -m strongroom.website.worker`: the worker of a live installation, on the machine's own clock."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.formats.clock import Clock, SystemClock
from strongroom.formats.secret import Secret
from strongroom.installation.configuration import Company, Configuration, load
from strongroom.installation.folders import Folders
from strongroom.website.process import begin

if TYPE_CHECKING:
    from strongroom.application.gateway import Settings
    from strongroom.marketplace import ShipFrom
    from strongroom.policy.obligations.channels.telling import Channels

POLL_EVERY = timedelta(minutes=6)
"""Two searches each six minutes stay within Amazon's 0.0056 a second."""


def run(
    clock: Clock, *, poll_every: timedelta, rest: float, after_round: Callable[[int], None],
    after_watch: Callable[[int], None], after_telling: Callable[[int], None],
) -> int:  # fmt: skip
    """Serve until SIGTERM, and begin anew where this process held many people's parts (`recycling`)."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    os.environ["STRONGROOM_ROLE"] = "worker"
    begin(clock)
    from strongroom.application.worker import Worker, know_account, know_policy  # noqa: PLC0415 - Django is set up now
    from strongroom.website import links, recycling  # noqa: PLC0415
    from strongroom.website.known import know_what_is_here  # noqa: PLC0415
    from strongroom.website.wiring import controls, look, news  # noqa: PLC0415

    folders = Folders(Path(os.environ["STRONGROOM_DATA"]))
    configuration = load(folders.configuration)
    marketplace = _marketplace(folders, configuration)
    if marketplace is not None:
        know_account(name=configuration.company.name, region=configuration.marketplace.region)
    know_policy()
    links.know(configuration)
    know_what_is_here(folders, configuration)
    stop, told = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        told.set()
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    recycling.when_due(stop.set, least=recycling.LEAST_FOR_WORKER)
    company = configuration.company
    worker = Worker(
        clock=clock, marketplace=marketplace, poll_every=poll_every, rest=rest, after_round=after_round,
        after_watch=after_watch, after_telling=after_telling, controls=controls(), sources=news(),
        channels=_channels(folders, configuration), look=lambda: look(folders, configuration),
        sender=(company.name, *company.address, f"{company.city} {company.postcode}".strip(), company.country),
        home=_home(company), label_at_most=configuration.marketplace.label_at_most,
    )  # fmt: skip
    if not worker.run(stop):
        return 1
    return 0 if told.is_set() else recycling.begin_anew()


def _marketplace(folders: Folders, configuration: Configuration) -> "Settings | None":
    """What the gateway needs, or nothing where no marketplace is configured."""
    from strongroom.application.gateway import Settings  # noqa: PLC0415

    said = configuration.marketplace
    if not said.is_set:
        return None
    return Settings(
        endpoint=said.url(),
        login_endpoint=said.login_endpoint,
        client_id=said.client_id,
        client_secret=folders.credential("amazon-client-secret"),
        refresh_token=folders.credential("amazon-refresh-token"),
        marketplaces=said.marketplaces,
        ca_file=Path(said.ca_file) if said.ca_file else None,
    )


def _home(company: Company) -> "ShipFrom | None":
    """The address that Amazon sells labels from; nothing where the configuration does not tell all of it."""
    from strongroom.marketplace import ShipFrom  # noqa: PLC0415

    if not (company.address and company.city and company.postcode and company.phone and company.contacts):
        return None
    return ShipFrom(
        company.name, company.address[0], company.city, company.postcode, company.country, company.contacts[0],
        company.phone,
    )  # fmt: skip


def _channels(folders: Folders, configuration: Configuration) -> "Channels":
    """Where news goes, and the secrets for it; a configured channel without its credential ends the start, in words."""
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415
    from strongroom.policy.obligations.channels.mail import Mailer  # noqa: PLC0415
    from strongroom.policy.obligations.channels.telling import Channels  # noqa: PLC0415
    from strongroom.policy.obligations.channels.webhook import Hook  # noqa: PLC0415
    from strongroom.policy.obligations.channels.words import House  # noqa: PLC0415
    from strongroom.website.wiring import second_place  # noqa: PLC0415

    mail, webhook, web = configuration.mail, configuration.webhook, configuration.web
    return Channels(
        House(configuration.company.name, f"https://{web.names[0]}:{web.port}",
              rehearsal=Installation.objects.filter(id=1, mode="rehearsal").exists()),
        Mailer(mail.host, mail.port, mail.security, mail.from_, mail.username,
               folders.credential("mail-password") if mail.username else Secret(b""),
               Path(mail.ca_file) if mail.ca_file else None) if mail.is_set else None,
        Hook(webhook.url, folders.credential("webhook-secret"), webhook.own_hosts,
             Path(webhook.ca_file) if webhook.ca_file else None) if webhook.is_set else None,
        {"directors": mail.directors, "security_team": mail.security_team}, mail.digest_hour, folders.journal,
        second_place(configuration),
    )  # fmt: skip


def _nothing(_: int) -> None:
    """What production does after a round."""


if __name__ == "__main__":
    sys.exit(
        run(
            SystemClock(),
            poll_every=POLL_EVERY,
            rest=0.2,
            after_round=_nothing,
            after_watch=_nothing,
            after_telling=_nothing,
        )
    )
