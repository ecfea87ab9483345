"""How checks read rows: plain SQL over what stands in the database, not through the code whose promise they look at."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, transaction

T = TypeVar("T")


def settled(read: Callable[[], T], good: Callable[[T], bool], seconds: float = 3.0) -> T:
    """What is read, once whoever is at work just now had a turn: while it is not good it is read again for so long."""
    until = time.monotonic() + seconds
    while not good(found := read()) and time.monotonic() < until:
        time.sleep(0.25)
    return found


def value(query: str, *values: Any) -> Any:
    """Sweep: the one value of a read, `None` where there is no row. `query` is a constant of ours."""
    row = first(query, *values)
    return row[0] if row else None


def first(query: str, *values: Any) -> tuple[Any, ...] | None:
    """Sweep: the first row of a read."""
    with connection.cursor() as cursor:
        cursor.execute(query, list(values))
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def named(query: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Sweep: the first row of a read whose values have names."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Sweep: all rows of a read; the query says how many there can be."""
    with connection.cursor() as cursor:
        cursor.execute(query, list(values))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


@contextmanager
def same_moment() -> Iterator[None]:
    """What is read within stands as it stood at one moment, whatever is committed meanwhile."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
