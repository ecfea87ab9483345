"""The report of a run: what was lived through, what went wrong on purpose, what was judged, what was broken."""

from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.rehearsal.rehearse import sometimes
from strongroom.rehearsal.rehearse.invariants import INVARIANTS, NOT_HERE, Findings

CONVERGES_WITHIN: Final = 26
"""Virtual hours after the last fault."""


@dataclass
class Report:
    """Figures and sentences; nobody's data."""

    days: int
    seed: int
    faults: bool
    seconds: float = 0.0
    steps: int = 0
    orders: int = 0
    fired: dict[str, int] = field(default_factory=dict)
    hit: dict[str, int] = field(default_factory=dict)
    happened: dict[str, int] = field(default_factory=dict)
    never: list[str] = field(default_factory=list)
    unfired: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    converged_after_hours: float | None = None
    leaves: int = 0

    @property
    def demanded(self) -> bool:
        """Whether this run is long enough that what never happened fails it."""
        return self.faults and self.days >= sometimes.DEMANDED_FROM

    @property
    def held(self) -> bool:
        missing = self.demanded and (self.never or self.unfired)
        return not self.findings.broken and self.converged_after_hours is not None and not missing

    @property
    def replay(self) -> str:
        """The command that lives through the same again."""
        return f"strongroom rehearse --days {self.days} --seed {self.seed}{' --faults' if self.faults else ''}"

    def as_json(self) -> dict[str, Any]:
        return {
            "held": self.held, "days": self.days, "seed": self.seed, "seconds": self.seconds, "steps": self.steps,
            "orders": self.orders, "leaves": self.leaves, "faults_fired": self.fired,
            "faults_total": sum(self.fired.values()), "kills_hit": self.hit, "sometimes": self.happened,
            "never": self.never, "never_fired": self.unfired, "sometimes_demanded": self.demanded,
            "invariants": {
                each.number: {"words": each.words, "evaluated": self.findings.evaluated[each.number]}
                for each in INVARIANTS
            },
            "invariants_evaluated": self.findings.evaluated.total(), "not_here": dict(NOT_HERE),
            "broken": self.findings.broken, "converged_after_hours": self.converged_after_hours,
            "replay": self.replay,
        }  # fmt: skip

    def words(self) -> str:
        """For people."""
        judged = self.findings.evaluated
        total = (
            f"{self.days} days of business in {self.seconds:.0f} s: {self.steps} steps, {self.orders} orders at "
            f"Amazon, {self.leaves} leaves; {sum(self.fired.values())} faults of {len(self.fired)} kinds; "
            f"{judged.total()} judgements"
        )
        lines = [
            total,
            *(f"  {count:>6}  {kind}" for kind, count in sorted(self.fired.items())),
            *(f"  {count:>6}  kill hit {what}" for what, count in sorted(self.hit.items())),
            "judged after each step:",
            *(f"  {judged[each.number]:>6}  {each.number}: {each.words}" for each in INVARIANTS),
            "not judged here: " + "; ".join(f"{number} ({why})" for number, why in NOT_HERE.items()),
            "sometimes: " + ", ".join(f"{what} ({count})" for what, count in self.happened.items()),
        ]
        if self.never or self.unfired:
            lines.append("never: " + ", ".join([*self.never, *self.unfired]))
        if self.converged_after_hours is None:
            lines.append(f"NOT CONVERGED within {CONVERGES_WITHIN} hours after the last fault")
        else:
            lines.append(f"converged {self.converged_after_hours:.0f} hours after the last fault")
        lines += [f"BROKEN {words}" for words in self.findings.broken]
        if self.findings.broken:
            why = self.findings.broken[0].replace('"', "'")
            lines.append(f'keep it: [[seed]] seed = {self.seed}; days = {self.days}; why = "{why}"')
        lines.append("held" if self.held else f"NOT HELD; again: {self.replay}")
        return "\n".join(lines)
