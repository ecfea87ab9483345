"""Any PostgreSQL 15 to 18 by its address: refused where its log could leak or its link is not TLS (RR-4, ET-1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from strongroom.installation.problems import CannotStart

OLDEST: Final = 150_000
NEWEST: Final = 190_000
WANTED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "log_error_verbosity": (("terse",), "DETAIL lines repeat values"),
    "log_min_error_statement": (("panic",), "failed statements are logged with their literals"),
    "log_statement": (("none", "ddl"), "statements are logged with their literals"),
    "log_min_duration_statement": (("-1",), "slow statements are logged with their literals"),
    "log_min_duration_sample": (("-1",), "sampled statements are logged with their literals"),
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


def check(parameters: Mapping[str, Any]) -> None:
    """Raise `CannotStart` unless this server may hold our data."""
    _check_link(parameters)
    with psycopg.connect(**parameters) as connection:
        version = connection.info.server_version
        if not OLDEST <= version < NEWEST:
            raise CannotStart(
                f"The server is PostgreSQL {version // 10_000}.", "Strongroom runs on PostgreSQL 15, 16, 17 or 18."
            )
        found = inspect(connection)
    if found:
        raise CannotStart(
            "The database server's settings could leak or lose values: " + "; ".join(f.words() for f in found) + ".",
            "Change them in postgresql.conf or with ALTER SYSTEM, reload the server, and start again.",
        )


def inspect(connection: psycopg.Connection[Any]) -> list[Finding]:
    """Every setting that is not as it must be, as this session sees it."""
    names = [*WANTED, "shared_preload_libraries", "session_preload_libraries"]
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [names]).fetchall()
    values = dict(rows)
    found = [
        Finding(name, values[name], " or ".join(allowed), why)
        for name, (allowed, why) in WANTED.items()
        if name in values and values[name] not in allowed
    ]
    for name in ("shared_preload_libraries", "session_preload_libraries"):
        found += [
            Finding(name, library, f"without {library}", "it logs statements with their literals")
            for library in LEAKY_LIBRARIES
            if library in str(values.get(name, ""))
        ]
    return found


def _check_link(parameters: Mapping[str, Any]) -> None:
    host = str(parameters.get("host") or "")
    if host.startswith("/"):
        return
    if parameters.get("sslmode") != "verify-full":
        raise CannotStart(
            "A database over a network needs TLS with the server's name checked.",
            "Set [database] sslrootcert to the CA's file; sslmode is then verify-full.",
        )
