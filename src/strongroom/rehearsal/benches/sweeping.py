"""`python -m strongroom.rehearsal.benches.sweeping`: one round of the sweeper with the worker's rights, timed.

Prints one JSON line; `limit_ms` is the time in which the database alone reads every open deadline.
"""

import json
import os
import sys
import time
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from django.db import connection  # noqa: PLC0415 - Django is set up now

    from strongroom.policy.obligations import sweeper  # noqa: PLC0415

    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute("SELECT id, due_at FROM obligation WHERE satisfied_at IS NULL AND withdrawn_at IS NULL")
        cursor.fetchall()
        limit = time.perf_counter() - began
    began = time.perf_counter()
    done = sweeper.sweep()
    taken = time.perf_counter() - began
    told = json.dumps({
        "ms": round(taken * 1000, 1), "limit_ms": round(limit * 1000, 1), "breached": done.breached,
        "warned": done.warned, "leader": done.leader,
    })  # fmt: skip
    sys.stdout.write(f"{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
