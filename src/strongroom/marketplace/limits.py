"""The operations we use and Amazon's default allowance of each: calls a second, and burst (models of 2026-08-05)."""

from typing import Final, NamedTuple


class Limit(NamedTuple):
    rate: float
    burst: int


LIMITS: Final = {
    "searchOrders": Limit(0.0056, 20),
    "getOrder": Limit(0.5, 30),
    "confirmShipment": Limit(2.0, 10),
    "getMarketplaceParticipations": Limit(0.016, 15),
    "createRestrictedDataToken": Limit(1.0, 10),
    "getEligibleShipmentServices": Limit(6.0, 12),
    "createShipment": Limit(2.0, 2),
    "getShipment": Limit(1.0, 1),
    "cancelShipment": Limit(1.0, 1),
    "token": Limit(1.0, 10),
}
