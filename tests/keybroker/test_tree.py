"""The tree extends what was signed, whatever is done to its folder; strangers can verify it (LM-2, I6, I7)."""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.formats import leaf, merkle, note, tiles
from strongroom.formats.broker import Status, Verb
from strongroom.formats.leaf import Entry, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.keybroker.tree import Tree
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from tests.keybroker.running import PERSON, Broker, broker_in


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    with broker_in(folder) as running:
        yield running


def some(count: int) -> list[Entry]:
    return [Entry(os.urandom(16), Kind.SIGN_IN, Outcome.DONE, 1, 0, bytes(16), PERSON, {}) for _ in range(count)]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, written out once more without tiles."""
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_536, 66_000])
def test_a_tree_on_disk_has_the_root_that_rfc_6962_says_and_reads_back(folder: Path, size: int) -> None:
    leaves = [i.to_bytes(4, "big") * 3 for i in range(size)]
    tree = Tree(folder)
    for start in range(0, size, 10_000):
        tree.append(leaves[start : start + 10_000])
    tree.publish_tiles()
    assert tree.root() == naive_root(leaves)
    tree.close()
    again = Tree(folder)
    assert (again.size, again.root()) == (size, naive_root(leaves))
    assert again.root_at(size // 2 + 1) == naive_root(leaves[: size // 2 + 1])
    reader = tiles.Reader(size, lambda name: (folder / name).read_bytes())
    assert reader.root() == naive_root(leaves)
    again.close()


def test_70_000_leaves_lie_as_the_specification_says(folder: Path) -> None:
    tree = Tree(folder)
    for _ in range(7):
        tree.append([os.urandom(8) for _ in range(10_000)])
    tree.publish_tiles()
    tree.close()
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert len([n for n in names if n.startswith("tile/0/") and ".p" not in n]) == 273
    assert {"tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"} <= names


def test_a_torn_last_record_is_cut_and_a_damaged_middle_refused(folder: Path) -> None:
    tree = Tree(folder)
    tree.append([b"first", b"second", b"third"])
    tree.close()
    tail = folder / "tail"
    whole = tail.read_bytes()
    tail.write_bytes(whole[:-3])
    cut = Tree(folder)
    assert cut.size == 2
    cut.close()
    tail.write_bytes(whole[:12] + b"X" + whole[13:])
    with pytest.raises(ValueError, match="damaged"):
        Tree(folder)


def test_strangers_verify_a_copy_with_the_public_key_alone(broker: Broker) -> None:
    broker.append(some(700))
    broker.ok("worker", Verb.CHECKPOINT)
    copy = broker.folder / "copy"
    shutil.copytree(broker.journal, copy, ignore=shutil.ignore_patterns("tail"))
    verified = PublishedTree(copy).verify()
    assert verified.leaves > 700


def test_a_copy_is_whole_though_the_broker_fills_its_last_tile_meanwhile(broker: Broker) -> None:
    broker.append(some(240))  # with a few of its own: the first bundle is not full
    broker.ok("worker", Verb.CHECKPOINT)
    tree = PublishedTree(broker.journal)
    broker.append(some(300))
    broker.ok("worker", Verb.CHECKPOINT)
    assert not list((broker.journal / "tile" / "entries").glob(f"*/{tree.size % 256}")), "the partial bundle is gone"
    tree.copy_to(broker.folder / "copy")
    copied = PublishedTree(broker.folder / "copy")
    assert copied.verify().leaves == tree.size < PublishedTree(broker.journal).size


def test_a_silence_is_named_and_an_entry_that_came_late_is_none(broker: Broker) -> None:
    now = broker.told().at

    def at(minutes: int) -> list[Entry]:
        return [Entry(os.urandom(16), Kind.SIGN_IN, Outcome.DONE, now + minutes * 60_000, 0, bytes(16), PERSON, {})]

    for minutes in (0, 4, 1, 5, 9, 2, 8):
        broker.append(at(minutes))
    broker.ok("worker", Verb.CHECKPOINT)
    assert PublishedTree(broker.journal).verify().gaps == ()
    broker.append(at(20))
    broker.ok("worker", Verb.CHECKPOINT)
    ((late, seconds),) = PublishedTree(broker.journal).verify().gaps
    assert seconds == 11 * 60
    assert PublishedTree(broker.journal).leaf(late).entry.at == now + 20 * 60_000


@pytest.mark.parametrize("seed", range(6))
def test_silences_are_those_that_a_look_at_leaf_after_leaf_finds(folder: Path, seed: int) -> None:
    """Over bundles, with entries that came late and clocks that stepped, in a tree signed here."""
    random, now, leaves = Random(seed), 1_000_000_000, list[bytes]()
    expected, newest = [], now
    for index in range(1_000):
        now += random.choice([0, 1, 60_000, 299_999]) if random.random() > 0.01 else random.choice([300_001, 900_000])
        at = now - random.choice([0, 0, 0, 200_000, 700_000])
        kind = Kind.CLOCK_STEPPED if random.random() < 0.2 else Kind.SIGN_IN
        entry = Entry(random.randbytes(16), kind, Outcome.DONE, at, 0, bytes(16), PERSON, {})
        leaves.append(leaf.encode_leaf(entry, bytes(32)))
        if index and at - newest > 300_000 and kind is not Kind.CLOCK_STEPPED:
            expected.append((index, (at - newest) // 1_000))
        newest = max(newest, at) if index else at
    key = signed(folder, leaves)
    assert expected
    assert PublishedTree(folder, key).verify().gaps == tuple(expected)


def test_a_leaf_that_does_not_decode_is_refused_though_it_was_signed(folder: Path) -> None:
    whole = leaf.encode_leaf(some(1)[0], bytes(32))
    assert PublishedTree(folder, signed(folder, [whole] * 300)).verify().leaves == 300
    for number, bad in enumerate(
        (b"\2" + whole[1:], whole + b"\0", whole[:-1], b"", whole[:17] + b"\xff" + whole[18:])
    ):
        other = folder / str(number)
        other.mkdir()
        with pytest.raises(Malformed):
            PublishedTree(other, signed(other, [whole] * 270 + [bad] + [whole] * 29)).verify()


def signed(folder: Path, leaves: list[bytes]) -> note.VerifierKey:
    """A published tree of these leaves, whatever they are, signed by a key made here."""
    tree, key = Tree(folder), Ed25519PrivateKey.generate()
    tree.append(leaves)
    tree.publish_tiles()
    head = note.Checkpoint("example.org/test", tree.size, tree.root(), ())
    (folder / "checkpoint").write_text(note.sign(head.text(), head.origin, key), encoding="utf-8")
    tree.close()
    return note.VerifierKey(head.origin, note.public_key(key))


def test_openssl_and_a_second_reading_of_rfc_6962_agree_with_the_checkpoint(broker: Broker) -> None:
    """OpenSSL's command for the signature, the definition itself for the root; tests/strangers has whole verifiers."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the package openssl")
    broker.append(some(300))
    text = broker.ok("worker", Verb.CHECKPOINT)[0].decode()
    body, _, signature = text.rpartition("\n\n")
    raw = base64.b64decode(signature.split(" ")[2])[4:]
    key = base64.b64decode(next(broker.journal.glob("*.vkey")).read_text().strip().split("+", 2)[2])[1:]
    files = {"text": (body + "\n").encode(), "signature": raw, "key": bytes.fromhex("302a300506032b6570032100") + key}
    for name, data in files.items():
        (broker.folder / name).write_bytes(data)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "text",
               "-sigfile", "signature"]  # fmt: skip
    ran = subprocess.run(command, cwd=broker.folder, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in ran.stdout, ran.stderr
    _, size, root = body.split("\n")[:3]
    leaves = []
    for path in sorted((broker.journal / "tile" / "entries").glob("[0-9]??")):
        leaves += tiles.decode_bundle(path.read_bytes(), width=256)
    rest = int(size) - len(leaves)
    leaves += tiles.decode_bundle(
        (broker.journal / tiles.path("entries", len(leaves) // 256, rest)).read_bytes(), width=rest
    )
    assert naive_root(leaves) == base64.b64decode(root)


@pytest.mark.parametrize("harm", ["older journal", "shorter tail", "no head", "flipped tile leaf"])
def test_a_journal_that_was_rolled_back_or_changed_is_refused_at_start(broker: Broker, harm: str) -> None:
    broker.append(some(300))
    broker.ok("worker", Verb.CHECKPOINT)
    broker.stop()
    old = broker.folder / "old"
    shutil.copytree(broker.journal, old)
    broker.start()
    broker.append(some(2_300))
    broker.ok("worker", Verb.CHECKPOINT)
    tail = broker.journal / "tail"
    deadline = time.monotonic() + 10
    while tail.stat().st_size > 60_000 and time.monotonic() < deadline:  # the tail writes again what it still holds
        time.sleep(0.01)
    broker.stop()
    if harm == "older journal":
        shutil.rmtree(broker.journal)
        shutil.copytree(old, broker.journal)
    elif harm == "shorter tail":
        tail.write_bytes(tail.read_bytes()[:400])
    elif harm == "no head":
        (broker.keys / "head").unlink()
    else:
        tile = broker.journal / "tile" / "0" / "000"
        tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    with pytest.raises(AssertionError, match="keybroker"):
        broker.start()


def test_a_head_kept_outside_must_be_extended(broker: Broker) -> None:
    broker.append(some(3))
    outside = broker.folder / "outside"
    outside.write_bytes(broker.ok("worker", Verb.CHECKPOINT)[0])
    broker.append(some(3))
    broker.stop()
    broker.start(extra=["--outside-checkpoint", str(outside)])
    broker.stop()
    outside.write_text(outside.read_text().replace("\n", "\n", 1).replace("rehearsal", "rehearsa1"))
    with pytest.raises(AssertionError, match="outside"):
        broker.start(extra=["--outside-checkpoint", str(outside)])


def test_nothing_is_created_over_anything(broker: Broker) -> None:
    broker.stop()
    assert broker.create().returncode == 1
    broker.start()
    assert broker.told().at


def test_one_broker_holds_a_ring(broker: Broker) -> None:
    other = Broker(broker.folder, broker.clock)
    with pytest.raises(AssertionError, match="another key broker"):
        other.start()
    for channel in other.channels.values():
        channel.close()


def test_the_production_broker_refuses_a_rehearsals_ring(broker: Broker) -> None:
    broker.stop()
    arguments = ["serve", "--keys", str(broker.keys), "--journal", str(broker.journal)]
    refused = subprocess.run(
        [sys.executable, "-m", "strongroom.keybroker", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert refused.returncode == 1
    assert "rehearsal" in refused.stderr
    broker.start()


def test_every_signed_size_has_its_partial_tiles(broker: Broker) -> None:
    heads = []
    for _ in range(3):
        broker.append(some(5))
        heads.append(broker.ok("worker", Verb.CHECKPOINT)[0].decode())
    for text in heads:
        size = int(text.split("\n")[1])
        reader = tiles.Reader(size, lambda name: (broker.journal / name).read_bytes())
        assert reader.root()
    assert broker.ask("worker", Verb.TIME).status is Status.OK


@pytest.mark.parametrize("lost", ["empty", "garbage", "gone"])
def test_bundles_that_a_power_cut_lost_are_written_again_from_the_tail(folder: Path, lost: str) -> None:
    """They settle in a thread of their own; until then the tail holds what they hold."""
    leaves = [os.urandom(100) for _ in range(8 * 256 + 40)]
    tree = Tree(folder)
    tree.append(leaves[:1_500])
    tree.append(leaves[1_500:])
    root = tree.root()
    tree.close()
    unsettled = [path for path in (folder / "tile").rglob("*") if path.is_file()]
    assert len(unsettled) == 2 * 8
    for path in unsettled:
        if lost == "gone":
            path.unlink()
        else:
            path.write_bytes(b"" if lost == "empty" else os.urandom(path.stat().st_size))
    again = Tree(folder)
    assert (again.size, again.root()) == (len(leaves), root)
    assert [leaf for index in range(again.full) for leaf in again.bundle(index)] == leaves[: 8 * 256]
    again.publish_tiles()
    reader = tiles.Reader(len(leaves), lambda name: (folder / name).read_bytes())
    assert reader.root() == naive_root(leaves)
    again.close()


def test_the_tail_lets_go_of_what_settled_and_of_nothing_else(folder: Path) -> None:
    tree, leaves = Tree(folder), list[bytes]()
    for count in (300, 2_000, 10, 3_000, 256, 5_000, 1):
        more = [os.urandom(100) for _ in range(count)]
        tree.append(more)
        leaves += more
        until = time.monotonic() + 10
        while tree.settling and time.monotonic() < until:
            time.sleep(0.005)
            tree.settle()
        shutil.copytree(folder, folder.with_name(folder.name + "-copy"))
        copy = folder.with_name(folder.name + "-copy")
        again = Tree(copy)
        assert (again.size, again.root()) == (len(leaves), naive_root(leaves))
        again.close()
        shutil.rmtree(copy)
    assert (folder / "tail").stat().st_size < 9 * 256 * 120
    tree.close()
