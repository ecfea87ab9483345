"""Other data of Amazon's leaves after its term, with an entry that says how many; nothing of it earlier (AZ-3)."""

from datetime import timedelta
from typing import Any

from strongroom.formats.leaf import Fact, Kind, decode_entry
from strongroom.rehearsal.sabotage.breaking import Target
from tests.house.running import House, Shop
from tests.policy.looking import verdict


def long_ago(house: House, shop: Shop, order_id: str) -> Any:
    """An order that was cancelled, forgotten, and all of that 19 months ago; with its deadline, as it had it then."""
    from strongroom.policy.retention_and_recovery import leaving
    from strongroom.policy.retention_and_recovery.actions import Retention

    shop.does("cancel", order_id)
    shop.receive()
    house.step(25 * 3600)
    Retention().run()
    row = shop.order(order_id)
    assert row.erased_at is not None
    with Target(house.rehearsal).unguarded() as sql:
        sql.execute(
            "UPDATE amazon_order SET done_on = %s WHERE account_id = %s AND ref = %s",
            [house.now() - timedelta(days=19 * 31), shop.account, row.ref],
        )
    row = shop.order(order_id)
    leaving.promise(row)
    return row


def test_a_tombstone_goes_with_its_day_and_its_deadline_is_met(house: House) -> None:
    from strongroom.policy.obligations.actions import of_day
    from strongroom.policy.retention_and_recovery import leaving

    with house.shop() as shop:
        old, young = shop.place(2)
        shop.receive()
        row = long_ago(house, shop, old.order_id)
        assert leaving.forget_other_data(account=shop.account) == 1
        assert shop.order(old.order_id) is None
        assert shop.order(young.order_id) is not None
        (entry,) = [
            decode_entry(bytes(payload))
            for kind, payload in shop.rows("entry", "kind, payload")
            if kind == Kind.OTHER_DATA_ERASED
        ]
        assert entry.facts == {Fact.COUNT: 1}
        day = of_day(row.done_on.date())
        met = [at for subject, at in shop.rows("obligation", "subject, satisfied_at") if subject == day]
        assert all(met) and met
        assert verdict(house, "DF-1.counted").outcome == "pass", "what left is accounted for"


def test_an_order_that_is_done_has_its_deadline_eighteen_months_on(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("cancel", order.order_id)
        shop.receive()
        house.step(25 * 3600)
        from strongroom.policy.retention_and_recovery.actions import Retention

        Retention().run()
        done = shop.order(order.order_id).done_on
        (due,) = [due for kind, due in shop.rows("obligation", "kind, due_at") if kind == "forget other data"]
        assert timedelta(days=545) < due - done < timedelta(days=550)


def test_calls_that_nothing_names_go_after_the_longest_term(house: House) -> None:
    from strongroom.policy.retention_and_recovery import leaving

    with house.shop() as shop:
        shop.place(1)
        shop.receive()
        before = len(shop.rows("api_call"))
        with Target(house.rehearsal).unguarded() as sql:
            sql.execute(
                "UPDATE api_call SET began_at = began_at - interval '19 months' WHERE account_id = %s AND id NOT IN"
                " (SELECT call FROM amazon_order)", [shop.account],
            )  # fmt: skip
        gone = leaving.forget_calls(account=shop.account)
        assert gone and len(shop.rows("api_call")) == before - gone
        assert shop.order(shop.placed[0]).call in {id_ for (id_,) in shop.rows("api_call", "id")}


def test_a_call_whose_process_died_is_ended_as_abandoned(house: House) -> None:
    from strongroom.application import gateway

    with house.shop() as shop:
        shop.receive()
        gateway.DatabaseCallLog(shop.account).begin("getOrder")
        assert gateway.end_abandoned(account=shop.account) == 0, "it may still be on its way"
        house.step(1200)
        assert verdict(house, "LM-6.ended").outcome == "fail"
        assert gateway.end_abandoned(account=shop.account) == 1
        assert "abandoned" in {outcome for (outcome,) in shop.rows("api_call", "outcome")}
        assert verdict(house, "LM-6.ended").outcome == "pass"
