"""Checks of what is stored and of what must go: each holds in a house with business, and sees its break (DF, RR, AZ)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from strongroom.rehearsal.sabotage import data, forgetting
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target
from tests.house.running import House, Shop
from tests.policy.looking import state, verdicts

ALONE = ("clock", "token")
"""Breaks that need the rehearsal's other processes; the drill makes them."""
BREAKS = [s for s in (*data.SABOTAGE, *forgetting.SABOTAGE) if not any(word in s.breaks for word in ALONE)]


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    """A shop with orders, stock, links and a probe."""
    from strongroom.policy.retention_and_recovery import probe
    from strongroom.policy.retention_and_recovery.actions import Retention
    from strongroom.website import links

    with house.shop() as made:
        made.place(3)
        made.receive()
        with Target(house.rehearsal).unguarded() as sql:  # links of other tests are not used any more
            sql.execute("UPDATE link SET retired_at = %s WHERE retired_at IS NULL", [house.now()])
            sql.execute(  # nor do their deadlines, which nobody will ever meet, wait for anybody
                "UPDATE obligation SET due_at = %s WHERE satisfied_at IS NULL AND withdrawn_at IS NULL AND due_at < %s",
                [house.now() + timedelta(days=2), house.now()],
            )
        links.know(house.rehearsal.running.configuration)
        Retention().run()
        probe.keep()
        with Target(house.rehearsal).superuser() as sql:  # shops of other tests are closed: nobody asks for them
            sql.execute("UPDATE receiver SET answered_at = %s, failure = NULL", [house.now()])
        with house.as_web():
            stock(made.account)
        yield made


def stock(account: int) -> None:
    from strongroom.policy.retention_and_recovery.models import Stock

    Stock.objects.get_or_create(
        account_id=account, sku="QM-1",
        defaults={"title": "Wooden kite", "warehouse": "Quillmarsh", "bin": "A-01-1", "currency": "GBP", "hs_code": "9503.00", "origin": "GB"},
    )  # fmt: skip


@pytest.mark.parametrize("sabotage", BREAKS, ids=lambda s: f"{s.clause}: {s.breaks}")
def test_a_break_is_seen_and_its_mending_too(house: House, shop: Shop, sabotage: Sabotage) -> None:
    before = verdicts(house, sabotage.clause)
    assert state(house, sabotage.clause) in ("pass", "unused"), before
    with sabotage.act(Target(house.rehearsal)):
        broken = verdicts(house, sabotage.clause)
        assert "fail" in {v.outcome.value for v in broken.values()}, broken
    assert state(house, sabotage.clause) in ("pass", "unused")
