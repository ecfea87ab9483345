"""`python -m strongroom.rehearsal.benches.django_peer`: a Django project that keeps PII in encrypted fields instead.

A process of its own, with settings of its own: production settings, no debug, the package's fields as its page shows
them. It makes the same orders from the same seed, so nothing crosses but a count and the seconds.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from strongroom.marketplace.records import OrderRecord
from strongroom.rehearsal.benches.shop import Shop, read

PERSONAL: Final = (
    "name", "phone", "line1", "line2", "city", "state", "postcode", "buyer_name", "buyer_email", "company",
    "gift_messages",
)  # fmt: skip


def personal(record: OrderRecord) -> dict[str, str]:
    """An order's PII by column, as such a project would have it."""
    data = record.pii
    found = {name: value.text() for name, value in data.recipient.items() if name in PERSONAL}
    found |= {f"buyer_{name}": value.text() for name, value in data.buyer.items() if name in ("name", "email")}
    if "messages" in data.gift:
        found["gift_messages"] = data.gift["messages"].text()
    return found


class Project:
    """The project in this process, begun once."""

    def __init__(self, database: dict[str, Any], schema: str, seed: int, start: float) -> None:
        import django  # noqa: PLC0415 - it is configured here
        from django.conf import settings  # noqa: PLC0415

        settings.configure(
            DEBUG=False, SECRET_KEY=os.urandom(24).hex(), SALT_KEY=os.urandom(24).hex(), USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", INSTALLED_APPS=[],
            DATABASES={"default": {
                "ENGINE": "django.db.backends.postgresql", "NAME": database["dbname"], "USER": database["user"],
                "PASSWORD": database["password"], "HOST": database["host"], "PORT": str(database["port"]),
                "OPTIONS": {"options": f"-c search_path={schema}"}, "CONN_MAX_AGE": None,
            }},
        )  # fmt: skip
        django.setup()
        self._models = _models()
        self._shop, self._until = Shop(seed, start), datetime.fromtimestamp(start, UTC)
        from django.db import connection  # noqa: PLC0415

        with connection.schema_editor() as editor:
            editor.create_model(self._models.Order)
            editor.create_model(self._models.Item)

    def skip(self, orders: int) -> float:
        """Orders that only ours writes."""
        self._shop.bodies(orders)
        return 0.0

    def write(self, orders: int) -> float:
        """Seconds from typed records to durable rows."""
        from django.db import transaction  # noqa: PLC0415

        records = read(self._shop.bodies(orders), until=self._until).records
        began = time.perf_counter()
        with transaction.atomic(durable=True):
            made = self._models.Order.objects.bulk_create([self._order(record) for record in records])
            self._models.Item.objects.bulk_create([
                self._models.Item(
                    order=order, line=line, sku=item.sku, asin=item.asin, title=item.title, quantity=item.quantity
                )
                for order, record in zip(made, records, strict=True) for line, item in enumerate(record.items, 1)
            ])  # fmt: skip
        return time.perf_counter() - began

    def _order(self, record: OrderRecord) -> Any:
        return self._models.Order(
            order_id=record.order_id, status=record.status, placed_at=record.created, updated_at=record.updated,
            ship_by=record.ship_by, country=record.country, **personal(record),
        )  # fmt: skip


def _models() -> Any:
    """An order with its PII in encrypted fields, and its items."""
    from django.db import models  # noqa: PLC0415
    from encrypted_fields.fields import EncryptedTextField  # noqa: PLC0415

    made: Any = SimpleNamespace()
    clear = {
        "order_id": models.CharField(max_length=40, unique=True), "status": models.CharField(max_length=40),
        "placed_at": models.DateTimeField(), "updated_at": models.DateTimeField(),
        "ship_by": models.DateTimeField(null=True), "country": models.CharField(max_length=2, null=True),
    }  # fmt: skip
    hidden = {name: EncryptedTextField(null=True) for name in PERSONAL}
    meta = type("Meta", (), {"app_label": "peer"})
    made.Order = type("Order", (models.Model,), {"__module__": "peer", "Meta": meta, **clear, **hidden})
    made.Item = type("Item", (models.Model,), {
        "__module__": "peer", "Meta": type("Meta", (), {"app_label": "peer"}),
        "order": models.ForeignKey(made.Order, on_delete=models.CASCADE),
        "line": models.SmallIntegerField(), "sku": models.CharField(max_length=80, null=True),
        "asin": models.CharField(max_length=20, null=True), "title": models.CharField(max_length=200, null=True),
        "quantity": models.IntegerField(),
    })  # fmt: skip
    return made


def main() -> int:
    project: Project | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        verb = asked.pop("verb")
        if project is None:
            project, done = Project(**asked), 0.0
        else:
            done = {"write": project.write, "skip": project.skip}[verb](**asked)
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
