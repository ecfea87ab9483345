"""`python -m tests.installation.anew DESCRIPTOR`: holds a word, says so, begins anew once, and says that too."""

import os
import sys

from strongroom.website import recycling

MARK = b"Quillon-"


def main(writing: int) -> None:
    life = int(os.environ.get("LIFE", "0")) + 1
    held = MARK * 3 if life == 1 else b""  # made here: the text of this file holds it only once
    os.set_inheritable(writing, True)
    os.write(writing, f"{life} {os.getpid()}".encode())
    sys.stdin.readline()
    if life == 1:
        os.environ["LIFE"] = str(life) if held else ""
        recycling.begin_anew()


if __name__ == "__main__":
    main(int(sys.argv[1]))
