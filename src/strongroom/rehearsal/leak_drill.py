"""The leak drill: canaries through a whole rehearsal with everything loud and breaking, then a scan of all it left.

RR-4, LM-3; reliability I1 and I3. What the simulated world rightly knows (Amazon's orders) is left out by name.
"""

import contextlib
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg

from strongroom.formats.clock import SystemClock
from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.policy.retention_and_recovery.leaks import database, plants
from strongroom.policy.retention_and_recovery.leaks.canaries import canaries_of, customers
from strongroom.policy.retention_and_recovery.leaks.engine import Engine
from strongroom.policy.retention_and_recovery.leaks.forms import needles
from strongroom.policy.retention_and_recovery.leaks.looking import Scanner
from strongroom.policy.retention_and_recovery.leaks.places import LeftOut, Place, look_at, of_installation, others_in
from strongroom.policy.retention_and_recovery.leaks.plants import Control
from strongroom.policy.retention_and_recovery.leaks.report import LeakReport, State
from strongroom.policy.retention_and_recovery.leaks.scan import Request, scan_installation
from strongroom.rehearsal import leak_memory, leak_plants, leak_story
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.leak_story import Story
from strongroom.rehearsal.mail.server import server_context
from strongroom.rehearsal.receiver.server import Receiver

STEP: Final = 6 * 3600.0
DAYS: Final = 31
"""Enough for the first day's key to die, and for what waits to be carried."""
LOUD: Final = {
    "log_statement": "all", "log_min_duration_statement": "0", "log_error_verbosity": "verbose",
    "log_min_error_statement": "info", "log_min_messages": "info", "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1", "log_lock_waits": "on", "log_duration": "on",
}  # fmt: skip
"""What the launcher forbids, turned on for web and worker behind its back. Statements carry nothing but ciphertext."""
PROCESSES: Final = ("postgres", "keybroker", "website", "worker", "marketplace", "printer")
NEEDED: Final = ("received", "found by search", "opened", "shown", "labels", "errors 500", "lock timeouts",
                 "unique violations", "forgotten", "carried", "asked why", "letters", "webhooks")  # fmt: skip
"""What must have happened to canaries, or the drill did not do its work."""
NOT_BUILT: Final = ("backup and restore: Strongroom makes none yet, so no canary went through one",)
"""What a canary cannot go through, said with every result."""
Say = Callable[[str], None]


def run(rehearsal: Rehearsal, *, days: int = DAYS, say: Say) -> dict[str, Any]:
    """The whole drill on a rehearsal that was not started yet (and is `loud`): its report."""
    began, since = time.monotonic(), SystemClock().wall() - 1
    people = customers(Secret(secrets.token_bytes(32)))
    glances = Scanner(Engine(needles(canaries_of(people))))
    rehearsal.start()
    with _admin(rehearsal) as admin, _receiver(rehearsal) as hooks:
        story = Story(rehearsal, admin, people, lambda: look_at(glances, [Place("logs", rehearsal.folders.logs)], []))
        with _loud(rehearsal, admin):
            say("everything serves, logs everything; canaries order")
            memory = leak_story.first_day(story, say)
        first = _scan(story, since, hooks)
        say(f"first scan: {first.state}; now {days} days pass")
        memory |= leak_memory.destroyed_key(rehearsal, lambda: _live(story, days))
        _count(story, hooks)
        second = _scan(story, since, hooks, glances)
        say(f"second scan: {second.state}")
    return _report(first, second, story, memory, time.monotonic() - began)


def passed(report: dict[str, Any]) -> bool:
    """Whether the drill did its work and found nothing. What could not be read is said, and is no pass."""
    return bool(report["state"] == State.CLEAN and not report["not_done"])


def places(rehearsal: Rehearsal, since: float) -> tuple[tuple[Place, ...], tuple[LeftOut, ...]]:
    """The sinks of a rehearsal, and what is left out."""
    data, temporary = rehearsal.folders.data, Path(tempfile.gettempdir())
    world = LeftOut(rehearsal.folders.marketplace, "the simulated Amazon: it rightly knows its customers")
    return of_installation(data, since=since, temporary=temporary), (world, *others_in(temporary, data))


def _scan(story: Story, since: float, hooks: Path, glances: Scanner | None = None) -> LeakReport:
    rehearsal, admin = story.rehearsal, story.admin
    where, left_out = places(rehearsal, since)
    where = (Place("mail", rehearsal.letters), Place("webhook", hooks), *where)
    pids = [rehearsal.running.supervisor.pid(name) for name in PROCESSES]
    control, log = Control(), rehearsal.folders.logs / "postgres.log"
    sinks = [
        plants.in_files(rehearsal.folders.data), plants.in_places(where), plants.in_a_process(pids),
        leak_plants.in_the_database(admin, rehearsal.folders.postgres), leak_plants.in_the_cache(admin),
        leak_plants.in_the_servers_log(admin, log),
    ]  # fmt: skip
    with plants.all_of(control, sinks):
        request = Request((*canaries_of(story.people), *control.canaries), where, left_out, tuple(pids))
        return scan_installation(
            request, planted=control.planted, streams=database.rows(admin), before=glances.seen if glances else None
        )


@contextlib.contextmanager
def _admin(rehearsal: Rehearsal) -> Iterator[psycopg.Connection[Any]]:
    parameters = {**rehearsal.running.admin, "dbname": rehearsal.running.configuration.database.name}
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def _receiver(rehearsal: Rehearsal) -> Iterator[Path]:
    """Somebody who is told by webhook, with the authority of the mail server; the folder of what was sent there."""
    mail = rehearsal.folders.data / "mail"
    _, certificate, key = ensure(mail, ("localhost", "127.0.0.1"))
    secret = rehearsal.folders.credential("webhook-secret")
    with (
        tempfile.TemporaryDirectory(prefix="sr-hook-") as tray,
        Receiver(
            server_context(certificate, key), secret, rehearsal.clock.wall, port=rehearsal.hook_port, tray=Path(tray)
        ),
    ):
        yield Path(tray)


def _count(story: Story, hooks: Path) -> None:
    story.rehearsal.wait_for_telling()
    story.did("letters", len(list(story.rehearsal.letters.glob("*.eml"))))
    story.did("webhooks", len(list(hooks.glob("*.json"))))


@contextlib.contextmanager
def _loud(rehearsal: Rehearsal, admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Sessions take it when they begin, so web and worker begin anew."""
    _tell_roles(rehearsal, admin, {name: f"SET {name} = '{value}'" for name, value in LOUD.items()})
    try:
        yield
    finally:
        _tell_roles(rehearsal, admin, {name: f"RESET {name}" for name in LOUD})


def _tell_roles(rehearsal: Rehearsal, admin: psycopg.Connection[Any], words: dict[str, str]) -> None:
    for role in ("strongroom_web", "strongroom_worker"):
        for each in words.values():
            admin.execute(f"ALTER ROLE {role} {each}".encode())
    for name in ("website", "worker"):
        rehearsal.running.supervisor.restart(name)


def _live(story: Story, days: int) -> None:
    """Days pass: what waits is carried, keys die, orders are forgotten."""
    for _ in range(round(days * 86_400 / STEP)):
        story.rehearsal.step(STEP)
    story.glance()
    for what, query in (
        ("forgotten", b"SELECT count(*) FROM amazon_order WHERE erased_at IS NOT NULL"),
        ("carried", b"SELECT count(*) FROM sealed WHERE day > born"),
    ):
        row = story.admin.execute(query).fetchone()
        story.did(what, row[0] if row else 0)


def _report(
    first: LeakReport, second: LeakReport, story: Story, memory: dict[str, Any], seconds: float
) -> dict[str, Any]:  # fmt: skip
    """The worse of the two scans gives the word; figures are of both together."""
    told, order = [report.as_json() for report in (first, second)], ("invalid", "leak", "unknown", "clean")
    joined = {
        key: sum(each["leaks"][key] for each in told) for key in told[0]["leaks"] if key != "gigabytes_per_second"
    }
    joined["needles"] = told[1]["leaks"]["needles"]
    joined["gigabytes_per_second"] = round(joined["bytes_scanned"] / 1e9 / max(joined["seconds"], 1e-9), 3)
    return {
        "state": min((each["state"] for each in told), key=order.index),
        "leaks": joined,
        "sinks": [{**sink, "scan": n + 1} for n, each in enumerate(told) for sink in each["sinks"]],
        "missed": [missed for each in told for missed in each["missed"]],
        "unknown": [unknown for each in told for unknown in each["unknown"]],
        "left_out": told[1]["left_out"],
        "story": story.counts,
        "not_built": list(NOT_BUILT),
        "not_done": [what for what in NEEDED if not story.counts.get(what)],
        "memory": memory,
        "seconds": round(seconds, 1),
    }
