"""Who publishes: the company as the configuration knows it."""

from pathlib import Path

from django.conf import settings

from strongroom.installation.configuration import Company, load
from strongroom.installation.folders import Folders
from strongroom.policy.data_governance.document import Publisher


def publisher(company: Company) -> Publisher:
    """The part of the configuration that a public page says."""
    town = f"{company.city} {company.postcode}".strip()
    where = tuple(line for line in (*company.address, town) if line)
    return Publisher(company.name, company.contacts, where, company.country, company.sells_to)


def here() -> Publisher:
    """This installation's, as its file says it now."""
    return publisher(load(Folders(data()).configuration).company)


def data() -> Path:
    return Path(str(settings.DATA))
