"""A published journal of 200 entries, changed in every byte of every file: our verifier sees each change (LM-2, I6)."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import note
from strongroom.formats.leaf import Entry, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from tests.keybroker.running import PERSON, broker_in

MASKS = (0x01, 0x80, 0xFF)
ALL_BITS = os.environ.get("STRONGROOM_ALL_BITS") == "1"
"""`make mutate` flips every bit of every byte, alone. The suite takes every byte of the small files by three masks, and
every fourth of the large ones."""


@pytest.fixture(scope="module")
def journal() -> Iterator[tuple[Path, note.VerifierKey]]:
    """A copy as a stranger has it, with the key that the stranger was given beforehand."""
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="sr-"))
    made.chmod(0o711)
    with broker_in(made) as broker:
        some = [
            Entry(os.urandom(16), Kind.SIGN_IN, Outcome.DONE, broker.told().at, 0, bytes(16), PERSON, {})
            for _ in range(200)
        ]
        broker.append(some)
        from strongroom.formats.broker import Verb

        broker.ok("worker", Verb.CHECKPOINT)
        copy = made / "copy"
        shutil.copytree(broker.journal, copy, ignore=shutil.ignore_patterns("tail"))
    key = note.parse_verifier_key(next(copy.glob("*.vkey")).read_text())
    yield copy, key
    shutil.rmtree(made, ignore_errors=True)


def files(folder: Path) -> list[Path]:
    """What the newest checkpoint stands on; partial tiles of older heads belong to those."""
    size = PublishedTree(folder).size
    wanted = {"checkpoint", *(p.name for p in folder.glob("*.vkey"))}
    newest = {f"000.p/{size}"}
    return sorted(
        path for path in folder.rglob("*")
        if path.is_file() and (path.name in wanted or str(path.relative_to(path.parents[1])) in newest)
    )  # fmt: skip


def believes(folder: Path, key: note.VerifierKey) -> bool:
    try:
        PublishedTree(folder, key).verify()
    except Malformed:
        return False
    return True


def test_as_it_is_it_is_believed(journal: tuple[Path, note.VerifierKey]) -> None:
    assert believes(*journal)
    assert PublishedTree(journal[0]).verify().leaves > 200
    assert len(files(journal[0])) == 4, "the head, the key, one tile and one bundle"


def changes(data: bytes, at: int) -> list[int]:
    if ALL_BITS:
        return [1 << bit for bit in range(8)]
    if len(data) > 1_000:
        return [] if at % 4 else [MASKS[at // 4 % len(MASKS)]]
    return list(MASKS)


def test_every_byte_of_every_file_matters(journal: tuple[Path, note.VerifierKey]) -> None:
    """The key in the folder is not asked: it is the one the stranger has. Its own file is looked at below."""
    folder, key = journal
    believed = []
    for path in files(folder):
        if path.suffix == ".vkey":
            continue
        whole = path.read_bytes()
        for at in range(len(whole)):
            for mask in changes(whole, at):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
                if believes(folder, key):
                    believed.append((path.name, at, mask))
        path.write_bytes(whole)
    assert not believed, believed[:20]
    assert believes(folder, key)


def test_a_changed_key_beside_it_believes_nothing(journal: tuple[Path, note.VerifierKey]) -> None:
    folder, _ = journal
    (path,) = folder.glob("*.vkey")
    whole = path.read_bytes()
    for at in range(len(whole.strip())):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        try:
            PublishedTree(folder).verify()
        except Malformed:
            continue
        raise AssertionError(at)
    path.write_bytes(whole)


def test_cut_longer_missing_and_exchanged_files_are_seen(journal: tuple[Path, note.VerifierKey]) -> None:
    folder, key = journal
    for path in files(folder):
        if path.suffix == ".vkey":
            continue
        whole = path.read_bytes()
        for other in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\0", whole[1:], whole[::-1], whole * 2):
            path.write_bytes(other)
            assert not believes(folder, key), (path.name, len(other))
        path.write_bytes(whole)
        path.unlink()
        with pytest.raises((Malformed, FileNotFoundError)):
            PublishedTree(folder, key).verify()
        path.write_bytes(whole)
