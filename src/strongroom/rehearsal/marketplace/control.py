"""How rehearsals and tests make things happen at the simulated Amazon: JSON lines over a private Unix socket.

What was done is kept beside, so that a killed simulator has the same world again.
"""

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, Final

from strongroom.rehearsal.marketplace.business import Item
from strongroom.rehearsal.marketplace.faults import Fault
from strongroom.rehearsal.marketplace.server import Server
from strongroom.rehearsal.people import Person

ACTS: Final = frozenset({"ship", "ship_part", "cancel", "flip", "refund", "change_address", "rename", "confirm"})


TOLD: Final = frozenset({"confirm_shipment", "buy_label", "cancel_label"})
"""What sellers told or bought; each with its `detail`."""


class Keeper:
    """Applies acts to the server's world and keeps them, in order, with their moments."""

    def __init__(self, server: Server, path: Path) -> None:
        self._server = server
        self._path = path
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            act = json.loads(line)
            server.amazon.business.advance(act["at"])
            self._apply(act)

        server.amazon.kept = self._keep

    def do(self, act: dict[str, Any]) -> dict[str, Any]:
        """One act now; its answer."""
        with self._server.lock:
            business = self._server.amazon.business
            business.advance(self._server.amazon.clock.wall())
            act = {**act, "at": business.now}
            answer = self._apply(act)
            if act["verb"] in ACTS | TOLD | {"place"}:
                self._keep(act)
            return answer

    def _keep(self, act: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(act) + "\n")

    def _apply(self, act: dict[str, Any]) -> dict[str, Any]:
        business, verb = self._server.amazon.business, act["verb"]
        if verb == "place":
            who = Person(**act["who"]) if "who" in act else None
            what = dict(act.get("what", {}))
            if "items" in what:
                what["items"] = [Item(**item) for item in what["items"]]
            return {"order_id": business.place(who, **what).order_id}
        if verb == "fault":
            self._server.amazon.faults.set(Fault(act["fault"]), int(act["times"]), act.get("only", ""))
            return {}
        if verb == "roles":
            self._server.amazon.roles = frozenset(act["roles"])
            return {}
        if verb == "fired":
            return {fault.value: count for fault, count in self._server.amazon.faults.fired.items()}
        if verb == "ledger":
            return {
                id_: {
                    "status": o.status,
                    "fulfilled_by": o.fulfilled_by,
                    "created": o.created,
                    "updated": o.updated,
                    "parcels": sorted(o.packages),
                    "labels": len(o.labels),
                }
                for id_, o in business.orders.items()
            }
        if verb in ACTS | TOLD:
            getattr(business, verb)(act["order_id"], *([act["detail"]] if "detail" in act else []))
            return {}
        raise ValueError(f"unknown verb {verb}")


def listen(keeper: Keeper, path: Path) -> None:
    """Serve acts on a private socket, in a thread of its own."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        server.bind(str(path))
    finally:
        os.umask(mask)
    server.listen(8)

    def serve() -> None:
        while True:
            connected, _ = server.accept()
            with connected, connected.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    lines.write(json.dumps(keeper.do(json.loads(line))) + "\n")
                    lines.flush()

    threading.Thread(target=serve, daemon=True).start()


class Control:
    """The other end, for drivers and tests."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def do(self, verb: str, **what: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
            connected.settimeout(30)
            connected.connect(str(self._path))
            connected.sendall(json.dumps({"verb": verb, **what}).encode() + b"\n")
            with connected.makefile("r", encoding="utf-8") as lines:
                found: dict[str, Any] = json.loads(lines.readline())
                return found
