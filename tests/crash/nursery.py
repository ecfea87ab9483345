"""`python -m tests.crash.nursery`: a process that has everything loaded and forks children to be killed.

One JSON request a line on standard input: a verb of the worker's, on whose account, with whose Amazon. The child has the
worker's rights and way to the broker, tells its pid, waits for a byte on its own pipe, does the verb and ends. Loading
once instead of for every kill is all that this spares: a child opens its own connections and is a process of its own.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin

FAILED = 3
"""Exit code of a child whose verb failed in a way that the worker knows and tries again."""


def main() -> int:
    clock = RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"]))
    begin(clock)
    from django.db import connection

    connection.close()
    import httpcore  # noqa: F401 - httpx loads it with the first client, which would be each child's

    import strongroom.application.worker  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(_child(asked, clock))
        os.close(reading)
        _say({"pid": pid})
        if sys.stdin.readline().strip() == "go":
            os.write(writing, b"g")
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        _say({"code": os.waitstatus_to_exitcode(status)})
    return 0


def _say(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _child(asked: dict[str, Any], clock: RehearsalClock) -> int:
    from django.db import DatabaseError, connection

    from strongroom.formats.refused import Refused
    from strongroom.marketplace.errors import MarketplaceError
    from strongroom.policy.definitions import TimeUnknown
    from strongroom.policy.encryption_and_storage.connection import Forgotten, Unavailable

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if "database" in asked:
        connection.settings_dict["HOST"] = asked["database"]
    try:
        _do(asked, clock)
    except (Unavailable, TimeUnknown, Forgotten, Refused, DatabaseError, MarketplaceError) as problem:
        os.write(2, f"{type(problem).__name__}\n".encode())
        return FAILED
    return 0


def _do(asked: dict[str, Any], clock: RehearsalClock) -> None:
    """What a round of the worker does, in its order."""
    from strongroom.application import gateway
    from strongroom.application.despatch import prints
    from strongroom.application.receipt.actions import receive
    from strongroom.formats.secret import Secret
    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.logging_and_monitoring import journal
    from strongroom.policy.retention_and_recovery.actions import Kept, Retention, carry_due

    match asked["verb"]:
        case "print":
            prints.print_due(sender=("Quillmarsh Toys", "GB"))
        case "retain":
            Retention().run()
        case "carry":
            carry_due(account=asked["account"], kept=Kept())
        case "receive":
            amazon = asked["amazon"]
            settings = gateway.Settings(
                **{**amazon, "client_secret": Secret(amazon["client_secret"]), "ca_file": Path(amazon["ca_file"]),
                   "refresh_token": Secret(amazon["refresh_token"]), "marketplaces": tuple(amazon["marketplaces"])}
            )  # fmt: skip
            receive(account=asked["account"], client=gateway.client(asked["account"], settings, clock))
    for account in journal.accounts_with_pending():
        journal.sequence(account, broker.append)


if __name__ == "__main__":
    sys.exit(main())
