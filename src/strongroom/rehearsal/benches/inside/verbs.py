"""What may be asked, by name."""

from collections.abc import Callable
from typing import Any, Final

from strongroom.rehearsal.benches.inside import days, journalling, opening, receiving

VERBS: Final[dict[str, Callable[..., Any]]] = {
    "account": receiving.account,
    "make": receiving.make,
    "receive": receiving.receive,
    "despatch": receiving.despatch,
    "open": opening.open_parts,
    "commit": opening.commit,
    "search": opening.search,
    "search statement": opening.statement,
    "begin sequencing": journalling.begin_sequencing,
    "end sequencing": journalling.end_sequencing,
    "append": journalling.append,
    "fill": days.fill,
    "destroy": days.destroy,
    "drop": days.drop,
    "make days": days.make,
}
