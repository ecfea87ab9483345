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
    """DG-4: words that could not say what runs end the start, rather than being published."""
    from strongroom.policy.clauses.terms import built_in  # noqa: PLC0415 - only when asked
    from strongroom.policy.data_governance import answers, wording  # noqa: PLC0415 - its imports need models

    found = [*wording.what_is_wrong(), *answers.what_is_wrong(built_in())]
    return [Error(problem, id="strongroom.DG-4") for problem in found]
