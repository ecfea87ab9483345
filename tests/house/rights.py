"""`python -m tests.house.rights`: writes the table of the database's rights anew, from a fresh schema.

What changed is for people to read before it is committed: `git diff src/strongroom/policy/least_privilege`.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.house.running import running_house

FILE = Path(__file__).parents[2] / "src" / "strongroom" / "policy" / "least_privilege" / "database_rights.txt"


def main() -> int:
    made = Path(tempfile.mkdtemp(prefix="sr-rights-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    try:
        with running_house(made):
            from strongroom.policy.least_privilege import database_rights

            lines = sorted(database_rights.rights() | database_rights.standing())
    finally:
        shutil.rmtree(made, ignore_errors=True)
    FILE.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sys.stdout.write(f"{len(lines)} rights stand in {FILE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
