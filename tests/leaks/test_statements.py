"""No statement carries what a person may have typed or scanned into the wrong field (RR-4): the database sees none of it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.house.running import House


def carried(act: Callable[[], Any]) -> tuple[Any, str]:
    """What an act returns, and all statements with their parameters."""
    from django.db import connection

    said: list[str] = []

    def heard(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        said.append(f"{sql} {params!r}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(heard):
        found = act()
    return found, "\n".join(said)


@pytest.mark.parametrize("typed", ["Orla Pennifold", "orla@canary.invalid", "QZ142727830GB", "+44 7700 900123"])
def test_a_name_in_the_field_for_numbers_reaches_no_statement(house: House, typed: str) -> None:
    from strongroom.application.lookup.reads import by_number

    found, said = carried(lambda: by_number(typed))
    assert found is None and typed not in said


@pytest.mark.parametrize("scanned", ["QZ142727830GB", "Orla Pennifold", "1Z999AA10123456784"])
def test_a_tracking_number_scanned_at_the_bench_reaches_no_statement(house: House, scanned: str) -> None:
    from strongroom.application.despatch.reads import knows_sku

    found, said = carried(lambda: knows_sku(scanned))
    assert not found and scanned not in said and scanned.upper() not in said


def test_an_order_is_still_found_by_its_number_and_a_sku_in_any_case(house: House) -> None:
    from strongroom.application.despatch.reads import knows_sku
    from strongroom.application.lookup.reads import by_number

    with house.shop() as shop:
        order = shop.place()[0]
        shop.receive()
        assert by_number(order.order_id).order_id == order.order_id  # type: ignore[union-attr]
        sku = order.items[0].sku
        assert knows_sku(sku) and knows_sku(sku.lower()) and knows_sku(sku.capitalize())
        assert not knows_sku(f"{sku}x")
