"""Verdict, version 1 (docs/formats/verdict.md): what the inspector saw in one look. Hostile until it is a `Verdict`."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

from strongroom.formats.grade import Kind
from strongroom.formats.malformed import Malformed

VERSION: Final = 1
MOST_BYTES: Final = 65_536
MOST_FACTS: Final = 64
MOST_SENTENCES: Final = 64
MOST_ITEMS: Final = 100
LONGEST_TEXT: Final = 200
LONGEST_SENTENCE: Final = 500
LONGEST_BOOT: Final = 64
GREATEST: Final = 2**53 - 1

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAMES: Final = frozenset({"version", "look", "at", "boot", "took", "grade", "saw", "problems", "unseen"})
_DEEPEST: Final = 3

Fact = int | str | tuple[str, ...]
_Enum = TypeVar("_Enum", bound=StrEnum)


class Look(StrEnum):
    """What the inspector looks at; the value is the file's name."""

    DATABASE_FILES = "database-files"
    PROCESS_FLAGS = "process-flags"
    LISTENERS = "listeners"
    MOUNTS = "mounts"
    FILE_MODES = "file-modes"
    FIREWALL = "firewall"
    OTHER_FOLDERS = "other-folders"
    SWAP = "swap"
    CLOCK = "clock"
    BUILD = "build"
    LEAKS = "leaks"
    LEAKS_IN_LOGS = "leaks-in-logs"
    LOG_LINES = "log-lines"


class State(StrEnum):
    """What follows from a verdict."""

    PASS = "pass"  # noqa: S105 - the word, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """One look. `at`: believed time, milliseconds since 1970 (0: never told); `took`: milliseconds."""

    look: Look
    at: int
    boot: str
    took: int
    grade: Kind
    saw: Mapping[str, Fact]
    problems: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        if self.problems:
            return State.FAIL
        return State.UNKNOWN if self.unseen else State.PASS


def encode(verdict: Verdict) -> bytes:
    """The canonical bytes. Raises `Malformed` for a value that no file may hold."""
    told = {
        "version": VERSION, "look": str(verdict.look), "at": verdict.at, "boot": verdict.boot, "took": verdict.took,
        "grade": str(verdict.grade), "problems": list(verdict.problems), "unseen": list(verdict.unseen),
        "saw": {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in verdict.saw.items()},
    }  # fmt: skip
    _checked(told)
    data = _canonical(told)
    if len(data) > MOST_BYTES:
        raise Malformed("a verdict has at most 65,536 bytes")
    return data


def decode(data: bytes) -> Verdict:
    """The inverse; `Malformed` for another version and for anything that `encode` does not write."""
    if len(data) > MOST_BYTES:
        raise Malformed("a verdict has at most 65,536 bytes")
    _not_deep(data)
    try:
        told = json.loads(
            data.decode(), object_pairs_hook=_each_once, parse_float=_no_number, parse_constant=_no_number
        )
    except Malformed:
        raise
    except ValueError:  # of JSON, UTF-8, or a number of too many digits
        raise Malformed("a verdict is JSON") from None
    verdict = _checked(told)
    if _canonical(told) != data:
        raise Malformed("a verdict is canonical")
    return verdict


def clean(text: str) -> str:
    """A text, such as a file's name, with what no verdict may hold written as `\\xNN`."""
    return "".join(_escaped(c) if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def _escaped(character: str) -> str:
    number = ord(character)
    # Python keeps a byte of a name that is not UTF-8 as a surrogate; what people know it by is the byte.
    return f"\\x{number - 0xDC00 if 0xDC80 <= number <= 0xDCFF else number:02x}"


def _canonical(told: dict[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _not_deep(data: bytes) -> None:
    """Refuse nesting before the parser, whose recursion it would use up."""
    depth, inside, escaped = 0, False, False
    for byte in data:
        if inside:
            inside = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > _DEEPEST:
                raise Malformed("a verdict is not nested so deep")
        elif byte in b"]}":
            depth -= 1


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name stands once")
    return found


def _no_number(_: str) -> NoReturn:
    raise Malformed("numbers are integers")


def _checked(told: Any) -> Verdict:
    if not isinstance(told, dict) or told.keys() != _NAMES:
        raise Malformed("a verdict has its names and no others")
    if type(told["version"]) is not int or told["version"] != VERSION:
        raise Malformed("not a verdict of version 1")
    return Verdict(
        look=_one_of(Look, told["look"]),
        at=_number(told["at"], least=0),
        boot=_text(told["boot"], LONGEST_BOOT),
        took=_number(told["took"], least=0),
        grade=_one_of(Kind, told["grade"]),
        saw=_facts(told["saw"]),
        problems=_sentences(told["problems"]),
        unseen=_sentences(told["unseen"]),
    )


def _one_of(kind: type[_Enum], value: Any) -> _Enum:
    if not isinstance(value, str) or value not in [str(one) for one in kind]:
        raise Malformed(f"an unknown {kind.__name__.lower()}")
    return kind(value)


def _number(value: Any, *, least: int = -GREATEST) -> int:
    if type(value) is not int or not least <= value <= GREATEST:
        raise Malformed("a number out of its range")
    return value


def _text(value: Any, longest: int, *, least: int = 0) -> str:
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise Malformed("a text of another length or type")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise Malformed("a text holds no control character")
    return value


def _sentences(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_SENTENCES:
        raise Malformed("sentences stand in a list")
    return tuple(_text(sentence, LONGEST_SENTENCE, least=1) for sentence in value)


def _facts(value: Any) -> dict[str, Fact]:
    if not isinstance(value, dict) or len(value) > MOST_FACTS:
        raise Malformed("facts stand in an object")
    if not all(_NAME.fullmatch(name) for name in value):
        raise Malformed("a fact's name")
    return {name: _fact(fact) for name, fact in value.items()}


def _fact(value: Any) -> Fact:
    if isinstance(value, str):
        return _text(value, LONGEST_TEXT)
    if isinstance(value, list):
        return _items(value)
    return _number(value)


def _items(value: Sequence[Any]) -> tuple[str, ...]:
    if len(value) > MOST_ITEMS:
        raise Malformed("a list of facts is short")
    return tuple(_text(item, LONGEST_TEXT) for item in value)
