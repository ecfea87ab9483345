"""How facts are written on pages: times in London with UTC behind them, how long is left, grouped numbers."""

import functools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from strongroom.policy import definitions
from strongroom.policy.definitions import TimeUnknown
from strongroom.policy.obligations.rules import State, age

register = template.Library()
LONDON = ZoneInfo("Europe/London")


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """`24 Nov 2026, 10:06`, with the instant in UTC for machines."""
    if moment is None:
        return "never"
    here = moment.astimezone(LONDON)
    utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}">{}</time>', utc, f"{here.day} {here:%b %Y, %H:%M}")


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """`10:06` in London, for what happened today."""
    if moment is None:
        return ""
    utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}">{}</time>', utc, f"{moment.astimezone(LONDON):%H:%M}")


@register.filter
def clock_seconds(moment: datetime) -> SafeString:
    """`10:06:31` in London, for what ends within a minute."""
    utc = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}">{}</time>', utc, f"{moment.astimezone(LONDON):%H:%M:%S}")


@register.filter
def day(value: date | None) -> SafeString | str:
    return (
        "none" if value is None else format_html('<time datetime="{}">{}</time>', value, f"{value.day} {value:%b %Y}")
    )


@register.filter
def left(until: datetime) -> str:
    """How long until then, in the two largest units: `27 d 14 h`, `9 h 57 min`; `over` where it has passed."""
    try:
        rest = until - definitions.now()
    except TimeUnknown:
        return "unknown"
    if rest <= timedelta():
        return "over"
    days, hours, minutes = rest.days, rest.seconds // 3600, rest.seconds % 3600 // 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago that was: `3 min`, `35 h`, `12 d`."""
    if moment is None:
        return "never"
    try:
        return age(max(timedelta(), definitions.now() - moment))
    except TimeUnknown:
        return "unknown"


@register.filter
def flap(until: datetime) -> str:
    """The same for the board, padded so that columns align."""
    try:
        rest = max(timedelta(), until - definitions.now())
    except TimeUnknown:
        return "  ?d  ?h"
    if rest.days:
        return f"{rest.days:>2}d {rest.seconds // 3600:>2}h"
    return f"{rest.seconds // 3600:>2}h {rest.seconds % 3600 // 60:>2}m"


@register.simple_tag
@functools.cache
def state(one: State) -> SafeString:
    """A promise's state: its icon and its word."""
    icon = format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', one.slug)
    return format_html('<span class="state" data-state="{}">{}{}</span>', one.slug, icon, one.words)


@register.filter
def plain(word: str) -> str:
    """A word that Amazon writes for programs, as people read it: `NEXT_DAY` is `Next day`."""
    return word.replace("_", " ").capitalize() if word.isupper() else word


@register.filter
def grouped(number: int | None) -> str:
    return "0" if number is None else f"{number:,}"


@register.filter
def share(until: datetime, whole_days: int) -> int:
    """How much of an allowed time is left, in hundredths; the fuse's width."""
    try:
        rest = until - definitions.now()
    except TimeUnknown:
        return 0
    return max(0, min(100, round(100 * rest / timedelta(days=whole_days))))


@register.filter
def short(value: bytes | str) -> str:
    """The first eight hex digits of a hash or reference."""
    return value[:4].hex() if isinstance(value, bytes) else str(value)[:8]
