"""Rows of a page's orders in one statement each: one an order would be most of what an answer of Amazon costs."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import Model

from strongroom.policy.retention_and_recovery.models import Order

STATE: Final = (
    "state", "status", "fulfilled_by", "marketplace", "service", "placed_at", "updated_at", "ship_by", "deliver_by",
    "country", "answered_at", "call", "fulfilled_at", "cancelled_at", "done_on", "lines", "units", "priority",
)  # fmt: skip
"""What Amazon says of an order, and what follows from it."""
SEALED: Final = ("sealed_version", "asked_at", "data_absent", "country")


def insert(model: type[Model], objects: Sequence[Model]) -> None:
    """Write new rows as the objects have them, every column named."""
    if not objects:
        return
    names = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001 - Django's own way to it
    named = ", ".join(f'"{name}"' for name in names)
    _execute(
        f"INSERT INTO {model._meta.db_table} ({named}) SELECT * FROM unnest({_arrays(model, names)})",  # noqa: S608, SLF001
        _columns(objects, names),
    )


def change(orders: Sequence[Order], names: Sequence[str]) -> None:
    """Write these columns of these orders, of one account, as the objects have them."""
    if not orders:
        return
    (account,) = {order.account_id for order in orders}
    names = list(dict.fromkeys(names))
    assigned = ", ".join(f'"{name}" = new."{name}"' for name in names)
    named = ", ".join(f'"{name}"' for name in ("ref", *names))
    _execute(
        f"UPDATE amazon_order SET {assigned} FROM unnest({_arrays(Order, ('ref', *names))}) AS new ({named})"  # noqa: S608
        " WHERE amazon_order.account_id = %s AND amazon_order.ref = new.ref",
        [*_columns(orders, ("ref", *names)), account],
    )


def _execute(statement: str, parameters: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _columns(objects: Sequence[Model], names: Sequence[str]) -> list[list[Any]]:
    return [[_plain(getattr(each, name)) for each in objects] for name in names]


def _arrays(model: type[Model], names: Sequence[str]) -> str:
    """A parameter a column, in PostgreSQL's binary form: as text each value is quoted by hand, ten times as long."""
    return ", ".join(f"%b::{_type(model, name)}[]" for name in names)


def _type(model: type[Model], name: str) -> str:
    """As text where a length is promised: a cast would cut what is too long, an assignment refuses it."""
    type_ = str(model._meta.get_field(name).db_type(connection))  # noqa: SLF001 - Django's own way to it
    return "text" if type_.startswith("varchar") else type_


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value  # an enum too
