"""`python -m strongroom.rehearsal.wall`: the state of every clause of a rehearsal, as JSON, read as its auditor."""

import json
import os
import sys
from pathlib import Path

from strongroom.installation.folders import Folders
from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    data = Path(os.environ["STRONGROOM_DATA"])
    from strongroom.policy.encryption_and_storage import connection  # noqa: PLC0415

    connection.use_path(str(Folders(data).run / "terminal.sock"))
    begin(RehearsalClock(data / "clock"))
    from strongroom.website.wall import reports  # noqa: PLC0415 - Django is set up now

    sys.stdout.write(json.dumps(reports.status()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
