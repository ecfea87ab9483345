from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error


class Section(AppConfig):
    name = "strongroom.policy.data_governance"
    label = "data_governance"
    verbose_name = "Data governance"

    def ready(self) -> None:
        checks.register(words_say_our_terms)


def words_say_our_terms(**_: Any) -> list[CheckMessage]:
    """DG-4: a page that could not say what runs ends the start, rather than being published."""
    from strongroom.policy.data_governance.wording import what_is_wrong  # noqa: PLC0415 - no model; only when asked

    return [Error(problem, id="strongroom.DG-4") for problem in what_is_wrong()]
