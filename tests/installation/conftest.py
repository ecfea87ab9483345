"""One server a PostgreSQL for tests that only look, with our roles made; and a folder for it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.installation import database_roles
from strongroom.installation.folders import Folders
from tests.installation.servers import BOTH, SomebodysServer, running_server


@pytest.fixture(scope="session", params=BOTH)
def shared(request: pytest.FixtureRequest) -> Iterator[tuple[Folders, SomebodysServer]]:
    """A server with our roles and database. What a test changes in it, it changes back."""
    made = Path(tempfile.mkdtemp(prefix="sr-shared-"))
    made.chmod(0o711 if os.getuid() == 0 else 0o700)
    with running_server(made, request.param) as (folders, server):
        database_roles.make(server.parameters, folders, whole_server=True)
        yield folders, server
    shutil.rmtree(made, ignore_errors=True)
