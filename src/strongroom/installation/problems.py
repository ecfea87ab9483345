"""What keeps an installation from starting, and what to do about it."""

import contextlib
import errno
from collections.abc import Iterator


class CannotStart(Exception):
    """Nothing was started. `sentence` says why, `remedy` what to do."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy


def disk_full() -> CannotStart:
    return CannotStart("The disk is full.", "Free some space, then start again; nothing committed was lost.")


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """What the system says of our own files, as a sentence: full, read-only or not ours. Else it passes through."""
    try:
        yield
    except OSError as why:
        if why.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from None
        if why.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise CannotStart(
                f"{why.filename or 'The data folder'} cannot be written: {why.strerror}.",
                "Start as the user who owns the data folder, or choose another with --data.",
            ) from None
        raise
