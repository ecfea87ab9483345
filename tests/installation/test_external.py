"""Any PostgreSQL by its address: the same house on a server that somebody else runs (DESIGN 7)."""

import json
import os
from pathlib import Path

import psycopg

from strongroom.installation import database_roles
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.running import LIVE, Running
from tests.installation.test_postgres import running


def test_a_house_on_an_external_server_has_its_schema_and_roles_there(folder: Path) -> None:
    (folder / "theirs").mkdir(mode=0o711)
    (folder / "ours").mkdir(mode=0o711)
    with running(folder / "theirs") as (_, server):
        folders = Folders(folder / "ours" / "data")
        folders.make()
        (folders.credentials / "database-admin").touch(mode=0o600)
        (folders.credentials / "database-admin").write_text(server.parameters["password"])
        (folders.credentials / "unlock").touch(mode=0o600)
        (folders.credentials / "unlock").write_bytes(os.urandom(32))
        folders.configuration.write_text(f'[database]\nhost = "{server.parameters["host"]}"\nname = "sealed_orders"\n')
        with Running(folders, load(folders.configuration), LIVE) as house:
            house.create_keys("--unlock-file", str(folders.credentials / "unlock"))
            house.start_database()
            house.migrate()
            house.migrate()
            known = json.loads((folders.data / "database.json").read_text())
            assert known["name"] == "sealed_orders"
            assert not folders.postgres.exists()
            with psycopg.connect(
                **database_roles.connect_as(house.admin, folders, "worker", "sealed_orders")
            ) as connection:
                assert connection.execute("SELECT mode FROM installation").fetchall() == [("live",)]
