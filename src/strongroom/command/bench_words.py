"""A bench's figures for people: a line a figure, a column a row, then shares, ratios, and where it was measured."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.rehearsal.benches.figures import NOT_INSTALLED

NEEDS: Final = {"pgcrypto": "not in this PostgreSQL: --pg-bindir names another", "grep": "not on this machine"}
"""Why a peer that no lock file brings was not measured."""


def words(name: str, data: Mapping[str, Any]) -> str:
    """The whole table of a bench."""
    rows = [_flat(row) for row in data["rows"]]
    lines = _table(rows)
    if "needles" in data:
        lines.append(f"needles looked for at once: {data['needles']:,}")
    for kind in ("steps", "waits"):
        shares = data.get("profile", {}).get(kind, {})
        lines += [f"{share:7.1%}  {what}" for what, share in shares.items() if share >= 0.005]
    lines.append(f"{name}, times as fast as:")
    lines += [f"  {peer:20} {_said(peer, value)}" for peer, value in data["ratios"].items() if peer != "growth"]
    if "growth" in data["ratios"]:
        lines.append(f"cost of each at the largest size, by that at the smallest: {data['ratios']['growth']}")
    return "\n".join([*lines, _where(data)])


def wall(data: Mapping[str, Any]) -> str:
    """The wall's pages, the sweeper's rounds and their limits."""
    sweep, pages = data["sweep"], data["pages"]
    return "\n".join([
        *(f"{name:8} p50 {times['p50_ms']:>7} ms, p95 {times['p95_ms']:>7} ms" for name, times in pages.items()),
        f"sweep    {sweep['quiet_ms']} ms with nothing due; {sweep['all_passed_ms']} ms for {sweep['passed']:,}",
        f"limit    {sweep['limit_ms']} ms to read all deadlines in the database",
        f"limit    {data['limit_ms']} ms for the wall's rows alone; wall / limit: {data['ratios']['wall / limit']}",
        _where(data),
    ])  # fmt: skip


def _where(data: Mapping[str, Any]) -> str:
    return f"{data['machine']}; commit {data['commit'] or 'unknown'}"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A figure a line, a row of the data a column: names are long and rows are few."""
    width = max(len(name) for name in rows[0])
    return [
        f"{name.replace('_', ' '):{width}}  " + "  ".join(f"{_said(name, row[name]):>14}" for row in rows)
        for name in rows[0]
    ]  # fmt: skip


def _said(name: str, value: Any) -> str:
    if value is None:
        return next((why for peer, why in NEEDS.items() if name.startswith(peer)), NOT_INSTALLED)
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Figures within figures, under both names."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        said = f"{before}{name}"
        found |= _flat(value, f"{said} ") if isinstance(value, Mapping) else {said: value}
    return found
