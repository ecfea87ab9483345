"""Times as letters say them: in London, as on every page."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")


def when(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%-d %B %Y, %H:%M} (London)"
