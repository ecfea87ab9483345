"""The website's settings with every logger at DEBUG: what a drill turns on to see that even so no value is logged."""

from strongroom.website.settings import *  # noqa: F403
from strongroom.website.settings import LOGGING

LOGGING["root"]["level"] = "DEBUG"  # type: ignore[index]
LOGGING["loggers"] = {
    name: {"handlers": [], "propagate": True, "level": "DEBUG"}
    for name in ("django", "django.db.backends", "strongroom", "httpx", "httpcore", "psycopg", "allauth")
}
