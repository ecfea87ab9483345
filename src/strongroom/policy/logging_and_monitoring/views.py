"""The journal as a page: leaves from the tree itself, their proofs, and the checkpoint."""

import time
import uuid
from datetime import date
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from strongroom.formats import merkle
from strongroom.formats.leaf import Fact, Leaf, Outcome
from strongroom.formats.malformed import Malformed
from strongroom.formats.parts import Part, Purpose
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission, permission
from strongroom.policy.logging_and_monitoring import references
from strongroom.policy.logging_and_monitoring.tree import PublishedTree

PAGE = 50


@permission(Permission.JOURNAL_READ)
@require_http_methods(["GET", "POST"])
def journal(request: HttpRequest) -> HttpResponse:
    """Newest leaves first; a POST verifies the whole tree now."""
    tree = _tree()
    before = min(tree.size, _number(request.GET.get("before"), tree.size))
    verified, problem, took = None, "", 0.0
    if request.method == "POST":
        began = time.monotonic()
        try:
            verified = tree.verify()
        except (Malformed, FileNotFoundError) as why:
            problem = str(why)
        took = time.monotonic() - began
    rows = [line(index, leaf, hash_) for index, leaf, hash_ in tree.newest(before, PAGE)]
    shown = {
        "tree": tree,
        "rows": rows,
        "older": before - PAGE if before > PAGE else None,
        "verified": verified,
        "problem": problem,
        "took": f"{took:.2f}",
    }
    return render(request, "logging_and_monitoring/journal.html", shown)


@permission(Permission.JOURNAL_READ)
@require_safe
def leaf(request: HttpRequest, index: int) -> HttpResponse:
    """One leaf with its proof."""
    tree = _tree()
    try:
        found, data = tree.leaf(index), tree.leaf_bytes(index)
        proof = tree.inclusion(index)
    except Malformed:
        raise Http404 from None
    shown = {
        "tree": tree,
        "row": line(index, found, merkle.leaf_hash(data)),
        "facts": [
            (fact.name.replace("_", " ").lower(), _said(fact, value)) for fact, value in found.entry.facts.items()
        ],
        "commitment": found.commitment.hex(),
        "hashes": [hash_.hex() for hash_ in proof.hashes],
        "root": tree.checkpoint.root.hex(),
    }
    return render(request, "logging_and_monitoring/leaf.html", shown)


@permission(Permission.JOURNAL_READ)
@require_safe
def proof_file(request: HttpRequest, index: int) -> HttpResponse:  # noqa: ARG001 - the same for whoever may read
    """The proof as a file that `strongroom journal proof --check` and foreign tools read. It names no person."""
    try:
        text = _tree().inclusion(index).text()
    except Malformed:
        raise Http404 from None
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def line(index: int, found: Leaf, hash_: bytes) -> dict[str, object]:
    """A leaf as a row: what, when, by whom, of what."""
    entry = found.entry
    by = uuid.UUID(bytes=entry.by)
    process = references.process(by)
    return {
        "index": index,
        "at": definitions.moment(entry.at),
        "what": entry.kind.name.replace("_", " ").capitalize(),
        "refused": entry.outcome is Outcome.REFUSED,
        "by": process.name.replace("_", " ").lower() if process else f"person {str(by)[:8]}",
        "of": None if _is_day(entry.subject) else uuid.UUID(bytes=entry.subject),
        "day": _day(entry.subject),
        "purpose": _purpose(entry.facts.get(Fact.PURPOSE)),
        "hash": hash_,
    }


def _is_day(subject: bytes) -> bool:
    """Whether a subject is the number of a day, or nothing, rather than an order's random reference."""
    return int.from_bytes(subject, "big") < 1 << 32


def _day(subject: bytes) -> date | None:
    number = int.from_bytes(subject, "big")
    return definitions.day_of_number(number) if 0 < number < 1 << 32 else None


def _tree() -> PublishedTree:
    return PublishedTree(Path(str(settings.DATA)) / "journal")


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() and len(text) < 16 else otherwise


def _purpose(value: int | bytes | None) -> str:
    return Purpose(value).name.replace("_", " ").lower() if isinstance(value, int) and value in set(Purpose) else ""


def _said(fact: Fact, value: int | bytes) -> str:
    """A fact in words, as far as there are any."""
    if isinstance(value, bytes):
        return value.hex()
    if fact in (Fact.DAY, Fact.BORN, Fact.FROM_DAY):
        return definitions.day_of_number(value).isoformat()
    if fact is Fact.PART and value in set(Part):
        return Part(value).name.lower()
    if fact is Fact.PURPOSE:
        return _purpose(value)
    return f"{value:,}"
