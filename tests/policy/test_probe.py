"""The probe: a customer who does not exist, sealed and forgotten like any other, and never counted, listed or printed."""

import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from strongroom.formats.leaf import Actor
from strongroom.formats.parts import OPENS, Part, Purpose
from strongroom.policy.definitions import PROBES
from tests.house.running import DAY, House


@pytest.fixture
def probed(house: House) -> House:
    """A house whose probe was made just now."""
    from strongroom.policy.retention_and_recovery import probe
    from strongroom.policy.retention_and_recovery.models import Order

    Order.objects.filter(account_id=PROBES, done_on__isnull=True).update(
        state="fulfilled", fulfilled_at=house.now(), done_on=house.now()
    )
    assert probe.keep()
    return house


def standing() -> uuid.UUID:
    from strongroom.policy.retention_and_recovery.probe import probe_order

    found = probe_order()
    assert found is not None
    return found.ref


def value(query: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, list(values))
        return cursor.fetchone()[0]


def test_every_part_is_sealed_by_the_real_path_and_opens_to_what_was_sealed(probed: House) -> None:
    from strongroom.policy.encryption_and_storage.actions import open_for
    from strongroom.policy.retention_and_recovery.probe import shows

    for purpose in (Purpose.LABEL, Purpose.GIFT_NOTE, Purpose.TRACKING, Purpose.BOUGHT_LABEL):
        told = open_for(account=PROBES, order=standing(), purpose=purpose, by=Actor.WATCH.reference).fields
        assert set(told) == set(OPENS[purpose].fields)
        assert shows(told, standing(), OPENS[purpose].part)
    assert value("SELECT count(*) FROM part WHERE account_id = -1 AND order_ref = %s", standing()) == len(Part)


def test_looking_again_makes_no_second_one_until_a_week_is_over(probed: House) -> None:
    from strongroom.policy.retention_and_recovery import probe

    before = standing()
    assert not probe.keep()
    probed.step(6 * DAY)
    assert not probe.keep()
    assert standing() == before
    probed.step(DAY)
    assert probe.keep()
    assert standing() != before


def test_it_is_always_sealed_under_a_living_day_even_after_months_of_standstill(probed: House) -> None:
    from strongroom.policy.retention_and_recovery import probe
    from strongroom.policy.retention_and_recovery.actions import Retention

    before = standing()
    probed.step(60 * DAY)
    assert probe.probe_order() is None
    Retention().run()
    assert probe.keep()
    assert standing() != before


def test_an_old_one_is_forgotten_by_the_rules_of_every_order(probed: House) -> None:
    from strongroom.policy.retention_and_recovery import probe
    from strongroom.policy.retention_and_recovery.actions import Retention

    old = standing()
    probed.step(8 * DAY)
    probe.keep()
    for _ in range(30):
        probed.step(DAY)
        Retention().run()
        probe.keep()
    assert value("SELECT count(*) FROM part WHERE account_id = -1 AND order_ref = %s", old) == 0
    assert value("SELECT erased_at IS NOT NULL FROM amazon_order WHERE account_id = -1 AND ref = %s", old) is True


def test_its_words_stand_in_no_column_and_each_is_long_enough_to_mean_a_leak(probed: House) -> None:
    from strongroom.formats import probe_words
    from strongroom.policy.retention_and_recovery.probe import known

    words = {word.text() for ref in known() for word in probe_words.rare(ref).values()}
    assert words
    assert all(len(word) >= 10 for word in words)
    columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
    with connection.cursor() as cursor:
        cursor.execute(columns)
        for table, column in cursor.fetchall():
            if table in ("amazon_order", "api_call", "order_item", "part", "entry"):
                cursor.execute(f"SELECT DISTINCT {column} FROM {table}")  # noqa: S608
                assert not words & {text for (text,) in cursor.fetchall()}


@pytest.mark.parametrize(
    "planted",
    [
        "INSERT INTO parcel (account_id, order_ref, number, state, made_at, made_by, version, told_version, tries, asked)"
        " SELECT -1, ref, 1, 'packing', received_at, ref, 1, 0, 0, false FROM amazon_order WHERE account_id = -1 LIMIT 1",
        "INSERT INTO label_print (account_id, id, order_ref, parcel, reason, copies, printer, by, state, queued_at, since, try_at, tries)"
        " SELECT -1, ref, ref, 1, 1, 1, 1, ref, 'queued', received_at, received_at, received_at, 0 FROM amazon_order WHERE account_id = -1 LIMIT 1",
    ],
)
def test_the_database_takes_no_parcel_and_no_label_of_it(probed: House, planted: str) -> None:
    with probed.as_web(), pytest.raises(IntegrityError, match="selling_account"), transaction.atomic():
        execute(planted)


@pytest.mark.parametrize("change", ["origin = 'amazon'", "order_id = '123-1234567-1234567'"])
def test_it_is_never_taken_for_an_order_of_amazon(probed: House, change: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        execute(f"UPDATE amazon_order SET {change} WHERE account_id = -1 AND done_on IS NULL")  # noqa: S608


def test_no_list_holds_it_and_its_own_code_finds_nothing(probed: House) -> None:
    from strongroom.application.despatch.reads import by_code, waiting
    from strongroom.application.despatch.rules import code_of
    from strongroom.application.lookup import reads
    from strongroom.policy.retention_and_recovery.actions import selling_accounts

    ref = standing()
    for chosen in reads.FILTERS:
        assert not reads.orders(chosen, selling_accounts()).filter(ref=ref).exists()
    assert not waiting().filter(ref=ref).exists()
    assert by_code(code_of(ref)) is None


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
