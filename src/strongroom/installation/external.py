"""Any PostgreSQL 15 to 18 by its address: refused where its log could leak or its link is not TLS (RR-4, ET-1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from strongroom.installation.problems import CannotStart

OLDEST: Final = 150_000
NEWEST: Final = 190_000
_LITERALS: Final = "statements are logged with their literals"
_QUIET: Final = ("info", "notice", "warning", "error", "log", "fatal", "panic")
WANTED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "log_error_verbosity": (("terse",), "DETAIL lines repeat values"),
    "log_min_messages": (_QUIET, "debug messages repeat statements with their literals"),
    "log_min_error_statement": (("panic",), f"failed {_LITERALS}"),
    "log_statement": (("none", "ddl"), _LITERALS),
    "log_min_duration_statement": (("-1",), f"slow {_LITERALS}"),
    "log_min_duration_sample": (("-1",), f"sampled {_LITERALS}"),
    "log_transaction_sample_rate": (("0",), "sampled transactions are logged with their literals"),
    "log_parameter_max_length": (("0",), "bound values are logged"),
    "log_parameter_max_length_on_error": (("0",), "bound values of failed statements are logged"),
    "debug_print_parse": (("off",), "parse trees hold literals"),
    "debug_print_rewritten": (("off",), "rewritten queries hold literals"),
    "debug_print_plan": (("off",), "plans hold literals"),
    "fsync": (("on",), "a commit may be lost"),
    "full_page_writes": (("on",), "a torn page may lose data"),
    "synchronous_commit": (("on", "remote_apply", "remote_write", "local"), "a commit may be lost"),
    "password_encryption": (("scram-sha-256",), "passwords would be kept as MD5"),
}
ADVISED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "data_checksums": (("on",), "a disk's silent error would go unseen"),
}
STRUCTURED: Final = ("csvlog", "jsonlog")
"""Measured on 15 and 18: these write DETAIL with its values even where log_error_verbosity is terse."""
LIBRARIES: Final = ("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries")
LEAKY_LIBRARIES: Final = ("auto_explain", "pgaudit", "pg_stat_monitor")


@dataclass(frozen=True)
class Finding:
    """A setting that must be otherwise."""

    setting: str
    value: str
    wanted: str
    why: str

    def words(self) -> str:
        return f"{self.setting} is {self.value!r}, must be {self.wanted} ({self.why})"


def check(parameters: Mapping[str, Any], database: str = "strongroom") -> list[Finding]:
    """Raise `CannotStart` unless this server may hold our data in `database`; returns what is only advised against."""
    _check_link(parameters)
    try:
        with psycopg.connect(**{"connect_timeout": 10, **parameters}) as connection:
            _check_version(connection)
            refuse_if_leaky(connection, database)
            return advice(connection)
    except psycopg.OperationalError as why:
        said = next(iter(str(why).strip().splitlines()), "it gives no reason")
        raise CannotStart(
            f"The database cannot be reached: {said}.",
            "Look at [database] in strongroom.toml, the credential database-admin, and the server itself.",
        ) from None


def refuse_if_leaky(connection: psycopg.Connection[Any], database: str = "strongroom") -> None:
    """Raise `CannotStart` with every setting of this server that could leak or lose values."""
    found = inspect(connection, database)
    if found:
        raise CannotStart(
            "The database server's settings could leak or lose values: " + "; ".join(f.words() for f in found) + ".",
            "Change them in postgresql.conf, with ALTER SYSTEM or ALTER ROLE, reload the server, and start again.",
        )


def inspect(connection: psycopg.Connection[Any], database: str = "strongroom") -> list[Finding]:
    """Every setting that is not as it must be: as this session has it, and as our roles and database are given it.

    Preload lists are hidden from all but superusers, so libraries are also told by the settings they brought along.
    """
    values = _values(connection, [*WANTED, *LIBRARIES, "log_destination"])
    found = _judge(values, WANTED) + _leaks(values)
    loaded = connection.execute("SELECT DISTINCT split_part(name, '.', 1) FROM pg_settings WHERE name LIKE '%.%'")
    named = {finding.value for finding in found}
    for (library,) in loaded.fetchall():
        if library in LEAKY_LIBRARIES and library not in named:
            found.append(_leaky("a preload list", library))
    rows = connection.execute(
        "SELECT coalesce(rolname, 'every role'), setconfig FROM pg_db_role_setting"
        " LEFT JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase"
        " WHERE (setdatabase = 0 OR datname = %s) AND (setrole = 0 OR rolname LIKE %s OR rolname = current_user)",
        [database, r"strongroom\_%"],
    ).fetchall()
    for role, settings in rows:
        given = dict(setting.split("=", 1) for setting in settings)
        wrong = _judge(given, WANTED) + _leaks(given)
        found += [Finding(f"{f.setting} of {role}", f.value, f.wanted, f.why) for f in wrong]
    return found


def advice(connection: psycopg.Connection[Any]) -> list[Finding]:
    """What should be otherwise, but can only be chosen when a server is made."""
    return _judge(_values(connection, [*ADVISED]), ADVISED)


def _judge(values: Mapping[str, str], wanted: Mapping[str, tuple[tuple[str, ...], str]]) -> list[Finding]:
    return [
        Finding(name, values[name], " or ".join(allowed), why)
        for name, (allowed, why) in wanted.items()
        if name in values and values[name].lower() not in allowed
    ]


def _leaks(values: Mapping[str, str]) -> list[Finding]:
    """Settings that are lists: one bad word is enough."""
    destination = values.get("log_destination", "")
    found = [
        Finding("log_destination", destination, "stderr or syslog", "it writes DETAIL lines whatever the verbosity")
        for kind in STRUCTURED
        if kind in destination
    ][:1]
    return found + [
        _leaky(name, library) for name in LIBRARIES for library in LEAKY_LIBRARIES if library in values.get(name, "")
    ]


def _leaky(setting: str, library: str) -> Finding:
    return Finding(setting, library, f"without {library}", f"by it {_LITERALS}")


def _values(connection: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, str]:
    """Settings as this session has them. One that the server hides or does not know is not among them."""
    return dict(
        connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(names)]).fetchall()
    )


def _check_version(connection: psycopg.Connection[Any]) -> None:
    version = connection.info.server_version
    if not OLDEST <= version < NEWEST:
        raise CannotStart(
            f"The server is PostgreSQL {version // 10_000}.", "Strongroom runs on PostgreSQL 15, 16, 17 or 18."
        )


def _check_link(parameters: Mapping[str, Any]) -> None:
    """TLS with the name checked, unless every host is a Unix socket: libpq takes a list and tries each of them."""
    hosts = str(parameters.get("host") or "").split(",")
    if all(host.startswith("/") for host in hosts) and not parameters.get("hostaddr"):
        return
    if parameters.get("sslmode") != "verify-full":
        raise CannotStart(
            "A database over a network needs TLS with the server's name checked.",
            "Set [database] sslrootcert to the CA's file; sslmode is then verify-full.",
        )
