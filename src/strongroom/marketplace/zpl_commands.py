"""What a label in ZPL says to a printer beside "print this": it must leave nothing in it, change nothing, ask nothing.

A label is a customer's name and address. What a printer stores it forgets on nobody's word (RR-2), and its settings and
answers are no business of whoever sends labels. Commands as in Zebra's ZPL II Programming Guide.
"""

import re
from typing import Final

STORES: Final = frozenset(b"DB DE DF DG DN DS DT DU DY EF EG ID IL IM IS TO XF XG".split())
"""Formats, pictures and fonts kept in the printer, copied, deleted, or printed from there."""
SETS: Final = frozenset(
    b"JB JI JJ JN JO JR JT JW KB KD KL KN KP KV MP NB NC ND NI NN NP NR NS NT NW RO SC SL SO SQ SR SS ST SX SZ"
    b" WA WE WI WL WP WR WS WX".split()
)
"""Resets, networks, clocks, passwords, alerts, the language itself. How dark it is printed and the like
may be set: drivers of labels begin with it.
"""
ANSWERS: Final = frozenset(b"HB HD HF HG HH HI HL HM HQ HS HT HU HV HW HY HZ RF RI WC WD WQ WT WV".split())
"""What a printer holds or knows, sent back or printed."""
SPELLS: Final = frozenset(b"CC CD CT".split())
"""Other characters for `^`, `~` and `,`: behind them nothing here would be seen."""
_REFUSED: Final = STORES | SETS | ANSWERS | SPELLS
_COMMAND: Final = re.compile(rb"(?=[\^~]([!-~]{2}))")
_COPIES: Final = re.compile(rb"\^PQ(?!1(?:\D|$))", re.IGNORECASE)
"""More than one of what was paid for once."""
_BINARY: Final = re.compile(rb"\^GF[BC],([0-9]{1,9}),[0-9]{1,9},[0-9]{1,9},", re.IGNORECASE)
_UNSEEN: Final = bytes(range(33))
"""Line ends, blanks and control characters; no command needs one, and a printer passes over them."""


def only_prints(label: bytes) -> bool:
    """Whether each command of a label does nothing but put something on paper, once."""
    words = _without_pictures(label).translate(None, _UNSEEN)
    return (
        words.upper().endswith(b"^XZ")
        and not any(found.upper() in _REFUSED for found in _COMMAND.findall(words))
        and not _COPIES.search(words)
    )


def _without_pictures(label: bytes) -> bytes:
    """A label without its pictures in raw bytes, which may hold any byte and say themselves how many they are."""
    kept, at = [], 0
    for found in _BINARY.finditer(label):
        if found.start() >= at:  # else it is part of a picture
            kept.append(label[at : found.end()])
            at = found.end() + int(found[1])
    return b"".join([*kept, label[at:]])
