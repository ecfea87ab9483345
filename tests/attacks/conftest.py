"""One cast for all attacks on the website: sign-ins are slow, and nobody here changes who may do what."""

from collections.abc import Iterator

import pytest

from tests.attacks.cast import Cast, cast_in
from tests.house.running import House
from tests.policy.people import as_website


@pytest.fixture(scope="session")
def cast(house: House) -> Iterator[Cast]:
    with cast_in(house) as made:
        yield made


@pytest.fixture
def web(house: House, cast: Cast) -> Iterator[None]:
    """What pages may do, and no more. After the cast, which the worker's role helps to make."""
    from strongroom.policy.access_management.models import Attempts

    with as_website(house):
        Attempts.objects.all().delete()
        yield
