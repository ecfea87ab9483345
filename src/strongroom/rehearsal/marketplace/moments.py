"""Moments as Amazon writes them."""

from datetime import UTC, datetime


def instant(seconds: float) -> str:
    """RFC 3339 with milliseconds, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
