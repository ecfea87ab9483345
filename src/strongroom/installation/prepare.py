"""`python -m strongroom.installation.prepare`: what root does for the units before their processes start.

`cluster` before the database: folders handed to their users, the cluster made or taken over. `schema` after it: roles,
schema, certificates, and the first administrator's link while there is nobody. Both may be killed and repeated.
"""

import argparse
import sys
from pathlib import Path

from strongroom.installation import certificates, layout
from strongroom.installation.commands import LIVE
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from strongroom.installation.problems import CannotStart
from strongroom.installation.running import Running


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m strongroom.installation.prepare", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the installation's folder")
    parser.add_argument("step", choices=("cluster", "schema"))
    options = parser.parse_args(arguments)
    folders = Folders(options.data)
    try:
        folders.make()
        running = _service(folders)
        if options.step == "cluster":
            running.prepare_cluster()
        else:
            schema(running)
    except CannotStart as problem:
        sys.stderr.write(f"strongroom: {problem.sentence} {problem.remedy}\n")
        return 1
    return 0


def _service(folders: Folders) -> Running:
    running = Running(folders, load(folders.configuration), LIVE, managed_by="units")
    if not running.who.is_service:
        raise CannotStart(running.who.why, "Run `strongroom init` again; it says what is missing.")
    return running


def schema(running: Running) -> None:
    """Roles, schema, certificates and the first link, on a database that answers or is about to."""
    running.reach_database()
    running.make_roles()
    running.migrate()
    certificates.ensure(running.folders.tls, running.configuration.web.names)
    layout.settle(running.folders, running.who)
    running.run("web", ["-m", "strongroom.website.first_link", running.address])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
