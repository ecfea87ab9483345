"""Forgetting: by the key's own death, then rows, obligations and tombstones; and the carry that alone may go on (RR-2, RR-3)."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from strongroom.formats.leaf import Actor, Kind
from strongroom.formats.parts import Purpose
from strongroom.rehearsal.marketplace.faults import Fault
from tests.house.running import DAY, House, Shop


def run() -> object:
    from strongroom.policy.retention_and_recovery.actions import Retention

    return Retention().run()


def opens(shop: Shop, order_id: str) -> bool:
    from strongroom.policy.encryption_and_storage.actions import open_for
    from strongroom.policy.encryption_and_storage.connection import Forgotten

    try:
        open_for(account=shop.account, order=shop.order(order_id).ref, purpose=Purpose.LABEL,
                 by=Actor.RECEIPT.reference)  # fmt: skip
    except Forgotten:
        return False
    return True


def live(house: House, days: int, shop: Shop | None = None) -> None:
    """Days pass; the worker does its rounds."""
    for _ in range(days * 2):
        house.step(DAY / 2)
        run()
        if shop is not None:
            shop.receive()


def test_a_fulfilled_order_is_forgotten_with_its_day_and_its_tombstone_explains_itself(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        assert opens(shop, order.order_id)
        shop.does("ship", order.order_id)
        shop.receive()
        live(house, 29)
        row = shop.order(order.order_id)
        assert row.erased_at - row.received_at <= timedelta(days=29, hours=13)
        assert (row.order_id, row.state, row.lines) == (None, "fulfilled", len(order.items))
        assert not shop.rows("sealed")
        assert not shop.rows("part")
        assert not shop.rows("order_item")
        closed = {kind: met for kind, *met in shop.rows("obligation", "kind, satisfied_at, evidence")}
        assert all(closed["forget day"])
        assert closed["forget other data"] == [None, None], "the tombstone stays for its own term"
        kinds = [kind for (kind,) in shop.rows("entry", "kind")]
        assert Kind.DAY_DROPPED in kinds
        assert Kind.ORDER_ERASED in kinds


def test_the_key_is_dead_even_though_the_worker_never_ran(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        house.step(29 * DAY)
        assert shop.rows("sealed"), "the rows are still there"
        assert not opens(shop, order.order_id), "and open for nobody"
        run()
        assert not shop.rows("sealed")


def test_a_day_on_which_nothing_was_sealed_leaves_no_empty_table_behind(house: House) -> None:
    """No key's death drops it, since it never had one."""
    made = "SELECT relname FROM pg_class WHERE relname LIKE 'sealed\\_2%' ORDER BY relname"
    with connection.cursor() as cursor:
        cursor.execute("SELECT make_day(%s)", [(house.now() - timedelta(days=30)).date()])
        run()
        cursor.execute(made)
        oldest = cursor.fetchone()[0]
    assert oldest >= f"sealed_{house.now() - timedelta(days=28):%Y%m%d}"


def test_a_cancelled_orders_live_rows_go_at_the_term(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("cancel", order.order_id)
        shop.receive()
        house.step(20 * 3600)
        run()
        assert shop.rows("sealed")
        house.step(5 * 3600)
        run()
        assert not shop.rows("sealed")
        assert shop.order(order.order_id).erased_at is not None
        closed = dict(shop.rows("obligation", "kind, satisfied_at"))
        assert closed["forget cancelled"] is not None
        assert closed["forget day"] is None, "the other copies die with their day"


def test_an_order_still_to_ship_is_carried_on_amazons_fresh_answer_and_the_body_is_not_touched(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        before = dict(shop.rows("sealed", "part, body"))
        days = {day for (day,) in shop.rows("sealed", "day")}
        live(house, 27, shop)
        assert {day for (day,) in shop.rows("sealed", "day")} != days
        assert {born for (born,) in shop.rows("sealed", "born")} == days
        assert dict(shop.rows("sealed", "part, body")) == before
        live(house, 3, shop)
        assert opens(shop, order.order_id), "day 30: it still must ship"


def test_without_a_fresh_answer_nothing_is_carried_and_an_alarm_is_raised(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        for _ in range(26):
            house.step(DAY)
            run()
        assert shop.rows("alarm", "kind, count") == [("carry", 1)]
        for _ in range(3):
            house.step(DAY)
            run()
        assert not opens(shop, order.order_id)
        row = shop.order(order.order_id)
        assert row.order_id == order.order_id, "still to ship: it keeps its number, to be fetched again"
        house.step(3600)
        shop.receive()
        assert opens(shop, order.order_id), "Amazon answered: sealed anew under today"


def test_an_answer_that_says_shipped_carries_nothing(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        days = {day for (day,) in shop.rows("sealed", "day")}
        shop.does("ship", order.order_id)
        live(house, 26, shop)
        assert {day for (day,) in shop.rows("sealed", "day")} == days


def test_nothing_is_carried_twice(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        live(house, 25, shop)
        first = {day for (day,) in shop.rows("sealed", "day")}
        live(house, 26, shop)
        assert {day for (day,) in shop.rows("sealed", "day")} == first
        live(house, 4, shop)
        writes = {born for (born,) in shop.rows("sealed", "born")}
        assert writes and min(writes) > min(first), "it died with its second day and was fetched again"
        assert shop.order(order.order_id).state == "to ship"


def test_the_carrys_entry_holds_amazons_call_and_stands_before_the_move(house: House) -> None:
    from strongroom.formats import leaf
    from strongroom.formats.leaf import Fact

    with house.shop() as shop:
        shop.place()
        shop.receive()
        live(house, 25, shop)
        carried = [
            leaf.decode_entry(bytes(p)) for kind, p in shop.rows("entry", "kind, payload") if kind == Kind.CARRIED
        ]
        calls = {id_.bytes for (id_,) in shop.rows("api_call", "id")}
        assert carried
        assert carried[0].facts[Fact.CALL] in calls


def test_drop_day_demands_the_token_of_every_key(house: House) -> None:
    with house.shop() as shop:
        shop.place()
        shop.receive()
        (day,) = {day for (day,) in shop.rows("sealed", "day")}
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT drop_day(%s, '{}'::bigint[], '{}'::smallint[], '{}'::bytea[])", [day])
        wrong = "SELECT drop_day(%s, %s::bigint[], '{0}'::smallint[], %s::bytea[])"
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(wrong, [day, [shop.account], [bytes(32)]])
        assert shop.rows("sealed")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sealed WHERE account_id = %s", "UPDATE sealed SET day = day + 1 WHERE account_id = %s",
        "INSERT INTO sealed SELECT * FROM sealed WHERE account_id = %s", "TRUNCATE sealed",
        "DELETE FROM entry WHERE account_id = %s", "UPDATE entry SET kind = 1 WHERE account_id = %s",
        "DELETE FROM leaf WHERE account_id = %s", "UPDATE leaf SET index = 1 WHERE account_id = %s",
        "DELETE FROM amazon_order WHERE account_id = %s", "UPDATE part SET day = day WHERE account_id = %s",
        "UPDATE amazon_order SET done_on = NULL WHERE account_id = %s", "DELETE FROM api_call WHERE account_id = %s",
        "UPDATE obligation SET due_at = due_at + interval '1 day' WHERE account_id = %s",
        "DELETE FROM obligation WHERE account_id = %s", "CREATE TABLE x (i int)",
    ],
)  # fmt: skip
def test_the_worker_itself_cannot(house: House, statement: str) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("ship", order.order_id)
        shop.receive()
        wanted = [shop.account] if "%s" in statement else None
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, wanted)


def test_seal_rows_refuses_what_is_done_amazons_or_unknown(house: House) -> None:
    import uuid

    from strongroom.formats.parts import Part
    from strongroom.formats.secret import Secret
    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.encryption_and_storage.actions import Written, know_keys, to_seal, write_rows

    with house.shop() as shop:
        done, amazons = shop.place()[0], shop.place(fulfilled_by="AMAZON")[0]
        shop.receive()
        shop.does("ship", done.order_id)
        shop.receive()
        flipped = shop.place()[0]
        shop.receive()
        for act in ("ship", "flip"):
            shop.does(act, flipped.order_id)
            shop.receive()
        assert shop.order(flipped.order_id).state == "to ship"
        refs = [shop.order(order.order_id).ref for order in (done, amazons, flipped)]
        for ref in (*refs, uuid.uuid4()):
            part = to_seal(order=ref, part=Part.RECIPIENT, fields={"name": Secret("again")})
            (sealed,), keys = broker.seal(account=shop.account, by=Actor.RECEIPT.reference, parts=[part])
            with pytest.raises(DatabaseError), transaction.atomic():
                know_keys(account=shop.account, keys=keys)
                write_rows(account=shop.account, rows=[Written(ref, Part.RECIPIENT, part.write, sealed)])


def test_truncate_is_refused_on_every_partition_to_the_owner_too(house: House) -> None:
    from strongroom.installation import database_roles

    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters, autocommit=True) as owner:
        parts = owner.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sealed'::regclass")
        names = [name for (name,) in parts.fetchall()]
        assert len(names) >= 8
        for name in [*names, "sealed", "entry", "leaf", "amazon_order", "obligation"]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(f"TRUNCATE {name} CASCADE")


def test_a_marketplace_that_is_silent_for_40_days_changes_nothing_about_forgetting(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.amazon.faults.set(Fault.SERVICE_UNAVAILABLE, 10_000)
        for _ in range(40):
            house.step(DAY)
            run()
        assert not shop.rows("sealed")
        assert not opens(shop, order.order_id)
