"""What happens to canaries before their installation is searched: every way data goes, and every way that breaks."""

import contextlib
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from strongroom.application.despatch.rules import code_of
from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.policy.retention_and_recovery.leaks.canaries import Customer
from strongroom.rehearsal import leak_memory
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal

COUNTRIES: Final = {"latin": "GB", "greek": "GB", "cyrillic": "DE", "japanese": "JP", "korean": "JP", "arabic": "AE"}
ON_SCREEN: Final = tuple(p for p, opens in OPENS.items() if Peer.WEB in opens.peers and p is not Purpose.TRACKING)
ORDER_PAGE: Final = re.compile(r"/orders/[0-9a-f-]{36}/")
WHY: Final = re.compile(r'action="(/openings/[1-9]\d*/[0-9a-f-]{36}/why)"')
PAPER_WITHIN: Final = 10.0


@dataclass
class Story:
    """What happened, counted: a drill in which nothing happened proves nothing.

    glance: looks at the logs now, before a log that grew too long is begun anew.
    """

    rehearsal: Rehearsal
    admin: psycopg.Connection[Any]
    people: Sequence[Customer]
    glance: Callable[[], None]
    orders: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def did(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times

    def step(self, times: int = 1) -> None:
        """Ten minutes pass."""
        for _ in range(times):
            self.rehearsal.step(600)
            self.glance()


def first_day(story: Story, say: Callable[[str], None]) -> dict[str, Any]:
    """Orders come, are opened, searched for and packed; then things break. What memory held after an opening."""
    _place(story)
    with _browsers(story.rehearsal) as (support, packer):
        _receive(story, support)
        _look(story, support)
        _ask(story)
        memory = leak_memory.half_lives(story.rehearsal, support, story.people[0], story.found["latin"])
        story.glance()
        say("found, opened, searched; labels print")
        _pack(story, packer)
        say("things break")
        _break(story, support)
    return memory


@contextlib.contextmanager
def _browsers(rehearsal: Rehearsal) -> Iterator[tuple[Browser, Browser]]:
    base = f"https://127.0.0.1:{rehearsal.running.configuration.web.port}"
    support, packer = (Browser(base, rehearsal.folders.tls / "ca.pem") for _ in range(2))
    try:
        support.sign_in(rehearsal.people()["support"])
        packer.sign_in(rehearsal.people()["packer"])
        yield support, packer
    finally:
        support.close()
        packer.close()


def _place(story: Story) -> None:
    """Two orders of each customer: one to pack, one that waits until it must be carried."""
    for customer in story.people:
        for what in ("packed", "waits"):
            item = _item("GLOW-6") | {
                "gift": customer.fields["gift"].text(), "customised": customer.fields["customisation"].text(),
            }  # fmt: skip
            story.orders[f"{customer.script} {what}"] = _order(story, customer, item)


def _item(sku: str) -> dict[str, Any]:
    number = f"{secrets.randbelow(10**14):014d}"
    return {"item_id": number, "sku": sku, "asin": "B0SRGLOW06", "title": "Glow paint", "price": "9.50", "quantity": 1}


def _order(story: Story, customer: Customer, item: dict[str, Any]) -> str:
    told = _told(customer)
    wanted = ("name", "line1", "line2", "city", "state", "postcode", "phone", "email", "company")
    who = {"country": COUNTRIES[customer.script], **{name: told[name] for name in wanted}}
    what = {"status": "UNSHIPPED", "fulfilled_by": "MERCHANT", "items": [item]}
    return str(story.rehearsal.control.do("place", who=who, what=what)["order_id"])


def _told(customer: Customer) -> dict[str, str]:
    return {name: text.text() for name, text in customer.fields.items()}


def _receive(story: Story, support: Browser) -> None:
    """Let the worker fetch them with Amazon in trouble first, then find each by number."""
    for fault in ("body cut", "200 with HTML", "fields no model lists", "connection dropped after processing"):
        story.rehearsal.control.do("fault", fault=fault, times=1)
        story.step()
    story.step(6)
    for key, number in story.orders.items():
        page = support.post("/orders/find", support.get("/orders/"), number=number)
        if page.status_code == 200 and ORDER_PAGE.fullmatch(page.url.path):
            story.found[key.removesuffix(" packed")] = page.url.path
            story.did("received")


def _look(story: Story, support: Browser) -> None:
    """Every way to find and to open, and people who type into the wrong field."""
    for customer in story.people:
        told = _told(customer)
        for wanted in ({"email": told["email"]}, {"phone": told["phone"]}, {k: told[k] for k in ("name", "postcode")}):
            page = support.post("/orders/customer", support.get("/orders/customer"), **wanted)
            story.did("found by search", page.status_code == 200)
        for purpose in ON_SCREEN:
            page = support.reveal(story.found[customer.script], int(purpose))
            story.did("opened", page.status_code == 200)
            story.did("shown", told["name"].split()[0] in page.text)
        support.post("/orders/find", support.get("/orders/"), number=told["email"])
        support.post("/orders/find", support.get("/orders/"), number=told["name"])
        support.get(f"/orders/{told['postcode']}/")
        support.get(f"/orders/?show={told['name']}")
        story.did("typed into the wrong field", 4)
        story.glance()


def _ask(story: Story) -> None:
    """A manager asks why a canary's order was opened; that there is a question goes by mail and webhook."""
    base = f"https://127.0.0.1:{story.rehearsal.running.configuration.web.port}"
    manager = Browser(base, story.rehearsal.folders.tls / "ca.pem")
    try:
        manager.sign_in(story.rehearsal.people()["manager"])
        page = manager.get("/openings/")
        for path in WHY.findall(page.text)[:3]:
            story.did("asked why", manager.post(path, page).status_code == 200)
    finally:
        manager.close()


def _pack(story: Story, packer: Browser) -> None:
    """Labels by turns as PDF and ZPL, tracking numbers, and scans that go wrong."""
    for number, customer in enumerate(story.people):
        story.admin.execute("UPDATE printer SET format = %s", ["pdf" if number % 2 == 0 else "zpl"])
        before = story.rehearsal.printer("printed")
        told, ref = _told(customer), uuid.UUID(story.found[customer.script].split("/")[2])
        for text in (told["name"], f"SR{code_of(ref)}"):
            packer.post("/pack/scan", packer.get("/pack"), scan=text)
        until = time.monotonic() + PAPER_WITHIN
        while story.rehearsal.printer("printed") == before and time.monotonic() < until:
            time.sleep(0.1)
        packer.post("/pack/scan", packer.get("/pack"), scan=told["tracking"])
        story.did("labels", story.rehearsal.printer("printed") - before)
    story.step()


def _break(story: Story, support: Browser) -> None:
    """Errors at the worst moment: after a part was opened and before its page is made; in the midst of receipt."""
    path, admin = story.found[story.people[1].script], story.admin
    with _revoked(admin):
        story.did("errors 500", support.reveal(path).status_code == 500)
    with _held(story.rehearsal):
        story.did("lock timeouts", support.reveal(path).status_code >= 500)
    admin.execute("CREATE UNIQUE INDEX leak_drill ON order_item (account_id) WHERE sku = 'DRILL'")
    for customer in story.people[:2]:
        _order(story, customer, _item("DRILL"))
        story.step()
    story.step(3)
    log = (story.rehearsal.folders.logs / "postgres.log").read_text(encoding="utf-8", errors="replace")
    story.did("unique violations", log.count('"leak_drill"'))
    admin.execute("DROP INDEX leak_drill")
    story.step(2)


@contextlib.contextmanager
def _revoked(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """A table that every page's frame reads, and that no opening needs."""
    admin.execute("REVOKE SELECT ON installation FROM strongroom_web")
    try:
        yield
    finally:
        admin.execute("GRANT SELECT ON installation TO strongroom_web")


@contextlib.contextmanager
def _held(rehearsal: Rehearsal) -> Iterator[None]:
    """The same table, held by somebody else for longer than anybody waits."""
    parameters = {**rehearsal.running.admin, "dbname": rehearsal.running.configuration.database.name}
    with psycopg.connect(**parameters) as holding:
        holding.execute("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE")
        yield
        holding.rollback()
