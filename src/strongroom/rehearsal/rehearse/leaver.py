"""`python -m strongroom.rehearsal.rehearse.leaver EMAIL`: a sample person leaves, by the verb that pages use (AM-5)."""

import os
import sys
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin


def main(email: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))
    from strongroom.formats.leaf import Actor  # noqa: PLC0415 - Django is set up now
    from strongroom.policy.access_management import leavers  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import Person  # noqa: PLC0415
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415

    if not Installation.objects.filter(id=1, mode="rehearsal").exists():
        sys.stderr.write("people leave a rehearsal only\n")
        return 1
    leavers.leave(person=Person.objects.get(email=email), by=Actor.REHEARSAL.reference)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
