"""Somebody who may write anything into the database: what the key broker makes of it (ES-1, AM-3, RR-2)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from strongroom.formats.parts import Part, Purpose
from strongroom.formats.secret import Secret
from strongroom.policy.encryption_and_storage.connection import Forgotten
from tests.house.running import DAY, House, Shop
from tests.policy.people import Somebody, as_website

ANNE, BO = {"name": "Anne Wexcombe", "line1": "1 Saltmarsh Quay"}, {"name": "Bo Larkrise", "line1": "2 Lark Rise"}


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    with house.shop() as made:
        yield made


@pytest.fixture
def superuser(house: House) -> Iterator[psycopg.Connection[Any]]:
    """No trigger, no grant and no constraint stands in this one's way."""
    with psycopg.connect(**{**house.rehearsal.running.admin, "dbname": "strongroom"}, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def sealed(shop: Shop, order: Any, fields: dict[str, str]) -> None:
    """A newer write of an order's recipient, by the worker's own verbs."""
    from strongroom.formats.leaf import Actor
    from strongroom.policy.encryption_and_storage import actions, broker

    part = actions.to_seal(order=order.ref, part=Part.RECIPIENT, fields={n: Secret(v) for n, v in fields.items()})
    made, keys = broker.seal(account=shop.account, by=Actor.RECEIPT.reference, parts=[part])
    actions.know_keys(account=shop.account, keys=keys)
    actions.write_rows(account=shop.account, rows=[actions.Written(order.ref, part.part, part.write, made[0])])


def put(superuser: psycopg.Connection[Any], table: str, row: Sequence[Any]) -> None:
    """A row as it lay, put into a table."""
    superuser.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)  # noqa: S608


def two(shop: Shop) -> tuple[Any, Any]:
    placed = shop.place(2)
    shop.receive()
    anne, bo = (shop.order(each.order_id) for each in placed)
    sealed(shop, anne, ANNE)
    sealed(shop, bo, BO)
    return anne, bo


def opened(house: House, order: Any) -> str:
    """What support is shown: the name, or nothing."""
    from strongroom.policy.encryption_and_storage.actions import open_for
    from strongroom.policy.least_privilege.actions import reference_of

    with as_website(house):
        by = reference_of(Somebody("support", password=None, has_app=False).row)
        try:
            return (
                open_for(account=order.account_id, order=order.ref, purpose=Purpose.DELIVERY, by=by)
                .fields["name"]
                .text()
            )
        except Forgotten:
            return ""


def test_before_anything_is_written_each_opens(house: House, shop: Shop) -> None:
    anne, bo = two(shop)
    assert (opened(house, anne), opened(house, bo)) == (ANNE["name"], BO["name"])


@pytest.mark.parametrize("swapped", ["bundle", "body", "bundle, body"])
def test_rows_swapped_between_two_orders_open_neither(
    house: House, shop: Shop, superuser: psycopg.Connection[Any], swapped: str
) -> None:
    anne, bo = two(shop)
    columns = ", ".join(f"{name.strip()} = o.{name.strip()}" for name in swapped.split(","))
    superuser.execute(
        f"UPDATE sealed s SET {columns} FROM sealed o WHERE s.account_id = %(a)s AND o.account_id = %(a)s"  # noqa: S608
        " AND s.part = 1 AND o.part = 1 AND s.order_ref <> o.order_ref",
        {"a": shop.account},
    )
    assert (opened(house, anne), opened(house, bo)) == ("", "")


@pytest.mark.parametrize(
    "forged",
    [
        "day = day + 1, born = born + 1",
        "born = born - 1",
        "generation = generation + 1",
        "write = write + 1",
        "part = 2",
    ],
)
def test_a_row_moved_to_another_place_does_not_open(
    house: House, shop: Shop, superuser: psycopg.Connection[Any], forged: str
) -> None:
    """The part's row is forged along with it, so that the website asks for exactly what lies there."""
    anne, _ = two(shop)
    before = {"a": shop.account, "o": anne.ref}
    superuser.execute("DELETE FROM sealed WHERE account_id = %(a)s AND order_ref = %(o)s AND part = 2", before)
    superuser.execute("DELETE FROM part WHERE account_id = %(a)s AND order_ref = %(o)s AND part = 2", before)
    superuser.execute(f"UPDATE sealed SET {forged} WHERE account_id = %(a)s AND order_ref = %(o)s AND part = 1", before)  # noqa: S608
    if forged.startswith(("day", "write", "part")):
        superuser.execute(
            f"UPDATE part SET {forged.partition(',')[0]} WHERE account_id = %(a)s AND order_ref = %(o)s AND part = 1",  # noqa: S608
            before,
        )
    assert opened(house, anne) == ""


def test_an_older_write_put_back_is_not_what_opens(
    house: House, shop: Shop, superuser: psycopg.Connection[Any]
) -> None:
    anne, _ = two(shop)
    kept = superuser.execute(
        "SELECT * FROM sealed WHERE account_id = %s AND order_ref = %s AND part = 1", [shop.account, anne.ref]
    ).fetchone()
    assert kept is not None
    sealed(shop, anne, {**ANNE, "name": "Anne Moved"})
    put(superuser, "sealed", kept)
    assert opened(house, anne) == "Anne Moved"


def test_a_whole_older_state_put_back_opens_that_orders_own_older_words_and_not_past_its_day(
    house: House, shop: Shop, superuser: psycopg.Connection[Any]
) -> None:
    """The residual that SECURITY.md names: a row and what points to it, replayed together while the day lives."""
    anne, _ = two(shop)
    where = [shop.account, anne.ref]
    kept = superuser.execute(
        "SELECT * FROM sealed WHERE account_id = %s AND order_ref = %s AND part = 1", where
    ).fetchone()
    old = superuser.execute(
        "SELECT write, day FROM part WHERE account_id = %s AND order_ref = %s AND part = 1", where
    ).fetchone()
    assert kept is not None
    assert old is not None
    sealed(shop, anne, {**ANNE, "name": "Anne Moved"})
    put(superuser, "sealed", kept)
    superuser.execute(
        "UPDATE part SET write = %s, day = %s WHERE account_id = %s AND order_ref = %s AND part = 1", [*old, *where]
    )
    assert opened(house, anne) == ANNE["name"]
    house.step(29 * DAY)
    assert opened(house, anne) == ""


def test_a_backup_of_the_rows_put_back_after_the_day_died_opens_nothing(
    house: House, shop: Shop, superuser: psycopg.Connection[Any]
) -> None:
    from strongroom.policy.retention_and_recovery.actions import Retention

    anne, _ = two(shop)
    where = [shop.account, anne.ref]
    kept = superuser.execute(
        "SELECT * FROM sealed WHERE account_id = %s AND order_ref = %s AND part = 1", where
    ).fetchone()
    part = superuser.execute(
        "SELECT * FROM part WHERE account_id = %s AND order_ref = %s AND part = 1", where
    ).fetchone()
    assert kept is not None
    assert part is not None
    house.step(29 * DAY)
    Retention().run()
    today = house.now().date()
    columns = [column.name for column in superuser.execute("SELECT * FROM sealed LIMIT 0").description or ()]
    for day in (today, today + timedelta(days=1)):
        forged = [day if name in ("day", "born") else value for name, value in zip(columns, kept, strict=True)]
        superuser.execute("DELETE FROM part WHERE account_id = %s AND order_ref = %s", where)
        put(superuser, "sealed", forged)
        put(superuser, "part", part)
        superuser.execute("UPDATE part SET day = %s WHERE account_id = %s AND order_ref = %s", [day, *where])
        assert opened(house, anne) == ""
        superuser.execute("DELETE FROM sealed WHERE account_id = %s AND order_ref = %s", where)
    superuser.execute("DELETE FROM part WHERE account_id = %s AND order_ref = %s", where)


def test_what_was_opened_and_failed_stands_in_the_journal_all_the_same(
    house: House, shop: Shop, superuser: psycopg.Connection[Any]
) -> None:
    from strongroom.formats.leaf import Kind

    anne, _ = two(shop)
    superuser.execute(
        "UPDATE sealed SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE account_id = %s", [shop.account]
    )
    before = sum(kind == Kind.OPENED for (kind,) in shop.rows("entry", "kind"))
    assert opened(house, anne) == ""
    assert sum(kind == Kind.OPENED for (kind,) in shop.rows("entry", "kind")) == before + 1
