"""The wall as data: for `/status.json`, `strongroom status`, `policy show` and metrics. The same rows as the pages."""

from datetime import datetime
from typing import Any

from strongroom.policy.clauses import terms, values
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.obligations import wall
from strongroom.policy.obligations.rules import State, Tile
from strongroom.policy.obligations.wall import Wall
from strongroom.website.wiring import controls


def status() -> dict[str, Any]:
    """Every clause's state, with its evidence's time, its due time and its reason (DESIGN 9)."""
    read = wall.read(controls())
    return {
        "at": read.at.isoformat(),
        "policy_version": terms.in_force().number,
        "counts": counts(read),
        "clauses": [_row(tile) for tile in in_order(read)],
    }


def policy() -> list[dict[str, Any]]:
    """Every promise with its grade, terms and controls; what is not built is null (DESIGN 9)."""
    all_controls = controls()
    read = wall.read(all_controls)
    return [
        {
            "id": tile.clause.id,
            "promise": tile.clause.promise,
            "grade": tile.clause.grade,
            "terms": {
                f"{term.name}{' (' + term.scope_words + ')' if term.scope else ''}": {
                    "value": values.plain(term.value), "from": list(term.counted_from), "source": term.source,
                }
                for term in terms.in_force().of(tile.clause.id)
            },
            "guard": [guard.words for guard in all_controls.guards_of(tile.clause.id)] or None,
            "check": [check.id for check in all_controls.checks_of(tile.clause.id)] or None,
            "evidence": _evidence(tile),
            "sabotage": None,
            "state": tile.state,
        }
        for tile in in_order(read)
    ]  # fmt: skip


def counts(read: Wall) -> dict[str, int]:
    """How many promises are in each state; attested is apart from true."""
    counted = read.counts()
    names = (State.TRUE, State.ATTESTED, State.DUE, State.UNKNOWN, State.FALSE, State.EXCEPTED, State.NOT_USED)
    return {state.value.replace(" ", "_"): counted[state] for state in names}


def in_order(read: Wall) -> list[Tile]:
    """By the policy's order, as documents have it."""
    return sorted(read.tiles, key=lambda tile: list(all_clauses()).index(tile.clause.id))


def _row(tile: Tile) -> dict[str, Any]:
    return {
        "id": tile.clause.id, "state": tile.state, "evidence_at": _moment(tile.evidence_at),
        "due_at": _moment(tile.due_at), "reason": tile.reason,
    }  # fmt: skip


def _evidence(tile: Tile) -> list[str] | None:
    return [part.name for part in tile.parts if part.evidence_at is not None] or None


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
