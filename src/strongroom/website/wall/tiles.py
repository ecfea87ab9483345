"""What a tile says, made ready for its template: its state, its name, its age in words, and what is left of it."""

import functools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from strongroom.policy.obligations.rules import NEEDS_A_PERSON, State, Tile, age
from strongroom.website.templatetags import face
from strongroom.website.wall.board import Owners


def faces(tiles: Iterable[Tile], answering: Owners, now: datetime) -> list[dict[str, Any]]:
    """A row a tile. Plain mappings: a template asks each some ten times, and a wall has all promises."""
    return [
        {
            "slug": tile.state.slug, "state": face.state(tile.state), "id": tile.clause.id, "short": tile.clause.short,
            "link": _link(tile.clause.id), "reason": tile.reason, "age": _age(tile, now),
            "owner": answering[tile.clause.id].name if tile.clause.id in answering else "",
            "left": round(tile.left * 100),
        }
        for tile in tiles
    ]  # fmt: skip


@functools.cache
def _link(clause: str) -> str:
    return reverse("clause", args=[clause])


def _age(tile: Tile, now: datetime) -> str:
    """How old the proof is, or until when it holds; what needs a person says what is missing."""
    if tile.state in NEEDS_A_PERSON and tile.is_built:
        return _needed(tile, now)
    if tile.state is State.EXCEPTED:
        return format_html("Excepted until {}", face.day(tile.excepted_until))
    if tile.state is State.NOT_USED:
        return Truncator(tile.reason).chars(60)
    if not tile.is_built:
        return "Not built yet"
    return f"{_since(tile.evidence_at, now)} old" if tile.evidence_at else "Live"


def _needed(tile: Tile, now: datetime) -> str:
    if tile.state is State.DUE and tile.due_at:
        return f"Due in {face.left(tile.due_at)}"
    return f"Last proof {_since(tile.evidence_at, now)} ago" if tile.evidence_at else "Never proved"


def _since(moment: datetime, now: datetime) -> str:
    return age(max(timedelta(), now - moment))
