"""Checks at start: a route that declares no permission, a table without its kind, a field without its class end it."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db.models import CharField, Model, TextField
from django.urls import URLPattern, URLResolver, get_resolver

from strongroom.policy.clauses.permissions import declared
from strongroom.policy.definitions.fields import catalogue
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


def fields_are_classified(**_: Any) -> list[CheckMessage]:
    """DF-2: a field that stands in no class of the catalogue is stored nowhere, since nothing starts with it."""
    return [
        Error(f"{name}: {why}; put it into policy/definitions/fields.toml", id="strongroom.DF-2")
        for model in apps.get_models(include_auto_created=True)
        for name, why in _unclassified(model)
    ]


def _unclassified(model: type[Model]) -> Iterator[tuple[str, str]]:
    table = model._meta.db_table  # noqa: SLF001 - Django's own name
    known = catalogue()[table].columns if table in catalogue() else {}
    for each in model._meta.local_concrete_fields:  # noqa: SLF001
        if each.column is None:  # a composite key is no column of its own
            continue
        if each.column not in known:
            yield f"{table}.{each.column}", "in no class"
        elif isinstance(each, (CharField, TextField)) and known[each.column].shape is None:
            yield f"{table}.{each.column}", "a text without a shape"


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route with its view."""
    for pattern in resolver.url_patterns:
        where = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, where)
        elif isinstance(pattern, URLPattern):
            yield where, pattern.callback
