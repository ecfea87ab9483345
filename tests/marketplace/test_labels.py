"""A bought label comes out whole, bounded and secret, or not at all; of the customer's address nothing comes out (DF-3)."""

import base64
import gzip
import hashlib
import json
import time
import tracemalloc
import uuid
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.formats.secret import Secret
from strongroom.marketplace import (
    Document,
    Form,
    NotAParcel,
    ParcelToLabel,
    ShipFrom,
    ShippedItem,
    Size,
    Unusable,
    documents,
    labels,
    parse,
)
from tests.marketplace.server import CANARY, scripted_server
from tests.marketplace.test_client import Log, make_client
from tests.marketplace.test_parse import CALL, SPAPI, in_clear, json_values, needs_models

PDF = b"%PDF-1.4\n" + CANARY.encode() + b"\n%%EOF"
ZPL = b"^XA^FO10,10^FD" + CANARY.encode() + b"^FS^XZ\n"
PNG = b"\x89PNG\r\n\x1a\n" + CANARY.encode()
HOME = ShipFrom(
    "Quillmarsh Toys", "Unit 4", "Quillmarsh", "QM1 2AB", "GB", "pack@quillmarsh.invalid", "+44 20 7946 0000"
)
PARCEL = ParcelToLabel("250-1234567-8901234", (ShippedItem("1", 1),), Size(500, 200, 150, 100), HOME)


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def contents(document: bytes = PDF, form: str = "application/pdf", **other: Any) -> dict[str, Any]:
    packed = gzip.compress(document)
    return {"Contents": base64.b64encode(packed).decode(), "FileType": form, "Checksum": md5(document), **other}


def shipment(**other: Any) -> dict[str, Any]:
    """A sale in which everything personal is the canary."""
    where = dict.fromkeys(("Name", "AddressLine1", "City", "PostalCode", "Email", "Phone"), CANARY)
    payload = {
        "ShipmentId": "be7a0a53-00c3-4f6f-a63a-639f76ee9253", "AmazonOrderId": "250-1234567-8901234",
        "ShipToAddress": where, "Status": "Purchased", "TrackingId": CANARY,
        "ShippingService": {"CarrierName": "UPS®", "ShippingServiceId": "UPS", "ShipDate": "2026-11-18T10:00:00Z",
                            "Rate": {"CurrencyCode": "GBP", "Amount": 3.35}},
        "Label": {"FileContents": contents()}, **other,
    }  # fmt: skip
    return {"payload": payload}


@pytest.mark.parametrize(("form", "data"), [(Form.PDF, PDF), (Form.ZPL, ZPL), (Form.PNG, PNG)])
def test_a_label_of_each_form_comes_out_as_it_was(form: Form, data: bytes) -> None:
    found = documents.read(contents(data, form.value))
    assert isinstance(found, Document)
    assert (found.form, found.content.bytes()) == (form, data)


@pytest.mark.parametrize(
    "said",
    [
        b"^DFE:KEPT.ZPL", b"^ISR:KEPT.GRF,N", b"~DGR:KEPT.GRF,2,1,FFFF", b"~DYE:KEPT,B,B,2,1,FF", b"^IDE:*.*",  # stored
        b"~JR", b"^ND2,P,10.0.0.9,255.0.0.0,10.0.0.1", b"^SX*,D,Y,Y,F,9100", b"^KP1234",  # set
        b"~HS", b"^HH", b"^WDE:*.*", b"~HQES",  # answered
        b"^CC*", b"~CC*", b"^CT*", b"^CD*",  # spelt otherwise
        b"^PQ2", b"^PQ500,0,1,Y", b"^pq12", b"^PQ0",  # more than was paid for
        b"^dfE:KEPT.ZPL", b"^\r\nD\x00F", b"^^DF", b"^ DF", b"^FDname~^DFE:KEPT",  # hidden
    ],
)  # fmt: skip
def test_a_label_that_would_do_more_than_print_is_not_used(said: bytes) -> None:
    for hostile in (b"^XA" + said + b"^FO1,1^FDx^FS^XZ", said + ZPL, ZPL.rstrip() + said + b"^XA^XZ"):
        assert documents.read(contents(hostile, Form.ZPL.value)) is Unusable.COMMANDS


def test_a_label_of_pictures_and_bars_is_used_whatever_bytes_a_picture_holds() -> None:
    drawn = b"^XA~TA000~JSN^LT0^JUS^CI28^PW812^LL1218^LH0,0^FO8,8^GFA,2,2,1,FF00^FS^BY3^FO9,9^BCN,200,Y,N,N^FD>;1234^FS^PQ1,0,1,Y^XZ"
    raw = b"^XA^FO8,8^GFB,12,12,1,~JR^DF^XZ~HS^FS^XZ\r\n"
    for plain in (drawn, raw, b"\x02" + ZPL):
        assert isinstance(documents.read(contents(plain, Form.ZPL.value)), Document)


def test_a_picture_that_says_it_is_longer_than_the_label_hides_nothing() -> None:
    hostile = b"^XA^FO8,8^GFB,9999,9999,1,x^FS^DFE:KEPT.ZPL^XZ"
    assert documents.read(contents(hostile, Form.ZPL.value)) is Unusable.COMMANDS


def test_a_checksum_of_what_was_sent_is_as_good() -> None:
    said = contents()
    said["Checksum"] = md5(base64.b64decode(said["Contents"]))
    assert isinstance(documents.read(said), Document)


CUT = base64.b64encode(gzip.compress(PDF)[:-9]).decode()
TWO = base64.b64encode(gzip.compress(PDF) * 2).decode()
BAD: dict[str, tuple[Any, Unusable]] = {
    "nothing": (None, Unusable.ABSENT),
    "no contents": (contents(Contents=""), Unusable.ABSENT),
    "another form": (contents(form="text/html"), Unusable.FORM),
    "another form than it says": (contents(ZPL, "application/pdf"), Unusable.FORM),
    "no base64": (contents(Contents="H4sI???"), Unusable.DAMAGED),
    "base64 with a newline": (contents(Contents="H4\nsI"), Unusable.DAMAGED),
    "no gzip": (contents(Contents=base64.b64encode(PDF).decode()), Unusable.DAMAGED),
    "cut": (contents(Contents=CUT), Unusable.DAMAGED),
    "two in one": (contents(Contents=TWO), Unusable.DAMAGED),
    "another checksum": (contents(Checksum=md5(b"other")), Unusable.DAMAGED),
    "no checksum": (contents(Checksum=""), Unusable.DAMAGED),
    "a number": (contents(Contents=7), Unusable.DAMAGED),
    "too long": (contents(b"%PDF-" + bytes(documents.LARGEST)), Unusable.TOO_LARGE),
    "too long as sent": (contents(Contents="A" * (documents.LARGEST_SENT + 4)), Unusable.TOO_LARGE),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_label_that_cannot_be_used_says_why_and_nothing_of_itself(case: str) -> None:
    said, why = BAD[case]
    assert documents.read(said) is why
    sold = labels.bought(shipment(Label={"FileContents": said}), call=CALL)
    assert (sold.document, sold.unusable) == (None, why)
    assert sold.shipment_id, "so that it can be given back"


def test_a_label_that_unfolds_to_a_gigabyte_takes_neither_time_nor_memory() -> None:
    import zlib

    packing = zlib.compressobj(9, wbits=31)
    packed = b"".join(packing.compress(bytes(1 << 24)) for _ in range(64)) + packing.flush()
    said = contents(Contents=base64.b64encode(packed).decode())
    tracemalloc.start()
    began = time.monotonic()
    assert documents.read(said) is Unusable.TOO_LARGE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - began < 2
    assert peak < 16 << 20


def test_nothing_of_a_customer_stands_in_clear_in_a_sale() -> None:
    sold = labels.bought(shipment(), call=CALL)
    assert CANARY not in in_clear(replace(sold, document=None))
    assert CANARY not in repr(sold)
    assert CANARY not in repr(sold.document)
    assert sold.tracking == Secret(CANARY)
    assert (sold.carrier, sold.price, sold.currency) == ("UPS", Decimal("3.35"), "GBP")


@pytest.mark.parametrize("body", [None, [], {}, {"payload": []}, {"payload": {"ShipmentId": "../x"}}, {"payload": {}}])
def test_what_is_no_sale_is_refused(body: Any) -> None:
    with pytest.raises(parse.NotAnAnswer):
        labels.bought(body, call=CALL)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(shipment()["payload"])), json_values)
def test_any_field_of_a_sale_may_be_anything(name: str, value: Any) -> None:
    try:
        labels.bought(shipment(**{name: value}), call=CALL)
    except parse.NotAnAnswer:
        assert name == "ShipmentId"


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_any_offer_may_be_anything(value: Any) -> None:
    labels.services({"payload": {"ShippingServiceList": [value]}}, call=CALL)


@pytest.mark.parametrize("amount", [-1, True, "3", None, 10**9, [3]])
def test_an_offer_without_a_price_is_none(amount: Any) -> None:
    row = {"ShippingServiceId": "A", "ShippingServiceOfferId": "B", "Rate": {"CurrencyCode": "GBP", "Amount": amount}}
    found = labels.services({"payload": {"ShippingServiceList": [row]}}, call=CALL)
    assert (found.offered, found.dropped > 0) == ((), True)


def test_an_offer_that_does_not_say_so_asks_for_more() -> None:
    row = {"ShippingServiceId": "A", "ShippingServiceOfferId": "B", "Rate": {"CurrencyCode": "GBP", "Amount": 3}}
    (offer,) = labels.services({"payload": {"ShippingServiceList": [row]}}, call=CALL).offered
    assert offer.needs_more


@pytest.mark.parametrize(
    "wrong",
    [replace(PARCEL, order_id="250"), replace(PARCEL, items=()), replace(PARCEL, size=Size(0, 1, 1, 1)),
     replace(PARCEL, size=Size(1, 1, -1, 1)), replace(PARCEL, ship_from=replace(HOME, country="GBR")),
     replace(PARCEL, ship_from=replace(HOME, name="x" * 31)), replace(PARCEL, ship_from=replace(HOME, phone="")),
     replace(PARCEL, ship_from=replace(HOME, city="Quill\nmarsh"))],
)  # fmt: skip
def test_a_parcel_that_amazon_would_refuse_is_not_asked_about(wrong: ParcelToLabel) -> None:
    with pytest.raises(NotAParcel):
        labels.services_body(wrong)


def test_a_restricted_token_is_asked_for_once_an_hour_and_again_when_refused(folder: Path) -> None:
    log = Log()
    with scripted_server(folder) as script:
        client = make_client(script, log)
        script.body = json.dumps({"restrictedDataToken": "Atz.sprdt|1", "expiresIn": 3600, **shipment()}).encode()
        for _ in range(2):
            client.get_shipment("be7a0a53-00c3-4f6f-a63a-639f76ee9253")
        assert log.begun == ["token", "createRestrictedDataToken", "getShipment", "getShipment"]
        assert script.seen[-1][1]["x-amz-access-token"] == "Atz.sprdt|1"
        script.login = (200, b'{"access_token":"Atza|2","expires_in":3600}')
        script.status = 401
        with pytest.raises(Exception, match="authorise again"):
            client.get_shipment("be7a0a53-00c3-4f6f-a63a-639f76ee9253")
        client.close()


def test_amazons_own_sandbox_answers_about_labels_become_records() -> None:
    needs_models()
    model = json.loads((SPAPI / "models" / "merchantFulfillmentV0.json").read_text())
    found = 0
    for path, methods in model["paths"].items():
        for method in ("get", "post", "delete"):
            if method not in methods or "additional" in path:
                continue
            for case in methods[method]["responses"]["200"]["x-amzn-api-sandbox"]["static"]:
                if "eligible" in path:
                    said = labels.services(case["response"], call=CALL)
                    assert said.offered
                    assert said.dropped == 0
                else:
                    sold = labels.bought(case["response"], call=uuid.UUID(int=2))
                    assert sold.tracking
                    assert sold.carrier == "UPS"
                    assert sold.unusable in (Unusable.DAMAGED, Unusable.ABSENT), "the sandbox cuts its labels"
                    assert "TIME WARNER" not in repr(sold)
                found += 1
    assert found >= 4


def test_amazons_own_sandbox_parcels_are_read_back() -> None:
    needs_models()
    model = json.loads((SPAPI / "models" / "orders_2026-01-01.json").read_text())
    cases = [case["response"] for methods in model["paths"].values()
             for case in methods["get"]["responses"]["200"]["x-amzn-api-sandbox"]["static"]]  # fmt: skip
    orders = [order for case in cases for order in case.get("orders", [case.get("order")])]
    read = [parse.packages({"order": order}, call=CALL) for order in orders]
    packages = [package for page in read for package in page.packages]
    assert packages
    assert all(p.tracking and p.pieces and p.carrier and p.status != "UNRECOGNISED" for p in packages)
    assert all(p.tracking.text() not in repr(page) for page in read for p in page.packages if p.tracking)
