"""Look `database-files`: owner, modes, links, checksums, and settings that could log values (RR-4, ES-1)."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.formats.grade import Role
from strongroom.installation.inspector import processes
from strongroom.installation.inspector.seen import Seen, Surroundings, shown
from strongroom.installation.neighbours import PROC

MOST: Final = 500_000
LONGEST: Final = 1 << 20
WATCHED: Final = re.compile(
    r"^\s*(log_\w+|logging_collector|debug_print_\w+|\w+_preload_libraries|archive_\w+|listen_addresses|"
    r"unix_socket_permissions|fsync|full_page_writes|hba_file|ssl\w*|password_encryption|include\w*)(?:\s|=)",
    re.IGNORECASE,
)
HARMLESS: Final = frozenset(
    {"log_timezone", "log_file_mode", "log_rotation_age", "log_rotation_size", "log_filename", "log_directory",
     "log_line_prefix", "log_truncate_on_rotation"}
)  # fmt: skip
"""Settings of files and names of logs, which put nothing into them."""
AUTO: Final = "postgresql.auto.conf"


def look(around: Surroundings, seen: Seen) -> None:
    cluster = around.folders.postgres
    if not cluster.exists():
        seen.cannot("The database is not in this installation's folders; its own administrator must look after it.")
        return
    state = cluster.lstat()
    wanted = around.description.grade.uids.get(Role.DATABASE, state.st_uid)
    if stat.S_ISLNK(state.st_mode):
        seen.problem(f"The cluster's folder {shown(cluster)} is a link.", "Move the whole data folder instead.")
        return
    _files(cluster, wanted, seen)
    _settings(cluster / AUTO, seen)
    _tablespaces(cluster, seen)
    _server(around, cluster, seen)


def _files(cluster: Path, wanted: int, seen: Seen) -> None:
    count, linked, theirs, open_ = 0, [], [], []
    for path, state in _everything(cluster, seen):
        count += 1
        if count > MOST:
            seen.cannot(f"The cluster has more than {MOST} files; the rest was not looked at.")
            break
        if stat.S_ISLNK(state.st_mode):
            linked.append(path)
        if state.st_uid != wanted:
            theirs.append(path)
        if state.st_mode & 0o077 and not stat.S_ISLNK(state.st_mode):
            open_.append(path)
    seen.saw("files", count)
    for path in linked:
        seen.problem(f"{shown(path)} is a link out of the cluster.", "Stop the database and move its target back here.")
    for path in theirs:
        seen.problem(f"{shown(path)} does not belong to the database's user.", f"Run: chown {wanted} {shown(path)}")
    for path in open_:
        seen.problem(f"Others may reach {shown(path)}.", f"Run: chmod go-rwx {shown(path)}")


def _everything(cluster: Path, seen: Seen) -> Iterator[tuple[Path, os.stat_result]]:
    def unreadable(why: OSError) -> None:
        if not isinstance(why, FileNotFoundError):
            seen.cannot(f"{shown(Path(str(why.filename)))} cannot be read: {why.strerror}.")

    yield cluster, cluster.lstat()
    for here, folders, files in os.walk(cluster, onerror=unreadable):
        for name in (*folders, *files):
            try:
                yield Path(here) / name, (Path(here) / name).lstat()
            except FileNotFoundError:  # the database removes files while we look
                continue


def _settings(auto: Path, seen: Seen) -> None:
    """ALTER SYSTEM writes here. Our command line outranks it, yet somebody wanted it otherwise."""
    try:
        with auto.open("rb") as file:
            text = file.read(LONGEST).decode("utf-8", "replace")
    except OSError as why:
        seen.cannot(f"{AUTO} cannot be read: {why.strerror}.")
        return
    found = [match[1].lower() for line in text.splitlines() if (match := WATCHED.match(line))]
    names = [name for name in found if name not in HARMLESS]
    seen.saw("auto_settings", sorted(names))
    for name in names:
        seen.problem(f"{AUTO} sets {name}.", f"Find out who wanted it, then run: ALTER SYSTEM RESET {name}")


def _tablespaces(cluster: Path, seen: Seen) -> None:
    try:
        found = sorted(path.name for path in (cluster / "pg_tblspc").iterdir())
    except OSError as why:
        seen.cannot(f"pg_tblspc cannot be read: {why.strerror}.")
        return
    seen.saw("tablespaces", len(found))
    if found:
        seen.problem(
            f"The cluster keeps tables elsewhere ({len(found)} tablespaces).",
            "Move them back (ALTER TABLE … SET TABLESPACE pg_default), then DROP TABLESPACE.",
        )


def _server(around: Surroundings, cluster: Path, seen: Seen) -> None:
    """The running server: whether it writes checksums, and whether it was started with the settings it should have."""
    everybody = processes.living()
    roles = processes.ours(around, everybody)
    found = [
        pid for pid, role in roles.items()
        if role is Role.DATABASE and roles.get(everybody[pid].parent) is not Role.DATABASE
    ]  # fmt: skip
    if not found:
        seen.cannot("No database server of ours runs, so that its checksums and settings were not looked at.")
        return
    try:
        program = (PROC / str(found[0]) / "exe").readlink()
        told = (PROC / str(found[0]) / "cmdline").read_bytes().split(b"\0")
    except OSError as why:
        seen.cannot(f"The database server's own process is not shown: {why.strerror}.")
        return
    _started_with(set(told), seen)
    _checksums(program.with_name("pg_controldata"), cluster, seen)


def _started_with(told: set[bytes], seen: Seen) -> None:
    wanted = {
        b"logging_collector=off", b"log_error_verbosity=terse", b"log_min_error_statement=panic", b"log_statement=none",
        b"log_min_duration_statement=-1", b"log_parameter_max_length=0", b"log_parameter_max_length_on_error=0",
        b"log_destination=stderr", b"listen_addresses=", b"fsync=on", b"full_page_writes=on",
        b"password_encryption=scram-sha-256",
    }  # fmt: skip
    missing = sorted(name.split(b"=")[0].decode() for name in wanted - told)
    seen.saw("settings_missing", missing)
    if missing:
        seen.problem(
            f"The database server was started without {', '.join(missing)} as they should be.", "Restart Strongroom."
        )


def _checksums(program: Path, cluster: Path, seen: Seen) -> None:
    try:
        ran = subprocess.run(
            [program, "-D", cluster], capture_output=True, text=True, check=False, timeout=20, cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        seen.cannot("pg_controldata is not beside the database's programs, so that checksums were not looked at.")
        return
    version = re.search(r"^Data page checksum version:\s+(\d+)$", ran.stdout, re.MULTILINE)
    if version is None:
        seen.cannot("pg_controldata does not tell whether there are checksums.")
        return
    seen.saw("checksums", int(version[1]))
    if version[1] == "0":
        seen.problem("The database keeps no checksums.", "Stop it and run: pg_checksums --enable -D " + shown(cluster))
