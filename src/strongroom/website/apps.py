from django.apps import AppConfig
from django.core import checks


class Website(AppConfig):
    name = "strongroom.website"
    label = "website"

    def ready(self) -> None:
        from strongroom.website.checks import (  # noqa: PLC0415 - models exist only now
            fields_are_classified,
            routes_declare_permissions,
            tables_are_registered,
        )

        checks.register(routes_declare_permissions)
        checks.register(tables_are_registered)
        checks.register(fields_are_classified)
