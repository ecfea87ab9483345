"""The broker's side of the journal: the tree, who is known in it, the signed head, and refusing to be rolled back."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.formats import leaf, leaf_shape, merkle, note
from strongroom.formats.broker import Destroyed
from strongroom.formats.leaf import Actor, Entry, Fact, Facts, Kind, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.keybroker.files import write_whole
from strongroom.keybroker.known import Known
from strongroom.keybroker.tree import Tree

SIGN_EVERY: Final = 1.0
HEARTBEAT_AFTER: Final = 60.0
"""Seconds of real elapsed time: between signatures, and of silence before a heartbeat."""

_DESTROYED: Final = Kind.KEY_DESTROYED.to_bytes(2, "big")


class RolledBack(Exception):
    """The tree does not extend the head this broker signed last; nothing is served."""


class Clash(Exception):
    """An entry id that is known came with other bytes."""


class Journal:
    """Appends leaves and signs heads."""

    def __init__(self, folder: Path, keys: Path, *, origin: str, rehearsal: bool) -> None:
        self._tree = Tree(folder)
        self._folder = folder
        self._head_path = keys / "head"
        self._origin = origin
        self._extensions = ("rehearsal",) if rehearsal else ()
        self._known = Known(keys / "known", self._tree)
        self.destroyed: list[tuple[int, Destroyed]] = []
        self.destroyed_names: set[tuple[int, int, int]] = set()
        self._signing: Ed25519PrivateKey | None = None
        self._signed_size = 0
        self._signed_at = float("-inf")
        self._last_leaf = time.monotonic()
        self._check_head()

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def signed_size(self) -> int:
        return self._signed_size

    def root(self) -> bytes:
        return self._tree.root()

    def read_back(self, hear: Callable[[Entry], None], since: int) -> None:
        """Know what the tree holds; `hear` gets the entries that tell a start something, of openings and searches
        those after `since` (believed ms).
        """
        for position, data in self._known.restore(since):
            entry = leaf.decode_leaf(data).entry
            self._fence(position, entry)
            hear(entry)

    def keep(self, since: int) -> None:
        """What waits for the medium and nobody waits for: bundles that settled, and who is known, with openings and
        searches after `since`.
        """
        self._tree.settle()
        self._known.keep_if_due(since)

    def extends(self, checkpoint: note.Checkpoint) -> bool:
        """Whether the tree still holds what an outside head signed."""
        return checkpoint.size <= self.size and self._tree.root_at(checkpoint.size) == checkpoint.root

    def place(self, entry_id: bytes) -> int | None:
        """Where an entry stands, if it does."""
        return self._known.place(entry_id)

    def append(self, entries: Sequence[tuple[Entry, bytes]]) -> list[int]:
        """Positions of these entries with their salts, each appended once (I7). Raises `Clash` and `JournalHangs`."""
        return self.append_encoded([(leaf.encode_entry(entry), salt) for entry, salt in entries])

    def append_encoded(self, entries: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """The same of entries as they came. Raises `Malformed` too, before anything is appended."""
        places: dict[bytes, int] = {}
        new: dict[bytes, bytes] = {}
        for entry, salt in entries:
            data, id_ = leaf_shape.leaf_of(entry, leaf_shape.check_entry(entry), salt), entry[1:17]
            known = self.place(id_)
            if known is not None:
                same = self._tree.hash_of(known) == merkle.leaf_hash(data)
                places[id_] = known
            else:
                same = new.setdefault(id_, data) == data
            if not same:
                raise Clash("an entry id is known with other bytes")
        first = self._tree.size
        try:
            self._tree.append(list(new.values()))
        finally:
            # Those that hang are in the tree too: asked for again, they are found, and not appended twice (I7).
            for position, data in enumerate(new.values(), first) if self._tree.size > first else ():
                self._known.add(position, data)
                if data[17:19] == _DESTROYED:
                    self._fence(position, leaf.decode_leaf(data).entry)
        if new:
            self._last_leaf = time.monotonic()
        places.update((id_, position) for position, id_ in enumerate(new, first))
        return [places[entry[1:17]] for entry, _ in entries]

    def say(
        self,
        kind: Kind,
        *,
        at: int,
        account: int = 0,
        subject: bytes = leaf.NOBODY,
        by: bytes = Actor.KEY_BROKER.reference,
        outcome: Outcome = Outcome.DONE,
        facts: Facts | None = None,
    ) -> int:
        """A leaf of the broker's own; its salt is thrown away, since all its facts are public."""
        return self.append([(own(kind, at=at, account=account, subject=subject, by=by, outcome=outcome, facts=facts),
                             os.urandom(leaf.SALT_BYTES))])[0]  # fmt: skip

    def silent_for_a_minute(self) -> bool:
        return time.monotonic() - self._last_leaf >= HEARTBEAT_AFTER

    def may_sign(self, key: Ed25519PrivateKey | None) -> None:
        """Take the signing key (`None`: the broker was locked)."""
        self._signing = key

    def sign_if_due(self) -> None:
        """Publish a new head, at most once a second."""
        due = self._signed_size != self.size and time.monotonic() - self._signed_at >= SIGN_EVERY
        if due and self._signing is not None:
            self.sign()

    def sign(self) -> str:
        """The newest signed head, published. Kept beside the ring first: it is never ahead of what we remember."""
        if self._signing is None or (self._signed_size == self.size and self._checkpoint_path.exists()):
            return self._checkpoint_path.read_text(encoding="utf-8")
        head = note.Checkpoint(self._origin, self.size, self._tree.root(), self._extensions)
        self._tree.publish_tiles()
        body = head.size.to_bytes(8, "big") + head.root
        write_whole(self._head_path, body + hashlib.sha256(body).digest())
        text = note.sign(head.text(), self._origin, self._signing)
        write_whole(self._checkpoint_path, text.encode())
        self._checkpoint_path.chmod(0o644)
        self._signed_size, self._signed_at = head.size, time.monotonic()
        return text

    def close(self) -> None:
        self._known.close()
        self._tree.close()

    @property
    def _checkpoint_path(self) -> Path:
        return self._folder / "checkpoint"

    def _fence(self, position: int, entry: Entry) -> None:
        if entry.kind is Kind.KEY_DESTROYED:
            name = (entry.account, leaf.number(entry.facts, Fact.DAY), leaf.number(entry.facts, Fact.GENERATION))
            self.destroyed_names.add(name)
            self.destroyed.append((position, Destroyed(*name, leaf.octets(entry.facts, Fact.TOKEN))))

    def _check_head(self) -> None:
        """What was signed last must be a prefix of what is here (docs/formats/tiles.md)."""
        try:
            data = self._head_path.read_bytes()
        except FileNotFoundError:
            data = b""
        body, check = data[:40], data[40:]
        if len(data) != 72 or hashlib.sha256(body).digest() != check:
            raise RolledBack("the last signed head beside the ring is missing or torn")
        size, root = int.from_bytes(body[:8], "big"), body[8:]
        try:
            whole = size <= self.size and self._tree.root_at(size) == root
        except (Malformed, FileNotFoundError):
            whole = False
        if not whole:
            raise RolledBack(f"the journal does not hold the {size} leaves that were signed")
        self._signed_size = size if size == self.size else 0


def own(
    kind: Kind,
    *,
    at: int,
    account: int = 0,
    subject: bytes = leaf.NOBODY,
    by: bytes = Actor.KEY_BROKER.reference,
    outcome: Outcome = Outcome.DONE,
    facts: Facts | None = None,
) -> Entry:
    """An entry of the broker's own making."""
    return Entry(os.urandom(16), kind, outcome, at, account, subject, by, facts or {})
