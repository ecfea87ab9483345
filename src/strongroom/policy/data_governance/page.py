"""A document as HTML: one file that needs our style sheet and nothing else; no script, no cookie."""

from django.template.loader import render_to_string

from strongroom.policy.data_governance.document import OF_NUMBERS, Document
from strongroom.policy.data_governance.wording import POLICY

OTHER = {
    "policy": {"path": "/privacy", "words": "What becomes of your data"},
    "privacy": {"path": "/policy", "words": "The whole policy"},
}
"""What each page leads to."""


def html(page: Document) -> bytes:
    """The page as it is served. Every value is escaped by the template."""
    shown = {
        "page": page, "other": OTHER[page.name], "numbers": "" if page.name == POLICY else "/policy",
        "of_numbers": OF_NUMBERS,
    }  # fmt: skip
    return render_to_string("data_governance/document.html", shown).encode()
