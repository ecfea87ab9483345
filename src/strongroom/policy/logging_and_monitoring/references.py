"""Opaque references for people: one a person and year, so that the journal names nobody (DESIGN 5)."""

import uuid
from datetime import datetime

from strongroom.formats.leaf import Actor
from strongroom.policy import definitions
from strongroom.policy.logging_and_monitoring.models import PersonReference


def of_person(person_id: int, at: datetime) -> bytes:
    """The 16-byte reference of a person in the year of `at`, made at first use."""
    found, _ = PersonReference.objects.get_or_create(
        person=person_id, year=at.year, defaults={"reference": definitions.reference()}
    )
    return found.reference.bytes


def all_of(person_id: int) -> list[uuid.UUID]:
    """Every reference a person had, over the years."""
    return list(PersonReference.objects.filter(person=person_id).values_list("reference", flat=True))


def people(references: set[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Which person stands behind each reference, as far as the mapping still lives."""
    rows = PersonReference.objects.filter(reference__in=references)
    return dict(rows.values_list("reference", "person"))


def process(reference: uuid.UUID) -> Actor | None:
    """The process behind a reference, or `None` for a person's."""
    high, low = reference.bytes[:15], reference.bytes[15]
    return Actor(low) if high == bytes(15) and low in Actor.__members__.values() else None
