"""`python -m strongroom.rehearsal.benches.inside`: does what it is asked on standard input, a line of JSON each."""

import json
import os
import sys
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from strongroom.rehearsal.benches.inside import verbs  # noqa: PLC0415 - Django is set up now

    for line in sys.stdin:
        asked = json.loads(line)
        done = verbs.VERBS[asked.pop("verb")](**asked)
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
