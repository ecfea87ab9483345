"""Firewall rules from the configuration's allow-list (NP-1), and what the kernel makes of them.

Ours is one table: who may reach the website's port, and which of our users may begin a connection. It is loaded as a
whole or not at all. Other tables are the administrator's.
"""

import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from strongroom.formats.grade import Role
from strongroom.installation.configuration import Configuration
from strongroom.installation.problems import CannotStart

SYSTEM: Final = f"{os.defpath}:/usr/sbin:/sbin"
TABLE: Final = "strongroom"
RULES: Final = "strongroom.nft"
WANTED: Final = "firewall.json"
"""In the data folder: our table as the kernel shows it when nothing but our rules was loaded."""
FOLDER: Final = "firewall"
DUMP: Final = "ruleset.json"
"""In the folder of sockets: what root last saw in the kernel, for the inspector, whom the kernel does not show it."""
LOAD: Final = "Run: systemctl restart strongroom-firewall"
SILENT: Final = (Role.BROKER, Role.INSPECTOR, Role.DATABASE)
"""Who never begins or answers a connection over a network."""


def rules(configuration: Configuration, users: Mapping[Role, str]) -> str:
    """The rules as nft reads them; `users`: names or numbers, without those that others have too. Loaded again they
    replace themselves in one transaction.
    """
    networks = [ipaddress.ip_network(one) for one in configuration.network.allow]
    port = configuration.web.port
    silent = sorted(users[role] for role in SILENT if role in users)
    web = users[Role.WEB]
    allowed = [
        f"        {family} saddr {{ {', '.join(map(str, sorted(found, key=str)))} }} tcp dport {port} accept"
        for family, version in (("ip", 4), ("ip6", 6))
        if (found := [one for one in networks if one.version == version])
    ]
    return "\n".join(
        [
            "#!/usr/sbin/nft -f",
            "# Made by `strongroom init` from [network] allow; change it there.",
            f"table inet {TABLE}",
            f"delete table inet {TABLE}",
            f"table inet {TABLE} {{",
            "    chain incoming {",
            "        type filter hook input priority -10; policy accept;",
            '        iifname "lo" accept',
            *allowed,
            f"        tcp dport {port} drop",
            "    }",
            "    chain outgoing {",
            "        type filter hook output priority -10; policy accept;",
            '        oifname "lo" accept',
            f"        meta skuid {{ {', '.join(silent)} }} drop",
            f"        meta skuid {web} ct state established,related accept",
            f"        meta skuid {web} drop",
            "    }",
            "}",
            "",
        ]
    )


def as_the_kernel_shows(path: Path) -> Any:
    """What a kernel without any other rule makes of this file: loaded into a network of its own, which then ends."""
    nft = program()
    ran = subprocess.run(
        ["unshare", "--net", "sh", "-c", '"$0" -f "$1" && "$0" -j list table inet "$2"', nft, path, TABLE],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    if ran.returncode != 0:
        raise CannotStart(f"The firewall rules do not load: {ran.stderr.strip()[:300]}", "Look at [network] allow.")
    return json.loads(ran.stdout)


def of_ours(ruleset: Any) -> list[Any]:
    """The chains, sets and rules of our table, without what differs from load to load."""
    found = []
    for item in ruleset.get("nftables", []):
        for kind, what in item.items():
            named = (what.get("family"), what.get("table", what.get("name"))) if isinstance(what, dict) else ()
            if named == ("inet", TABLE):
                found.append({kind: _plain(what)})
    return found


def _plain(what: Any) -> Any:
    if isinstance(what, dict):
        return {name: _plain(value) for name, value in what.items() if name not in ("handle", "packets", "bytes")}
    return [_plain(one) for one in what] if isinstance(what, list) else what


def is_installed() -> bool:
    return shutil.which("nft", path=SYSTEM) is not None


def program() -> str:
    """Where nft is. Raises `CannotStart`."""
    found = shutil.which("nft", path=SYSTEM)
    if found is None:
        raise CannotStart("The program nft is not installed.", "Install the package nftables, then run this again.")
    return found
