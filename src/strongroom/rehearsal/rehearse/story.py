"""Lives through a plan: time moves, things go wrong, people do their part, and everything is judged after each step."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from random import Random
from typing import Any, Final

import httpx

from strongroom.formats import ring as ring_format
from strongroom.formats.leaf import Kind as LeafKind
from strongroom.formats.parts import Purpose
from strongroom.formats.ring import KeyKind
from strongroom.installation.problems import CannotStart
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.demo import pack
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.people import Person, person
from strongroom.rehearsal.rehearse import plan, sometimes
from strongroom.rehearsal.rehearse.faults import Kind, Trouble
from strongroom.rehearsal.rehearse.memory import Memory
from strongroom.rehearsal.rehearse.plan import Step
from strongroom.rehearsal.rehearse.report import CONVERGES_WITHIN, Report
from strongroom.rehearsal.rehearse.seen import Eyes, Seen
from strongroom.rehearsal.rehearse.watch import Watch
from strongroom.rehearsal.watchman import Watchman
from strongroom.rehearsal.worker import SLOT, WATCH_SLOT

FINISHED_WITHIN: Final = 60.0
HINDERED_WITHIN: Final = 12.0
KEPT_FROM_IT_WITHIN: Final = 3.0
"""Seconds for a worker whose broker is frozen or locked, or whose clock is wrong: it tries, and cannot finish."""
PAPER_WITHIN: Final = 1.0
"""Seconds a packer waits at the bench; a label that comes later is printed in the next step."""
SIGNED_IN_FOR: Final = 240.0
"""Seconds between looks whether somebody is still signed in; no session ends by so short an idleness."""
SHOWN: Final = 'class="reveal"'
WALL_EACH: Final = 10
COPIES: Final = 5
"""Rings that a thief keeps, one each fortnight."""
PURPOSES: Final = (Purpose.DELIVERY, Purpose.CARRIER, Purpose.CALL_BACK)
Say = Callable[[str], None]
Through = Callable[[Sequence[Step]], Iterable[Step]]


def run(
    rehearsal: Rehearsal, *, days: int, seed: int, orders_per_day: float, faults: bool, say: Say, through: Through
) -> Report:
    """Start everything, live through the plan, let the faults stop, and see that all converges.

    `through` gives the steps one after the other, and may show how far they are.
    """
    report, began = Report(days, seed, faults), time.monotonic()
    rehearsal.start()
    story = Story(rehearsal, report, seed, say)
    try:
        story.open_doors()
        for step in through(list(plan.steps(days=days, seed=seed, orders_per_day=orders_per_day, faults=faults))):
            story.live(step)
            if step.number % 25 == 24:
                fired, found = sum(story.trouble.fired.values()), report.findings
                say(f"day {step.day} of {days}: {fired} faults, {found.evaluated.total()} judgements, "
                    f"{len(found.broken)} broken")  # fmt: skip
            if len(report.findings.broken) > 50:
                break
        story.converge()
    finally:
        story.close()
        story.tell()
        report.seconds = round(time.monotonic() - began, 1)
    return report


class Story:
    """One run under way."""

    def __init__(self, rehearsal: Rehearsal, report: Report, seed: int, say: Say) -> None:
        self.rehearsal = rehearsal
        self.report = report
        self._say = say
        self.trouble = Trouble(rehearsal)
        self._rng = Random(seed ^ 0xACE)  # noqa: S311 - a rehearsal's dice
        self._marker = "".join(self._rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(14))
        self._eyes = Eyes(rehearsal)
        self._memory = Memory(self._eyes, self._marker.encode())
        self._happened: Counter[str] = Counter()
        self._before: Seen | None = None
        self._undisturbed_since = rehearsal.clock.wall()
        self._watch = Watch(rehearsal)
        self._people: dict[str, Browser] = {}
        self._met: dict[str, float] = {}
        self._left: list[Browser] = []

    def open_doors(self) -> None:
        """Everybody signs in once; sessions are on real time."""
        rehearsal = self.rehearsal
        base = f"https://127.0.0.1:{rehearsal.running.configuration.web.port}"
        for role in ("support", "support2", "packer", "packer2", "packer3"):
            browser = Browser(base, rehearsal.folders.tls / "ca.pem")
            browser.sign_in(rehearsal.people()[role])
            self._people[role] = browser
            self._met[role] = time.monotonic()

    def live(self, step: Step) -> None:
        """One step."""
        rng = Random(step.dice)  # noqa: S311
        self.trouble.before(step.fault, rng)
        if step.fault is Kind.REBOOT:
            self._watch.end()
        self._business(step, rng)
        steps = self.rehearsal.clock.step(step.seconds)
        self.trouble.during(step.fault, rng)
        hindered = self.trouble.hinders or step.fault is not None
        finished = self._finished(steps, self._patience(hindered))
        if not finished:
            self._happened["a step was not finished in time"] += 1
        if not finished and not hindered:
            self.report.findings.broken.append(f"step {step.number}: not finished, though nothing hindered it")
        self._people_do(step, rng)
        self.trouble.after(step.fault)
        self.trouble.back()
        stood = self.trouble.hinders or self.trouble.amazon_failed  # what ended with this step was in its work's way
        if hindered or not finished or stood:
            self._undisturbed_since = self.rehearsal.clock.wall()
        if step.office and not self.trouble.hinders:
            self._watch.ask(Watchman.keep_office)
        self.report.steps += 1
        self._judge(f"step {step.number} (day {step.day}, {step.fault or 'no fault'})", finished=finished)

    def converge(self) -> None:
        """Faults stop. Within 26 virtual hours all that waits is done, and what is here is what Amazon has."""
        self.trouble.end()
        self.trouble.back()
        self._undisturbed_since = self.rehearsal.clock.wall()
        for hour in range(2, CONVERGES_WITHIN + 1, 2):
            finished = self._finished(self.rehearsal.clock.step(7200), FINISHED_WITHIN)
            seen = self._judge(f"{hour} hours after the last fault", finished=finished)
            if finished and not self._behind(seen):
                self.report.converged_after_hours = hour
                break
        for words in self._behind(seen):
            self.report.findings.broken.append(f"{CONVERGES_WITHIN} hours after the last fault {words}")

    def close(self) -> None:
        self._watch.end()
        self._eyes.close()
        for browser in [*self._people.values(), *self._left]:
            browser.close()

    def tell(self) -> None:
        """What is known at the end, into the report."""
        for words in self.trouble.hit:
            if words == "worker: a call of Amazon on its way":
                self._happened["a kill hit the worker over a call of Amazon"] += self.trouble.hit[words]
            if words in ("worker: in a transaction", "postgres: in a transaction"):
                self._happened["a kill hit the worker or the database in a transaction"] += self.trouble.hit[words]
        self._happened["a throttled call"] += self.trouble.fired[Kind.THROTTLE]
        self.report.fired = dict(self.trouble.fired)
        self.report.hit = dict(self.trouble.hit)
        self.report.happened = {words: self._happened[words] for words in sometimes.SOMETIMES if self._happened[words]}
        self.report.never = sometimes.never(self._happened)
        self.report.unfired = sometimes.unfired(self.trouble.fired) if self.report.faults else []
        if self._before is not None:
            self.report.orders, self.report.leaves = len(self._before.ledger), self._before.tree.size

    def _patience(self, hindered: bool) -> float:
        if self.trouble.hinders:
            return KEPT_FROM_IT_WITHIN
        return HINDERED_WITHIN if hindered else FINISHED_WITHIN

    def _finished(self, steps: int, within: float) -> bool:
        """Whether the worker said in time that all that was due is done."""
        clock, supervisor, until = self.rehearsal.clock, self.rehearsal.running.supervisor, time.monotonic() + within
        while min(clock.acknowledged(SLOT), clock.acknowledged(WATCH_SLOT)) < steps:
            supervisor.watch()
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def _business(self, step: Step, rng: Random) -> None:
        """What is ordered besides the shop's own, and what happens at Amazon to some order."""
        control = self.rehearsal.control
        for _ in range(step.orders):
            who = person(rng)
            if rng.random() < 0.3:
                who = self._canary(who)
            control.do("place", who=asdict(who))
        for _ in range(step.preorders):
            later = self.rehearsal.clock.wall() + 45 * plan.DAY
            what = {"status": "UNSHIPPED", "fulfilled_by": "MERCHANT", "ship_by": later, "deliver_by": later + plan.DAY}
            control.do("place", who=asdict(person(rng)), what=what)
        ledger = control.do("ledger") if step.acts else {}
        recent = [id_ for id_, o in ledger.items() if o["updated"] > self.rehearsal.clock.wall() - 30 * plan.DAY]
        for verb, number in step.acts:
            if recent:
                control.do(verb, order_id=recent[number % len(recent)])
                self._happened["a flip-flop was not sealed anew"] += verb == "flip"

    def _canary(self, who: Person) -> Person:
        self._memory.canaries += 1
        word = f"{self._marker}{self._memory.canaries:05d}"
        return Person(
            who.country, f"{word} {word}", f"1 {word} Lane", word, word, word, who.postcode, who.phone,
            f"{word}@marketplace.amazon.co.uk", word,
        )  # fmt: skip

    def _people_do(self, step: Step, rng: Random) -> None:
        """Support opens, packers pack, somebody tries what they may not. A website that is down is met by nobody."""
        with contextlib.suppress(httpx.HTTPError):
            if step.fault is Kind.LEAVER and "packer3" in self._people:
                self._leave("packer3")
            self._memory.leavers += [self._answered(browser) for browser in self._left]
            desk = self._signed_in(rng.choice(("support", "support2")))
            waiting = desk.orders("to-ship") if step.reveals or step.packer_tries or self.trouble.frozen else []
            for path in waiting[: max(step.reveals, self.trouble.frozen)]:
                self._reveal(desk, path, rng)
            for path in waiting[:1] if step.packer_tries else []:
                self._signed_in("packer").reveal(path)
            if step.asks_for_forgotten and not self.trouble.frozen:
                for path in desk.orders("forgotten")[:2]:
                    shown = SHOWN in desk.reveal(path).text
                    self._memory.forgotten.append(shown)
                    self._happened["an opening of what was forgotten was refused"] += not shown
            if step.packs and not self.trouble.hinders:
                pack(self._signed_in("packer2"), most=step.packs, seed=step.number, within=PAPER_WITHIN)

    def _signed_in(self, role: str) -> Browser:
        """Somebody at work; in a run of hours a session ends, and they sign in again."""
        browser = self._people[role]
        if time.monotonic() - self._met[role] > SIGNED_IN_FOR:
            if browser.get("/me").url.path.startswith("/sign-in"):
                browser.sign_in(self.rehearsal.people()[role])
            self._met[role] = time.monotonic()
        return browser

    def _reveal(self, desk: Browser, path: str, rng: Random) -> None:
        began, kind = time.monotonic(), LeafKind.OPENED
        subject = bytes.fromhex(path.split("/")[2].replace("-", ""))
        shown = SHOWN in desk.reveal(path, purpose=rng.choice(PURPOSES)).text
        written = self._eyes.leaf_now(subject, kind) > 0
        if self.trouble.frozen:
            self._memory.while_frozen.append((shown, time.monotonic() - began))
            self._happened["an opening was refused while the broker was frozen"] += not shown
        self._memory.openings.append((path, shown, written))

    def _leave(self, role: str) -> None:
        """Somebody leaves; their session stays open in their browser, which is tried from now on."""
        who = self.rehearsal.people()[role]["email"]
        self.rehearsal.running.run("web", ["-m", "strongroom.rehearsal.rehearse.leaver", who])
        self._left.append(self._people.pop(role))
        self.trouble.fired[Kind.LEAVER] += 1

    @staticmethod
    def _answered(browser: Browser) -> bool:
        """Whether a page of those who are signed in is answered to this session."""
        return browser.get("/worklist/").url.path == "/worklist/"

    def _look_at_the_wall(self) -> None:
        """What its true tiles rest on, each few steps, by a process of the website's."""
        if self.report.steps % WALL_EACH == 3 and not self.trouble.hinders:
            with contextlib.suppress(CannotStart):
                self._memory.shown_true = self._watch.ask(Watchman.shown_true)

    def _judge(self, where: str, *, finished: bool) -> Seen:
        self._look_at_the_wall()
        now = self._eyes.look(finished=finished, undisturbed_since=self._undisturbed_since)
        found = self.report.findings.look(self._before, now, self._memory)
        self.report.findings.broken[len(self.report.findings.broken) - len(found) :] = [f"{where}: {f}" for f in found]
        for words in found:
            self._say(f"BROKEN {where}: {words}")
        self._notice(now)
        self._keep_a_copy(now)
        self._before = now
        return now

    def _notice(self, now: Seen) -> None:
        """What of the *sometimes* list this look shows."""
        erased = {e.entry.subject for e in now.leaves if e.entry.kind is LeafKind.ORDER_ERASED}
        for each in now.leaves:
            sometimes.hear(self._happened, each.entry)
        for row in now.rows["orders"]:
            self._happened["a cancelled order was erased"] += row.cancelled_at is not None and row.ref.bytes in erased
        self._happened["a call whose process died over it"] = sum(r.outcome == "abandoned" for r in now.rows["calls"])
        died = any(each.entry.kind is LeafKind.KEY_DESTROYED for each in now.leaves)
        self._happened["the key broker was born again with keys"] += died and not now.locked

    def _keep_a_copy(self, now: Seen) -> None:
        """A thief takes a copy of the ring; while its keys live it opens with their cells, so the attempt is real."""
        rings = self._memory.rings
        if self.report.steps % 40 != 1 or len(rings) >= COPIES:
            return
        unlock = self._eyes.unlock_secret(now.ring)
        rings.append((now.ring, unlock))
        for row in now.ring.rows:
            if row.kind is KeyKind.DAY:
                cell = (self._eyes.cells / row.cell.hex()).read_bytes()
                opened = ring_format.open_row(row, unlock=unlock, cell=cell)
                self._happened["a stolen copy of the ring opened while its keys lived"] += bool(opened)
                break

    def _behind(self, seen: Seen) -> list[str]:
        """What has not converged, in words."""
        ours = {bytes(row.order_hash): row for row in seen.rows["orders"]}
        settled = [(i, o) for i, o in seen.ledger.items() if seen.truth - 300 * plan.DAY < o["created"] and
                   o["updated"] < seen.truth - 3600]  # fmt: skip
        absent = [id_ for id_, _ in settled if self._eyes.hash_of(id_) not in ours]
        other = [i for i, o in settled if (row := ours.get(self._eyes.hash_of(i))) is not None
                 and row.updated_at.timestamp() < o["updated"] - 1]  # fmt: skip
        held = {row.order_ref for row in seen.rows["sealed"]}
        waiting = [
            row for row in seen.rows["orders"]
            if row.state in ("to ship", "part shipped") and row.fulfilled_by == "MERCHANT" and row.done_on is None
            and row.ref not in held and row.received_at.timestamp() < seen.truth - 7200
        ]  # fmt: skip
        said: Sequence[tuple[Sequence[Any], str]] = (
            (absent, "orders of Amazon's are not here"), (other, "orders are older than Amazon's"),
            (waiting, "orders that must ship are not held"), ([1] if seen.locked else [], "the broker is locked"),
            ([1] if seen.in_doubt else [], "time is in doubt"),
        )  # fmt: skip
        return [f"{len(rows)} {words}" for rows, words in said if rows]
