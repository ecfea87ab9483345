"""The wall and the sweeper at size: one million orders and runs, fifty thousand open deadlines (DESIGN 11)."""

import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from strongroom.rehearsal.benches import filled
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Target
from strongroom.rehearsal.watchman import Watchman

ROUNDS: Final = 40
PAGES: Final = {"wall": "/wall/", "screen": "/wall/screen", "duties": "/duties/", "clause": "/wall/RR-2/"}
LAST_RUNS: Final = """
SELECT r.* FROM unnest(%s::text[]) AS c (id) CROSS JOIN LATERAL (
    SELECT * FROM run WHERE account_id = 0 AND check_id = c.id AND ended_at IS NOT NULL ORDER BY began_at DESC LIMIT 1
) r
"""
COUNT_OPEN: Final = """
SELECT clause, count(*), count(*) FILTER (WHERE due_at <= now()), min(due_at) FROM obligation
WHERE satisfied_at IS NULL AND withdrawn_at IS NULL AND kind <> 'duty' GROUP BY clause
"""
ALL_DUE: Final = """
UPDATE obligation SET due_at = opened_at, next_at = opened_at
WHERE satisfied_at IS NULL AND withdrawn_at IS NULL AND kind <> 'duty'
"""


def run(
    rehearsal: Rehearsal, *, orders: int, obligations: int, runs: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """In a rehearsal of some days: the rows, then the pages and the sweeper's rounds, each beside its limit."""
    with Watchman(rehearsal) as watchman:
        watchman.run()
    rehearsal.running.supervisor.end("worker")
    target = Target(rehearsal)
    with target.superuser() as connection:
        say(f"filling: {orders:,} orders, {obligations:,} open deadlines, {runs:,} runs of checks")
        filled.fill(connection, orders=orders, obligations=obligations, runs=runs)
        least = _limit(connection)
    pages = _pages(rehearsal)
    sweeps = _sweeps(rehearsal, target)
    return {
        "orders": orders, "obligations": obligations, "runs": runs, "pages": pages, "sweep": sweeps,
        "limit_ms": least, "ratios": {"wall / limit": round(pages["wall"]["p95_ms"] / least, 1)},
    }  # fmt: skip


def _pages(rehearsal: Rehearsal) -> dict[str, dict[str, float]]:
    """Each page as a signed-in manager gets it over HTTPS: the server's time, and TLS and the wire besides."""
    web = rehearsal.running.configuration.web
    browser = Browser(f"https://127.0.0.1:{web.port}", rehearsal.folders.tls / "ca.pem")
    try:
        browser.sign_in(rehearsal.people()["manager"])
        return {name: times(functools.partial(got, browser, path)) for name, path in PAGES.items()}
    finally:
        browser.close()


def got(browser: Browser, path: str) -> None:
    """Get a page, which is this page and no door before it."""
    page = browser.get(path)
    assert page.status_code == 200 and page.url.path == path.partition("?")[0], (path, page.status_code, page.url.path)  # noqa: S101, PT018


def _limit(connection: psycopg.Connection[Any]) -> float:
    """What the database alone needs for a wall: each check's last run, and deadlines counted. p95, milliseconds."""
    checks = [row[0] for row in connection.execute("SELECT DISTINCT check_id FROM check_due")]

    def read() -> None:
        connection.execute(LAST_RUNS, [checks]).fetchall()
        connection.execute(COUNT_OPEN).fetchall()

    return times(read)["p95_ms"]


def _sweeps(rehearsal: Rehearsal, target: Target) -> dict[str, float]:
    """A quiet round over all open deadlines, and the round after a downtime in which all of them passed."""
    quiet = json.loads(rehearsal.running.run("worker", ["-m", "strongroom.rehearsal.benches.sweeping"]))
    with target.unguarded() as connection:
        connection.execute(ALL_DUE)
    late = json.loads(rehearsal.running.run("worker", ["-m", "strongroom.rehearsal.benches.sweeping"]))
    return {
        "quiet_ms": quiet["ms"], "all_passed_ms": late["ms"], "passed": late["breached"],
        "limit_ms": late["limit_ms"],
    }  # fmt: skip


def times(work: Callable[[], None], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds over so many rounds, after two that are not counted."""
    for _ in range(2):
        work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return {
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1),
    }
