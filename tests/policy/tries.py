"""`python -m tests.policy.tries EMAIL PASSWORD`: one of the website's processes; tries a password five times at once.

It says "ready", waits for a line, then says how each try was answered.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main(email: str, password: str) -> None:
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from django.db import connections

    from tests.policy.people import browser, post, words

    def one(_: int) -> str:
        said = words(post(browser(), "/sign-in", email=email, password=password))
        connections.close_all()
        return "looked at" if "is not right" in said else "locked" if "account is locked" in said else said[:200]

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(5) as pool:
        sys.stdout.write("".join(f"{word}\n" for word in pool.map(one, range(5))))


if __name__ == "__main__":
    main(*sys.argv[1:])
