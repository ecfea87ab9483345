"""Which characters run which way (Unicode Standard Annex 9), for a line without explicit controls (`address.clean`).

The steps are python-bidi's own in Python, which hand out levels, where its faster half only hands out a turned text.
They lack rule N0 of Unicode 6.3, without which a house number can change sides with a bracket; it is added here, and
tests compare the whole with the other half, which is unicode-bidi in Rust.
"""

import unicodedata
from typing import Any, Final

from bidi import algorithm
from bidi.mirror import MIRRORED

# What python-bidi's steps know; a character newer than Python's tables runs from left to right, as the annex has it.
_CLASSES: Final = frozenset({"L", "R", "AL", "EN", "ES", "ET", "AN", "CS", "NSM", "BN", "B", "S", "WS", "ON"})
_MOST_OPEN: Final = 63


def is_right_to_left(text: str) -> bool:
    """Whether the line begins at the right: by its first letter that has a direction (P2, P3)."""
    return bool(algorithm.get_base_level(text) == 1)


def levels(text: str) -> list[int]:
    """The level of each character: odd runs from right to left."""
    if text.isascii():
        return [0] * len(text)
    known = "".join(char if unicodedata.bidirectional(char) in _CLASSES else "x" for char in text)
    base = int(is_right_to_left(known))
    storage: dict[str, Any] = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, "LR"[base]
    algorithm.get_embedding_levels(known, storage)
    for position, char in enumerate(storage["chars"]):
        char["position"] = position
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    _resolve_brackets(storage["chars"], "LR"[base])
    algorithm.resolve_neutral_types(storage, debug=False)
    algorithm.resolve_implicit_levels(storage, debug=False)
    told = {char["position"]: int(char["level"]) for char in storage["chars"]}
    found, last = [], base
    for position in range(len(text)):  # joiners were taken out; they keep the level of what stands before them
        last = told.get(position, last)
        found.append(last)
    return found


def _resolve_brackets(chars: list[dict[str, Any]], base: str) -> None:
    """Rule N0: a pair of brackets runs as what it holds, so that both turn alike."""
    for opening, closing in sorted(_pairs(chars)):
        inside = {_strong(char) for char in chars[opening + 1 : closing]}
        before = next((way for char in reversed(chars[:opening]) if (way := _strong(char))), base)
        other = "R" if base == "L" else "L"
        if base in inside:
            way = base
        elif other in inside:
            way = other if before == other else base
        else:
            continue
        for place in (opening, closing):
            chars[place]["type"] = way
            for mark in chars[place + 1 :]:
                if mark["orig"] != "NSM":
                    break
                mark["type"] = way


def _pairs(chars: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Definition BD16."""
    found: list[tuple[int, int]] = []
    still_open: list[tuple[str, int]] = []
    for place, char in enumerate(chars):
        category = unicodedata.category(char["ch"])
        if char["type"] != "ON" or category not in {"Ps", "Pe"} or char["ch"] not in MIRRORED:
            continue
        if category == "Ps":
            if len(still_open) == _MOST_OPEN:
                return []
            still_open.append((MIRRORED[char["ch"]], place))
            continue
        for depth in range(len(still_open) - 1, -1, -1):
            if still_open[depth][0] == char["ch"]:
                found.append((still_open[depth][1], place))
                del still_open[depth:]
                break
    return found


def _strong(char: dict[str, Any]) -> str:
    """The direction that N0 sees: a number stands for the right."""
    kind = str(char["type"])
    return "R" if kind in {"R", "AL", "EN", "AN"} else kind if kind == "L" else ""
