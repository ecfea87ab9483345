"""Every bench runs at a tiny size and yields figures; how fast anything is, is never asserted."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from strongroom.command import bench_words
from strongroom.rehearsal.benches import figures, forget, journal, receipt, reveal, scan, seal, search
from tests.house.running import House

PEERS_ARE_THERE = importlib.util.find_spec("tink") is not None
OPTIONAL = {"tink_envelope", "aws_encryption_sdk", "django_fernet", "pgcrypto", "grep"}
"""What may be absent here, and is null then."""


def all_figures(data: Any) -> list[tuple[str, Any]]:
    """Every figure below, under its own name."""
    if isinstance(data, Mapping):
        return [pair for name, value in data.items() for pair in (
            all_figures(value) if isinstance(value, (Mapping, list)) else [(name, value)]
        )]  # fmt: skip
    return [pair for each in data for pair in all_figures(each)]


def assert_measured(name: str, data: dict[str, Any], *ratios: str) -> None:
    """The contract of `bench NAME --json`: rows and ratios, all positive, and null only for what is not there."""
    assert set(ratios) <= set(data["ratios"])
    absent = {key.removesuffix("_per_second").removesuffix("_gb") for key, value in all_figures(data) if value is None}
    assert absent <= OPTIONAL
    assert all(value > 0 for key, value in all_figures({**data, "profile": {}}) if value is not None), data
    shown = bench_words.words(name, data | figures.machine())
    assert all(f"  {ratio} " in shown for ratio in data["ratios"] if ratio != "growth")
    assert (figures.NOT_INSTALLED in shown) == bool(absent & {"tink_envelope", "aws_encryption_sdk", "django_fernet"})


def test_sealing_beside_its_peers_and_bare_encryption() -> None:
    data = seal.run(sizes=[20, 10], rounds=1)
    assert_measured("seal", data, "limit", "tink_envelope", "aws_encryption_sdk", "django_fernet")
    assert [row["parts"] for row in data["rows"]] == [10, 20]


@pytest.mark.skipif(not PEERS_ARE_THERE, reason="pip install -r requirements-bench.lock")
def test_what_is_installed_is_measured() -> None:
    assert None not in seal.run(sizes=[10], rounds=1)["ratios"].values()


def test_receipt_beside_copy_with_each_steps_share(house: House) -> None:
    data = receipt.run(house.rehearsal, sizes=[10, 30])
    assert_measured("receipt", data, "limit", "django_fernet", "pgcrypto", "growth")
    assert [row["orders"] for row in data["rows"]] == [10, 30]
    assert data["ratios"]["limit"] is not None, "COPY is always there"
    assert 0.9 < sum(data["profile"]["steps"].values()) < 1.1
    assert 0.9 < sum(data["profile"]["waits"].values()) < 1.1


def test_the_plan_of_receipt_measures_the_last_rounds_before_each_size() -> None:
    plan = receipt.plan([1_500, 20_000])
    assert sum(orders for orders, *_ in plan) == 20_000
    assert [(orders, measured) for orders, size, measured, _ in plan if size == 1_500] == [(1_000, True), (500, True)]
    assert sum(measured for *_, measured, _ in plan) == 2 + receipt.WINDOW
    assert [size for _, size, _, last in plan if last] == [1_500, 20_000]


def test_reveals_of_several_clients_beside_bare_commits(house: House) -> None:
    data = reveal.run(house.rehearsal, sizes=[6], rounds=1, clients=2)
    assert_measured("reveal", data, "limit")
    assert (data["rows"][0]["reveals"], data["rows"][0]["clients"]) == (6, 2)
    assert reveal.CLIENTS == 8


def test_forgetting_a_day_beside_delete_and_vacuum(house: House) -> None:
    data = forget.run(house.rehearsal, sizes=[10, 40], rounds=1)
    assert_measured("erase", data, "delete_vacuum", "partition_drop", "growth")
    assert {"orders", "key_destroy_seconds", "partition_drop_seconds", "delete_vacuum_seconds"} <= set(data["rows"][0])


def test_search_finds_what_it_looks_for(house: House) -> None:
    data = search.run(house.rehearsal, sizes=[4, 8], days=2, searches=3)
    assert_measured("search", data, "limit", "growth")
    assert data["rows"][0]["found"] == 3


def test_leaves_are_appended_and_verified(house: House) -> None:
    data = journal.run(house.rehearsal, sizes=[300])
    assert_measured("journal", data, "limit")
    assert data["rows"][0]["verified"] >= 300


def test_the_scan_beside_a_needle_at_a_time() -> None:
    data = scan.run(sizes=[1], rounds=1)
    assert_measured("scan", data, "find", "grep")
    assert data["needles"] > 1_000


def test_nothing_of_a_bench_is_left_in_the_house(house: House) -> None:
    search.run(house.rehearsal, sizes=[2], days=1, searches=1)
    journal.run(house.rehearsal, sizes=[1])
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'bench'")
        assert cursor.fetchone() == (0,)
    assert not list(Path(house.rehearsal.folders.journal).glob("bench*"))


@pytest.mark.parametrize("text", ["", "0", "ten", "10,-1", "10;20"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int's own words for some of them
        figures.sizes_of(text)
    assert figures.sizes_of("100000,1000,1000") == [1_000, 100_000]
