"""What the list of orders says of many orders at once is what each of them says of itself."""

import pytest

from strongroom.formats.parts import Part
from tests.house.running import House


def test_each_filter_counts_its_orders_and_each_order_has_its_death(house: House) -> None:
    from strongroom.application.lookup import reads

    with house.shop() as shop:
        shop.place(2)
        shop.place(1, no_recipient=True)
        shop.place(1, status="PENDING")
        shop.place(1, status="SHIPPED")
        shop.receive()
        orders = list(reads.orders("all", [shop.account]))
        each = {name: reads.orders(name, [shop.account]).count() for name in reads.FILTERS}
        assert each == {"to-ship": 3, "absent": 1, "done": 1, "forgotten": 0, "all": 5}
        assert reads.counts([shop.account]) == {"to-ship": 3, "absent": 1}, "what somebody must do something for"
        alone = {order.ref: reads.dies_at(reads.held_parts(order)) for order in orders}
        assert reads.deaths(orders) == {ref: dies for ref, dies in alone.items() if dies is not None}
        with_recipient = [o for o in orders if Part.RECIPIENT in {part.part for part in reads.held_parts(o)}]
        assert len(with_recipient) == 2
        assert reads.counts([]) == dict.fromkeys(reads.WAITING, 0)
        assert reads.deaths([]) == {}


def test_the_pages_of_two_shops_hold_every_order_once_the_newest_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom.application.lookup import reads

    monkeypatch.setattr(reads, "A_PAGE", 3)
    with house.shop() as one, house.shop() as other:
        for shop, many in ((one, 4), (other, 3), (one, 1)):
            shop.place(many)
            shop.receive()
        both = [one.account, other.account]
        whole = [order.ref for order in reads.orders("all", both)]
        pages = [reads.page_of("all", both, number) for number in (1, 2, 3)]
        assert [order.ref for page in pages for order in page.orders] == whole
        assert [page.has_next for page in pages] == [True, True, False]
        assert [page.has_previous for page in pages] == [False, True, True]
        assert len(whole) == 8
        alone = [order.ref for number in (1, 2) for order in reads.page_of("all", [other.account], number).orders]
        assert alone == [order.ref for order in reads.orders("all", [other.account])]
        assert reads.page_of("all", both, 99).orders == [] and reads.page_of("all", [], 1).orders == []
