"""Who is known in the journal is what its leaves say, whatever became of the file that spares reading them (I4, I7)."""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from strongroom.formats import leaf, tiles
from strongroom.formats.broker import Status, Verb
from strongroom.formats.leaf import Entry, Fact, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Purpose
from strongroom.formats.wire import number, u64
from strongroom.keybroker import known_file
from strongroom.keybroker.budgets import WINDOW
from strongroom.keybroker.known import LEAST, Known
from strongroom.keybroker.tree import Tree
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from tests.keybroker.running import DAY, PERSON, Broker, broker_in
from tests.keybroker.test_opening import ORDER, WHO
from tests.keybroker.test_tree import some

NOW = 1_000 * WINDOW
FACTS: dict[Kind, dict[Fact, int | bytes]] = {
    Kind.SIGN_IN: {},
    Kind.OPENED: {Fact.PURPOSE: Purpose.DELIVERY},
    Kind.SEARCHED: {Fact.FIELD: 1},
    Kind.CLOCK_STEPPED: {Fact.COUNT: 3, Fact.SECONDS: 9},
    Kind.KEY_DESTROYED: {Fact.DAY: 5, Fact.GENERATION: 0, Fact.TOKEN: bytes(32), Fact.HASH: bytes(32)},
}


def a_leaf(kind: Kind, at: int, id_: bytes) -> bytes:
    return leaf.encode_leaf(Entry(id_, kind, Outcome.DONE, at, 7, bytes(16), PERSON, FACTS[kind]), b"s" * 32)


class Life(RuleBasedStateMachine):
    """A tree that grows, and brokers that come and go over it, while all kinds of things happen to the file."""

    @initialize(seed=st.integers(0, 1 << 32))
    def begin(self, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sr-"))
        self.random = Random(seed)
        self.now, self.since = NOW, NOW - WINDOW
        self.leaves: list[bytes] = []
        self.older: list[bytes] = []
        (self.folder / "journal").mkdir()
        self.again()

    @property
    def file(self) -> Path:
        return self.folder / "known"

    def again(self) -> None:
        self.tree = Tree(self.folder / "journal")
        self.known = Known(self.file, self.tree, least=256, most=1_024)
        told = self.known.restore(self.since)
        assert list(told) == self.telling(), "fence, budgets and steps are those that all leaves tell"

    def telling(self) -> list[tuple[int, bytes]]:
        """What matters to a start, from every leaf there is."""
        entries = [leaf.decode_leaf(data).entry for data in self.leaves]
        last = max((i for i, e in enumerate(entries) if e.kind is Kind.CLOCK_STEPPED), default=-1)
        return [
            (i, self.leaves[i]) for i, e in enumerate(entries)
            if e.kind is Kind.KEY_DESTROYED or i == last
            or (e.kind in (Kind.OPENED, Kind.SEARCHED) and e.at > self.since)
        ]  # fmt: skip

    @rule(count=st.sampled_from([1, 255, 256, 700, 1_500]), kind=st.sampled_from(list(FACTS)))
    def append(self, count: int, kind: Kind) -> None:
        kinds = [kind if self.random.random() < 0.02 else Kind.SIGN_IN for _ in range(count)]
        alike = self.random.choice([b"", b"", b"same few"])
        ids = [alike + self.random.randbytes(16 - len(alike)) for _ in kinds]
        more = [a_leaf(each, self.now - self.random.randrange(60_000), id_)
                for each, id_ in zip(kinds, ids, strict=True)]  # fmt: skip
        add(self.tree, self.known, more)
        self.leaves += more

    @rule(wait=st.booleans())
    def write(self, wait: bool) -> None:
        self.known.keep_if_due(self.since)
        if wait:
            self.settle()

    def settle(self) -> None:
        while not self.known.idle:
            time.sleep(0.001)
            self.known.keep_if_due(self.since)

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.now += hours * 3_600_000
        self.since = self.now - WINDOW

    @rule(hours=st.integers(1, 60))
    def an_older_mark_of_time_was_put_back(self, hours: int) -> None:
        self.now -= hours * 3_600_000
        self.since = self.now - WINDOW
        self.restart()

    @rule()
    def restart(self) -> None:
        self.settle()
        self.known.close()
        self.tree.close()
        self.again()

    @rule(how=st.sampled_from(["deleted", "cut", "longer", "bit", "empty", "link", "half written aside"]))
    def harm(self, how: str) -> None:
        self.settle()
        if not self.file.exists():
            return
        data = self.file.read_bytes()
        at = self.random.randrange(len(data))
        match how:
            case "deleted":
                self.file.unlink()
            case "cut":
                self.replace(data[:at])
            case "longer":
                self.replace(data + b"\0")
            case "bit":
                self.replace(data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1 :])
            case "empty":
                self.replace(b"")
            case "link":
                self.file.unlink()
                self.file.symlink_to(self.folder / "journal" / "tail")
            case _:
                (self.folder / "known.new").write_bytes(data[:at])
        self.restart()

    def replace(self, data: bytes) -> None:
        """Another file under its name: a broker that runs has the old one open."""
        self.file.unlink()
        self.file.write_bytes(data)

    @rule()
    def keep_an_older(self) -> None:
        self.settle()
        if self.file.exists():
            self.older.append(self.file.read_bytes())

    @rule()
    def put_back_an_older(self) -> None:
        self.settle()
        if not self.older:
            return
        self.file.unlink(missing_ok=True)
        self.file.write_bytes(self.random.choice(self.older))
        self.restart()

    @rule(same=st.booleans())
    def another_tree(self, same: bool) -> None:
        """The file stays, the tree is an older one (the file is ahead), or one of as many other leaves."""
        self.settle()
        self.known.close()
        self.tree.close()
        shutil.rmtree(self.folder / "journal")
        (self.folder / "journal").mkdir()
        count = len(self.leaves) if same else self.random.randint(0, len(self.leaves))
        kept = [a_leaf(Kind.SIGN_IN, self.now, self.random.randbytes(16)) for _ in range(count)]
        self.leaves, self.older = kept if same else self.leaves[:count], []
        tree = Tree(self.folder / "journal")
        tree.append(self.leaves)
        tree.close()
        self.again()

    @invariant()
    def each_has_its_place_and_a_stranger_none(self) -> None:
        for position in self.random.sample(range(len(self.leaves)), min(200, len(self.leaves))):
            assert self.known.place(self.leaves[position][1:17]) == position
        for _ in range(20):
            assert self.known.place(self.random.randbytes(16)) is None
            assert self.known.place(b"same few" + self.random.randbytes(8)) is None

    def teardown(self) -> None:
        for position, data in enumerate(self.leaves):
            assert self.known.place(data[1:17]) == position
        self.settle()
        self.known.close()
        self.tree.close()
        shutil.rmtree(self.folder)


Life.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
TestLife = Life.TestCase


def written(folder: Path, count: int, kind: Kind = Kind.SIGN_IN, since: int = 0) -> tuple[Tree, Known]:
    """A tree of so many leaves of this kind, and the file of all in its full bundles."""
    (folder / "journal").mkdir()
    tree = Tree(folder / "journal")
    known = Known(folder / "known", tree, least=256)
    add(tree, known, [a_leaf(kind, NOW, os.urandom(16)) for _ in range(count)])
    keep(known, since)
    return tree, known


def add(tree: Tree, known: Known, leaves: list[bytes]) -> None:
    for position, data in zip(tree.append(leaves), leaves, strict=True):
        known.add(position, data)


def keep(known: Known, since: int = 0) -> None:
    known.keep_if_due(since)
    while not known.idle:
        time.sleep(0.001)
        known.keep_if_due(since)


def end(tree: Tree, known: Known) -> None:
    known.close()
    tree.close()


def test_every_byte_of_the_file_matters(folder: Path) -> None:
    end(*written(folder, 300))
    path = folder / "known"
    data = path.read_bytes()
    assert known_file.read(path)[0].size == 256
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :])
        with pytest.raises(known_file.Torn):
            known_file.read(path)
    for other in (b"", data[:20], data[:-1], data + b"\0", data[1:], data * 2):
        path.write_bytes(other)
        with pytest.raises(known_file.Torn):
            known_file.read(path)


def test_a_file_of_a_later_time_is_not_believed_about_what_was_spent(folder: Path) -> None:
    """It left out what was opened before; a broker whose mark of time is older counts that again."""
    end(*written(folder, 256, Kind.OPENED, since=NOW))
    tree = Tree(folder / "journal")
    later, earlier = Known(folder / "known", tree), Known(folder / "known", tree)
    assert not later.restore(NOW)
    assert len(earlier.restore(NOW - 1)) == 256
    later.close()
    end(tree, earlier)


def test_a_file_ahead_of_the_tree_is_not_believed(folder: Path) -> None:
    """The same journal, put back as it was: what came after is not known, and may come again."""
    tree, known = written(folder, 256)
    shutil.copytree(folder / "journal", folder / "older")
    gone = [a_leaf(Kind.SIGN_IN, NOW, os.urandom(16)) for _ in range(256)]
    add(tree, known, gone)
    keep(known)
    end(tree, known)
    tree = Tree(folder / "older")
    known = Known(folder / "known", tree)
    known.restore(0)
    assert [known.place(data[1:17]) for data in gone] == [None] * 256
    end(tree, known)


def test_a_file_of_another_tree_is_not_believed(folder: Path) -> None:
    """As large, and written by the same hand: but the root is another."""
    end(*written(folder, 300))
    (folder / "other").mkdir()
    tree = Tree(folder / "other")
    leaves = [a_leaf(Kind.SIGN_IN, NOW, os.urandom(16)) for _ in range(300)]
    tree.append(leaves)
    known = Known(folder / "known", tree)
    known.restore(0)
    assert [known.place(data[1:17]) for data in leaves] == list(range(300))
    end(tree, known)


def test_ids_that_begin_alike_fill_blocks_and_are_found(folder: Path) -> None:
    (folder / "journal").mkdir()
    tree = Tree(folder / "journal")
    known = Known(folder / "known", tree, least=256)
    ids = [b"the same" + os.urandom(8) for _ in range(1_000)] + [os.urandom(16) for _ in range(1_000)]
    ids += [bytes(15) + bytes([i]) for i in range(200)] + [b"\xff" * 15 + bytes([i]) for i in range(200)]
    for at in range(0, len(ids), 300):
        add(tree, known, [a_leaf(Kind.SIGN_IN, NOW, id_) for id_ in ids[at : at + 300]])
        keep(known)
    assert [known.place(id_) for id_ in ids] == list(range(len(ids)))
    assert [known.place(b"the same" + os.urandom(8)) for _ in range(50)] == [None] * 50
    end(tree, known)


def test_a_file_that_cannot_be_written_leaves_all_in_memory(folder: Path) -> None:
    tree = Tree(folder)
    known = Known(folder / "missing" / "known", tree, least=256)
    leaves = [a_leaf(Kind.SIGN_IN, NOW, os.urandom(16)) for _ in range(1_000)]
    add(tree, known, leaves)
    for _ in range(3):
        keep(known)
    assert [known.place(data[1:17]) for data in leaves] == list(range(1_000))
    (folder / "missing").mkdir()
    more = [a_leaf(Kind.SIGN_IN, NOW, os.urandom(16)) for _ in range(1_000)]
    add(tree, known, more)
    keep(known)
    assert (folder / "missing" / "known").exists(), "tried again when more came"
    assert [known.place(data[1:17]) for data in leaves + more] == list(range(2_000))
    end(tree, known)


# the broker itself


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def grown(broker: Broker) -> list[Entry]:
    """So many leaves that the newest file knows most of them."""
    entries = some(LEAST + 400)
    assert broker.append(entries).status is Status.OK
    until((broker.keys / "known").exists)
    until(lambda: (broker.journal / "tail").stat().st_size < 256 * 256)
    return entries


def known_size(broker: Broker) -> int:
    kept, rows = known_file.read(broker.keys / "known")
    rows.close()
    return kept.size


def harm_old_bundles(broker: Broker) -> dict[Path, bytes]:
    """Another bit in each bundle that the file speaks for; what they were."""
    was = {}
    for index in range(known_size(broker) // tiles.WIDTH):
        path = broker.journal / tiles.path("entries", index)
        was[path] = path.read_bytes()
        path.write_bytes(was[path][:40] + bytes([was[path][40] ^ 1]) + was[path][41:])
    return was


def test_a_start_reads_no_old_bundle_and_knows_all_the_same(broker: Broker) -> None:
    """Old leaves are verified by whoever verifies the journal, not by a start that has nothing to learn from them."""
    entries = grown(broker)
    first = number(broker.append(entries[:1]).values[0])
    broker.ok("worker", Verb.CHECKPOINT)
    broker.stop()
    was = harm_old_bundles(broker)
    assert len(was) >= LEAST // tiles.WIDTH
    broker.start()
    assert [number(place) for place in broker.append(entries).values] == list(range(first, first + len(entries)))
    other = Entry(entries[9].id, Kind.SIGN_OUT, Outcome.DONE, 1, 0, bytes(16), PERSON, {})
    assert broker.append([other]).status is Status.REFUSED
    with pytest.raises(Malformed, match="leaf"):
        PublishedTree(broker.journal).verify()


def test_what_must_be_read_again_is_taken_from_the_trees_own_leaves_alone(broker: Broker) -> None:
    entries = grown(broker)
    broker.stop()
    was = harm_old_bundles(broker)
    (broker.keys / "known").unlink()
    with pytest.raises(AssertionError, match="does not hold the leaves whose hashes stand in the tree"):
        broker.start()
    for path, data in was.items():
        path.write_bytes(data)
    broker.start()
    (again,) = broker.append(entries[:1]).values
    assert number(again) < 10


def test_the_file_is_its_owners_alone_and_lies_beside_the_ring(broker: Broker) -> None:
    grown(broker)
    assert stat.S_IMODE((broker.keys / "known").stat().st_mode) == 0o600
    assert not list(broker.journal.rglob("known*"))


def test_a_torn_file_is_said_and_made_again(broker: Broker) -> None:
    entries = grown(broker)
    broker.stop()
    path = broker.keys / "known"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    broker.start()
    assert broker.process is not None and broker.process.stderr is not None
    words = broker.process.stderr
    assert any(b"is torn; it is made again" in words.readline() for _ in range(3))
    assert broker.append(entries[-3:]).status is Status.OK
    until(lambda: path.read_bytes()[-32:] == hashlib.sha256(path.read_bytes()[:-32]).digest())
    assert known_size(broker) >= LEAST


def test_a_broker_killed_while_it_writes_knows_all_again(broker: Broker) -> None:
    for delay in (0.0, 0.002, 0.006, 0.012, 0.03):
        entries = some(LEAST + 400)
        places = broker.append(entries).values
        time.sleep(delay)
        broker.kill()
        broker.start()
        assert broker.append(entries).values == places
    until((broker.keys / "known").exists)
    assert known_size(broker) >= LEAST


def test_fence_and_budgets_stand_though_their_leaves_are_not_read(broker: Broker) -> None:
    sealed = broker.seal(order=ORDER, **WHO)
    broker.clock.step(29 * DAY)
    until(lambda: len(broker.ok("worker", Verb.DESTROYED, u64(0))) == 2)
    fresh = broker.seal(order=ORDER, **WHO)
    config = broker.folder / "broker.toml"
    config.write_text("[budgets]\nweb_openings = 2\n")
    broker.stop()
    broker.start(extra=["--config", str(config)])
    used = [broker.opening(fresh, order=ORDER) for _ in range(2)]
    assert all(number(broker.open(request)[0]) == Status.OK for _, request in used)
    grown(broker)
    destroyed = broker.ok("worker", Verb.DESTROYED, u64(0))
    broker.stop()
    harm_old_bundles(broker)
    broker.start(extra=["--config", str(config)])
    assert broker.ok("worker", Verb.DESTROYED, u64(0))[1:] == destroyed[1:]
    assert number(broker.open(broker.opening(sealed, order=ORDER)[1])[0]) != Status.OK
    assert number(broker.open(broker.opening(fresh, order=ORDER)[1])[0]) == Status.OVER_BUDGET
    assert number(broker.open(used[0][1])[0]) == Status.REFUSED, "one leaf, one opening"
