"""The service manager's units: each process by its own entry point, with the arguments that the supervisor uses too.

Text in, text out; `strongroom init` writes them. Everything that a process does not need is taken from it here, so that
a fault in one of them stays in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.formats.verdict_file import FOLDER, WANTED
from strongroom.installation import commands, firewall
from strongroom.installation.commands import LIVE, NOBODYS_HOME, PRIVILEGED
from strongroom.installation.configuration import Configuration
from strongroom.installation.folders import Folders
from strongroom.installation.identities import GROUP, NAMED
from strongroom.installation.layout import rule_for

TARGET: Final = "strongroom.target"
HARD: Final = {
    "NoNewPrivileges": "yes", "LimitCORE": "0", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
    "PrivateDevices": "yes", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible",
    "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
    "RemoveIPC": "yes", "SystemCallArchitectures": "native", "SystemCallFilter": "@system-service",
    "SystemCallErrorNumber": "EPERM", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
    "RestrictAddressFamilies": "AF_UNIX", "IPAddressDeny": "any", "MemorySwapMax": "0", "UMask": "0022",
    "WorkingDirectory": "/", "Restart": "always", "RestartSec": "1", "TimeoutStopSec": "30", "Type": "exec",
}  # fmt: skip
"""What every unit begins with. A unit says where it needs more, and why."""


@dataclass(frozen=True)
class Plan:
    """What the units are made from. `postgres`: the database's command, none where it is another machine's."""

    folders: Folders
    configuration: Configuration
    postgres: Sequence[str]
    python: str
    unlock: bool
    firewall: Path | None


def all_units(plan: Plan) -> dict[str, str]:
    """Every unit's text by file name."""
    found = {
        TARGET: _target(plan), "strongroom-prepare.service": _prepare(plan), "strongroom-broker.service": _broker(plan),
        "strongroom-web.service": _web(plan), "strongroom-worker.service": _worker(plan),
        "strongroom-inspector.service": _inspector(plan),
    }  # fmt: skip
    if plan.postgres:
        found["strongroom-database.service"] = _database(plan)
    if plan.firewall is not None:
        found |= {
            "strongroom-firewall.service": _firewall(plan.firewall),
            "strongroom-firewall-look.service": _firewall_look(plan),
            "strongroom-firewall-look.timer": _firewall_timer(),
        }
    return found


def sysusers() -> str:
    """Users and group as systemd-sysusers makes them: no home, no shell, no password."""
    lines = ["# Made by `strongroom init`.", f"g {GROUP} -"]
    lines += [f'u {user} - "Strongroom {role}" {NOBODYS_HOME}' for role, user in NAMED.items()]
    return "\n".join(lines) + "\n"


def _target(plan: Plan) -> str:
    wanted = ["prepare", "broker", "web", "worker", "inspector", *(["database"] if plan.postgres else [])]
    names = [f"strongroom-{name}.service" for name in wanted]
    if plan.firewall is not None:
        names += ["strongroom-firewall.service", "strongroom-firewall-look.timer"]
    unit = {"Description": "Strongroom", "Wants": " ".join(names), "After": " ".join(names)}
    return _text({"Unit": unit, "Install": {"WantedBy": "multi-user.target"}})


def _database(plan: Plan) -> str:
    data = plan.folders.data
    return _service(
        "database", Role.DATABASE, plan.postgres,
        {
            # As root (`+`): makes the cluster where there is none, takes over what a kill left, hands folders over.
            "ExecStartPre": f"+{_command(_python(plan, 'strongroom.installation.prepare', data, 'cluster'))}",
            "KillSignal": "SIGINT", "TimeoutStopSec": "120", "TimeoutStartSec": "300",
            "ReadWritePaths": f"{_path(plan.folders.postgres)} {_path(plan.folders.run)}",
            "RemoveIPC": "no",  # its shared memory must outlive a session of its user
            "MemorySwapMax": None,  # it holds ciphertext, and may need the room
            "Environment": "LC_ALL=C TZ=UTC",
        },
    )  # fmt: skip


def _prepare(plan: Plan) -> str:
    data = plan.folders.data
    hard = {
        **HARD, "Type": "oneshot", "RemainAfterExit": "yes", "Restart": None, "RestartSec": None, "User": None,
        "ExecStart": _command(_python(plan, "strongroom.installation.prepare", data, "schema")),
        "TimeoutStartSec": "1800", "ReadWritePaths": _path(data), "PrivateDevices": "yes",
        "CapabilityBoundingSet": "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_KILL",
        "SystemCallFilter": "@system-service @setuid", "ProtectProc": "default",
        **_network(plan.configuration.database.host),
    }  # fmt: skip
    unit = {"Description": "Strongroom: roles, schema, certificates", "PartOf": TARGET}
    if plan.postgres:
        unit |= {"Requires": "strongroom-database.service", "After": "strongroom-database.service"}
    return _text({"Unit": unit, "Service": hard})


def _broker(plan: Plan) -> str:
    """The keys: no network at all, no swap, nothing to write but keys, journal and its sockets."""
    folders = plan.folders
    more = ["--unlock-file", "%d/unlock"] if plan.unlock else []
    arguments = commands.broker(folders, LIVE, *commands.peers(folders, NAMED), *more)
    return _service(
        "broker", Role.BROKER, arguments,
        {
            "PrivateNetwork": "yes", "LimitMEMLOCK": "infinity",
            "ReadWritePaths": " ".join(map(_path, (folders.keys, folders.journal, folders.terminal_socket.parent))),
            "LoadCredential": [f"unlock:{_raw(folders.credentials / 'unlock')}"] if plan.unlock else None,
            "InaccessiblePaths": _hidden(folders.postgres, folders.tls),
        },
    )  # fmt: skip


def _web(plan: Plan) -> str:
    folders, configuration = plan.folders, plan.configuration
    arguments = commands.website(
        LIVE, configuration, certificate=folders.tls / "server.pem", key="%d/web-key"
    )  # fmt: skip
    given = _credentials(folders, Role.WEB, ("database-web", "django-secret-key", "monitoring-token"))
    allowed = " ".join(("localhost", *configuration.network.allow))
    low = "CAP_NET_BIND_SERVICE" if configuration.web.port < PRIVILEGED else ""
    return _service(
        "web", Role.WEB, arguments,
        {
            "LoadCredential": [*given, f"web-key:{_raw(folders.tls / 'server.key')}"],
            "Environment": _environment(plan, "web"),
            "ReadWritePaths": " ".join(_path(folders.data / name) for name in ("website", "published")),
            "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "IPAddressAllow": allowed,
            "CapabilityBoundingSet": low, "AmbientCapabilities": low,
            "InaccessiblePaths": _hidden(folders.keys, folders.postgres),
        },
        after=["strongroom-prepare.service", "strongroom-broker.service"],
        needs=["strongroom-prepare.service", *(["strongroom-firewall.service"] if plan.firewall is not None else [])],
    )  # fmt: skip


def _worker(plan: Plan) -> str:
    """The one that talks to Amazon, printers and mail servers: their addresses are not known here, none is denied."""
    folders = plan.folders
    given = _credentials(folders, Role.WORKER, ("database-worker", *plan.configuration.credentials()))
    elsewhere = plan.configuration.journal.checkpoints_to
    writes = [folders.data / WANTED, *([Path(elsewhere)] if elsewhere else [])]
    return _service(
        "worker", Role.WORKER, commands.worker(LIVE),
        {
            "LoadCredential": given,
            "Environment": _environment(plan, "worker"), "ReadWritePaths": " ".join(map(_path, writes)),
            "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "IPAddressDeny": None,
            "InaccessiblePaths": _hidden(folders.keys, folders.postgres),
        },
        after=["strongroom-prepare.service", "strongroom-broker.service", "network-online.target"],
        needs=["strongroom-prepare.service"],
    )  # fmt: skip


def _inspector(plan: Plan) -> str:
    """It must see processes, sockets and stray files of the whole machine, and change nothing but its verdicts."""
    folders = plan.folders
    rights = "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE"
    return _service(
        "inspector", Role.INSPECTOR, commands.inspector(folders, LIVE, "--broker", str(folders.peers_socket)),
        {
            "ReadWritePaths": _path(folders.data / FOLDER), "AmbientCapabilities": rights,
            "CapabilityBoundingSet": rights, "ProtectProc": "default", "PrivateTmp": "no", "ProtectHome": "read-only",
            "ProtectClock": "no", "SystemCallFilter": "@system-service adjtimex clock_adjtime", "PrivateDevices": "no",
            "DevicePolicy": "closed", "ProtectControlGroups": "yes", "MemoryMax": "512M", "CPUQuota": "50%",
        },
    )  # fmt: skip


def _firewall(rules: Path) -> str:
    """Loading fails closed: the website requires this unit."""
    hard = {
        **HARD, "Type": "oneshot", "RemainAfterExit": "yes", "Restart": None, "RestartSec": None,
        "ExecStart": f"/usr/sbin/nft -f {_path(rules)}", "RestrictAddressFamilies": "AF_NETLINK AF_UNIX",
        "CapabilityBoundingSet": "CAP_NET_ADMIN",
    }  # fmt: skip
    unit = {
        "Description": "Strongroom: firewall rules",
        "After": "nftables.service",
        "Before": "strongroom-web.service",
    }
    return _text({"Unit": unit, "Service": hard})


def _firewall_look(plan: Plan) -> str:
    """What the kernel holds, for the inspector, which may not ask it: reading rules takes the right to change them."""
    dump = plan.folders.run / firewall.FOLDER / firewall.DUMP
    hard = {
        **HARD, "Type": "oneshot", "Restart": None, "RestartSec": None, "ExecStart": "/usr/sbin/nft -j list ruleset",
        "StandardOutput": f"truncate:{_raw(dump)}", "RestrictAddressFamilies": "AF_NETLINK AF_UNIX",
        "CapabilityBoundingSet": "CAP_NET_ADMIN",
    }  # fmt: skip
    return _text({"Unit": {"Description": "Strongroom: write the firewall's rules down"}, "Service": hard})


def _firewall_timer() -> str:
    times = {"OnActiveSec": "1", "OnUnitActiveSec": "5min", "AccuracySec": "10s"}
    return _text({"Unit": {"Description": "Strongroom: the firewall's rules every five minutes", "PartOf": TARGET},
                  "Timer": times})  # fmt: skip


def _service(
    name: str, role: Role, arguments: Sequence[str], own: Mapping[str, str | list[str] | None], *,
    after: Sequence[str] = (), needs: Sequence[str] = (),
) -> str:  # fmt: skip
    unit = {"Description": f"Strongroom: {name}", "PartOf": TARGET}
    if after:
        unit["After"] = " ".join(after)
    if needs:
        unit["Requires"] = " ".join(needs)
    if "network-online.target" in after:
        unit["Wants"] = "network-online.target"
    who = {"User": NAMED[role], "Group": NAMED[role]}
    if role in (Role.WEB, Role.WORKER, Role.DATABASE):
        who["SupplementaryGroups"] = GROUP
    first = {"ExecStart": _command(arguments), **who}
    told = {"Environment": f"HOME={NOBODYS_HOME} TZ=UTC"}
    return _text({"Unit": unit, "Service": {**HARD, **told, **first, **own}})


def _credentials(folders: Folders, role: Role, made: Sequence[str]) -> list[str]:
    """What a role reads: what is always made for it, and what the administrator put there. Loaded by the manager."""
    there = [path.name for path in folders.credentials.glob("*")]
    theirs = [name for name in there if (rule := rule_for(f"credentials/{name}")) is not None and rule.role is role]
    return [f"{name}:{_raw(folders.credentials / name)}" for name in sorted({*made, *theirs})]


def _environment(plan: Plan, role: str) -> str:
    told = commands.told(plan.folders, LIVE, plan.configuration, role)
    told |= {"STRONGROOM_BROKER_SOCKET": str(plan.folders.peers_socket), "HOME": NOBODYS_HOME, "TZ": "UTC"}
    return " ".join(_word(f"{name}={value}") for name, value in told.items())


def _network(host: str) -> dict[str, str | None]:
    """A database on another machine is reached over the network."""
    if not host or host.startswith("/"):
        return {}
    return {"RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "IPAddressDeny": None}


def _python(plan: Plan, module: str, data: Path, *arguments: str) -> list[str]:
    return [plan.python, "-m", module, "--data", str(data), *arguments]


def _command(arguments: Sequence[str]) -> str:
    return " ".join(_word(argument, command=True) for argument in arguments)


def _word(text: str, *, command: bool = False) -> str:
    """One word for systemd: quoted where it needs it; `%` is a specifier but for `%d`, `$` a variable in commands."""
    kept = text.replace("%", "%%").replace("%%d/", "%d/")
    if command:
        kept = kept.replace("$", "$$")
    if kept and not any(character in kept for character in " \t\"'\\;"):
        return kept
    escaped = kept.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _path(path: Path) -> str:
    return _word(str(path))


def _raw(path: Path) -> str:
    """A path where systemd takes the rest of the line as it is."""
    return str(path).replace("%", "%%")


def _hidden(*folders: Path) -> str:
    """Paths that a unit does not see; one that does not exist is no fault (`-`)."""
    return " ".join(_word(f"-{folder}") for folder in folders)


def _text(sections: Mapping[str, Mapping[str, str | list[str] | None]]) -> str:
    """The file. A value that is a list stands on lines of its own; none leaves the setting out."""
    lines = ["# Made by `strongroom init`; it is written anew by the next one. Change it in a drop-in.", ""]
    for section, settings in sections.items():
        lines.append(f"[{section}]")
        for name, value in settings.items():
            values = value if isinstance(value, list) else [] if value is None else [value]
            lines += [f"{name}={one}" for one in values]
        lines.append("")
    return "\n".join(lines)
