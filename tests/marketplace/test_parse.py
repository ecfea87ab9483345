"""Lenient with what is new, strict with what is personal: Amazon's own answers, arbitrary JSON, and canaries (DF-3)."""

import json
import uuid
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats.secret import Secret
from strongroom.marketplace import parse
from strongroom.marketplace.records import OrderRecord, PersonalData

SPAPI = Path(__file__).parents[2].parent / "shared" / "spapi"
CALL = uuid.UUID(int=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def needs_models() -> None:
    if not SPAPI.is_dir():
        pytest.skip(f"Amazon's published models are not beside the project ({SPAPI.name} in shared)")


def whole_order(value: str) -> dict[str, Any]:
    """An order in which every text that could be personal is `value`."""
    address = dict.fromkeys((*parse.ADDRESS, "phone"), value)
    return {
        "orderId": "250-1234567-8901234", "createdTime": "2026-11-01T02:30:00Z", "lastUpdatedTime": "2026-11-01T06:45:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1VC38T7YXB528"},
        "buyer": dict.fromkeys(parse.BUYER, value),
        "recipient": {
            "deliveryAddress": {**address, "countryCode": "JP", "extendedFields": dict.fromkeys(parse.EXTENDED, value)},
            "deliveryPreference": {"dropOffLocation": value, "addressInstruction": value,
                                   "deliveryTime": {"businessHours": [{"dayOfWeek": value}]}},
        },
        "payment": {"paymentExecutions": [{"cardBrand": value, "authorizationCode": value}]},
        "tax": {"taxRegistrations": [{"entityType": "BUYER", "legalName": value, "taxRegistrationNumber": value,
                                      "taxRegistrationAddress": address, "taxRegistrationAttributes": [{"key": value}]}]},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": [{"orderItemId": "1", "quantityOrdered": 1,
                        "product": {"title": "Kite", "customization": {"customizedUrl": value}},
                        "cancellation": {"cancellationRequest": {"cancelReason": value}},
                        "fulfillment": {"packing": {"giftOption": {"giftMessage": value}}}}],
        "packages": [{"packageReferenceId": "1", "trackingNumber": value, "packageStatus": {"status": "X"}}],
    }  # fmt: skip


def in_clear(value: Any) -> str:
    """Everything of a record that is not a Secret, as one text."""
    if isinstance(value, Secret | PersonalData):
        return ""
    if is_dataclass(value) and not isinstance(value, type):
        return "".join(in_clear(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return "".join(in_clear(item) for item in value)
    return f"{value} "


def read(order: Any, *, keep: bool = True) -> OrderRecord:
    (found,) = parse.orders_page({"orders": [order]}, call=CALL, keep=keep, asked_recipient=keep).orders
    return found


def test_no_personal_field_stands_in_clear() -> None:
    record = read(whole_order("Qx7Canary9Zz"))
    assert "Qx7Canary9Zz" not in in_clear(record) + repr(record)
    assert record.country == "JP"
    assert record.pii.recipient["line1"].text() == "Qx7Canary9Zz"
    assert set(record.pii.buyer) == {"name", "email", "company", "purchase_order", "tax_registrations"}
    assert set(record.pii.gift) == {"messages", "customisations"}
    assert record.pii.tracking["number"].text() == "Qx7Canary9Zz"


def test_what_was_not_asked_for_is_dropped_unread() -> None:
    record = read(whole_order("Qx7Canary9Zz"), keep=False)
    assert not record.pii
    assert "Qx7Canary9Zz" not in in_clear(record)


def test_every_field_of_the_published_list_is_held_sealed_or_dropped() -> None:
    needs_models()
    listed = json.loads((SPAPI / "pii_fields.json").read_text())["orders_2026-01-01"]
    order = whole_order("Qx7Canary9Zz")
    for path in [*listed["amazon_official"], *listed["also_treat_as_pii"]]:
        step: Any = order
        for name in path.split("."):
            bare = name.split("[")[0]
            assert bare in step, f"the test's order lacks {path}"
            step = step[bare][0] if "[" in name else step[bare]
    assert "Qx7Canary9Zz" not in in_clear(read(order))


def test_unknown_words_are_kept_and_unknown_fields_counted() -> None:
    order = whole_order("x")
    order["fulfillment"] = {"fulfillmentStatus": "INVOICE_UNCONFIRMED", "fulfilledBy": "SOMEBODY"}
    order["surprise"] = {"deliveryAddress": "Qx7Canary9Zz"}
    record = read(order)
    assert (record.status, record.fulfilled_by) == ("INVOICE_UNCONFIRMED", "SOMEBODY")
    assert record.dropped == 1
    assert "Qx7Canary9Zz" not in in_clear(record)


def test_a_status_that_is_a_sentence_is_not_kept() -> None:
    order = whole_order("x")
    order["fulfillment"]["fulfillmentStatus"] = "ask Zoë at 1 Lark Rise"
    assert read(order).status == "UNRECOGNISED"


def test_a_sentence_where_an_identifier_belongs_is_not_kept() -> None:
    """Whatever stands in clear is a word or number of Amazon's or the seller's own, never a text of somebody's."""
    order, sentence = whole_order("x"), "c/o Zoë, 1 Lark Rise"
    order["salesChannel"] = {"channelName": sentence, "marketplaceId": sentence}
    order["fulfillment"]["fulfillmentServiceLevel"] = sentence
    order["orderItems"][0] |= {"orderItemId": sentence, "product": {"asin": sentence, "title": "Kite"}}
    record = read(order)
    assert "Lark" not in in_clear(record)
    assert record.dropped >= 5


def test_an_absent_recipient_is_noticed_only_when_it_was_asked_for() -> None:
    order = whole_order("x")
    del order["recipient"]
    assert read(order).recipient_absent
    assert not read(order, keep=False).recipient_absent


def test_an_order_without_what_every_order_has_is_counted_and_passed_over() -> None:
    orders = [whole_order("x"), {"orderId": "../../etc"}, 7, {**whole_order("x"), "createdTime": "yesterday"}]
    page = parse.orders_page({"orders": orders}, call=CALL, keep=True, asked_recipient=True)
    assert (len(page.orders), page.unreadable) == (1, 3)


@settings(max_examples=400, deadline=None)
@given(json_values)
def test_no_json_breaks_the_parser(value: Any) -> None:
    for body in (value, {"orders": value}, {"orders": [value]}, {"orders": [{**whole_order("x"), "recipient": value}]}):
        try:
            parse.orders_page(body, call=CALL, keep=True, asked_recipient=True)
            parse.order_page(body, call=CALL, keep=True, asked_recipient=True)
        except parse.NotAnAnswer:
            continue


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(parse.ORDER_KNOWN)), json_values)
def test_any_field_may_be_anything(name: str, value: Any) -> None:
    parse.orders_page({"orders": [{**whole_order("x"), name: value}]}, call=CALL, keep=True, asked_recipient=True)


def test_amazons_own_sandbox_answers_become_records() -> None:
    needs_models()
    model = json.loads((SPAPI / "models" / "orders_2026-01-01.json").read_text())
    found = 0
    for path, methods in model["paths"].items():
        for case in methods["get"]["responses"]["200"]["x-amzn-api-sandbox"]["static"]:
            reader = parse.order_page if "{orderId}" in path else parse.orders_page
            page = reader(case["response"], call=CALL, keep=True, asked_recipient=True)
            assert page.orders
            assert page.unreadable == 0
            assert page.dropped == 0, "the models' own fields are all known"
            found += len(page.orders)
            names = [o.get("recipient", {}).get("deliveryAddress", {}).get("name") for o in
                     case["response"].get("orders", [case["response"].get("order")])]  # fmt: skip
            assert not any(name and name in in_clear(page) for name in names)
    assert found >= 6
