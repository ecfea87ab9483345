"""What tests of checks share: what a check is handed, and a house with business to look at."""

from typing import Any

from tests.house.running import House


def look(house: House) -> Any:
    """What the worker would hand to a check now."""
    from strongroom.website.wiring import look as make

    return make(house.rehearsal.folders, house.rehearsal.running.configuration)


def verdicts(house: House, clause: str) -> dict[str, Any]:
    """Every check of a clause, run now in this process, by its id."""
    from strongroom.website.wiring import controls

    return {check.id: check.run(look(house)) for check in controls().checks_of(clause)}


def verdict(house: House, check: str) -> Any:
    """One check, run now in this process; those beside it may wait for processes that are not here."""
    from strongroom.website.wiring import controls

    (found,) = [each for each in controls().checks_of(check.partition(".")[0]) if each.id == check]
    return found.run(look(house))


def state(house: House, clause: str) -> str:
    """The worst outcome of a clause's checks; `unused` only where nothing else is said."""
    found = {verdict.outcome.value for verdict in verdicts(house, clause).values()}
    return next((each for each in ("fail", "unknown", "pass", "unused") if each in found), "none")
