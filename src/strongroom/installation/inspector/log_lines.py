"""Look `log-lines`: each line of each log has a shape that its program writes (LM-3)."""

from typing import Final

from strongroom.formats import log_lines
from strongroom.formats.verdict import Look
from strongroom.installation.inspector.asked import asked
from strongroom.installation.inspector.seen import Seen, Surroundings, shown

REMEDY: Final = "Look which program wrote it."


def look(around: Surroundings, seen: Seen) -> None:
    asked(around, seen, Look.LOG_LINES)
    found = log_lines.in_folder(around.folders.logs)
    seen.saw("files", found.files)
    seen.saw("lines", found.lines)
    if found.strange:
        seen.problem(found.problem(), REMEDY)
    for path, why in found.unread.items():
        seen.cannot(f"{shown(path)} cannot be read: {why}.")
