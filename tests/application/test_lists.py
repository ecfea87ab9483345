"""What the list of orders says of many orders at once is what each of them says of itself."""

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
        assert reads.counts([shop.account]) == each == {
            "to-ship": 3, "absent": 1, "done": 1, "forgotten": 0, "all": 5
        }  # fmt: skip
        alone = {order.ref: reads.dies_at(reads.held_parts(order)) for order in orders}
        assert reads.deaths(orders) == {ref: dies for ref, dies in alone.items() if dies is not None}
        with_recipient = [o for o in orders if Part.RECIPIENT in {part.part for part in reads.held_parts(o)}]
        assert len(with_recipient) == 2
        assert reads.counts([]) == dict.fromkeys(reads.FILTERS, 0)
        assert reads.deaths([]) == {}
