"""What mutants get instead of a running house: Django with nothing behind it, so that modules with tables import."""

import os

import django
import pytest


@pytest.fixture(scope="session")
def house() -> None:
    """For tests that take a house only for that; one that asks the database fails."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "strongroom.website.settings")
    django.setup()
