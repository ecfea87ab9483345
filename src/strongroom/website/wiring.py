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
        "account_emailaddress", "account_emailconfirmation", "attempts", "auth_group", "auth_group_permissions",
        "auth_permission", "bucket", "cache", "command_token", "django_content_type", "django_migrations",
        "django_session",
        "first_link", "installation", "invitation", "mfa_authenticator", "old_password", "person", "person_reference",
        "printer", "role_grant", "signed_in",
    ),
}  # fmt: skip
"""Every table is one of these (DESIGN 12); one in none fails the catalogue test."""
