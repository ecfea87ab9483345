"""The rehearsal's application: the same website, on the rehearsal's clock."""

import os
from pathlib import Path

from strongroom.rehearsal.clock import RehearsalClock
from strongroom.website.process import begin, settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
begin(RehearsalClock(Path(os.environ["STRONGROOM_REHEARSAL_CLOCK"])))

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after the process is set up

from strongroom.website import keeping, recycling  # noqa: E402

application = get_wsgi_application()
settle()
keeping.start()
recycling.when_due(recycling.hand_over)
