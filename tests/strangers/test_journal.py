"""Two strangers verify our journal: one written from the specifications alone, one written by the Go project (LM-2).

`tlog.py` shares no code with us. `verify.go` reads our files for golang.org/x/mod/sumdb, which knows nothing of us and
from which the formats came. Both must believe what is whole, and neither what was touched.
"""

import ast
import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.formats.broker import Verb
from strongroom.formats.leaf import Entry, Kind, Outcome
from strongroom.policy.logging_and_monitoring.tree import PublishedTree
from tests.keybroker.running import PERSON, Broker, broker_in
from tests.strangers import tlog

HERE = Path(__file__).parent
Verifier = Callable[[Path], subprocess.CompletedProcess[str]]


def ours_not(folder: Path) -> subprocess.CompletedProcess[str]:
    """The verifier from the specifications, isolated: it could not import Strongroom if it wanted to."""
    return subprocess.run(
        [sys.executable, "-I", str(HERE / "tlog.py"), str(folder)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def of_go(tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    sources = Path("/usr/share/gocode")
    go = shutil.which("go")
    if go is None or not (sources / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("needs the package golang-go golang-golang-x-mod-dev")
    made = tmp_path_factory.mktemp("go")
    alone = {"GO111MODULE": "off", "GOPATH": str(sources), "GOCACHE": str(made / "cache"), "HOME": str(made),
             "PATH": os.environ["PATH"], "GOFLAGS": ""}  # fmt: skip
    subprocess.run([go, "build", "-o", str(made / "verify"), str(HERE / "verify.go")], env=alone, check=True)
    return lambda folder: subprocess.run(
        [str(made / "verify"), str(folder)], capture_output=True, text=True, check=False
    )


@pytest.fixture(params=["specifications", "go"])
def verifier(request: pytest.FixtureRequest) -> Verifier:
    found: Verifier = ours_not if request.param == "specifications" else request.getfixturevalue("of_go")
    return found


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A journal of two full bundles and some, and a head that was signed on its way."""
    folder = tmp_path_factory.mktemp("sr")
    with broker_in(folder) as broker:
        older = _grow(broker, 300)
        _grow(broker, 400)
    shutil.copytree(broker.journal, folder / "copy", ignore=shutil.ignore_patterns("tail"))
    return folder / "copy", older


def _grow(broker: Broker, count: int) -> str:
    broker.append(
        [Entry(os.urandom(16), Kind.SIGN_IN, Outcome.DONE, 1, 0, bytes(16), PERSON, {}) for _ in range(count)]
    )
    return broker.ok("worker", Verb.CHECKPOINT)[0].decode()


def test_the_stranger_knows_nothing_of_us() -> None:
    tree = ast.parse((HERE / "tlog.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= {*sys.stdlib_module_names, "cryptography"}


def test_a_stranger_believes_our_journal(journal: tuple[Path, str], verifier: Verifier) -> None:
    folder, _ = journal
    seen = verifier(folder)
    assert seen.returncode == 0, seen.stderr
    head = PublishedTree(folder).checkpoint
    assert seen.stdout == f"{head.size} leaves of {head.origin} lead to {head.root.hex()}\n"


def _change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _another_key(folder: Path) -> None:
    (path,) = folder.glob("*.vkey")
    name, _, _ = path.read_text().split("+", 2)
    raw = b"\x01" + os.urandom(32)
    key = base64.b64encode(raw).decode()
    path.write_text(f"{name}+{tlog._key_id(name, raw).hex()}+{key}\n")


HARMS: dict[str, Callable[[Path], object]] = {
    "a changed leaf": lambda f: _change(f / "tile/entries/000", 60),
    "a changed hash of a leaf": lambda f: _change(f / "tile/0/001", 8),
    "a changed hash above": lambda f: _change(next((f / "tile/1").glob("000.p/*")), 8),
    "a bundle of elsewhere": lambda f: shutil.copy(f / "tile/entries/000", f / "tile/entries/001"),
    "a missing tile": lambda f: (f / "tile/0/000").unlink(),
    "a changed size": lambda f: (f / "checkpoint").write_text((f / "checkpoint").read_text().replace("\n7", "\n6", 1)),
    "another signature": lambda f: _change(f / "checkpoint", -20),
    "another key": _another_key,
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_stranger_believes_nothing_that_was_touched(
    journal: tuple[Path, str], verifier: Verifier, folder: Path, harm: str
) -> None:
    harmed = folder / "harmed"
    shutil.copytree(journal[0], harmed)
    HARMS[harm](harmed)
    seen = verifier(harmed)
    assert seen.returncode == 1
    assert "NOT VERIFIED" in seen.stderr


def test_a_stranger_reads_our_proofs_and_no_forged_ones(journal: tuple[Path, str]) -> None:
    folder, older = journal
    tree = PublishedTree(folder)
    key = next(folder.glob("*.vkey")).read_text()
    for index in (0, 1, 255, 256, 299, tree.size - 1):
        made = tree.inclusion(index).text()
        assert tlog.check_inclusion(made, key) == (index, tree.leaf_bytes(index))
        with pytest.raises(tlog.Lie):
            tlog.check_inclusion(made.replace(f"index {index}\n", f"index {(index + 1) % tree.size}\n"), key)
    made = tree.consistency(older).text()
    old, new = tlog.check_consistency(made, key)
    assert (int(older.split("\n")[1]), tree.size) == (old, new)
    line = made.split("\n")[3]
    with pytest.raises(tlog.Lie):
        tlog.check_consistency(made.replace(line, base64.b64encode(bytes(32)).decode()), key)


def test_a_tree_of_three_levels_lies_as_a_stranger_expects(folder: Path, verifier: Verifier) -> None:
    """More than 65,536 leaves, so that level 2 has a tile: written by our tree, signed with a key of this test."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from strongroom.formats import note
    from strongroom.keybroker.tree import Tree

    tree = Tree(folder)
    for start in range(0, 66_000, 11_000):
        tree.append([i.to_bytes(8, "big") for i in range(start, start + 11_000)])
    tree.publish_tiles()
    private, name = Ed25519PrivateKey.generate(), "stranger.invalid/three-levels"
    head = note.Checkpoint(name, tree.size, tree.root(), ())
    (folder / "checkpoint").write_text(note.sign(head.text(), name, private))
    raw = b"\x01" + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    line = f"{name}+{tlog._key_id(name, raw).hex()}+{base64.b64encode(raw).decode()}\n"
    (folder / "log.vkey").write_text(line)
    tree.close()
    seen = verifier(folder)
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.startswith("66000 leaves of stranger.invalid/three-levels")
