"""Orders as Amazon would tell them, made before anything is timed: JSON pages, and the typed records read from them."""

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.marketplace.parse import load, orders_page
from strongroom.marketplace.records import OrderRecord, Page
from strongroom.rehearsal.marketplace.answers import order_json
from strongroom.rehearsal.marketplace.business import Business

A_PAGE: Final = 100
"""As many orders as Amazon puts into one answer."""
ROLES: Final = frozenset({"BUYER", "RECIPIENT"})
STATES: Final = frozenset({"FULFILLMENT"})


@dataclass(frozen=True)
class Bodies:
    """Amazon's answers to both searches for the same orders, as bytes."""

    states: list[bytes]
    personal: list[bytes]


@dataclass(frozen=True)
class Told:
    """Answers as typed pages: all that receipt asks of its client, without the wire."""

    states: list[Page]
    personal: list[Page]

    def search_states(self, *, updated_after: datetime, page_token: Secret | None) -> Page:  # noqa: ARG002
        return self.states[int(page_token.text()) if page_token else 0]

    def search_personal_data(self, *, created_after: datetime, page_token: Secret | None) -> Page:  # noqa: ARG002
        return self.personal[int(page_token.text()) if page_token else 0]

    def get_order_personal_data(self, order_id: str) -> Page:
        return next(
            replace(page, orders=(order,)) for page in self.personal for order in page.orders
            if order.order_id == order_id
        )  # fmt: skip

    @property
    def records(self) -> list[OrderRecord]:
        return [order for page in self.personal for order in page.orders]

    @property
    def calls(self) -> list[uuid.UUID]:
        """The calls whose answers seal; each order names the one it came with."""
        return [page.call for page in self.personal]


class Shop:
    """The same orders in their order for the same seed: ours and a peer's processes make them alike."""

    def __init__(self, seed: int, start: float) -> None:
        self._world = Business(seed=seed, start=start, orders_per_day=0.0)
        self._start = start

    def bodies(self, count: int) -> Bodies:
        """The next so many orders, to be shipped by the merchant."""
        made = [self._world.place(status="UNSHIPPED", fulfilled_by="MERCHANT") for _ in range(count)]
        self._world.orders.clear()
        pages = [made[at : at + A_PAGE] for at in range(0, count, A_PAGE)]

        def said(included: frozenset[str]) -> list[bytes]:
            return [
                json.dumps({"orders": [
                    order_json(order, included=included, roles=ROLES, now=self._start) for order in page
                ]}).encode()
                for page in pages
            ]  # fmt: skip

        return Bodies(said(STATES), said(STATES | ROLES))


def read(bodies: Bodies, *, until: datetime) -> Told:
    """What our parser makes of them; `until`: Amazon's echo of the window's end."""
    return Told(
        _pages(bodies.states, until, personal=False), _pages(bodies.personal, until, personal=True)
    )  # fmt: skip


def _pages(bodies: Sequence[bytes], until: datetime, *, personal: bool) -> list[Page]:
    """Each page of its own call, with where the next one is found."""
    found = []
    for at, body in enumerate(bodies, 1):
        call, following = uuid.UUID(bytes=os.urandom(16)), Secret(str(at)) if at < len(bodies) else None
        page = orders_page(load(Secret(body)), call=call, keep=personal, asked_recipient=personal)
        found.append(replace(page, next_token=following, last_updated_before=until))
    return found
