"""Publishing: a person gives the public what runs, in the company's name (DG-4).

It is not done by itself when terms change: a page in a company's name is read by somebody before the public reads it.
Until then the check of DG-4 says that the page is older than what runs, and a duty of a day says who publishes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import transaction

from strongroom.formats.leaf import Fact, Kind
from strongroom.formats.malformed import Malformed
from strongroom.formats.refused import Refused
from strongroom.policy import definitions
from strongroom.policy.clauses.permissions import Permission
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.data_governance import publication
from strongroom.policy.data_governance.document import Edition, Publisher
from strongroom.policy.least_privilege.actions import reference_of
from strongroom.policy.least_privilege.gate import require
from strongroom.policy.least_privilege.models import Person
from strongroom.policy.logging_and_monitoring import journal
from strongroom.policy.logging_and_monitoring.models import Installation
from strongroom.policy.logging_and_monitoring.tree import read_key
from strongroom.policy.obligations import duties, versions
from strongroom.policy.obligations.models import CheckDue, PolicyVersion

DUTY: Final = "publish_policy"
NOBODY: Final = "Strongroom"
"""The name of a company that said none."""


@dataclass(frozen=True)
class Published:
    """An edition that is served now. sha256: of its sums, as the journal has it."""

    number: int
    version: int
    sha256: bytes


def publish(*, publisher: Publisher, data: Path, by: Person) -> Published:
    """Render what is in force, write it, journal its hash, serve it; in this order.

    Raises `Refused` without a company's name or contact, with letters that no font has, and where somebody else
    published at the same moment. A crash after the journal leaves the older edition served, and DG-4 says so.
    """
    require(Permission.POLICY_OWN, of=by)
    terms = versions.InForce()()
    edition, files = render(publisher=publisher, data=data, terms=terms)
    try:
        publication.write(data, edition.number, files)
    except FileExistsError:
        raise Refused("DG-4", "Somebody published at the same moment. Look at it, then publish again.") from None
    digest = publication.digest(files)
    with transaction.atomic():
        journal.record(
            Kind.POLICY_PUBLISHED, by=reference_of(by),
            facts={Fact.VERSION: edition.version, Fact.COUNT: edition.number, Fact.HASH: digest},
        )  # fmt: skip
        duties.do(
            name=DUTY, words=f"Published version {edition.version} as edition {edition.number}.", on=definitions.now(),
            by=by, document_sha256=digest, kept_at=f"published/{edition.number:04}/{publication.SUMS}",
        )  # fmt: skip
    publication.serve(data, edition.number)
    CheckDue.objects.filter(check_id__startswith="DG-4.").update(wanted_at=definitions.now())
    return Published(edition.number, edition.version, digest)


def render(*, publisher: Publisher, data: Path, terms: Terms) -> tuple[Edition, dict[str, bytes]]:
    """The next edition, not written yet: also what somebody looks at before. Raises `Refused` where it cannot be."""
    if publisher.name in ("", NOBODY) or not publisher.contacts:
        raise Refused("DG-4", "A public page says whose it is: set name and contacts in [company] first, and restart.")
    edition = _edition(data, terms)
    return edition, publication.render(publisher, edition, terms, publication.before(data, terms.number))


def _edition(data: Path, terms: Terms) -> Edition:
    here = Installation.objects.get(id=1)
    version = PolicyVersion.objects.filter(number=terms.number).first()
    try:
        read_key(data / "journal")  # one key, and whole
        key = next((data / "journal").glob("*.vkey")).read_text(encoding="utf-8").strip()
    except Malformed:
        raise Refused("LM-2", "The journal's public key is missing; without it nobody could check the page.") from None
    return Edition(
        number=max(publication.editions(data), default=0) + 1, version=terms.number,
        since=version.since if version is not None else here.created_at, published_at=definitions.now(),
        mode=here.mode, origin=here.origin, key=key,
    )  # fmt: skip
