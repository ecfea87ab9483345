"""Log lines without values (RR-4): when, how bad, who says it, the template of the message, and where it failed."""

import logging
import sys
import threading
import time
import traceback
from types import TracebackType

from strongroom.installation.problems import CannotStart


class ValuelessFormatter(logging.Formatter):
    """Prints a record's message template, never its arguments; of an exception its type and places, never its text.

    Arguments and exception texts are where values come from: a database error repeats the row that it refuses. Our own
    loggers name exceptions by type, which is an argument that is safe, so theirs are printed.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        said = record.getMessage() if record.name.startswith("strongroom.") else str(record.msg)
        lines = [f"{moment} {record.levelname} {record.name}: {said}"]
        problem = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        while problem is not None:
            lines.append(f"  {type(problem).__module__}.{type(problem).__qualname__}")
            lines.extend(f"    {f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(problem.__traceback__))
            problem = problem.__cause__ or problem.__context__
        return "\n".join(lines)


def end_without_values() -> None:
    """What nothing caught, in any thread, is written as every other line is: by type and place.

    Python's own hooks print an exception's text, and that is where values come from. Only what we say ourselves of a
    start that failed is printed as it is: the supervisor shows a process's last line.
    """
    sys.excepthook = _uncaught
    threading.excepthook = lambda how: _uncaught(how.exc_type, how.exc_value, how.exc_traceback)


def _uncaught(kind: type[BaseException], problem: BaseException | None, where: TracebackType | None) -> None:
    if isinstance(problem, CannotStart):
        sys.stderr.write(f"{problem}\n")
    elif not issubclass(kind, SystemExit | KeyboardInterrupt):
        logging.getLogger("strongroom.process").critical("not caught", exc_info=(kind, problem or kind(), where))
