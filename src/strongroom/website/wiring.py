"""The sections, listed once, and how a process is joined to the broker at its start."""

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from strongroom.installation.configuration import Configuration
    from strongroom.installation.folders import Folders
    from strongroom.policy.clauses.controls import Controls, Look, Route
    from strongroom.policy.obligations.channels.news import Source

SECTIONS: Final = (
    "strongroom.policy.logging_and_monitoring",
    "strongroom.policy.least_privilege",
    "strongroom.policy.obligations",
    "strongroom.policy.encryption_and_storage",
    "strongroom.policy.access_management",
    "strongroom.policy.retention_and_recovery",
    "strongroom.policy.data_governance",
    "strongroom.policy.incident_response",
)
CONTROLLED: Final = (
    "data_governance", "network_protection", "access_management", "encryption_in_transit", "incident_response",
    "retention_and_recovery", "encryption_and_storage", "least_privilege", "logging_and_monitoring",
)  # fmt: skip
"""The sections that export guards, checks and stores."""
TELLING: Final = ("obligations.channels", "incident_response")
"""The sections that export sources of news."""
PAGES: Final = (
    "strongroom.policy.access_management.urls",
    "strongroom.policy.logging_and_monitoring.urls",
    "strongroom.policy.retention_and_recovery.urls",
    "strongroom.policy.obligations.channels.urls",
    "strongroom.policy.incident_response.urls",
    "strongroom.website.wall.urls",
    "strongroom.website.published.urls",
    "strongroom.application.despatch.urls",
    "strongroom.application.lookup.urls",
    "strongroom.application.receipt.urls",
)
TABLES: Final = {
    "account": (
        "alarm", "amazon_order", "api_call", "day_key", "delivery", "entry", "evidence", "incident_case", "label_print",
        "leaf", "obligation", "order_item", "outbox", "parcel", "parcel_item", "part", "pending", "receiver", "run",
        "sealed", "stock", "turn", "wave",
    ),
    "reference": ("policy_version", "selling_account"),
    "local": (
        "account_emailaddress", "account_emailconfirmation", "approval", "attempts", "auth_group",
        "auth_group_permissions", "auth_permission", "bucket", "cache", "check_due", "clause_exception",
        "clause_owner", "command_token", "credential", "device", "django_content_type", "django_migrations",
        "django_session", "equipment", "first_link", "heartbeat", "installation", "invitation", "link",
        "mfa_authenticator", "old_password", "person", "person_reference", "place", "printer", "probe_session",
        "role_grant", "sign_in_detail", "signed_in", "threat",
    ),
}  # fmt: skip
"""Every table is one of these (DESIGN 12); one in none fails the catalogue test."""


def controls() -> "Controls":
    """Every section's guards, checks and stores, in the policy's order. Once Django is set up."""
    from strongroom.policy.clauses.controls import Controls  # noqa: PLC0415 - the sections' modules need Django

    sections = [importlib.import_module(f"strongroom.policy.{name}") for name in CONTROLLED]
    return Controls(
        guards=tuple(guard for section in sections for guard in _of(section, "guards", "GUARDS")),
        checks=tuple(check for section in sections for check in _of(section, "checks", "CHECKS")),
        stores=tuple(store for section in sections for store in _of(section, "stores", "STORES")),
    )


def look(folders: "Folders", configuration: "Configuration") -> "Look":
    """What a check is handed now."""
    from strongroom.policy import definitions  # noqa: PLC0415
    from strongroom.policy.clauses.controls import Look  # noqa: PLC0415
    from strongroom.policy.logging_and_monitoring.models import Installation  # noqa: PLC0415
    from strongroom.website import links  # noqa: PLC0415

    return Look(
        now=definitions.now(),
        installed_at=Installation.objects.get(id=1).created_at,
        data=folders.data,
        address=f"https://{configuration.web.names[0]}:{configuration.web.port}",
        ca=folders.tls / "ca.pem",
        hosts=links.hosts(configuration),
        second_place=second_place(configuration),
        routes=_routes(),
    )


@cache
def _routes() -> "tuple[Route, ...]":
    """Every door of the website and its permission, which do not change while a process lives."""
    from django.urls import get_resolver  # noqa: PLC0415

    from strongroom.policy.clauses.controls import Route  # noqa: PLC0415
    from strongroom.policy.clauses.permissions import declared  # noqa: PLC0415
    from strongroom.website.checks import routes  # noqa: PLC0415 - it imports this module

    return tuple(Route(route, declared(view) or "") for route, view in routes(get_resolver()))


def second_place(configuration: "Configuration") -> Path | None:
    """Where checkpoints lie besides here, if anywhere."""
    return Path(configuration.journal.checkpoints_to) if configuration.journal.checkpoints_to else None


def news() -> "tuple[Source, ...]":
    """Every section's sources of news, those that matter most first. Once Django is set up."""
    found = [importlib.import_module(f"strongroom.policy.{name}") for name in TELLING]
    return tuple(source for section in found for source in _of(section, "news", "NEWS"))


def _of(section: ModuleType, file: str, name: str) -> tuple[Any, ...]:
    """What a section exports from one of its fixed files; nothing where it has no such file."""
    if importlib.util.find_spec(f"{section.__name__}.{file}") is None:
        return ()
    found: tuple[Any, ...] = getattr(importlib.import_module(f"{section.__name__}.{file}"), name)
    return found
