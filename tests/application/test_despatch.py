"""From the scan to the label on paper and the parcel that Amazon knows: once each, whatever fails (I19, I20, F24)."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from strongroom.formats.leaf import Kind
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.installation.certificates import ensure
from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.people import Person as Customer
from strongroom.rehearsal.printer.server import PrinterFault, PrinterServer
from tests.house.running import House, Shop

NAMES = itertools.count(1)
CANARY = Customer("GB", "Pru Wexcombe-Canary", "91 Saltmarsh Quay", "", "Brackwater", "", "BW4 9ZZ", "+44 7700 900313",
                  "pru.canary@example.invalid", "")  # fmt: skip
SENDER = ("Quillmarsh Toys", "Unit 4, Wharf Road", "GB")


@dataclass
class Bench:
    """A packer at a bench with a printer, and the worker's end of it."""

    house: House
    shop: Shop
    server: PrinterServer
    packer: Any
    printer: Any

    def queue(self, order: Any, **lines: Any) -> Any:
        from strongroom.application.despatch.actions import queue_label

        with self.house.as_web():
            return queue_label(order=self.row(order), printer=self.printer, by=self.packer, **lines).label

    def row(self, order: Any) -> Any:
        return self.shop.order(order.order_id)

    def print(self) -> None:
        from strongroom.application.despatch.prints import print_due

        print_due(sender=SENDER)

    def label(self, label: Any) -> Any:
        from strongroom.policy.encryption_and_storage.models import LabelPrint

        return LabelPrint.objects.get(account_id=label.account_id, id=label.id)

    def hand_over(self, order: Any, number: str, parcel: int = 1) -> None:
        from strongroom.application.despatch.actions import hand_over

        with self.house.as_web():
            hand_over(
                order=self.row(order), parcel=parcel, carrier="Royal Mail", tracking=Secret(number), by=self.packer
            )

    def tell(self) -> int:
        from strongroom.application.despatch.shipments import tell_due

        return tell_due(account=self.shop.account, client=self.shop.client)

    def kinds(self, kind: Kind) -> int:
        return sum(found == kind for (found,) in self.shop.rows("entry", "kind"))


@pytest.fixture
def bench(house: House, folder: Path) -> Iterator[Bench]:
    from strongroom.formats.leaf import Actor
    from strongroom.policy.encryption_and_storage.printers import add_known
    from strongroom.policy.least_privilege.actions import create_person, grant_role
    from strongroom.policy.least_privilege.roles import Role

    tls = folder / "printer"
    tls.mkdir()
    _, certificate, key = ensure(tls, ("localhost", "127.0.0.1"))
    number = next(NAMES)
    with PrinterServer(certificate=certificate, key=key) as server, house.shop() as shop:
        from strongroom.application.despatch.printing.printer import fetch_fingerprint

        with house.as_web():
            packer = create_person(name=f"Packer {number}", email=f"packer{number}@example.invalid", password=None)
            grant_role(person=packer, role=Role.PACKER, granted_by=None, by=Actor.COMMAND.reference)
            printer = add_known(
                name=f"T-{number}", place=house.place(), uri=server.uri, fingerprint=fetch_fingerprint(server.uri),
                form="pdf", second=None, by=Actor.COMMAND.reference,
            )  # fmt: skip
        yield Bench(house, shop, server, packer, printer)


def place(bench: Bench, count: int = 1, **what: Any) -> list[Any]:
    orders = bench.shop.place(count, **what)
    bench.shop.receive()
    return orders


def test_a_label_is_opened_after_the_printer_took_the_job_and_confirmed_by_its_word(bench: Bench) -> None:
    (order,) = place(bench)
    label = bench.queue(order)
    bench.print()
    bench.print()
    assert bench.label(label).state == "confirmed"
    assert bench.server.tray.printed == 1
    assert bench.server.tray.labels[0].name == label.id.hex, "the printer is told our reference and nothing else"
    assert bench.kinds(Kind.OPENED) == 1


@pytest.mark.parametrize("fault", [PrinterFault.BUSY, PrinterFault.NOT_ACCEPTING, PrinterFault.OFFLINE])
def test_a_printer_that_takes_no_job_sees_nothing_opened(bench: Bench, fault: PrinterFault) -> None:
    (order,) = place(bench)
    bench.server.tray.faults.append(fault)
    label = bench.queue(order)
    bench.print()
    assert bench.label(label).state == "queued"
    assert bench.kinds(Kind.OPENED) == 0
    bench.house.step(60)
    bench.print()
    bench.print()
    assert bench.label(label).state == "confirmed"


@pytest.mark.parametrize("fault", [PrinterFault.VANISH, PrinterFault.JAM])
def test_a_label_whose_fate_is_unknown_waits_for_a_person_for_ever(bench: Bench, fault: PrinterFault) -> None:
    from strongroom.application.despatch.actions import decide, reprint
    from strongroom.policy.encryption_and_storage.models import PrintReason

    (order,) = place(bench)
    bench.server.tray.faults.append(fault)
    label = bench.queue(order)
    for _ in range(4):
        bench.print()
        bench.house.step(900)
    assert bench.label(label).state == "unknown"
    assert bench.server.tray.printed == 0
    with bench.house.as_web():
        with pytest.raises(Refused, match="undecided"):
            reprint(
                order=bench.row(order), parcel=1, printer=bench.printer, reason=PrintReason.DAMAGED, by=bench.packer
            )
        decide(label=bench.label(label), came_out=False, by=bench.packer)
        with pytest.raises(Refused, match="decided already"):
            decide(label=bench.label(label), came_out=True, by=bench.packer)
        reprint(
            order=bench.row(order),
            parcel=1,
            printer=bench.printer,
            reason=PrintReason.DID_NOT_COME_OUT,
            by=bench.packer,
        )
    bench.print()
    assert bench.server.tray.printed == 1
    assert bench.kinds(Kind.OPENED) == 2, "each print has its own opening, with its own leaf"


@dataclass
class Met:
    """A printer at which something happens to the worker at one moment of a print; otherwise the real one."""

    device: Any
    at: str
    happens: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        if name == self.at:
            self.happens()
        return getattr(self.device, name)


def test_a_worker_that_dies_between_sent_and_delivered_prints_nothing_twice(bench: Bench) -> None:
    from strongroom.application.despatch.prints import door, print_due

    (order,) = place(bench)
    label = bench.queue(order)

    def dies() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        print_due(sender=SENDER, to=lambda printer: cast("Any", Met(door(printer), "send_document", dies)))
    assert bench.label(label).state == "sent"
    bench.print()
    assert bench.label(label).state == "sent", "the printer still holds an empty job"
    bench.house.step(400)
    bench.print()
    assert bench.label(label).state == "unknown"
    assert bench.server.tray.printed == 0


def test_a_worker_that_waited_longer_than_its_claim_prints_nothing_twice(bench: Bench) -> None:
    """Its label was taken over by another worker meanwhile: it withdraws its job and opens nothing."""
    from strongroom.application.despatch.prints import door, print_due

    (order,) = place(bench)
    label = bench.queue(order)

    def another_takes_over() -> None:
        bench.house.step(300)
        print_due(sender=SENDER)

    print_due(sender=SENDER, to=lambda printer: cast("Any", Met(door(printer), "create_job", another_takes_over)))
    bench.print()
    assert bench.label(label).state == "confirmed"
    assert bench.server.tray.printed == 1
    assert bench.kinds(Kind.OPENED) == 1


def test_a_second_printer_takes_over_while_the_first_is_down(bench: Bench, folder: Path) -> None:
    from strongroom.application.despatch.printing.printer import fetch_fingerprint
    from strongroom.formats.leaf import Actor
    from strongroom.policy.encryption_and_storage.models import Printer
    from strongroom.policy.encryption_and_storage.printers import add_known

    tls = folder / "second"
    tls.mkdir()
    _, certificate, key = ensure(tls, ("localhost", "127.0.0.1"))
    with PrinterServer(certificate=certificate, key=key) as second:
        with bench.house.as_web():
            other = add_known(
                name=f"{bench.printer.name}b", place=bench.house.place(), uri=second.uri, fingerprint=fetch_fingerprint(second.uri),
                form="pdf", second=None, by=Actor.COMMAND.reference,
            )  # fmt: skip
            Printer.objects.filter(pk=bench.printer.pk).update(second=other)
        (order,) = place(bench)
        bench.server.tray.faults.append(PrinterFault.OFFLINE)
        label = bench.queue(order)
        bench.print()
        bench.print()
        assert bench.label(label).state == "confirmed"
        assert second.tray.printed == 1
        assert bench.label(label).printer == other.pk
        assert Printer.objects.get(pk=bench.printer.pk).condition in ("down", "ready")


def test_two_benches_that_scan_the_same_order_at_once_get_one_label(bench: Bench) -> None:
    from django.db import connection

    from strongroom.application.despatch.actions import AlreadyPrinted, queue_label

    (order,) = place(bench)
    row, outcomes, ready = bench.row(order), [], threading.Barrier(4)
    settings = {"USER": "strongroom_web", "PASSWORD": bench.house.rehearsal.folders.credential("database-web").text()}

    def scan() -> None:
        connection.settings_dict.update(settings)
        ready.wait()
        try:
            queue_label(order=row, printer=bench.printer, by=bench.packer)
            outcomes.append("queued")
        except AlreadyPrinted:
            outcomes.append("asked")
        finally:
            connection.close()

    with bench.house.as_web():
        threads = [threading.Thread(target=scan) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["asked", "asked", "asked", "queued"]
    assert len(bench.shop.rows("label_print")) == 1


def test_cancelling_while_packing_stops_the_label(bench: Bench) -> None:
    (order,) = place(bench)
    label = bench.queue(order)
    bench.shop.does("cancel", order.order_id)
    bench.shop.receive()
    bench.print()
    assert bench.label(label).state == "stopped"
    assert bench.server.tray.printed == 0
    assert bench.kinds(Kind.OPENED) == 0
    with pytest.raises(Refused, match="Cancelled"):
        bench.queue(order)


def test_a_held_order_gets_no_label_until_it_is_let_go(bench: Bench) -> None:
    from strongroom.application.despatch.actions import hold
    from strongroom.application.despatch.rules import Hold
    from strongroom.formats.leaf import Actor
    from strongroom.policy.least_privilege.actions import create_person, grant_role
    from strongroom.policy.least_privilege.roles import Role

    (order,) = place(bench)
    with bench.house.as_web():
        manager = create_person(name="M", email=f"m{next(NAMES)}@example.invalid", password=None)
        grant_role(person=manager, role=Role.MANAGER, granted_by=None, by=Actor.COMMAND.reference)
        hold(order=bench.row(order), reason=Hold.STOCK_MISSING, by=manager)
    with pytest.raises(Refused, match="stock is missing"):
        bench.queue(order)
    with bench.house.as_web():
        hold(order=bench.row(order), reason=None, by=manager)
    bench.queue(order)


def test_a_label_that_a_hold_stopped_is_printed_once_the_order_is_let_go(bench: Bench) -> None:
    from strongroom.application.despatch.actions import hold
    from strongroom.application.despatch.rules import Hold
    from strongroom.formats.leaf import Actor
    from strongroom.policy.least_privilege.actions import create_person, grant_role
    from strongroom.policy.least_privilege.roles import Role

    (order,) = place(bench)
    with bench.house.as_web():
        manager = create_person(name="M", email=f"m{next(NAMES)}@example.invalid", password=None)
        grant_role(person=manager, role=Role.MANAGER, granted_by=None, by=Actor.COMMAND.reference)
    stopped = bench.queue(order)
    with bench.house.as_web():
        hold(order=bench.row(order), reason=Hold.STOCK_MISSING, by=manager)
    bench.print()
    assert bench.label(stopped).state == "stopped"
    with bench.house.as_web():
        hold(order=bench.row(order), reason=None, by=manager)
    again = bench.queue(order)
    bench.print()
    bench.print()
    assert bench.label(again).state == "confirmed"
    assert len(bench.shop.rows("parcel")) == 1, "it is the same parcel"


def test_an_order_whose_every_piece_left_elsewhere_says_so(bench: Bench) -> None:
    from dataclasses import replace

    (order,) = place(bench)
    bench.shop.does("change_address", order.order_id)
    order.status, order.items = "PARTIALLY_SHIPPED", [replace(i, fulfilled=i.quantity) for i in order.items]
    bench.shop.receive()
    with pytest.raises(Refused, match="every piece of this order left"):
        bench.queue(order)


def test_who_may_not_pack_prints_nothing(bench: Bench) -> None:
    from strongroom.application.despatch.actions import queue_label
    from strongroom.policy.least_privilege.actions import create_person

    (order,) = place(bench)
    with bench.house.as_web():
        stranger = create_person(name="S", email=f"s{next(NAMES)}@example.invalid", password=None)
        with pytest.raises(Refused):
            queue_label(order=bench.row(order), printer=bench.printer, by=stranger)


def test_no_table_of_ours_holds_an_address_or_a_tracking_number(bench: Bench) -> None:
    from django.db import connection

    bench.shop.amazon.business.advance(bench.house.clock.wall())
    order = bench.shop.amazon.business.place(CANARY, status="UNSHIPPED", fulfilled_by="MERCHANT")
    bench.house.step(180)
    bench.shop.receive()
    bench.queue(order)
    bench.print()
    bench.hand_over(order, "ZX123456785GB")
    bench.tell()
    label = bench.server.tray.labels[0]
    assert label.data.startswith(b"%PDF"), "the label itself went to the printer: the control of this test"
    with connection.cursor() as cursor:
        cursor.execute("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                       " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')")  # fmt: skip
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608
            text = "\n".join(row for (row,) in cursor.fetchall())
            for needle in (
                "Wexcombe",
                "Saltmarsh",
                "BW4 9ZZ",
                "7700 900313",
                "7700900313",
                "pru.canary",
                "ZX123456785GB",
            ):
                assert needle not in text, table
                assert needle.encode().hex() not in text, table


def test_amazon_is_told_of_a_parcel_and_knows_its_number(bench: Bench) -> None:
    (order,) = place(bench)
    bench.queue(order)
    bench.print()
    bench.hand_over(order, "AB123456785GB")
    assert bench.tell() == 1
    assert order.status == "SHIPPED"
    assert order.packages["8700001"]["trackingNumber"] == "AB123456785GB"
    assert order.packages["8700001"]["carrierCode"] == "Royal Mail"
    assert bench.row(order).fulfilled_at is not None
    assert bench.tell() == 0, "told once"


@pytest.mark.parametrize(
    "fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE, Fault.SERVER_ERROR, Fault.TRUNCATE, Fault.HTML_OK]
)
def test_an_answer_that_was_lost_is_read_back_before_anything_is_repeated(bench: Bench, fault: Fault) -> None:
    (order,) = place(bench)
    bench.queue(order)
    bench.print()
    bench.hand_over(order, "AB123456785GB")
    bench.shop.amazon.faults.set(fault, 1)
    bench.tell()
    for _ in range(3):
        bench.house.step(120)
        bench.tell()
    assert order.status == "SHIPPED"
    assert len(order.packages) == 1
    calls = [row[0] for row in bench.shop.rows("api_call", "operation")]
    confirmed = calls.count("confirmShipment")
    assert confirmed == (1 if fault in (Fault.DROP_AFTER, Fault.TRUNCATE, Fault.HTML_OK, Fault.SERVER_ERROR) else 2), (
        calls
    )
    assert [state for (state,) in bench.shop.rows("parcel", "state")] == ["told"]


def test_what_amazon_refuses_waits_for_a_person_who_corrects_it(bench: Bench) -> None:
    (order,) = place(bench)
    bench.queue(order)
    bench.print()
    bench.hand_over(order, "AB123456785GB")
    order.status = "CANCELLED"
    assert bench.tell() == 0
    assert [tuple(row) for row in bench.shop.rows("parcel", "state, problem")] == [("refused", "cancelled")]
    assert bench.tell() == 0, "what was refused is not asked again by itself"
    order.status = "UNSHIPPED"
    bench.hand_over(order, "CD987654321GB")
    assert bench.tell() == 1
    assert order.packages["8700001"]["trackingNumber"] == "CD987654321GB"


def test_a_part_shipment_goes_in_two_parcels_and_the_last_piece_fulfils(bench: Bench) -> None:
    from strongroom.rehearsal.marketplace.business import Item

    items = [
        Item("11111111111111", "KITE-S", "A", "Kite", "14.00", 2),
        Item("22222222222222", "GLOW-6", "B", "Paint", "9.50", 1),
    ]
    (order,) = place(bench, items=items)
    bench.queue(order, lines={1: 1})
    bench.hand_over(order, "AB123456785GB", parcel=1)
    bench.tell()
    assert order.status == "PARTIALLY_SHIPPED"
    assert bench.row(order).fulfilled_at is None
    bench.house.step(3600)
    with pytest.raises(Refused, match="More pieces"):
        bench.queue(order, lines={1: 2})
    bench.queue(order)
    bench.hand_over(order, "CD123456785GB", parcel=2)
    bench.tell()
    assert order.status == "SHIPPED"
    assert {p["trackingNumber"] for p in order.packages.values()} == {"AB123456785GB", "CD123456785GB"}
    left = [moment for (moment,) in bench.shop.rows("parcel", "left_at")]
    assert bench.row(order).fulfilled_at == max(left), "the time the last item left, by the earliest proof"
    bench.shop.receive()
    assert bench.row(order).fulfilled_at == max(left), "Amazon's later word moves nothing later"


def test_amazon_down_for_an_hour_loses_nothing(bench: Bench) -> None:
    (order,) = place(bench)
    bench.queue(order)
    bench.print()
    bench.hand_over(order, "AB123456785GB")
    bench.shop.amazon.faults.set(Fault.DROP_BEFORE, 8)
    for _ in range(12):
        bench.tell()
        bench.house.step(900)
    assert order.status == "SHIPPED"


def test_a_bought_label_opens_no_address_and_is_bought_once(bench: Bench) -> None:
    from strongroom.application.despatch import bought_labels
    from strongroom.marketplace import ShipFrom

    home = ShipFrom("Quillmarsh Toys", "Unit 4", "Quillmarsh", "QM1 2AB", "GB", "d@example.invalid", "+44 7700 900100")
    (order,) = place(bench)
    with bench.house.as_web():
        bought_labels.want(order=bench.row(order), printer=bench.printer, by=bench.packer)
    assert bought_labels.buy_due(account=bench.shop.account, client=bench.shop.client, home=home) == 1
    assert bought_labels.buy_due(account=bench.shop.account, client=bench.shop.client, home=home) == 0
    bench.print()
    bench.print()
    assert bench.server.tray.printed == 1
    assert len(bench.shop.amazon.business.bought) == 1
    opened = [bytes(payload) for kind, payload in bench.shop.rows("entry", "kind, payload") if kind == Kind.OPENED]
    from strongroom.formats.leaf import Fact, decode_entry
    from strongroom.formats.parts import Part

    assert [decode_entry(data).facts[Fact.PART] for data in opened] == [Part.LABEL], "the recipient was never opened"


def test_a_purchase_whose_answer_was_lost_is_not_made_again(bench: Bench) -> None:
    from strongroom.application.despatch import bought_labels
    from strongroom.marketplace import MarketplaceError, ShipFrom

    home = ShipFrom("Quillmarsh Toys", "Unit 4", "Quillmarsh", "QM1 2AB", "GB", "d@example.invalid", "+44 7700 900100")
    (order,) = place(bench)
    with bench.house.as_web():
        bought_labels.want(order=bench.row(order), printer=bench.printer, by=bench.packer)
    buy = bench.shop.client.buy_label

    def lost(*request: Any) -> Any:
        bench.shop.amazon.faults.set(Fault.DROP_AFTER, 1, "createShipment")
        return buy(*request)

    bench.shop.client.buy_label = lost
    for _ in range(3):
        try:
            bought_labels.buy_due(account=bench.shop.account, client=bench.shop.client, home=home)
        except MarketplaceError:
            continue
    assert len(bench.shop.amazon.business.bought) == 1
    assert [state for (state,) in bench.shop.rows("parcel", "purchase")] == ["asked"]


def test_a_label_of_days_ago_means_that_it_left_until_a_person_says_otherwise(bench: Bench) -> None:
    """Its address is then not kept beyond its day (RR-2); "it is still here" keeps it on Amazon's answer."""
    from strongroom.application.despatch.actions import confirm_still_here
    from strongroom.formats.leaf import Actor
    from strongroom.policy.least_privilege.actions import create_person, grant_role
    from strongroom.policy.least_privilege.roles import Role
    from strongroom.policy.retention_and_recovery.actions import Retention

    def live(days: int) -> set[Any]:
        """Days pass with Amazon answering; the days under which this order is sealed then."""
        for _ in range(days):
            bench.house.step(86_400)
            Retention().run()
            bench.shop.receive()
        Retention().run()
        return {day for day, part in bench.shop.rows("sealed", "day, part") if part == 1}

    (order,) = place(bench)
    first = live(20)
    bench.queue(order)
    bench.print()
    assert live(6) == first, "day 26: within the window, and a label of six days ago"
    with bench.house.as_web():
        manager = create_person(name="M", email=f"m{next(NAMES)}@example.invalid", password=None)
        grant_role(person=manager, role=Role.MANAGER, granted_by=None, by=Actor.COMMAND.reference)
        confirm_still_here(order=bench.row(order), by=manager)
    assert live(1) != first


def test_a_cancelled_order_that_amazon_reopens_is_named_and_gets_no_label(bench: Bench) -> None:
    from strongroom.application.despatch import reads

    (order,) = place(bench)
    before = reads.reopened()
    bench.shop.does("cancel", order.order_id)
    bench.shop.receive()
    assert reads.reopened() == before
    order.status = "UNSHIPPED"
    bench.shop.does("refund", order.order_id)  # whatever updates it
    bench.shop.receive()
    row = bench.row(order)
    assert row.status == "UNSHIPPED"
    assert row.state_words == "cancelled"
    assert reads.reopened() == before + 1
    with pytest.raises(Refused, match="Cancelled"):
        bench.queue(order)


def test_the_worklist_is_ordered_and_counted_by_the_database(bench: Bench) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from strongroom.application.despatch import reads

    now = bench.house.clock.wall()
    for hours, service in ((50, "STANDARD"), (20, "STANDARD"), (20, "EXPEDITED"), (90, "NEXT_DAY"), (20, "NEXT_DAY")):
        bench.shop.place(ship_by=now + hours * 3600, service=service)
    bench.shop.receive()
    seen: list[int] = []
    first: list[Any] = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            found = reads.waiting(account=bench.shop.account)
            listed = list(found[:50])
            first = first or listed
            reads.counts(found, bench.house.now())
            reads.lines_of(listed)
            reads.labels_of(listed)
        seen.append(len(asked))
        place(bench, 6)
    assert [(round((o.ship_by.timestamp() - now) / 3600) if o.ship_by else None, o.priority) for o in first[:4]][
        :3
    ] == [(20, 3), (20, 2), (20, 0)]
    assert seen[0] == seen[1], "as many statements for many orders as for few"


def test_a_ledger_row_cannot_be_changed_or_deleted_by_any_process(bench: Bench) -> None:
    from django.db import DatabaseError, connection

    (order,) = place(bench)
    label = bench.queue(order)
    bench.print()
    bench.print()
    for statement in ("DELETE FROM label_print WHERE account_id = %s AND id = %s",
                      "UPDATE label_print SET reason = 2 WHERE account_id = %s AND id = %s",
                      "UPDATE label_print SET state = 'queued' WHERE account_id = %s AND id = %s"):  # fmt: skip
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement, [label.account_id, label.id])
    assert bench.label(label).state == "confirmed"
