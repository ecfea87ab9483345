"""What shows that every order came by the gateway, is ours to ship and is opened to ship it (DF-1, RR-1)."""

from collections import Counter
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from strongroom.formats import leaf
from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.parts import Purpose
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused

READS: Final = ("searchOrders", "getOrder")
"""The operations of Amazon's that tell of orders."""
KNOWN: Final = (
    *READS, "confirmShipment", "getMarketplaceParticipations", "createRestrictedDataToken",
    "getEligibleShipmentServices", "createShipment", "getShipment", "cancelShipment", "token", "probe",
)  # fmt: skip
"""What despatching orders takes, and no more."""

UNTRACED: Final = """
SELECT count(*), count(*) FILTER (WHERE c.id IS NULL OR c.ended_at IS NULL OR c.began_at > o.answered_at
       OR (o.account_id > 0 AND (c.outcome <> 'ok' OR c.operation <> ALL (%s::text[])))
       OR (o.account_id < 0 AND c.operation <> 'probe'))
FROM amazon_order o LEFT JOIN api_call c ON c.account_id = o.account_id AND c.id = o.call
"""
"""Orders, and those among them whose call never was, never ended, came later than its answer, or told of no orders."""


def every_order_traces_to_a_call(look: Look) -> Verdict:  # noqa: ARG001 - it looks at rows only
    """Each order names the call that told of it last; that call must be one that could."""
    orders, untraced = asking.first(UNTRACED, list(READS)) or (0, 0)
    if untraced:
        return failed(
            f"Orders that trace to no call which tells of orders: {untraced:,}.", orders=orders, untraced=untraced
        )
    if not orders:
        return unused("No order is here yet.", orders=0)
    return passed(f"Each of {orders:,} orders traces to a logged call.", orders=orders, untraced=0)


def there_are_as_many_orders_as_were_received(look: Look) -> Verdict:  # noqa: ARG001
    """By account: orders that are here and that left again (AZ-3), against what the journal says was received."""
    with asking.same_moment():
        here = dict(asking.rows("SELECT account_id, count(*) FROM amazon_order WHERE account_id > 0 GROUP BY 1"))
        said = asking.rows(
            "SELECT kind, payload FROM entry WHERE kind IN (%s, %s) AND account_id > 0",
            Kind.PAGE_RECEIVED, Kind.OTHER_DATA_ERASED,
        )  # fmt: skip
    received: Counter[int] = Counter()
    for kind, payload in said:
        entry = leaf.decode_entry(bytes(payload))
        count = leaf.number(entry.facts, Fact.COUNT)
        received[entry.account] += count if kind == Kind.PAGE_RECEIVED else -count
    more = {account: here.get(account, 0) - received[account] for account in {*here, *received}}
    seen = {"here": sum(here.values()), "received": sum(received.values())}
    if any(n > 0 for n in more.values()):
        n = sum(n for n in more.values() if n > 0)
        return failed(f"Orders that are here and that no page of Amazon's brought: {n:,}.", **seen)
    if any(n < 0 for n in more.values()):
        n = -sum(n for n in more.values() if n < 0)
        return failed(f"Orders that were received and are gone, and nothing says how: {n:,}.", **seen)
    if not here:
        return unused("No order is here yet.", **seen)
    return passed(f"{seen['here']:,} orders are here, as many as pages of Amazon's brought.", **seen)


def nothing_is_sealed_of_other_orders(look: Look) -> Verdict:  # noqa: ARG001
    """Rows of orders that Amazon ships itself, or of which nobody knows who does."""
    rows, wrong = asking.first(
        "SELECT count(*), count(*) FILTER (WHERE o.fulfilled_by IS DISTINCT FROM 'MERCHANT') FROM sealed s"
        " LEFT JOIN amazon_order o ON o.account_id = s.account_id AND o.ref = s.order_ref WHERE s.account_id > 0"
    ) or (0, 0)
    if wrong:
        return failed(
            f"Parts that are held of orders which were never ours to ship: {wrong:,}.", rows=rows, wrong=wrong
        )
    if not rows:
        return unused("No personal data is held.", rows=0)
    return passed(f"Each of {rows:,} parts is of an order that we ship ourselves.", rows=rows, wrong=0)


def opened_for_known_purposes(look: Look) -> Verdict:
    """Every opening of the last day: its purpose is on the list, and its order is one that Amazon told us of."""
    since = look.now - timedelta(days=1)
    orders: Counter[tuple[int, str]] = Counter()
    strange = 0
    for (payload,) in asking.rows(
        "SELECT payload FROM entry WHERE account_id > 0 AND kind = %s AND at > %s", Kind.OPENED, since
    ):
        entry = leaf.decode_entry(bytes(payload))
        orders[entry.account, entry.subject.hex()] += 1
        strange += entry.facts.get(Fact.PURPOSE) not in set(Purpose)
    known = asking.value(
        "SELECT count(*) FROM unnest(%s::bigint[], %s::uuid[]) AS s (account_id, ref)"
        " JOIN amazon_order o ON o.account_id = s.account_id AND o.ref = s.ref",
        [account for account, _ in orders], [ref for _, ref in orders],
    )  # fmt: skip
    openings, foreign = orders.total(), len(orders) - (known or 0)
    seen = {"openings": openings, "strange": strange, "foreign": foreign}
    if strange or foreign:
        return failed(f"Openings for no purpose of ours, or of no order of ours: {strange + foreign:,}.", **seen)
    return passed(f"{openings:,} openings within a day, each for a purpose on the list.", **seen)


def only_known_hosts_are_spoken_to(look: Look) -> Verdict:
    """Links that lead out, against whom configuration and registered printers name; and what was asked of Amazon."""
    links = asking.rows("SELECT name, peer FROM link WHERE direction = 'out' AND retired_at IS NULL ORDER BY name")
    printers = {
        f"{parts.hostname}:{parts.port or 631}"
        for (uri,) in asking.rows("SELECT uri FROM printer WHERE retired_at IS NULL")
        if (parts := urlsplit(uri)).hostname
    }
    strange = [name for name, peer in links if peer not in look.hosts | printers]
    operations = asking.value(
        "SELECT count(*) FROM api_call WHERE began_at > %s AND operation <> ALL (%s::text[])",
        look.now - timedelta(days=1), list(KNOWN),
    )  # fmt: skip
    seen = {"links": len(links), "strange": len(strange), "operations": operations or 0}
    if strange:
        return failed(f"The link {strange[0]} leads to a host that no configuration names.", **seen)
    if operations:
        return failed(f"Calls that asked Amazon for what despatching does not take: {operations:,}.", **seen)
    return passed(f"{len(links)} links lead out, each to a host that is configured.", **seen)


CHECKS: Final = (
    Check(
        "DF-1.traced",
        "Every stored order names a logged call that could tell of it.",
        "An order is stored that no call of Amazon brought.",
        every_order_traces_to_a_call,
    ),
    Check(
        "DF-1.counted",
        "As many orders are stored as the journal says were received.",
        "Orders came in or went past the gateway.",
        there_are_as_many_orders_as_were_received,
    ),
    Check(
        "RR-1.ours",
        "Personal data is held of orders only that we ship ourselves.",
        "Personal data is held of an order that was never ours to ship.",
        nothing_is_sealed_of_other_orders,
    ),
    Check(
        "RR-1.purposes",
        "Everything that was opened was opened for a purpose on the list.",
        "Something was opened for another purpose, or of no order of ours.",
        opened_for_known_purposes,
    ),
    Check(
        "RR-1.hosts",
        "Data leads only to hosts that the configuration names.",
        "A link leads to a host that nobody configured.",
        only_known_hosts_are_spoken_to,
    ),
)
