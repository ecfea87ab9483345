"""`python -m strongroom.website.first_link BASE`: the first administrator's link, on a terminal and in a 0600 file."""

import os
import sys
from pathlib import Path

import django

FILE = "website/first-administrator"


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    django.setup()
    from strongroom.policy.access_management.actions import issue_first_link  # noqa: PLC0415 - Django is set up now

    link = issue_first_link(base=arguments[0], file=Path(os.environ["STRONGROOM_DATA"]) / FILE)
    sys.stdout.write((link or "") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
