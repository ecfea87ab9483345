"""What tests of the public pages share: a publisher, editions of this house, and a change of terms."""

from pathlib import Path
from typing import Any

from strongroom.policy.data_governance.document import Publisher
from tests.house.running import House
from tests.policy.people import Somebody, as_website

HEAD = '[profile]\nid = "quillmarsh"\nversion = 1\nfrom = 2026-11-24\nsource = "Board"\nwords = "The board"\n'
STRICTER = {"quillmarsh.toml": HEAD + "[terms.lock_after_failures]\nvalue = 4\n"}
QUILLMARSH = Publisher(
    "Quillmarsh Toys", ("privacy@quillmarsh.invalid",), ("Unit 4, Wharf Road", "Quillmarsh QM1 2AB"), "GB",
    ("GB", "DE", "FR", "JP", "AE", "TR"),
)  # fmt: skip


def data(house: House) -> Path:
    return house.rehearsal.folders.data


def current(house: House) -> Path:
    """The folder of the edition that is served."""
    home = data(house) / "published"
    return home / (home / "current").read_text().strip()


def publish(house: House, publisher: Publisher = QUILLMARSH) -> Any:
    """Published by a person as the page does it, and in the tree when this returns."""
    from strongroom.policy.data_governance import actions

    with as_website(house):
        made = actions.publish(
            publisher=publisher, data=data(house), by=Somebody("security", password=None, has_app=False).now()
        )
    sequence()
    return made


def sequence() -> None:
    """The worker gives every entry of the installation its place."""
    from strongroom.policy.encryption_and_storage import broker
    from strongroom.policy.logging_and_monitoring import journal

    while journal.sequence(0, broker.append):
        continue


def put_in_force(house: House, texts: dict[str, str]) -> Any:
    """Two people put profiles in force; this process sees them at once."""
    from strongroom.policy.clauses import terms
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.obligations import versions

    with as_website(house):
        one, another = (Somebody(role, password=None, has_app=False).now() for role in ("security", "manager"))
        proposal = versions.propose(texts=texts, reason="The board wants it", by=one)
        made = versions.put_in_force(approval=approvals.approve(id_=proposal.pk, by=another), by=another)
    terms.use_source(versions.InForce())
    sequence()
    return made
