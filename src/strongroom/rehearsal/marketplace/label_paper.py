"""The label itself, drawn in memory: 4 by 6 inches, the customer's address, the sender, the carrier's barcode."""

import struct
import zlib
from typing import Any, Final

import pypdfium2

from strongroom.application.despatch.labels.content import LabelContent
from strongroom.application.despatch.labels.pdf import render_pdf
from strongroom.application.despatch.labels.zpl import render_zpl
from strongroom.formats.secret import Secret
from strongroom.rehearsal.marketplace.business import SimulatedOrder

FILE_TYPES: Final = {
    "PDF": "application/pdf", "PNG": "image/png", "ZPL203": "application/zpl",
    "ShippingServiceDefault": "application/pdf",
}  # fmt: skip


def draw(order: SimulatedOrder, sold: dict[str, Any]) -> bytes:
    """The document of a sold label, the same each time."""
    content = _content(order, sold)
    match sold["form"]:
        case "application/zpl":
            return bytes(render_zpl([content]))
        case "image/png":
            return _png(bytes(render_pdf([content])))
        case _:
            return bytes(render_pdf([content]))


def _content(order: SimulatedOrder, sold: dict[str, Any]) -> LabelContent:
    who, sender = order.person, sold["details"]["ShipFromAddress"]
    where = {
        "name": who.name, "company": who.company, "line1": who.line1, "line2": who.line2, "city": who.city,
        "state": who.state, "postcode": who.postcode, "phone": who.phone,
    }  # fmt: skip
    return LabelContent(
        recipient={name: Secret(value) for name, value in where.items() if value},
        country=who.country,
        reference=sold["tracking"],
        service=sold["service"]["ShippingServiceName"],
        parcel=1,
        parcels=1,
        sender=tuple(sender[name] for name in ("Name", "AddressLine1", "City", "PostalCode") if sender.get(name)),
    )


def _png(document: bytes) -> bytes:
    """The page as a grey picture at 203 dots an inch."""
    opened = pypdfium2.PdfDocument(document)
    try:
        image = opened[0].render(scale=203 / 72, grayscale=True)
        width, height, stride, pixels = image.width, image.height, image.stride, bytes(image.buffer)
    finally:
        opened.close()
    lines = b"".join(b"\x00" + pixels[y * stride : y * stride + width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pieces = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in pieces)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
