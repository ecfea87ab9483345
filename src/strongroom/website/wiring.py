"""The sections, listed once, and how a process is joined to the broker at its start."""

from typing import Final

SECTIONS: Final = (
    "strongroom.policy.logging_and_monitoring",
    "strongroom.policy.least_privilege",
    "strongroom.policy.obligations",
    "strongroom.policy.encryption_and_storage",
    "strongroom.policy.access_management",
    "strongroom.policy.retention_and_recovery",
)
PAGES: Final = (
    "strongroom.policy.access_management.urls",
    "strongroom.policy.logging_and_monitoring.urls",
    "strongroom.policy.retention_and_recovery.urls",
    "strongroom.application.despatch.urls",
    "strongroom.application.lookup.urls",
    "strongroom.application.receipt.urls",
)
TABLES: Final = {
    "account": (
        "alarm", "amazon_order", "api_call", "day_key", "entry", "label_print", "leaf", "obligation", "order_item",
        "parcel", "parcel_item", "part", "pending", "receiver", "sealed", "stock", "wave",
    ),
    "reference": ("selling_account",),
    "local": (
        "auth_group", "auth_group_permissions", "auth_permission", "bucket", "cache", "django_content_type",
        "django_migrations", "django_session", "factor", "first_link", "installation", "person", "person_reference",
        "printer", "role_grant",
    ),
}  # fmt: skip
"""Every table is one of these (DESIGN 12); one in none fails the catalogue test."""
