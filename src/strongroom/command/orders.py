"""`strongroom orders`: which orders there are, without anybody in them; and ask Amazon now."""

import argparse
import time
import uuid
from typing import Any

from strongroom.command.installed import folders, read_as, show, tell

WAIT = 60.0


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


def ask_worker(options: argparse.Namespace) -> Any:
    """Ask the worker for a whole round now and wait for it; the receivers, or `None` where there are none."""
    read_as("web", folders(options))
    from strongroom.policy import definitions  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.retention_and_recovery.actions import selling_accounts  # noqa: PLC0415
    from strongroom.policy.retention_and_recovery.models import Receiver  # noqa: PLC0415

    receivers = Receiver.objects.filter(account_id__in=selling_accounts())
    if not receivers.update(wanted_at=definitions.now()):
        tell("No marketplace is configured; see [marketplace] in strongroom.toml.")
        return None
    deadline = time.monotonic() + WAIT
    while receivers.filter(wanted_at__isnull=False).exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return receivers


def _sync(options: argparse.Namespace) -> int:
    receivers = ask_worker(options)
    if receivers is None:
        return 1
    for receiver in receivers.all():
        tell(f"account {receiver.account_id}: {receiver.failure or 'answered'}, read up to {receiver.watermark}")
    return 1 if receivers.filter(failure__isnull=False).exists() else 0


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
