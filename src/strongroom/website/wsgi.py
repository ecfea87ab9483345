"""The live installation's application, on the machine's own clock."""

import os

from strongroom.formats.clock import SystemClock
from strongroom.website.process import begin, settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
begin(SystemClock())

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after the process is set up

from strongroom.website import keeping, recycling  # noqa: E402

application = get_wsgi_application()
settle()
keeping.start()
recycling.when_due(recycling.hand_over)
