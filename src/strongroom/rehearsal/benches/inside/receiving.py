"""The worker's part of receipt: what is told is received, journalled and given its places, as its loop does."""

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast

from django.db.models import Max

from strongroom.application.receipt.actions import receive as receive_round
from strongroom.marketplace import Client
from strongroom.policy import definitions
from strongroom.policy.definitions import OrderState
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import ApiCall, SellingAccount
from strongroom.policy.retention_and_recovery.actions import Kept, make_days
from strongroom.policy.retention_and_recovery.models import Order
from strongroom.rehearsal.benches.inside.profile import profiled
from strongroom.rehearsal.benches.shop import Bodies, Shop, Told, read

FIRST_ACCOUNT: Final = 9_001
RECEIPT: Final = "application/receipt/actions.py"
STORAGE: Final = "encryption_and_storage/actions.py"
STEPS: Final = {
    ("db/backends/base/base.py", "commit"): "commit",
    ("logging_and_monitoring/journal.py", "sequence"): "places in the tree, and their rows",
    ("logging_and_monitoring/journal.py", "_write"): "journal entries",
    ("encryption_and_storage/broker.py", "order_hashes"): "keyed hashes of order numbers",
    ("encryption_and_storage/broker.py", "seal"): "sealing, and its leaves",
    (STORAGE, "write_rows"): "rows of sealed parts",
    (STORAGE, "know_keys"): "deadline and key of the day",
    ("retention_and_recovery/actions.py", "promise_to_forget"): "deadline and key of the day",
    (RECEIPT, "_insert"): "rows of new orders and items",
    (RECEIPT, "_change"): "rows of orders, again with their PII",
    (RECEIPT, "_mark_sealed"): "marks that an order is sealed",
    (RECEIPT, "_wanting"): "orders that want PII",
    (RECEIPT, "_read_personal_data"): "orders that want PII",
    (RECEIPT, "_parts"): "fields to seal",
    (RECEIPT, "_keep"): "orders that are known",
}

_shop: list[Shop] = []
_made: list[Bodies] = []


def account(seed: int, start: float) -> dict[str, int]:
    """A fresh selling account with its Amazon."""
    newest = SellingAccount.objects.aggregate(most=Max("id"))["most"] or 0
    id_ = max(newest + 1, FIRST_ACCOUNT)
    SellingAccount(id=id_, name=f"bench {id_}", region="eu", added_at=definitions.now()).save(force_insert=True)
    make_days(Kept())
    _shop[:] = [Shop(seed, start)]
    return {"account": id_}


def make(orders: int) -> dict[str, int]:
    """The next orders' JSON, before anything is timed."""
    _made[:] = [_shop[0].bodies(orders)]
    return {"bytes": sum(map(len, _made[0].states + _made[0].personal))}


def receive(account: int, profile: bool = False) -> dict[str, Any]:
    """Receive what was made, until every entry has its place. Seconds of parsing apart from those of receipt."""
    began = time.perf_counter()
    told = read(_made[0], until=definitions.now() - timedelta(minutes=2))
    parsed = time.perf_counter() - began
    log_calls(account, [page.call for page in (*told.states, *told.personal)])
    began = time.perf_counter()
    shares = profiled(lambda: _receive(account, told), STEPS) if profile else {}
    if not profile:
        _receive(account, told)
    return {
        "parse_seconds": parsed, "seconds": time.perf_counter() - began, "calls": [str(call) for call in told.calls],
        **shares,
    }  # fmt: skip


def log_calls(account: int, calls: Sequence[uuid.UUID]) -> None:
    """The API log's rows, which the gateway writes around each call, before receipt begins (LM-6)."""
    now = definitions.now()
    ApiCall.objects.bulk_create(
        ApiCall(
            account_id=account, id=call, operation="searchOrders", began_at=now, ended_at=now, status=200, outcome="ok"
        )
        for call in calls
    )


def despatch(account: int, calls: list[str]) -> int:
    """All but one in a hundred of these orders leave, as they would before the next ones come. Not timed."""
    now, leaving = definitions.now(), Order.objects.filter(account_id=account, call__in=calls)
    kept = set(leaving.order_by("ref").values_list("ref", flat=True)[::100])
    return leaving.exclude(ref__in=kept).update(
        state=OrderState.FULFILLED, status="SHIPPED", fulfilled_at=now, done_on=now
    )


def _receive(account: int, told: Told) -> None:
    done = receive_round(account=account, client=cast("Client", told))
    assert done.new == len(told.records) and done.sealed >= done.new, done  # noqa: S101, PT018 - else nothing is measured
    while journal.sequence(account, broker.append):
        pass
