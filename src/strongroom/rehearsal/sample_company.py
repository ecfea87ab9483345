"""`python -m strongroom.rehearsal.sample_company`: people, places, devices, stock, a printer, for rehearsals alone."""

import os
import sys
from pathlib import Path

from strongroom.rehearsal import sample_people, sample_shop
from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415 - Django is set up now

    if not Installation.objects.filter(id=1, mode="rehearsal").exists():
        sys.stderr.write("a sample company is for rehearsals only\n")
        return 1
    data = Path(os.environ["STRONGROOM_DATA"])
    sample_shop.make_places()  # before anybody looks whether this machine stands in one
    sample_people.make(data / sample_people.FILE)
    sample_shop.make(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
