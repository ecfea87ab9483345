"""What a text looks like after it was written some way. All forms of all canaries are looked for at once.

A form that writes a text as an earlier one does is that earlier one: plain ASCII is the same in UTF-8, JSON and HTML.
"""

import base64
import html
import json
import quopri
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html.entities import codepoint2name
from typing import Final
from urllib.parse import quote, quote_plus

from strongroom.policy.retention_and_recovery.leaks.canaries import Canary

LEAST_BYTES: Final = 8
"""What is shorter would be found by chance in a terabyte."""


@dataclass(frozen=True)
class Needle:
    """Bytes that betray a canary. caseless: ASCII letters in it are looked for in either case."""

    canary: str
    form: str
    data: bytes = field(repr=False)
    caseless: bool


@dataclass(frozen=True)
class Form:
    """One way to write a text. cased: also applied to the text in capitals and in small letters."""

    id: str
    write: Callable[[str], Iterable[bytes]]
    caseless: bool = True
    cased: bool = False


def needles(canaries: Iterable[Canary]) -> tuple[Needle, ...]:
    """Every form of every text, each once."""
    found: dict[tuple[str, bytes, bool], Needle] = {}
    for canary in canaries:
        for text in canary.texts:
            for needle in _of_text(canary.id, text.text()):
                key = needle.data.lower() if needle.caseless else needle.data
                found.setdefault((canary.id, key, needle.caseless), needle)
    return tuple(found.values())


def written(form_id: str, text: str) -> bytes:
    """A text in one form, as a leak would have written it; for plants."""
    return next(iter(next(form for form in FORMS if form.id == form_id).write(text)))


def _of_text(canary: str, text: str) -> Iterator[Needle]:
    shapes = list(dict.fromkeys((text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")))))
    folded = [unicodedata.normalize("NFKC", text).casefold()]
    turned = [turn(shape) for shape in shapes for turn in (str.upper, str.lower)] + folded
    for form in FORMS:
        for shape in dict.fromkeys((*shapes, *(turned if form.cased else ()))):
            for data in form.write(shape):
                if len(data) >= LEAST_BYTES:
                    yield Needle(canary, form.id, data, form.caseless)


def _in(encoding: str) -> Callable[[str], Iterable[bytes]]:
    def write(text: str) -> Iterator[bytes]:
        try:
            yield text.encode(encoding)
        except UnicodeEncodeError:
            return

    return write


def _base64(text: str) -> Iterator[bytes]:
    """At each of three places within a group of four, without the characters that neighbours decide; two alphabets."""
    data = text.encode()
    for shift, lost in enumerate((0, 2, 3)):
        whole = (shift + len(data)) * 8 // 6
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + data)[lost:whole]


def _quoted_printable(text: str) -> Iterator[bytes]:
    yield quopri.encodestring(text.encode(), quotetabs=False).replace(b"=\n", b"")


def _urls(text: str) -> Iterator[bytes]:
    for encoded in (quote(text, safe=""), quote(text, safe="/@:+!$'()*,;&="), quote_plus(text)):
        yield encoded.encode()


def _html(text: str) -> Iterator[bytes]:
    """As Django and Python escape it, and with letters as named, decimal or hexadecimal references."""
    yield html.escape(text).encode()
    for one in (_named, lambda c: f"&#{ord(c)};", lambda c: f"&#x{ord(c):x};"):
        yield "".join(c if ord(c) < 128 and c not in "&<>\"'" else one(c) for c in text).encode()


def _named(character: str) -> str:
    name = codepoint2name.get(ord(character))
    return f"&{name};" if name else f"&#{ord(character)};"


def _json(text: str) -> Iterator[bytes]:
    """ASCII JSON; and with what script escapers escape besides."""
    yield json.dumps(text).encode()[1:-1]
    yield "".join(f"\\u{ord(c):04x}" if c in "&<>\"'" else json.dumps(c)[1:-1] for c in text).encode()


FORMS: Final[tuple[Form, ...]] = (
    Form("utf-8", _in("utf-8"), cased=True),
    Form("utf-16-le", _in("utf-16-le"), cased=True),
    Form("utf-16-be", _in("utf-16-be"), cased=True),
    Form("utf-32-le", _in("utf-32-le")),  # how Python keeps texts with rare letters in memory
    Form("latin-1", _in("latin-1"), cased=True),
    Form("base64", _base64, caseless=False),
    Form("hex", lambda text: [text.encode().hex().encode()]),
    Form("hex of utf-16-be", lambda text: [text.encode("utf-16-be").hex().encode()]),
    Form("url", _urls),
    Form("url, every byte", lambda text: ["".join(f"%{b:02X}" for b in text.encode()).encode()]),
    Form("json", _json),
    Form("html", _html),
    Form("quoted-printable", _quoted_printable),
    Form("python", lambda text: [ascii(text).encode()[1:-1], text.encode("ascii", "backslashreplace")]),
    Form("python bytes", lambda text: [repr(text.encode()).encode()[2:-1]]),
    Form("octal", lambda text: ["".join(chr(b) if b < 128 else f"\\{b:03o}" for b in text.encode()).encode()]),
    Form("sql", lambda text: [text.replace("'", "''").encode()]),
)
