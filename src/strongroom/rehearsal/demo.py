"""The main job end to end on the simulated marketplace, through the real processes, then a report of what is true."""

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.parts import OPENS, Peer, Purpose
from strongroom.installation import database_roles
from strongroom.policy.definitions import PROBES
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.watchman import Watchman

STEP: Final = 12 * 3600.0
DAYS: Final = 35
ORDERS_PER_DAY: Final = 5.5
LEFT_TO_PACKERS: Final = 1
"""Days at the end of a demo in which nothing is despatched by itself."""
LOOK_EACH: Final = 7
"""Steps between people's looks at orders: the hours of the day take turns."""
OFFICE_EACH: Final = 12
"""Steps between the office's hours, six days: then are duties done, cases decided and letters read."""
REASONS: Final = (Purpose.DELIVERY, Purpose.CARRIER, Purpose.DELIVERY, Purpose.WRITE_BACK, Purpose.CALL_BACK)
PARCELS: Final = 5
PAPER_WITHIN: Final = 15.0
"""Seconds a packer waits for a label before the next slip."""
PRINTED: Final = "</svg>Printed</h1>"
STILL_TO_COME: Final = ("</svg>Waiting</h1>", "</svg>Printing</h1>")
ON_SCREEN: Final = frozenset(purpose for purpose, opens in OPENS.items() if Peer.WEB in opens.peers) - {
    Purpose.TRACKING
}
LEAK_FIGURES: Final = (
    "files_scanned", "bytes_scanned", "needles", "found", "positive_control_found", "positive_control_planted",
)  # fmt: skip
CODE: Final = re.compile(r">([0-9A-Z]{5}-[0-9A-Z]{5})</a>")


def run(
    rehearsal: Rehearsal, *, days: int = DAYS, say: Any = None, through: Callable[[range], Iterable[int]] = iter
) -> dict[str, Any]:
    """Live through `days` of policy time in steps of twelve hours; people look at orders meanwhile. The report.

    through: goes through the steps in their order; whoever waits may show how far it is.
    """
    began = time.monotonic()
    rehearsal.start()
    tell = say or (lambda _: None)
    tell("everything serves; time begins to move")
    ca = rehearsal.folders.tls / "ca.pem"
    base = f"https://127.0.0.1:{rehearsal.running.configuration.web.port}"
    people = {role: Browser(base, ca) for role in ("support", "support2", "packer")}
    for role, browser in people.items():
        browser.sign_in(rehearsal.people()[role])
    packer = people["packer"]
    try:
        with Watchman(rehearsal) as watchman:
            for step in through(range(round(days * 86_400 / STEP))):
                rehearsal.step(STEP)
                if step % OFFICE_EACH == 1:
                    watchman.keep_office()
                if step % LOOK_EACH == LOOK_EACH - 1:
                    _look([people["support"], people["support2"]], packer, step // LOOK_EACH)
                if step % 15 == 14:
                    tell(f"day {round((step + 1) * STEP / 86_400)} of {days}")
            with watchman.catching_up() as looked:
                _stand_out(people["support2"])
                tell(f"{pack(packer)} parcels packed at the bench")
                rehearsal.step(600)
                watchman.keep_office()
                rehearsal.step(60)
            late = [id_ for id_, run in looked.items() if run["outcome"] == "none"]
            if late:
                tell(f"checks that did not run in time: {', '.join(sorted(late))}")
            counts = watchman.counts()
    finally:
        for browser in people.values():
            browser.close()
    report = _report(rehearsal) | {"wall": counts}
    report["seconds"] = round(time.monotonic() - began, 1)
    return report


def _look(desk: Sequence[Browser], packer: Browser, turn: int) -> None:
    """What people do meanwhile: support opens some orders, each for a reason; now and then a packer tries, and is
    refused, and somebody asks for what was forgotten.
    """
    waiting = desk[0].orders("to-ship")
    for place, path in enumerate(waiting[: 1 + turn % 3]):
        desk[(turn + place) % 2].reveal(path, purpose=REASONS[(turn + place) % len(REASONS)])
    if turn % 3 == 2:
        for path in waiting[:1]:
            packer.reveal(path)
        for path in desk[0].orders("forgotten")[:1]:
            desk[0].reveal(path)


def _stand_out(support: Browser) -> None:
    """Somebody opens one order four times: a manager has something to ask about."""
    for path in support.orders("to-ship")[:1] * 4:
        support.reveal(path, purpose=Purpose.CALL_BACK)


def pack(packer: Browser, *, most: int = PARCELS, seed: int = 0, within: float = PAPER_WITHIN) -> int:
    """A little of a packer's shift: each pick slip is scanned, its label prints, most parcels are handed over."""
    codes = CODE.findall(packer.get("/worklist/?show=ready").text)[:most]
    page, packed = packer.get("/pack"), 0
    for number, code in enumerate(codes, seed):
        page = _paper(packer, packer.post("/pack/scan", page, scan=code), within)
        packed += PRINTED in page.text
        if number % 4 != 3:
            page = packer.post("/pack/scan", page, scan=f"QM{100_000_000 + number:09d}GB")
    return packed


def _paper(packer: Browser, page: httpx.Response, within: float) -> httpx.Response:
    """The bench once its label's end is known; looked at again as the page itself does, while paper may still come."""
    until = time.monotonic() + within
    while any(words in page.text for words in STILL_TO_COME) and time.monotonic() < until:
        time.sleep(0.1)
        page = packer.get("/pack")
    return page


def _report(rehearsal: Rehearsal) -> dict[str, Any]:
    """Counts from the database's auditor and from the journal, which is verified from a copy, with its public key."""
    orders = _orders(rehearsal)
    kinds, tree = read_journal(rehearsal.folders.journal)
    return {
        "orders": orders,
        "labels": {"printed": rehearsal.printer("printed")},
        "reveals": {
            "granted": kinds[Kind.OPENED],
            "refused": kinds[Kind.ACCESS_REFUSED] + kinds[Kind.OPEN_REFUSED],
        },
        "erased": {"orders": kinds[Kind.ORDER_ERASED], "day_keys": kinds[Kind.KEY_DESTROYED]},
        "carried": kinds[Kind.CARRIED],
        "journal": tree,
        "leaks": found_by_the_last_search(rehearsal),
    }


def found_by_the_last_search(rehearsal: Rehearsal) -> dict[str, int | str] | None:
    """What the search of every file for the probe's words found when it last ran (RR-4), and in a word; DESIGN 9."""
    with _auditor(rehearsal) as connection:
        row = connection.execute(
            "SELECT outcome, seen FROM run WHERE check_id = 'RR-4.scan' AND ended_at IS NOT NULL"
            " ORDER BY began_at DESC LIMIT 1"
        ).fetchone()
    if row is None:
        return None
    seen = json.loads(row[1] or "{}")
    return {"outcome": row[0], **{name: seen[name] for name in LEAK_FIGURES if name in seen}}


def _orders(rehearsal: Rehearsal) -> dict[str, int]:
    with _auditor(rehearsal) as connection:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE sealed_version IS NOT NULL), count(fulfilled_at),"
            " count(cancelled_at) FROM amazon_order WHERE account_id = 1"
        ).fetchone()
    received, sealed, fulfilled, cancelled = row or (0, 0, 0, 0)
    return {"received": received, "sealed": sealed, "fulfilled": fulfilled, "cancelled": cancelled}


def _auditor(rehearsal: Rehearsal) -> psycopg.Connection[Any]:
    running = rehearsal.running
    return psycopg.connect(**database_roles.connect_as(running.admin, rehearsal.folders, "auditor", "strongroom"))


def read_journal(journal: Path) -> tuple[Counter[Kind], dict[str, Any]]:
    """What the leaves say, and whether the whole tree verifies: read from a copy, as a stranger would."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal"
        PublishedTree(journal).copy_to(copy)
        tree = PublishedTree(copy)
        verified = tree.verify()
        kinds: Counter[Kind] = Counter()
        for index in range(tree.size):
            entry = tree.leaf(index).entry
            if entry.account == PROBES:  # a customer who does not exist is not counted
                continue
            kinds[entry.kind] += entry.kind is not Kind.OPENED or entry.facts.get(Fact.PURPOSE) in ON_SCREEN
    head = {"size": verified.leaves, "root": tree.checkpoint.root.hex(), "verified": verified.leaves == tree.size}
    return kinds, head
