"""Checks of what is sealed and printed: each holds in a house with business, and sees its break (ES-1, ES-5)."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats.leaf import Actor
from strongroom.formats.parts import Purpose
from strongroom.rehearsal.sabotage import sealing
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from tests.house.running import House, Shop
from tests.policy.looking import state, verdict, verdicts

BREAKS = [s for s in sealing.SABOTAGE if "document" not in s.breaks]


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    """A shop with sealed orders and a probe that was opened once."""
    from strongroom.policy.encryption_and_storage.actions import open_for
    from strongroom.policy.retention_and_recovery import probe

    with house.shop() as made:
        made.place(3)
        made.receive()
        probe.keep()
        standing = probe.probe_order()
        assert standing is not None
        open_for(account=-1, order=standing.ref, purpose=Purpose.TRACKING, by=Actor.WATCH.reference)
        time.sleep(1.2)  # until the newest leaves are signed
        yield made


@pytest.mark.parametrize("sabotage", BREAKS, ids=lambda s: f"{s.clause}: {s.breaks}")
def test_a_break_is_seen_and_its_mending_too(house: House, shop: Shop, sabotage: Sabotage) -> None:
    assert state(house, sabotage.clause) in ("pass", "unused"), verdicts(house, sabotage.clause)
    with sabotage.act(Target(house.rehearsal)):
        broken = verdicts(house, sabotage.clause)
        assert "fail" in {v.outcome.value for v in broken.values()}, broken
    assert state(house, sabotage.clause) in ("pass", "unused")


def test_a_row_copied_to_another_order_has_no_leaf(house: House, shop: Shop) -> None:
    refs = [shop.order(id_).ref for id_ in shop.placed]
    with Target(house.rehearsal).unguarded() as sql:
        sql.execute(
            "INSERT INTO sealed SELECT account_id, day, %s, 5, write, born, generation, bundle, body FROM sealed"
            " WHERE account_id = %s AND order_ref = %s LIMIT 1", [refs[0], shop.account, refs[1]],
        )  # fmt: skip
        try:
            assert verdict(house, "ES-1.rows").seen["without leaf"] == 1
        finally:
            sql.execute("DELETE FROM sealed WHERE account_id = %s AND part = 5", [shop.account])


def test_rows_of_a_day_without_a_key_are_seen_whether_it_never_had_one_or_lost_it(house: House, shop: Shop) -> None:
    """A copy in tomorrow's table, where nothing is sealed yet; and rows that outlived the drop of their day."""
    told = []
    with Target(house.rehearsal).unguarded() as sql:
        sql.execute(
            "INSERT INTO sealed SELECT account_id, day + 1, order_ref, part, write, born, generation, bundle, body"
            " FROM sealed WHERE account_id = %s LIMIT 1", [shop.account],
        )  # fmt: skip
        try:
            told.append(verdict(house, "ES-1.rows"))
        finally:
            sql.execute("DELETE FROM sealed WHERE account_id = %s AND day > born", [shop.account])
        sql.execute("UPDATE day_key SET dropped_at = now() WHERE account_id = %s", [shop.account])
        try:
            told.append(verdict(house, "ES-1.rows"))
        finally:
            sql.execute("UPDATE day_key SET dropped_at = NULL WHERE account_id = %s", [shop.account])
    assert [(one.outcome, one.seen) for one in told] == [("fail", {"keyless": 1})] * 2
    assert verdict(house, "ES-1.rows").outcome == "pass"


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    "text", ["Mabel Quill lives in 12 Harbour Road, Quillmarsh", "神南一丁目二番三号渋谷区東京都", "x" + "\0" * 9]
)
def test_what_can_be_read_reads_as_text(text: str) -> None:
    from strongroom.policy.encryption_and_storage.checks.sealed import reads_as_text

    assert reads_as_text(text.encode())


@pytest.mark.usefixtures("house")
def test_what_a_cipher_writes_does_not() -> None:
    from strongroom.policy.encryption_and_storage.checks.sealed import reads_as_text

    assert not any(reads_as_text(os.urandom(400)) for _ in range(2_000))


def test_a_printers_foreign_jobs_are_counted_and_never_named(house: House, folder: Path) -> None:
    from strongroom.application.despatch import prints
    from strongroom.application.despatch.printing.printer import fetch_fingerprint
    from strongroom.application.despatch.printing.remembered import test_name
    from strongroom.installation.certificates import ensure
    from strongroom.policy.encryption_and_storage import printers
    from strongroom.policy.encryption_and_storage.models import Printer
    from strongroom.rehearsal.printer.server import PrinterServer

    _, certificate, key = ensure(folder, ("localhost", "127.0.0.1"))
    with PrinterServer(certificate=certificate, key=key) as server:
        with house.as_web():
            row = printers.add_known(
                name=f"J-{server.port}", place=house.place(), uri=server.uri, form="pdf", second=None,
                fingerprint=fetch_fingerprint(server.uri), by=Actor.REHEARSAL.reference,
            )  # fmt: skip
        device = prints.door(row)
        device.create_job("before it was ours")
        told = [_asked(row.pk)]
        device.send_document(device.create_job(test_name(row)), b"%PDF", "application/pdf")
        told.append(_asked(row.pk))
        device.send_document(device.create_job("Letter to Mabel Quill"), b"%PDF", "application/pdf")
        told.append(_asked(row.pk))
        assert told == [(0, 0), (1, 0), (2, 1)]
        assert verdict(house, "ES-5.printers").outcome == "fail"
        assert "Mabel" not in repr(Printer.objects.filter(pk=row.pk).values())
        server.tray.jobs.clear()  # somebody switched it off and on
        device.create_job("after it was reset")
        assert _asked(row.pk) == (1, 1)
    with house.as_web():
        Printer.objects.filter(pk=row.pk).update(retired_at=house.now())


def _asked(pk: int) -> tuple[int | None, int | None]:
    from strongroom.application.despatch import prints
    from strongroom.policy.encryption_and_storage.models import Printer

    prints._ask(Printer.objects.get(pk=pk), prints.door)
    row = Printer.objects.get(pk=pk)
    return row.jobs_seen, row.jobs_foreign
