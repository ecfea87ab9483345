"""Sabotage of what the public reads: pages edited, pages withheld, terms changed behind them (DG-4)."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.rehearsal.sabotage.breaking import Sabotage, Target

LOOKS_AGAIN: Final = 2.5
"""Seconds until every process has seen another version of the policy (`versions.LOOK_EVERY`)."""
STRICTER: Final = (
    '[profile]\nid = "sabotage"\nversion = 1\nfrom = 2026-11-24\nsource = "nobody"\n'
    "[terms.lock_after_failures]\nvalue = 4\n"
)


def _published(target: Target) -> Path:
    """The folder of the edition that is served."""
    home = target.rehearsal.folders.data / "published"
    return home / (home / "current").read_text(encoding="ascii").strip()


@contextlib.contextmanager
def edited_by_hand(target: Target) -> Iterator[None]:
    """Somebody with a right to the disk makes the promise a softer one."""
    page = _published(target) / "policy.html"
    before = page.read_bytes()
    try:
        page.write_bytes(before.replace(b">within 30 days<", b">within 90 days<"))
        yield
    finally:
        page.write_bytes(before)


@contextlib.contextmanager
def edited_with_its_sums(target: Target) -> Iterator[None]:
    """The same, by somebody who also writes the list of sums anew."""
    page, sums = _published(target) / "privacy.html", _published(target) / "policy.sums"
    before, sums_before = page.read_bytes(), sums.read_bytes()
    after = before.replace(b"never to be sold or lent", b"sometimes to be sold or lent")
    try:
        page.write_bytes(after)
        old, new = (hashlib.sha256(each).hexdigest().encode() for each in (before, after))
        sums.write_bytes(sums_before.replace(old, new))
        yield
    finally:
        page.write_bytes(before)
        sums.write_bytes(sums_before)


@contextlib.contextmanager
def withheld(target: Target) -> Iterator[None]:
    """The folder that is served is taken away."""
    here = _published(target)
    elsewhere = here.with_name("taken-away")
    here.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(here)


@contextlib.contextmanager
def terms_changed_behind_it(target: Target) -> Iterator[None]:
    """A newer version of the policy runs, put there past the approval, and nobody published it."""
    with target.unguarded() as sql:
        row = sql.execute("SELECT number, content FROM policy_version ORDER BY number DESC LIMIT 1").fetchone()
        assert row is not None  # noqa: S101 - the worker noted one when it started
        number, content = row[0], json.loads(row[1])
        content["profiles"]["sabotage.toml"] = STRICTER
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        sql.execute(
            "INSERT INTO policy_version (number, content, digest, since) VALUES (%s, %s, %s, now())",
            [number + 1, text, hashlib.sha256(text.encode()).digest()],
        )
        try:
            time.sleep(LOOKS_AGAIN)
            yield
        finally:
            sql.execute("DELETE FROM policy_version WHERE number = %s", [number + 1])
            time.sleep(LOOKS_AGAIN)


SABOTAGE: Final = (
    Sabotage("DG-4", "The published page is edited on disk", edited_by_hand),
    Sabotage("DG-4", "The privacy page is edited, and its sums with it", edited_with_its_sums),
    Sabotage("DG-4", "The published pages are taken away", withheld),
    Sabotage("DG-4", "Other terms run than those that were approved and published", terms_changed_behind_it),
)
