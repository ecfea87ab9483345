"""Everybody who could attack, each at a browser of their own, and one thing of every kind that an address can name."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.test import Client

from strongroom.formats.leaf import Actor
from tests.house.running import House, Shop
from tests.policy.people import Somebody, as_website, browser, get, post

PEOPLE: Final = ("packer", "support", "manager", "security", "director", "administrator", "auditor")
NOBODY: Final = "Your role does not include this"
"""How the gate's refusal begins; a rule's refusal says something else."""
UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"


@dataclass
class Cast:
    """People signed in on a recorded device, the probe, and what they act on."""

    house: House
    shop: Shop
    people: dict[str, Somebody]
    victim: Somebody
    own: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)

    def browser(self, role: str) -> Client:
        if role == "probe":
            return probe_browser()
        if role == "anonymous":
            return browser()
        return self.people[role].browser

    def refresh(self, role: str) -> None:
        """Signed in again with a fresh factor, where an act of the matrix ended the session."""
        if role in self.people and get(self.people[role].browser, "/me").status_code != 200:
            sign_in(self.people[role])
            post(self.people[role].browser, "/devices/this", device=str(self.own["desk"]))


def probe_browser() -> Client:
    from strongroom.policy.access_management import probe_session
    from strongroom.policy.access_management.models import ProbeSession

    probe_session.keep()
    made = browser()
    made.cookies["__Host-session"] = ProbeSession.objects.get(id=1).cookie
    return made


def sign_in(who: Somebody) -> None:
    """With a code that was not used; by the session's own verb, since a code of this half minute works once."""
    from strongroom.policy.access_management.models import Attempts

    Attempts.objects.all().delete()
    for ahead in (0, 1, -1):
        who.browser = browser()
        if who.sign_in(ahead=ahead).status_code == 302 and get(who.browser, "/me").status_code == 200:
            return
        Attempts.objects.all().delete()
    raise AssertionError("nobody let them in")


@contextmanager
def cast_in(house: House) -> Iterator[Cast]:
    """The whole cast; what they opened is answered and decided when they leave."""
    from strongroom.policy.access_management import devices

    with house.shop() as shop:
        orders = shop.place(2)
        shop.receive()
        rows = [shop.order(order.order_id) for order in orders]
        with as_website(house):
            desk, spare = (
                devices.record_known(
                    name=f"Attacked {n} {os.urandom(3).hex()}",
                    kind="computer",
                    stated=True,
                    by=Actor.REHEARSAL.reference,
                )
                for n in ("desk", "spare")
            )
            people = {role: Somebody(role) for role in PEOPLE}
            for who in people.values():
                sign_in(who)
                post(who.browser, "/devices/this", device=str(desk.pk))
            cast = Cast(house, shop, people, Somebody("packer"))
            cast.own |= {"device": spare.pk, "desk": desk.pk}
            _things(cast, rows, orders[0].order_id)
        _foreign(cast)
        shop.does("ship", orders[0].order_id)
        shop.receive()
        yield cast
        with as_website(house):
            _settle(cast)


def _things(cast: Cast, orders: list[Any], number: str) -> None:
    """One of each: made by the verbs that people use."""
    from strongroom.application.despatch.actions import make_wave
    from strongroom.policy.encryption_and_storage.printers import add_known
    from strongroom.policy.incident_response.actions import declare
    from strongroom.policy.least_privilege.actions import propose_grant
    from strongroom.policy.least_privilege.models import Reason
    from strongroom.policy.least_privilege.roles import Role

    people, order = cast.people, orders[0]
    printer, spare = (
        add_known(
            name=f"Z-{os.urandom(4).hex()}", place=cast.house.place(), uri="ipps://printer.invalid/ipp", form="zpl",
            fingerprint=os.urandom(32), second=None, by=Actor.REHEARSAL.reference,
        )
        for _ in range(2)
    )  # fmt: skip
    wave = make_wave(account=cast.shop.account, orders=[orders[1].ref], warehouse="", by=people["packer"].row)
    opened = _opening(cast, order)
    cast.own |= {
        "ref": order.ref, "order_number": number, "printer": printer.pk, "spare": spare.pk, "account": cast.shop.account, "entry": opened,
        "wave": wave.number, "label": _label(cast, orders[1], printer), "approval": _decided(people["administrator"]),
        "case": declare(by=people["packer"].row), "message": _message(people["support"]),
        "grant": propose_grant(
            person=cast.victim.row, role=Role.SUPPORT, reason=Reason.JOB, by=people["administrator"].row
        ).pk,
    }  # fmt: skip
    post(people["manager"].browser, f"/openings/{cast.shop.account}/{opened}/why")
    cast.own["obligation"] = _question(cast.shop.account)


def _opening(cast: Cast, order: Any) -> uuid.UUID:
    """Support's own opening of an order, which somebody may ask about."""
    from strongroom.formats.leaf import Kind
    from strongroom.policy.logging_and_monitoring.models import Entry

    support = cast.people["support"]
    assert post(support.browser, f"/orders/{order.ref}/reveal", purpose="1").status_code == 200
    found: uuid.UUID = Entry.objects.filter(account_id=cast.shop.account, kind=Kind.OPENED).latest("at").id
    return found


def _label(cast: Cast, order: Any, printer: Any) -> uuid.UUID:
    from strongroom.application.despatch.actions import queue_label

    label: uuid.UUID = queue_label(order=order, printer=printer, by=cast.people["packer"].row).label.id
    return label


def _question(account: int) -> uuid.UUID:
    from strongroom.policy.obligations.models import Obligation

    found: uuid.UUID = Obligation.objects.open().get(account_id=account, kind="explain opening").id
    return found


def _decided(administrator: Somebody) -> uuid.UUID:
    """A proposal that its proposer took back: whoever may decide is told so, and nothing follows from it."""
    from strongroom.policy.encryption_and_storage import registers
    from strongroom.policy.least_privilege import approvals

    made: Any = registers.record_threat(
        subject="attack matrix", words="A test asks every route", control="", residual="Nothing", accept=True,
        by=administrator.row,
    )  # fmt: skip
    approvals.decline(id_=made.pk, by=administrator.row)
    found: uuid.UUID = made.pk
    return found


def _message(to: Somebody) -> uuid.UUID:
    from strongroom.policy import definitions
    from strongroom.policy.obligations.models import Message

    row = Message(
        account_id=0, id=definitions.reference(), channel="mail", event="test", to=to.row.pk, key=os.urandom(8).hex(),
        subject="Of the attack matrix", body="Nobody is named.", made_at=definitions.now(), state="sent", tries=1,
        sent_at=definitions.now(), sent_times=1, again_after=0, over_at=definitions.now(),
    )  # fmt: skip
    row.save(force_insert=True)
    return row.id


def _foreign(cast: Cast) -> None:
    """The synthetic account's order, and what is somebody else's."""
    from strongroom.policy.retention_and_recovery import probe

    probe.keep()
    found = probe.probe_order()
    assert found is not None
    cast.foreign["ref"] = found.ref


def _settle(cast: Cast) -> None:
    """Answer the question, decide the cases, take back what the matrix wished."""
    from strongroom.policy.incident_response.actions import decide
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.obligations.models import Obligation
    from strongroom.policy.retention_and_recovery.models import Receiver

    cast.refresh("support")
    for question in Obligation.objects.open().filter(account_id=cast.shop.account, kind="explain opening"):
        answer = post(cast.people["support"].browser, f"/questions/{question.id}", reason="1")
        assert answer.status_code == 302, answer.content
    for case in Case.objects.filter(account_id=0, decision="open", alarm_kind="declared"):
        decide(
            number=case.number,
            decision="dismissed",
            words="Declared by a test of attacks.",
            by=cast.people["security"].row,
        )
    Receiver.objects.filter(wanted_at__isnull=False).update(wanted_at=None)
