"""An order comes in exactly once, is minimised and sealed, whatever Amazon and the wire do (DF-1, DF-3, RR-1, RR-2)."""

import pytest

from strongroom.marketplace import MarketplaceError, PageTokenExpired, RoleMissing, Throttled, TokenRevoked
from strongroom.rehearsal.marketplace.faults import Fault
from tests.house.running import DAY, House, Shop


def states(shop: Shop) -> dict[str, str]:
    return {id_: shop.order(id_).state for id_ in shop.placed}


def test_an_order_to_ship_is_received_and_its_parts_are_sealed(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        done = shop.receive()
        row = shop.order(order.order_id)
        assert (done.new, row.state, row.order_id) == (1, "to ship", order.order_id)
        assert {part for (part,) in shop.rows("sealed", "part")} >= {1, 2}


def test_only_ciphertext_reaches_the_database(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        everything = b"".join(repr(row).encode() for table in ("amazon_order", "sealed", "part", "api_call", "entry")
                              for row in shop.rows(table))  # fmt: skip
        for secret in (order.person.name, order.person.line1, order.person.postcode, order.person.email):
            assert secret.encode() not in everything


def test_receiving_twice_changes_nothing(house: House) -> None:
    with house.shop() as shop:
        shop.place(3)
        shop.receive()
        before = sorted(shop.rows("sealed", "order_ref, part, write")), sorted(shop.rows("amazon_order", "ref, state"))
        house.step(120)
        again = shop.receive()
        assert again.new == 0
        after = sorted(shop.rows("sealed", "order_ref, part, write")), sorted(shop.rows("amazon_order", "ref, state"))
        assert after == before


def test_many_orders_come_by_search_over_several_pages(house: House) -> None:
    with house.shop() as shop:
        shop.place(130)
        shop.receive()
        assert len(shop.rows("amazon_order")) == 130
        assert len({ref for (ref,) in shop.rows("sealed", "order_ref")}) == 130


@pytest.mark.parametrize(
    "fault", [Fault.DUPLICATE, Fault.SHUFFLE, Fault.UNKNOWN_FIELD, Fault.REPEAT_PAGE, Fault.PAGE_EXPIRED, Fault.STALE]
)
def test_odd_pages_lose_and_double_nothing(house: House, fault: Fault) -> None:
    with house.shop() as shop:
        shop.place(130)
        shop.amazon.faults.set(fault, 2)
        for _ in range(3):
            shop.receive()
            house.step(600)
        assert sorted(states(shop)) == sorted(shop.placed)
        assert len(shop.rows("amazon_order")) == 130
        assert len({ref for (ref,) in shop.rows("sealed", "order_ref")}) == 130


@pytest.mark.parametrize(
    "fault",
    [Fault.THROTTLE, Fault.SERVER_ERROR, Fault.SERVICE_UNAVAILABLE, Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.TRUNCATE,
     Fault.HTML_OK, Fault.HTML_BAD_REQUEST, Fault.REDIRECT, Fault.WRONG_GZIP],
)  # fmt: skip
def test_a_failed_round_is_made_good_by_the_next(house: House, fault: Fault) -> None:
    with house.shop() as shop:
        shop.place(2)
        shop.amazon.faults.set(fault, 1)
        with pytest.raises(MarketplaceError):
            shop.receive()
        house.step(300)
        shop.receive()
        assert len(shop.rows("amazon_order")) == 2
        assert len({ref for (ref,) in shop.rows("sealed", "order_ref")}) == 2


def test_every_call_has_its_row_with_an_outcome_and_no_body(house: House) -> None:
    with house.shop() as shop:
        shop.place()
        shop.amazon.faults.set(Fault.HTML_BAD_REQUEST, 1)
        with pytest.raises(MarketplaceError):
            shop.receive()
        outcomes = [outcome for (outcome,) in shop.rows("api_call", "outcome")]
        assert sorted(outcomes) == ["bad-request", "ok"]
        assert all(ended is not None for (ended,) in shop.rows("api_call", "ended_at"))


def test_an_amazon_fulfilled_order_is_known_but_its_recipient_never_asked_for(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place(fulfilled_by="AMAZON")
        shop.receive()
        assert shop.order(order.order_id).fulfilled_by == "AMAZON"
        assert not shop.rows("sealed")
        assert {operation for (operation,) in shop.rows("api_call", "operation")} == {"token", "searchOrders"}


def test_a_pending_order_is_sealed_only_once_it_must_ship(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place(status="PENDING")
        shop.receive()
        assert not shop.rows("sealed")
        shop.does("confirm", order.order_id)
        shop.receive()
        assert shop.rows("sealed")


def test_an_unknown_state_is_kept_and_harms_nothing(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place(status="INVOICE_UNCONFIRMED")
        shop.receive()
        row = shop.order(order.order_id)
        assert (row.state, row.status) == ("unknown", "INVOICE_UNCONFIRMED")


def test_an_absent_recipient_is_noticed_once_and_asked_for_again(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place(no_recipient=True)
        assert shop.receive().absent == 1
        assert shop.order(order.order_id).data_absent
        house.step(60)
        assert shop.receive().absent == 0, "not asked again within the hour"
        order.no_recipient = False
        house.step(3600)
        shop.receive()
        assert not shop.order(order.order_id).data_absent
        assert 1 in {part for (part,) in shop.rows("sealed", "part")}
        kinds = [kind for (kind,) in shop.rows("entry", "kind")]
        assert kinds.count(46) == 1


def test_a_missing_role_and_a_revoked_token_are_told_apart(house: House) -> None:
    with house.shop() as shop:
        shop.amazon.faults.set(Fault.ROLE_MISSING, 1)
        with pytest.raises(RoleMissing):
            shop.receive()
    with house.shop() as shop:
        shop.amazon.faults.set(Fault.AUTHORISATION_REVOKED, 1)
        with pytest.raises(TokenRevoked):
            shop.receive()


def test_a_fulfilled_order_is_latched_and_a_flip_flop_does_not_unlatch_it(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("ship", order.order_id)
        shop.receive()
        first = shop.order(order.order_id)
        assert first.state == "fulfilled"
        shop.does("flip", order.order_id)
        shop.receive()
        flipped = shop.order(order.order_id)
        assert flipped.state == "to ship"
        assert (flipped.done_on, flipped.fulfilled_at) == (first.done_on, first.fulfilled_at)


def test_what_was_fulfilled_is_never_sealed_again_not_even_when_amazon_says_unshipped(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("ship", order.order_id)
        shop.receive()
        before = shop.rows("sealed", "part, write")
        shop.does("flip", order.order_id)
        done = shop.receive()
        assert done.sealed == 0
        assert shop.rows("sealed", "part, write") == before


def test_a_changed_address_is_sealed_anew_and_the_older_write_goes(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        before = dict(shop.rows("sealed", "part, write"))
        shop.does("change_address", order.order_id)
        shop.receive()
        after = dict(shop.rows("sealed", "part, write"))
        assert set(after) == set(before)
        assert all(after[part] != before[part] for part in after)


def test_an_older_answer_does_not_overwrite_a_newer_one(house: House) -> None:
    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("ship", order.order_id)
        shop.receive()
        shop.amazon.faults.set(Fault.STALE, 1)
        shop.amazon._last[order.order_id]["lastUpdatedTime"] = "2020-01-01T00:00:00Z"
        house.step(180)
        shop.receive()
        assert shop.order(order.order_id).state == "fulfilled"


def test_a_refund_on_day_45_changes_dates_only(house: House) -> None:
    from strongroom.policy.retention_and_recovery.actions import Retention

    with house.shop() as shop:
        (order,) = shop.place()
        shop.receive()
        shop.does("ship", order.order_id)
        shop.receive()
        for _ in range(45):
            house.step(DAY)
        Retention().run()
        gone = shop.order(order.order_id)
        assert gone.erased_at is not None
        assert gone.order_id is None
        shop.does("refund", order.order_id)
        done = shop.receive()
        row = shop.order(order.order_id)
        assert (done.sealed, row.order_id, row.state) == (0, None, "fulfilled")
        assert row.updated_at > gone.updated_at
        assert not shop.rows("sealed")
        assert not shop.rows("order_item")


def test_the_watermark_is_amazons_echo_and_moves_only_with_a_whole_window(house: House) -> None:
    with house.shop() as shop:
        shop.place(130)
        shop.receive()
        (first,) = shop.rows("receiver", "watermark")[0]
        shop.place(1)
        shop.amazon.faults.set(Fault.SERVER_ERROR, 1)
        with pytest.raises(MarketplaceError):
            shop.receive()
        assert shop.rows("receiver", "watermark")[0] == (first,)
        house.step(300)
        shop.receive()
        assert shop.rows("receiver", "watermark")[0][0] > first


def test_the_bucket_lets_no_more_calls_through_than_amazon_allows(house: House) -> None:
    with house.shop() as shop:
        for _ in range(20):
            shop.receive()
        with pytest.raises(Throttled) as refused:
            shop.receive()
        assert refused.value.status is None, "it was our own bucket, not Amazon"
        assert refused.value.wait > 0
        assert not shop.amazon.faults.fired


def test_an_expired_page_token_is_a_kind_of_bad_request() -> None:
    assert issubclass(PageTokenExpired, MarketplaceError)
