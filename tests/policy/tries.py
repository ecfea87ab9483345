"""`python -m tests.policy.tries EMAIL PASSWORD [CODE]`: one of the website's processes.

It says "ready", waits for a line, then tries at once and says how each try was answered: the password, five times; or,
where a code is given, that code, twice, after the password was right. Four wrong codes lock nobody.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main(email: str, password: str, code: str = "") -> None:
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    one, times = (_codes(email, password, code), 2) if code else (_passwords(email, password), 5)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(times) as pool:
        sys.stdout.write("".join(f"{word}\n" for word in pool.map(one, range(times))))


def _passwords(email: str, password: str) -> Callable[[int], str]:
    from django.db import connections

    from tests.policy.people import browser, post, words

    def one(_: int) -> str:
        said = words(post(browser(), "/sign-in", email=email, password=password))
        connections.close_all()
        return "looked at" if "is not right" in said else "locked" if "account is locked" in said else said[:200]

    return one


def _codes(email: str, password: str, code: str) -> Callable[[int], str]:
    from django.db import connections

    from tests.policy.people import browser, is_inside, post

    browsers = [browser() for _ in range(2)]
    for each in browsers:
        post(each, "/sign-in", email=email, password=password)

    def one(place: int) -> str:
        answer = post(browsers[place], "/sign-in/code", code=code)
        inside = is_inside(browsers[place])
        connections.close_all()
        let_in = answer.status_code == 302 and not answer.headers["location"].startswith("/sign-in")
        return "in" if inside or let_in else "refused"

    return one


if __name__ == "__main__":
    main(*sys.argv[1:])
