"""An application whose every answer counts as a part that was opened, and says which process gave it."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from strongroom.policy.encryption_and_storage.broker import HELD
from strongroom.website import recycling

PARTS: Final = 40


def application(_environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    HELD.parts += 1
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


recycling.when_due(recycling.hand_over, parts=PARTS)
