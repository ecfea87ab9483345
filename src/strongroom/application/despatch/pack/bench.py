"""What a bench remembers between scans, and what each scan does. Kept in the packer's session, by references only."""

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from django.http import HttpRequest

from strongroom.application.despatch import reads, rules
from strongroom.application.despatch.actions import (
    AlreadyPrinted,
    Queued,
    decide,
    hand_over,
    last_label,
    queue_label,
    reprint,
)
from strongroom.application.despatch.rules import Scan, ScanKind
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy import definitions
from strongroom.policy.encryption_and_storage.models import LabelPrint, Printer, PrintReason, PrintState
from strongroom.policy.least_privilege.actions import wall_now
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.retention_and_recovery.models import Order

KEY: Final = "bench"
LAST: Final = 5
MOST_MISSING: Final = 20
WAIT_FOR_PAPER: Final = 1.2
"""Seconds a scan waits for the printer's word; after that the page says `Printing` and looks again."""
LOOK_EVERY: Final = 0.05


@dataclass
class Result:
    """What the last scan did. `label` is looked up again each time it is shown, so that it tells how it ended."""

    word: str
    state: str
    icon: str
    said: str = ""
    code: str = ""
    number: str = ""
    label: str = ""
    account: int = 0
    asks: str = ""
    at: str = ""


@dataclass
class Bench:
    """One packer's bench. `open`: the parcel that waits for its tracking number."""

    printer: int | None = None
    carrier: str = ""
    wave: int | None = None
    open: dict[str, Any] = field(default_factory=dict)
    last: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    scanned: list[Any] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    turn: int = 0
    """How many answers were given here: two of the same word in the same second are still two."""

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        return cls(**request.session.get(KEY, {}))

    def keep(self, request: HttpRequest) -> None:
        request.session[KEY] = asdict(self)

    def say(self, result: Result) -> None:
        """Show this, and put it first among the last five."""
        result.at = definitions.now().isoformat()
        self.turn += 1
        self.result = asdict(result)
        if result.code or result.said:
            shown = {key: self.result[key] for key in ("word", "state", "icon", "code", "label", "account", "at")}
            self.last = [shown, *self.last][:LAST]

    def chosen_printer(self) -> Printer | None:
        """The bench's printer, or the first that is registered."""
        found = reads.printers()
        return next((p for p in found if p.pk == self.printer), found[0] if found else None)

    def open_order(self) -> Order | None:
        """The order whose parcel is being packed here, while it is remembered."""
        if not self.open:
            return None
        if wall_now().timestamp() - float(self.open["at"]) > rules.OPEN_AT_BENCH.total_seconds():
            return None
        return Order.objects.filter(account_id=self.open["account"], ref=uuid.UUID(self.open["ref"])).first()


def scan(bench: Bench, text: str, by: Person) -> None:
    """Do what one scan means. Whatever it is, the bench has something to show afterwards."""
    found = rules.read_scan(text)
    if _is_repeat(bench, found):
        return
    try:
        _act(bench, found, by)
    except Refused as refused:
        bench.say(Result("Stop", "false", "refused", refused.sentence, bench.result.get("code", "")))


def answer(bench: Bench, reason: PrintReason | None, by: Person) -> None:
    """What became of a label that was printed already: print again for a reason, or leave it."""
    order, printer = _order_of(bench), bench.chosen_printer()
    if order is None or reason is None or printer is None:
        bench.say(Result("Nothing printed", "true", "true", "The first label stands.", bench.result.get("code", "")))
        return
    _try(bench, lambda: _again(bench, order, printer, reason, by))


def came_out(bench: Bench, label: LabelPrint, yes: bool, by: Person) -> None:
    """A person has looked whether a label lies in the printer; if not, one is printed for that reason."""

    def act() -> None:
        decide(label=label, came_out=yes, by=by)
        order = Order.objects.get(account_id=label.account_id, ref=label.order_ref)
        if yes:
            bench.say(Result("Printed", "true", "printed", "Confirmed by you.", rules.code_of(order.ref)))
            _remember(bench, order, label.parcel)
            return
        printer = bench.chosen_printer()
        if printer is not None:
            _again(bench, order, printer, PrintReason.DID_NOT_COME_OUT, by, label.parcel)

    _try(bench, act)


def _try(bench: Bench, act: Callable[[], None]) -> None:
    try:
        act()
    except Refused as refused:
        bench.say(Result("Stop", "false", "refused", refused.sentence, bench.result.get("code", "")))


def _act(bench: Bench, found: Scan, by: Person) -> None:
    match found.kind:
        case ScanKind.NOTHING:
            bench.say(Result("Scan again", "due", "again", "Nothing arrived from the scanner."))
        case ScanKind.OUR_CODE:
            _label_or_missing(bench, reads.by_code(found.value), found.value, by)
        case ScanKind.AMAZON_NUMBER:
            _label_or_missing(bench, reads.by_amazon_number(found.value), found.value, by)
        case ScanKind.SKU | ScanKind.TRACKING_OR_SKU if reads.knows_sku(found.value):
            _sku(bench, found.value, by)
        case ScanKind.TRACKING_OR_SKU if bench.open_order() is not None:
            _tracking(bench, found.value, by)
        case _:
            _missing(bench, found.value)


def _label_or_missing(bench: Bench, order: Order | None, value: str, by: Person) -> None:
    if order is None:
        _missing(bench, value)
    else:
        _label(bench, order, by)


def _label(bench: Bench, order: Order, by: Person) -> None:
    printer = bench.chosen_printer()
    code = rules.code_of(order.ref)
    if printer is None:
        bench.say(Result("No printer", "false", "refused", "Ask an administrator to register one.", code))
        return
    try:
        queued = queue_label(order=order, printer=printer, by=by)
    except AlreadyPrinted as printed:
        _ask_once(bench, order, printed.label)
        return
    except Refused as refused:
        word = "Cancelled" if order.cancelled_at else "On hold" if order.held_for else "Stop"
        bench.say(Result(word, "false", "refused", refused.sentence, code, order.order_id or ""))
        return
    _printing(bench, order, queued)


def _again(
    bench: Bench, order: Order, printer: Printer, reason: PrintReason, by: Person, parcel: int | None = None
) -> None:
    number = parcel if parcel is not None else int(bench.result.get("asks", "again 1").split()[-1])
    _printing(bench, order, reprint(order=order, parcel=number, printer=printer, reason=reason, by=by))


def _printing(bench: Bench, order: Order, queued: Queued) -> None:
    """The label is on its way; wait a moment for the printer's word, then show whatever is true."""
    label = queued.label
    _remember(bench, order, label.parcel)
    said = "" if label.reason == PrintReason.FIRST else f"Again: {PrintReason(label.reason).words}"
    bench.say(
        Result(
            "Printing",
            "true",
            "printed",
            said,
            rules.code_of(order.ref),
            order.order_id or "",
            label.id.hex,
            label.account_id,
        )
    )
    deadline = time.monotonic() + WAIT_FOR_PAPER
    while time.monotonic() < deadline:
        state = LabelPrint.objects.values_list("state", flat=True).get(account_id=label.account_id, id=label.id)
        if state not in (PrintState.QUEUED, PrintState.SENT):
            return
        time.sleep(LOOK_EVERY)


def _ask_once(bench: Bench, order: Order, label: LabelPrint) -> None:
    _remember(bench, order, label.parcel)
    asks = f"unknown {label.parcel}" if label.state == PrintState.UNKNOWN else f"again {label.parcel}"
    bench.say(
        Result(
            "Already printed",
            "due",
            "again",
            "",
            rules.code_of(order.ref),
            order.order_id or "",
            label.id.hex,
            label.account_id,
            asks,
        )
    )


def _remember(bench: Bench, order: Order, parcel: int) -> None:
    bench.open = {
        "account": order.account_id, "ref": order.ref.hex, "parcel": parcel, "at": wall_now().timestamp(),
    }  # fmt: skip
    bench.checked = {}


def _sku(bench: Bench, sku: str, by: Person) -> None:
    """A SKU checks the order that lies open; else it takes the most urgent order that is one piece of it."""
    order = bench.open_order()
    wanted = reads.holds_sku(order, sku) if order is not None else 0
    if order is not None and wanted:
        count = bench.checked.get(sku.upper(), 0) + 1
        code = rules.code_of(order.ref)
        if count > wanted:
            bench.say(Result("Too many", "false", "refused", f"This order wants {wanted} of {sku}.", code))
            return
        bench.checked[sku.upper()] = count
        bench.say(Result("Right", "true", "true", f"{sku}: {count} of {wanted}", code, order.order_id or ""))
        return
    single = reads.next_with_sku(sku, wave=bench.wave)
    if single is not None:
        _label(bench, single, by)
    elif order is not None:
        said = f"{sku} is not in this order."
        bench.say(Result("Wrong item", "false", "refused", said, rules.code_of(order.ref)))
    else:
        bench.say(Result("Not wanted", "due", "missing", f"No waiting order is one piece of {sku}."))


def _tracking(bench: Bench, number: str, by: Person) -> None:
    order = bench.open_order()
    if order is None:
        return
    label = last_label(order=order)
    if label is None or label.state in (PrintState.QUEUED, PrintState.UNKNOWN):
        raise Refused("ES-4", "Its label has not come out yet, or nobody knows. Settle that first.")
    carrier = rules.carrier_of(number)
    if carrier == rules.OTHER and bench.carrier:
        carrier = bench.carrier
    hand_over(order=order, parcel=int(bench.open["parcel"]), carrier=carrier, tracking=Secret(number), by=by)
    said = f"{carrier}, number ends {rules.pack_tracking(number)[-4:]}. Amazon is told."
    bench.say(Result("Gone", "true", "true", said, rules.code_of(order.ref), order.order_id or ""))
    bench.open = {}


def _missing(bench: Bench, value: str) -> None:
    shape = rules.shape_of(value)
    bench.missing = [shape, *(m for m in bench.missing if m != shape)][:MOST_MISSING]
    bench.say(Result("Not found", "false", "missing", shape))


def _order_of(bench: Bench) -> Order | None:
    return bench.open_order()


def _is_repeat(bench: Bench, found: Scan) -> bool:
    """Whether a scanner that fired twice said the same within two seconds of the machine's time."""
    now = wall_now().timestamp()
    key = [found.kind.value, rules.shape_of(found.value), now]
    same = bool(bench.scanned) and bench.scanned[:2] == key[:2]
    recent = same and now - float(bench.scanned[2]) < rules.SAME_SCAN_WITHIN.total_seconds()
    bench.scanned = key
    return recent and found.kind not in (ScanKind.SKU, ScanKind.NOTHING)
