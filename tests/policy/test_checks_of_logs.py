"""Checks of the journal and the API log: each holds in a house with business, and sees its break (LM-2, LM-4, LM-6)."""

import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from strongroom.formats.leaf import Actor, Fact, Kind
from strongroom.marketplace import MarketplaceError
from strongroom.policy.logging_and_monitoring.verifying import _runs, bundles_due
from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.sabotage import logs
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from strongroom.rehearsal.sabotage.forgetting import stopped
from tests.house.running import House, Shop
from tests.policy.looking import look, state, verdict, verdicts

BREAKS = [s for s in logs.SABOTAGE if "another key" not in s.breaks and "Places" not in s.breaks]
"""Those that need no page and no file that the broker writes at the same moment; the drill makes all."""


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    """A shop that received orders, somebody who signed in, and a tree of more than one bundle."""
    with house.shop() as made:
        made.place(2)
        made.receive()
        sign_in(house)
        house.step(1200)
        fill()
        yield made


def sign_in(house: House) -> uuid.UUID:
    """A sign-in as pages write it: the entry, and where it was."""
    from strongroom.policy import definitions
    from strongroom.policy.logging_and_monitoring import journal

    session = definitions.reference()
    with house.as_web(), transaction.atomic():
        journal.record(Kind.SIGN_IN, by=Actor.REHEARSAL.reference, facts={Fact.SESSION: session.bytes})
        execute("SELECT note_sign_in(%s, %s, 'Firefox on Linux', '0a1b2c3d')", session, definitions.now())
    return session


def fill() -> None:
    """Three hundred entries with their places, and a head that is signed over them."""
    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.logging_and_monitoring import journal

    with transaction.atomic():
        for _ in range(300):
            journal.record(Kind.CHECK_RAN, by=Actor.WATCH.reference, facts={Fact.CLAUSE: 1102})
    for account in journal.accounts_with_pending():
        while journal.sequence(account, broker.append):
            continue
    time.sleep(1.3)


def execute(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return cursor.fetchone() if cursor.description else None


@pytest.mark.parametrize("sabotage", BREAKS, ids=lambda s: f"{s.clause}: {s.breaks}")
def test_a_break_is_seen_and_its_mending_too(house: House, shop: Shop, sabotage: Sabotage) -> None:
    assert state(house, sabotage.clause) == "pass", verdicts(house, sabotage.clause)
    with sabotage.act(Target(house.rehearsal)):
        broken = verdicts(house, sabotage.clause)
        assert "fail" in {v.outcome.value for v in broken.values()}, broken
    assert state(house, sabotage.clause) == "pass", verdicts(house, sabotage.clause)


@pytest.mark.parametrize("fault", [Fault.HTML_BAD_REQUEST, Fault.ROLE_MISSING, Fault.UNAUTHORISED])
def test_a_call_that_failed_by_any_name_of_ours_is_no_word_of_amazons(house: House, shop: Shop, fault: Fault) -> None:
    shop.amazon.faults.set(fault, 1)
    with suppress(MarketplaceError):
        shop.receive()
    outcomes = {outcome for (outcome,) in shop.rows("api_call", "outcome")}
    assert any("-" in outcome for outcome in outcomes), outcomes
    assert state(house, "LM-6") == "pass", verdicts(house, "LM-6")


def test_places_of_sign_ins_that_are_gone_early_are_missed(house: House, shop: Shop) -> None:
    with logs.dropped_early(Target(house.rehearsal)):
        assert verdict(house, "LM-4.places").outcome == "fail"
    assert verdict(house, "LM-4.places").outcome == "pass"


def test_a_folder_put_back_to_an_older_head_is_seen_by_what_was_seen_before(house: House, shop: Shop) -> None:
    """The broker, which would know better, hangs; what the last look saw is a row with its entry."""
    from strongroom.policy.logging_and_monitoring.checks.whole import CHECKS
    from strongroom.policy.obligations.runner import Runner

    check, journal = CHECKS[0], house.rehearsal.folders.journal
    older = (journal / "checkpoint").read_text()
    fill()
    handed = look(house)
    assert Runner([check], lambda: handed).run(check).outcome == "pass"
    with stopped(Target(house.rehearsal), "keybroker"):
        newer = (journal / "checkpoint").read_text()
        (journal / "checkpoint").write_text(older)
        told = check.run(handed)
        (journal / "checkpoint").write_text(newer)
    assert told.outcome == "fail"
    assert "leaves and held" in told.reason


def test_a_head_that_lies_elsewhere_must_be_a_prefix_and_signed(house: House, shop: Shop, folder: Path) -> None:
    from dataclasses import replace

    from strongroom.policy.logging_and_monitoring.checkpoints import copy_out
    from strongroom.policy.logging_and_monitoring.checks.whole import the_tree_is_whole

    copy_out(house.rehearsal.folders.journal, folder, house.now(), is_first=True)
    handed = replace(look(house), second_place=folder)
    told = the_tree_is_whole(handed)
    assert (told.outcome, told.seen["outside"]) == ("pass", 1)
    (kept,) = folder.glob("*.checkpoint")
    text = kept.read_text()
    kept.write_text(text.replace("\n", "\n9", 1))
    assert the_tree_is_whole(handed).outcome == "fail", "its signature is not the key's"
    assert the_tree_is_whole(replace(handed, second_place=folder / "elsewhere")).outcome == "unknown"


def test_every_bundle_has_its_turn_and_the_new_ones_at_once() -> None:
    class Tree:
        size, bundles = 256 * 1_000, 1_000

    seen: set[int] = set()
    following = 700
    for _ in range(20):
        due, following = bundles_due(Tree, since=Tree.size - 300, also={3, 2_000}, following=following)  # type: ignore[arg-type]
        assert {998, 999, 3} <= set(due) and len(due) <= 53
        seen |= set(due)
    assert seen == set(range(1_000))
    assert list(_runs([0, 1, 2, 5, 6, 9])) == [(0, 3), (5, 7), (9, 10)]


def test_where_people_signed_in_from_goes_after_the_term_and_no_day_sooner(house: House) -> None:
    """The months before are dropped by the entry that says so; a month younger than a year is refused to anybody."""
    from strongroom.policy.logging_and_monitoring import journal
    from strongroom.policy.obligations.actions import of_day
    from strongroom.policy.retention_and_recovery import leaving

    old, new = uuid.uuid4(), sign_in(house)
    month = (house.now() - timedelta(days=430)).date().replace(day=1)
    with house.as_web():
        execute("SELECT note_sign_in(%s, %s, 'Edge on Windows', '00000000')", old, house.now() - timedelta(days=430))
    assert leaving.forget_sign_ins() == 1
    left = {session for (session,) in _all("SELECT session FROM sign_in_detail")}
    assert new in left and old not in left
    young = house.now().date().replace(day=1)
    with pytest.raises(DatabaseError, match="twelve months"), transaction.atomic():
        entry = journal.record(Kind.LOGS_DROPPED, by=Actor.RETENTION.reference, subject=of_day(young).bytes)
        execute("SELECT drop_sign_ins(%s, %s)", young, entry.id)
    with pytest.raises(DatabaseError, match="twelve months"), transaction.atomic():
        execute("SELECT drop_sign_ins(%s, %s)", month, uuid.uuid4())


def test_nobody_changes_or_deletes_where_somebody_signed_in_from(house: House) -> None:
    session = sign_in(house)
    for role in ("web", "worker", "owner"):
        with Target(house.rehearsal).as_role(role) as sql:
            for act in (
                "UPDATE sign_in_detail SET place = ''",
                "DELETE FROM sign_in_detail",
                "TRUNCATE sign_in_detail",
            ):
                with pytest.raises(Exception, match=r"permission denied|is refused"):
                    sql.execute(act)
    assert session in {found for (found,) in _all("SELECT session FROM sign_in_detail")}


def test_other_data_and_calls_go_by_an_entry_that_says_so_only(house: House, shop: Shop) -> None:
    ref, call = shop.order(shop.placed[0]).ref, shop.order(shop.placed[0]).call
    for statement, id_ in (
        ("SELECT forget_other_data(%s, %s, ARRAY[%s]::uuid[])", ref),
        ("SELECT forget_calls(%s, %s, ARRAY[%s]::uuid[])", call),
    ):
        with pytest.raises(DatabaseError, match="does not speak of this"), transaction.atomic():
            execute(statement, shop.account, uuid.uuid4(), id_)
    from strongroom.policy.logging_and_monitoring import journal

    with pytest.raises(DatabaseError, match="done 90 days ago"), transaction.atomic():
        entry = journal.record(Kind.OTHER_DATA_ERASED, by=Actor.RETENTION.reference, account=shop.account)
        execute("SELECT forget_other_data(%s, %s, ARRAY[%s]::uuid[])", shop.account, entry.id, ref)
    with pytest.raises(DatabaseError, match="kept for twelve months"), transaction.atomic():
        entry = journal.record(Kind.LOGS_DROPPED, by=Actor.RETENTION.reference, account=shop.account)
        execute("SELECT forget_calls(%s, %s, ARRAY[%s]::uuid[])", shop.account, entry.id, call)


def _all(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
