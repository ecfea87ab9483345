"""The main pages over many orders, as signed-in people get them over HTTPS; the wall among them (DESIGN 11).

A rehearsal of some days whose rows are multiplied inside the database, with a twentieth as many open deadlines. The
limit is the smallest page that asks for a session: what the server, its door and the wire cost alone; its ratio is of
the slowest page.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from strongroom.rehearsal.benches import filled, wall
from strongroom.rehearsal.benches.figures import Through, ratio, silently
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Target
from strongroom.rehearsal.watchman import Watchman

PAGES: Final = {
    "wall": "/wall/", "a clause": "/wall/RR-2/", "duties": "/duties/", "orders to ship": "/orders/",
    "all orders": "/orders/?show=all", "one order": "", "work list": "/worklist/", "openings": "/openings/",
    "questions": "/questions/",
}  # fmt: skip
LIMIT: Final = "questions"


def run(
    rehearsal: Rehearsal, *, sizes: Sequence[int], say: Callable[[str], None], through: Through = silently
) -> dict[str, Any]:
    """A row each number of orders: p50 and p95 of each page, milliseconds."""
    with Watchman(rehearsal) as watchman:
        watchman.run()
    rehearsal.running.supervisor.end("worker")
    web = rehearsal.running.configuration.web
    browser = Browser(f"https://127.0.0.1:{web.port}", rehearsal.folders.tls / "ca.pem")
    browser.sign_in(rehearsal.people()["manager"])
    rows: list[dict[str, Any]] = []
    held = 0
    for size in sorted(sizes):
        say(f"filling: {size:,} orders")
        with Target(rehearsal).superuser() as connection:
            more = size - held
            filled.fill(connection, orders=more, obligations=more // 20, runs=more, after=held)
        held = size
        rows.append({"orders": size, "pages": timed(browser, through=through)})
    browser.close()
    last, limit = rows[-1]["pages"], rows[-1]["pages"][LIMIT]["p50_ms"]
    return {
        "rows": rows,
        "ratios": {"limit": ratio(limit, max(times["p50_ms"] for times in last.values()))},
    }


def timed(browser: Browser, *, rounds: int = wall.ROUNDS, through: Through = silently) -> dict[str, dict[str, float]]:
    """Each page as a manager who is signed in gets it now: p50 and p95, milliseconds, TLS and the wire besides."""
    paths = {**PAGES, "one order": browser.orders("all")[0]}
    return {
        name: wall.times(functools.partial(wall.got, browser, path), rounds)
        for name, path in through(paths.items(), "pages")
    }
