"""Where a stretch of work spends its time: its thread's stack, looked at every few milliseconds by another thread.

Each look counts for the innermost frame that is one of the named steps, and for what is waited for. A look must get
the interpreter's lock soon, or it would see the waits only, in which the lock is free; so it is handed over a hundred
times as often meanwhile, which costs some percent. What is profiled is therefore not what is timed.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final

EVERY: Final = 0.003
HANDED_OVER: Final = 0.00005
Steps = Mapping[tuple[str, str], str]
"""(end of a file's name, function) to the step's words."""
WAITS: Final = {
    ("encryption_and_storage/connection.py", "_read"): "waits for the key broker",
    ("psycopg/connection.py", "wait"): "waits for the database",
}


def profiled(work: Callable[[], object], steps: Steps) -> dict[str, dict[str, float]]:
    """Shares of the elapsed time, 0 to 1: by step, and by what was waited for or `python`."""
    me, over = threading.get_ident(), threading.Event()
    by_step: Counter[str] = Counter()
    by_wait: Counter[str] = Counter()

    def look() -> None:
        while not over.wait(EVERY):
            frame = sys._current_frames().get(me)  # noqa: SLF001 - the interpreter's own way to see another thread
            by_step[_first(frame, steps, "other")] += 1
            by_wait[_first(frame, WAITS, "python")] += 1

    watcher = threading.Thread(target=look, name="profile")
    before = sys.getswitchinterval()
    sys.setswitchinterval(HANDED_OVER)
    watcher.start()
    try:
        work()
    finally:
        sys.setswitchinterval(before)
        over.set()
        watcher.join()
    return {"steps": _shares(by_step), "waits": _shares(by_wait)}


def _first(frame: FrameType | None, names: Steps, otherwise: str) -> str:
    """The words of the innermost named frame."""
    while frame is not None:
        code = frame.f_code
        for (file, function), words in names.items():
            if code.co_name == function and code.co_filename.endswith(file):
                return words
        frame = frame.f_back
    return otherwise


def _shares(counted: Counter[str]) -> dict[str, float]:
    total = counted.total() or 1
    return {words: round(count / total, 3) for words, count in counted.most_common()}
