"""`strongroom orders`: which orders there are, without anybody in them; and ask Amazon now."""

import argparse
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.command.installed import folders, read_as, show, tell
from strongroom.policy.encryption_and_storage import broker
from strongroom.policy.encryption_and_storage.connection import Locked

WAIT = 60.0
ANSWERED = "answered"


def add(commands: Any) -> None:
    parser = commands.add_parser("orders", help="sync, list, show; never a person")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("sync", help="ask Amazon at the worker's next look, and wait for it").set_defaults(run=_sync)
    listed = verbs.add_parser("list", help="the newest orders")
    listed.add_argument("--json", action="store_true")
    listed.add_argument("--most", type=int, default=50)
    listed.set_defaults(run=_list)
    one = verbs.add_parser("show", help="one order by our reference")
    one.add_argument("ref", type=uuid.UUID)
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=_show)


@dataclass(frozen=True)
class Asked:
    """What came of asking the worker: the receivers, when they were asked, and whether the round ended in time."""

    receivers: Any
    at: datetime
    is_done: bool


def ask_worker(options: argparse.Namespace) -> Asked | None:
    """Ask the worker for a whole round now and wait for its end; `None`, and a sentence, where there is no receiver."""
    read_as("web", folders(options))
    from django.db.models import Q  # noqa: PLC0415 - Django is set up now

    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.models import Receiver  # noqa: PLC0415

    receivers = Receiver.objects.filter(account_id__in=selling_accounts())
    now = definitions.now()
    if not receivers.update(wanted_at=now):
        tell("No marketplace is configured; see [marketplace] in strongroom.toml.")
        return None
    deadline = time.monotonic() + WAIT
    under_way = Q(wanted_at__isnull=False) | Q(lease_until__isnull=False)  # the wish goes when the round begins
    while receivers.filter(under_way).exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return Asked(receivers, now, not receivers.filter(under_way).exists())


def _sync(options: argparse.Namespace) -> int:
    asked = ask_worker(options)
    if asked is None:
        return 1
    answers = [(receiver, _came_of(receiver, asked)) for receiver in asked.receivers.all()]
    for receiver, came in answers:
        tell(f"account {receiver.account_id}: {came}, read up to {receiver.watermark}")
    if broker.time().locked:
        tell("States were read; of orders to ship nobody's data was sealed.")
        raise Locked
    return 0 if all(came == ANSWERED for _, came in answers) else 1


def _came_of(receiver: Any, asked: Asked) -> str:
    """What became of one account's round, in words."""
    if not asked.is_done:
        return "the worker is still at it"
    if receiver.failure:
        return str(receiver.failure)
    if receiver.answered_at is None or receiver.answered_at < asked.at:
        return "Amazon's allowance is used up; what is left is read by itself"
    return ANSWERED


def _list(options: argparse.Namespace) -> int:
    read_as("web", folders(options))
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.models import Order  # noqa: PLC0415

    found = Order.objects.filter(account_id__in=selling_accounts()).order_by("-received_at")[: options.most]
    rows = [_row(order) for order in found]
    lines = [f"{r['ref']}  {r['state']:12} {r['received_at'][:16]}  {r['order_id'] or 'forgotten'}" for r in rows]
    show(rows, "\n".join(lines) or "No orders.", as_json=options.json)
    return 0


def _show(options: argparse.Namespace) -> int:
    read_as("web", folders(options))
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.models import Order  # noqa: PLC0415

    order = Order.objects.filter(account_id__in=selling_accounts(), ref=options.ref).first()
    if order is None:
        tell("There is no such order.")
        return 1
    row = _row(order)
    show(row, "\n".join(f"{name}: {value}" for name, value in row.items()), as_json=options.json)
    return 0


def _row(order: Any) -> dict[str, Any]:
    def when(moment: Any) -> str | None:
        return moment.isoformat() if moment else None

    return {
        "ref": str(order.ref), "order_id": order.order_id, "state": order.state, "status": order.status,
        "fulfilled_by": order.fulfilled_by, "received_at": when(order.received_at),
        "fulfilled_at": when(order.fulfilled_at), "cancelled_at": when(order.cancelled_at),
        "erased_at": when(order.erased_at), "units": order.units,
    }  # fmt: skip
