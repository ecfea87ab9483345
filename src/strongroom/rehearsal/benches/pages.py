"""The main pages over many orders, as a signed-in manager gets them over HTTPS; the wall among them (DESIGN 11).

A rehearsal of some days whose rows are multiplied inside the database. The limit of each page is the smallest page of
the same server, which asks the database for a session only.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from strongroom.rehearsal.benches import filled, wall
from strongroom.rehearsal.benches.figures import Through, ratio, silently
from strongroom.rehearsal.browser import Browser
from strongroom.rehearsal.installation import Rehearsal
from strongroom.rehearsal.sabotage.breaking import Target
from strongroom.rehearsal.watchman import Watchman

PAGES: Final = {
    "wall": "/wall/", "clause": "/wall/RR-2/", "duties": "/duties/", "to ship": "/orders/", "all orders": "/orders/?show=all",
    "one order": "/orders/{ref}/", "openings": "/openings/", "journal": "/journal/", "people": "/people/",
    "work list": "/despatch/",
}  # fmt: skip
