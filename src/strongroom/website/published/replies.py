"""The answers to Amazon as they stand: the wall's states, the terms in force and the rows, put together."""

from typing import Any

from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.policy.data_governance import answers
from strongroom.policy.data_governance.facts import facts
from strongroom.policy.obligations import versions, wall
from strongroom.website.published import company
from strongroom.website.wiring import controls


def replies() -> dict[str, Any]:
    """Every answer now, and when it was made."""
    configuration = load(Folders(company.data()).configuration)
    web, terms = configuration.web, versions.InForce()()
    site = f"https://{web.names[0]}" + (f":{web.port}" if web.port != 443 else "")
    read = wall.read(controls())
    known = facts(publisher=company.publisher(configuration.company), site=site, terms=terms)
    made = answers.all_answers(states={tile.clause.id: tile.state for tile in read.tiles}, terms=terms, facts=known)
    return {"answers": made, "at": read.at, "version": terms.number, "longest": answers.LONGEST}
