"""The terms in force: of each number, choice and list, the strictest that a profile in force says (CLAUSES, top).

What is in force is one version of the profiles, approved and kept as a row; a process is given its source at start. An
answer is for a scope (a role, a system, a kind of data): each profile's most particular word for it counts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from strongroom.policy.clauses import profiles, values
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.laws import Law
from strongroom.policy.clauses.profiles import Duty, Mistake, Profile, Said, Scope
from strongroom.policy.clauses.values import Cadence, Kind, Span, Stricter, Value


@dataclass(frozen=True)
class Term:
    """One term as it is in force for a scope. `said`: what each profile says, by profile id, strictest kept."""

    name: str
    clause: str
    kind: Kind
    value: Value
    stricter: Stricter
    counted_from: tuple[str, ...]
    scope: Scope
    said: tuple[tuple[str, Said], ...]

    @property
    def title(self) -> str:
        """The name as people read it."""
        words = self.name.replace("_", " ")
        return (words[0].upper() + words[1:]).replace("pii", "PII")

    @property
    def words(self) -> str:
        """The value as people read it."""
        if self.kind is Kind.PROMISE:
            return next((said.words for _, said in self.said if said.words), "promised")
        return values.words(self.value)

    @property
    def scope_words(self) -> str:
        return ", ".join(f"{key} {name}" for key, name in self.scope)

    @property
    def source(self) -> str:
        """Which profile decides: whose own word is the value in force."""
        return next((id_ for id_, said in self.said if said.value == self.value), "combined")


class Terms:
    """Profiles in force together. `number`: the version they were approved as; 0 as they come with Strongroom."""

    def __init__(self, in_force: Sequence[Profile], number: int = 0) -> None:
        self.profiles = tuple(in_force)
        self.number = number
        self._said: dict[str, list[tuple[str, Said]]] = {}
        for profile in in_force:
            for said in profile.terms:
                self._said.setdefault(said.name, []).append((profile.id, said))

    def term(self, name: str, **scope: str) -> Term:
        """The term in force for a scope. Raises `KeyError` for a name that no profile knows."""
        asked = tuple(sorted(scope.items()))
        said = [*self._of_each_profile(name, asked)]
        if not said:
            raise KeyError(name)
        first = said[0][1]
        value = values.combine(first.kind, first.stricter, [each.value for _, each in said], first.choices)
        events = dict.fromkeys(event for _, each in said for event in each.counted_from)
        return Term(name, first.clause, first.kind, value, first.stricter, tuple(events), asked, tuple(said))

    def all(self) -> Iterator[Term]:
        """Every term, for every scope that some profile names, in the order of the policy's clauses."""
        order = list(all_clauses())
        names = sorted(self._said, key=lambda name: (order.index(self._said[name][0][1].clause), name))
        for name in names:
            for scope in sorted({said.scope for _, said in self._said[name]}):
                yield self.term(name, **dict(scope))

    def of(self, clause: str) -> list[Term]:
        return [term for term in self.all() if term.clause == clause]

    def duties(self) -> list[Duty]:
        """Every duty with the cadence in force for it."""
        return [
            replace(duty, cadence=self.cadence(duty.term)) if duty.term else duty
            for profile in self.profiles
            for duty in profile.duties
        ]

    def laws(self) -> list[Law]:
        """Every data-protection law that a profile in force lists."""
        return [law for profile in self.profiles for law in profile.laws]

    def span(self, name: str, **scope: str) -> Span:
        value = self.term(name, **scope).value
        if not isinstance(value, Span):
            raise TypeError(f"{name} is no duration")
        return value

    def count(self, name: str, **scope: str) -> int:
        value = self.term(name, **scope).value
        if not isinstance(value, int):
            raise TypeError(f"{name} is no count")
        return value

    def choice(self, name: str, **scope: str) -> str:
        value = self.term(name, **scope).value
        if not isinstance(value, str):
            raise TypeError(f"{name} is no choice")
        return value

    def listed(self, name: str, **scope: str) -> tuple[str, ...]:
        value = self.term(name, **scope).value
        if not isinstance(value, tuple):
            raise TypeError(f"{name} is no list")
        return value

    def cadence(self, name: str, **scope: str) -> Cadence:
        value = self.term(name, **scope).value
        if not isinstance(value, Cadence):
            raise TypeError(f"{name} is no cadence")
        return value

    def _of_each_profile(self, name: str, asked: Scope) -> Iterator[tuple[str, Said]]:
        """Each profile's word for this scope: its most particular one that covers it; both where two are equally so."""
        wanted = set(asked)
        for id_ in dict.fromkeys(id_ for id_, _ in self._said.get(name, [])):
            covering = [said for of, said in self._said[name] if of == id_ and set(said.scope) <= wanted]
            if covering:
                closest = max(len(said.scope) for said in covering)
                yield from ((id_, said) for said in covering if len(said.scope) == closest)


def lint(company: Sequence[Profile], beside: Sequence[Profile]) -> list[Mistake]:
    """What profiles say together and must not: looser than those in force, or against each other (CLAUSES, top)."""
    return [*_looser(company, Terms(beside)), *_against(company, Terms([*beside, *company]))]


def _looser(company: Sequence[Profile], others: Terms) -> Iterator[Mistake]:
    for profile in company:
        for said in profile.terms:
            try:
                theirs = others.term(said.name, **dict(said.scope))
            except KeyError:
                continue
            if values.looser(said.kind, said.stricter, said.value, theirs.value, said.choices):
                line = profiles.line_of(profile.text, f"terms.{said.name}", "value")
                yield Mistake(
                    f"{profile.id}.toml", line,
                    f"{said.name} = {values.words(said.value) or 'none'} is looser than {theirs.words or 'none'} "
                    f"({theirs.source}), which is in force ({said.clause}).",
                    f"Take {theirs.words or 'none'} or stricter ({said.stricter}), or leave it out.",
                )  # fmt: skip


def _against(company: Sequence[Profile], together: Terms) -> Iterator[Mistake]:
    """Kept at least so long, and gone after less, of the same thing: no act can keep both."""
    bounds = [term for term in together.all() if isinstance(term.value, Span) and any(said.of for _, said in term.said)]
    for least in bounds:
        for most in bounds:
            thing = least.said[0][1].of
            if thing != most.said[0][1].of or (least.stricter, most.stricter) != (Stricter.LARGER, Stricter.SMALLER):
                continue
            if isinstance(least.value, Span) and isinstance(most.value, Span) and least.value > most.value:
                file, line = _where(company, (most.name, least.name))
                yield Mistake(
                    file, line,
                    f"{least.name} keeps the {thing} at least {least.words} ({least.clause}), {most.name} has it gone "
                    f"after {most.words} ({most.clause}).",
                    "Both cannot be kept: change one of them.",
                )  # fmt: skip


def _where(company: Sequence[Profile], names: Iterable[str]) -> tuple[str, int]:
    for name in names:
        for profile in company:
            if any(said.name == name for said in profile.terms):
                return f"{profile.id}.toml", profiles.line_of(profile.text, f"terms.{name}", "value")
    return "profiles", 0


def built_in() -> Terms:
    """The terms as they come with Strongroom."""
    return Terms(profiles.built_in())


_source: Callable[[], Terms] = built_in


def use_source(source: Callable[[], Terms]) -> None:
    """Give this process its source of the terms in force; called once, at start."""
    global _source  # noqa: PLW0603 - one source a process, set before anything asks
    _source = source


def in_force() -> Terms:
    """The terms in force now."""
    return _source()


def span(name: str, **scope: str) -> timedelta:
    """A duration in force as a length; months by their mean. Use `in_force().span(...).after(...)` for the calendar."""
    return in_force().span(name, **scope).length()


def count(name: str, **scope: str) -> int:
    """A count in force."""
    return in_force().count(name, **scope)
