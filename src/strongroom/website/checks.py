"""Checks at start: a route that declares no permission, or a model field without its table's kind, ends the start."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.urls import URLPattern, URLResolver, get_resolver

from strongroom.policy.clauses.permissions import declared
from strongroom.website.wiring import TABLES


def routes_declare_permissions(**_: Any) -> list[CheckMessage]:
    """NP-2: deny by default, at start rather than at the first request."""
    return [
        Error(f"the route {route!r} declares no permission; add @permission(...) to its view", id="strongroom.NP-2")
        for route, view in routes(get_resolver())
        if declared(view) is None
    ]


def tables_are_registered(**_: Any) -> list[CheckMessage]:
    """DESIGN 12: every table is account, reference or local."""
    known = {table for tables in TABLES.values() for table in tables}
    return [
        Error(f"the table {model._meta.db_table} is in no list of website/wiring.py", id="strongroom.DF-2")  # noqa: SLF001 - Django's own name
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table not in known  # noqa: SLF001
    ]


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route with its view."""
    for pattern in resolver.url_patterns:
        where = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, where)
        elif isinstance(pattern, URLPattern):
            yield where, pattern.callback
