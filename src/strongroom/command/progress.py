"""How far a long command is: a bar on standard error where that is a terminal, and nothing anywhere else."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def through(items: Iterable[Item], what: str) -> Iterable[Item]:
    """The same items, one after the other; the bar goes when they are through. `what`: a word before it."""
    found: Iterable[Item] = tqdm(items, desc=what, file=sys.stderr, disable=None, leave=False, dynamic_ncols=True)
    return found


def tell(words: str) -> None:
    """Talk beside a bar, which it does not tear."""
    tqdm.write(words, file=sys.stderr)
