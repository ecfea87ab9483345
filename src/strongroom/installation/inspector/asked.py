"""What the worker asked of a look in words; its verdict says of what it is the answer (docs/formats/verdict.md)."""

import hashlib
from typing import Final

from strongroom.formats import owned_file
from strongroom.formats.grade import Role
from strongroom.formats.owned_file import NotTheirs
from strongroom.formats.verdict import MOST_BYTES, Look
from strongroom.formats.verdict_file import SOUGHT, WANTED
from strongroom.installation.inspector.seen import Seen, Surroundings

NOTHING: Final = b""


def asked(around: Surroundings, seen: Seen, which: Look) -> bytes:
    """The worker's own words, noted in what is seen; nothing where it has none, or somebody else could have said so."""
    uid = around.description.grade.uids[Role.WORKER]
    try:
        words = owned_file.read(around.folders.data / WANTED, str(which), uid=uid, most=MOST_BYTES)
    except (FileNotFoundError, NotTheirs):
        return NOTHING
    if words:
        seen.saw(SOUGHT, hashlib.sha256(words).hexdigest())
    return words
