"""Rows of a page's orders, changed in one statement: one an order would be most of what an answer of Amazon costs."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from strongroom.policy.retention_and_recovery.models import Order

STATE: Final = (
    "state", "status", "fulfilled_by", "marketplace", "service", "placed_at", "updated_at", "ship_by", "deliver_by",
    "country", "answered_at", "call", "fulfilled_at", "cancelled_at", "done_on", "lines", "units", "priority",
)  # fmt: skip
"""What Amazon says of an order, and what follows from it."""
SEALED: Final = ("sealed_version", "asked_at", "data_absent", "country")


def change(orders: Sequence[Order], names: Sequence[str]) -> None:
    """Write these columns of these orders, of one account, as the objects have them."""
    if not orders:
        return
    (account,) = {order.account_id for order in orders}
    columns = [[_plain(getattr(order, name)) for order in orders] for name in ("ref", *names)]
    arrays = ", ".join(f"%s::{_type(name)}[]" for name in ("ref", *names))
    assigned = ", ".join(f'"{name}" = new."{name}"' for name in names)
    named = ", ".join(f'"{name}"' for name in ("ref", *names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE amazon_order SET {assigned} FROM unnest({arrays}) AS new ({named})"  # noqa: S608 - names of ours
            " WHERE amazon_order.account_id = %s AND amazon_order.ref = new.ref",
            [*columns, account],
        )


def _type(name: str) -> str:
    """As text where a length is promised: a cast would cut what is too long, an assignment refuses it."""
    type_ = str(Order._meta.get_field(name).db_type(connection))  # noqa: SLF001 - Django's own way to it
    return "text" if type_.startswith("varchar") else type_


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value  # an enum too
