"""Profiles: dated, versioned TOML that says the policy's terms and duties. Here they are read, and every mistake told.

Four come with Strongroom: `the-entertainer` (the published policy), `amazon-2026` (what Amazon is known to ask),
`strongroom` (our own numbers that keep the others' promises) and `laws` (of data protection). A company adds files of
its own; none needs code.
"""

import difflib
import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

from strongroom.policy.clauses import laws, values
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.laws import Law
from strongroom.policy.clauses.values import Bad, Cadence, Kind, Span, Stricter, Value

BUILT_IN: Final = ("the-entertainer", "amazon-2026", "strongroom", "laws")
OWNERS: Final = ("administrator", "manager", "security", "director")
"""Roles that own duties; the director, where nobody has that role, is the manager."""
EVENTS: Final = (
    "installation", "receipt", "fulfilment", "delivery", "cancellation", "request", "suspicion", "detection", "leaving",
    "role change", "major change", "exposure", "release", "collection", "last change", "issue", "lock", "order done",
    "start of the day", "death of the key", "end of the agreement", "organisational change", "new vendor", "question",
    "change of terms",
)  # fmt: skip
"""What a term may be counted from, or a duty start on."""
SCOPES: Final = ("data", "role", "system", "recipient", "account")
CONFIDENCES: Final = ("own", "published", "seen", "second-hand")
_PROFILE: Final = ("id", "version", "from", "words", "source")
_TERM: Final = ("clause", "kind", "value", "stricter", "choices", "counted_from", "scope", "except", "of", "source",
                "confidence", "words")  # fmt: skip
_DUTY: Final = ("clause", "words", "every", "on", "term", "owner", "evidence", "late", "within")

Scope = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a profile, on which line (0: the file as a whole), and what to do."""

    file: str
    line: int
    sentence: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{where}: {self.sentence} {self.remedy}"


@dataclass(frozen=True)
class Said:
    """What one profile says of one term, for one scope. `because`: why an exception is one."""

    name: str
    clause: str
    kind: Kind
    value: Value
    stricter: Stricter
    choices: tuple[str, ...] = ()
    counted_from: tuple[str, ...] = ()
    scope: Scope = ()
    of: str = ""
    source: str = ""
    confidence: str = "own"
    words: str = ""
    because: str = ""


@dataclass(frozen=True)
class Duty:
    """What somebody does again and again: by a cadence of its own, or by the cadence that a term says.

    owner: a role. shows: what counts as evidence. late: what happens when it is not done in time. within: how soon
    after an event of its cadence.
    """

    name: str
    clause: str
    words: str
    cadence: Cadence | None
    term: str
    owner: str
    shows: str
    late: str
    within: Span


@dataclass(frozen=True)
class Profile:
    """One file. `digest`: SHA-256 of what it says, whatever its spelling."""

    id: str
    version: int
    since: date
    words: str
    source: str
    terms: tuple[Said, ...]
    duties: tuple[Duty, ...] = ()
    laws: tuple[Law, ...] = ()
    text: str = field(default="", repr=False, compare=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def built_in() -> tuple[Profile, ...]:
    """The profiles that come with Strongroom. Raises `ValueError` with every mistake: a build with one is broken."""
    folder = files(__package__) / "profiles"
    found, mistakes = read({f"{id_}.toml": (folder / f"{id_}.toml").read_text(encoding="utf-8") for id_ in BUILT_IN})
    if mistakes:
        raise ValueError("\n".join(str(mistake) for mistake in mistakes))
    return tuple(found)


def read(texts: Mapping[str, str], beside: Sequence[Profile] = ()) -> tuple[list[Profile], list[Mistake]]:
    """Profiles by file name, and all that is wrong with them. `beside`: profiles whose terms they may lean on.

    A file with a mistake gives no profile. What several files say together is looked at in `terms.lint`.
    """
    found, mistakes = list[Profile](), list[Mistake]()
    for name, text in texts.items():
        reader = _Reader(name, text, [*beside, *found])
        profile = reader.profile()
        mistakes += reader.mistakes
        if profile is not None and not reader.mistakes:
            same = next((each for each in [*beside, *found] if each.id == profile.id), None)
            if same is None:
                found.append(profile)
            else:
                line = line_of(text, "profile", "id")
                mistakes.append(
                    Mistake(name, line, f"There is a profile {profile.id} already.", "Give it an id of its own.")
                )
    return found, mistakes


class _Reader:
    """One file's mistakes, gathered rather than thrown: whoever wrote it wants to hear of all."""

    def __init__(self, file: str, text: str, beside: Sequence[Profile]) -> None:
        self._file, self._text = file, text
        self._known = {said.name: said for each in beside for said in each.terms}
        self._duties = {duty.name for each in beside for duty in each.duties}
        self._laws = {law.id for each in beside for law in each.laws}
        self.mistakes: list[Mistake] = []

    def profile(self) -> Profile | None:
        try:
            loaded = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as why:
            self._wrong(_line_said(str(why)), f"This is not TOML: {why}.", "Mend that line.")
            return None
        self._only("", loaded, ("profile", "terms", "duties", "laws"))
        head = loaded.get("profile")
        if not isinstance(head, dict):
            self._wrong(0, "The table [profile] is missing.", "Begin with [profile]: id, version, from, source.")
            return None
        self._only("profile", head, _PROFILE)
        terms = [*self._each("terms", loaded, self._terms)]
        self._known |= {said.name: said for said in terms}
        duties = [*self._each("duties", loaded, self._duty)]
        laws_ = [*self._each("laws", loaded, self._law)]
        made = Profile(
            self._say("profile", head, "id", str, ""), self._say("profile", head, "version", int, 0),
            self._say("profile", head, "from", date, date.min), str(head.get("words", "")),
            self._say("profile", head, "source", str, ""), tuple(terms), tuple(duties), tuple(laws_), self._text,
        )  # fmt: skip
        if made.version < 1 and not self.mistakes:
            self._wrong(line_of(self._text, "profile", "version"), "A version counts from 1.", "Say version = 1.")
        return made

    def _each(self, group: str, loaded: Any, take: Callable[[str, Any], Iterator[Any]]) -> Iterator[Any]:
        tables = loaded.get(group, {})
        if not isinstance(tables, dict):
            self._wrong(0, f"[{group}] is no table.", f"Write [{group}.name] and below it what it says.")
            return
        for name, said in tables.items():
            for table in said if isinstance(said, list) else [said]:
                if isinstance(table, dict):
                    yield from take(name, table)
                else:
                    self._wrong(line_of(self._text, group, name), f"{name} is no table.", f"Write [{group}.{name}].")

    def _terms(self, name: str, table: dict[str, Any]) -> Iterator[Said]:
        """The term, and each of its exceptions as what it says for a narrower scope."""
        where, before = f"terms.{name}", len(self.mistakes)
        self._only(where, table, _TERM)
        known = self._known.get(name)
        clause = str(table.get("clause", known.clause if known else ""))
        self._clause(where, clause, known.clause if known else None)
        kind = self._one_of(where, table, "kind", tuple(Kind), known.kind if known else None)
        if kind is None:
            return
        ways = values.DIRECTIONS[Kind(kind)]
        as_known = known is not None and kind == known.kind
        way = self._one_of(where, table, "stricter", ways, known.stricter if known and as_known else ways[0])
        if known and (not as_known or way != known.stricter):
            key = "stricter" if as_known else "kind"
            self._wrong(line_of(self._text, where, key), f"{name} is a {known.kind}, {known.stricter} being stricter.",
                        "Say it the same way, or give it another name.")  # fmt: skip
            return
        choices = self._choices(where, table, known)
        base = Said(
            name, clause, Kind(kind), None, Stricter(way or ways[0]), choices,
            self._events(where, table, "counted_from"), self._scope(where, table.get("scope", {})),
            str(table.get("of", known.of if known else "")), str(table.get("source", "")),
            str(self._one_of(where, table, "confidence", CONFIDENCES, "own")), str(table.get("words", "")),
        )  # fmt: skip
        said = [self._valued(where, base, table.get("value"), base.scope, "")]
        said += self._exceptions(where, base, table.get("except", []))
        if len(self.mistakes) == before:
            yield from (each for each in said if each is not None)

    def _choices(self, where: str, table: dict[str, Any], known: Said | None) -> tuple[str, ...]:
        """What a choice is among, strictest first. Where a profile said it before, no other may order it anew."""
        said = table.get("choices", list(known.choices) if known else [])
        if not isinstance(said, list) or not all(isinstance(each, str) for each in said) or len(set(said)) != len(said):
            self._wrong(line_of(self._text, where, "choices"), "`choices` lists texts, the strictest first.",
                        'Write choices = ["TLS 1.3", "TLS 1.2"].')  # fmt: skip
            return ()
        if known and tuple(said) != known.choices:
            self._wrong(line_of(self._text, where, "choices"),
                        f"The choices of this term are {', '.join(known.choices) or 'none'}, the strictest first.",
                        "Leave `choices` out.")  # fmt: skip
        return tuple(said)

    def _exceptions(self, where: str, base: Said, said: Any) -> Iterator[Said | None]:
        if not isinstance(said, list):
            said = [said]  # told as an exception that is none
        for exception in said:
            yield self._exception(where, base, exception)

    def _exception(self, where: str, base: Said, exception: Any) -> Said | None:
        line = line_of(self._text, where, "except")
        if not isinstance(exception, dict) or set(exception) != {"scope", "value", "because"}:
            self._wrong(line, "An exception says scope, value and because.",
                        'Write { scope = { role = "packer" }, value = "4 hours", because = "why" }.')  # fmt: skip
            return None
        scope = self._scope(where, exception["scope"])
        if len(scope) <= len(base.scope):
            self._wrong(line, "An exception is for a narrower scope than its term.", "Name what it is for.")
        return self._valued(where, base, exception["value"], scope, str(exception["because"]))

    def _valued(self, where: str, base: Said, value: Any, scope: Scope, because: str) -> Said | None:
        try:
            parsed = values.parse(base.kind, value, base.choices)
        except Bad as why:
            self._wrong(line_of(self._text, where, "value"), f"The value of {base.name} is not understood.",
                        f"Here {why}.")  # fmt: skip
            return None
        return Said(base.name, base.clause, base.kind, parsed, base.stricter, base.choices, base.counted_from, scope,
                    base.of, base.source, base.confidence, base.words, because)  # fmt: skip

    def _duty(self, name: str, table: dict[str, Any]) -> Iterator[Duty]:
        where, before = f"duties.{name}", len(self.mistakes)
        self._only(where, table, _DUTY)
        clause = str(table.get("clause", ""))
        self._clause(where, clause, None)
        if name in self._duties:
            self._wrong(line_of(self._text, where, "clause"), f"There is a duty {name} already.",
                        "Shorten its cadence by its term, or give yours another name.")  # fmt: skip
        cadence, term = self._cadence(where, table)
        owner = self._one_of(where, table, "owner", OWNERS, None)
        for key in ("words", "evidence", "late"):
            if not isinstance(table.get(key), str):
                self._wrong(line_of(self._text, where, key), f"A duty says `{key}`.", f'Add {key} = "…".')
        try:
            within = values.span(table.get("within", "14 days"))
        except Bad as why:
            self._wrong(line_of(self._text, where, "within"), "How soon is not understood.", f"Here {why}.")
            return
        if len(self.mistakes) == before:
            yield Duty(
                name, clause, table["words"], cadence, term, str(owner), table["evidence"], table["late"], within
            )

    def _law(self, name: str, table: dict[str, Any]) -> Iterator[Law]:
        where = f"laws.{name}"
        law, problems = laws.read(name, table, {said.name: said.kind for said in self._known.values()})
        for problem in problems:
            self._wrong(line_of(self._text, where, problem.key), problem.sentence, problem.remedy)
        if name in self._laws:
            self._wrong(line_of(self._text, where, "name"), f"There is a law {name} already.", "Give yours another id.")
        elif not problems:
            yield law

    def _cadence(self, where: str, table: dict[str, Any]) -> tuple[Cadence | None, str]:
        """A cadence said here, or the name of the term that says it."""
        if "term" in table:
            known = self._known.get(str(table["term"]))
            if known is None or known.kind is not Kind.CADENCE or "every" in table or "on" in table:
                self._wrong(line_of(self._text, where, "term"),
                            f"{table['term']} is no cadence term, or `every` stands beside it.",
                            "Name one term of kind cadence, or say `every` and `on` here.")  # fmt: skip
            return None, str(table["term"])
        try:
            return values.cadence({key: table[key] for key in ("every", "on") if key in table}), ""
        except Bad as why:
            self._wrong(line_of(self._text, where, "every"), "How often is not understood.", f"Here {why}.")
            return None, ""

    def _clause(self, where: str, clause: str, known: str | None) -> None:
        if clause not in all_clauses():
            near = difflib.get_close_matches(clause, all_clauses(), 1)
            hint = f"Did you mean {near[0]}?" if near else "The ids stand in `strongroom policy show`."
            self._wrong(line_of(self._text, where, "clause"), f"There is no clause {clause or '(none said)'}.", hint)
        elif known is not None and clause != known:
            self._wrong(line_of(self._text, where, "clause"), f"This term is {known}'s.", f'Say clause = "{known}".')

    def _events(self, where: str, table: dict[str, Any], key: str) -> tuple[str, ...]:
        said = table.get(key, [])
        names = said if isinstance(said, list) else [said]
        for name in names:
            if not isinstance(name, str) or name not in EVENTS:
                self._wrong(line_of(self._text, where, key), f"There is no event {name!r}.",
                            f"Known are {', '.join(EVENTS)}.")  # fmt: skip
        return tuple(str(name) for name in names)

    def _scope(self, where: str, said: Any) -> Scope:
        if (
            not isinstance(said, dict)
            or not set(said) <= set(SCOPES)
            or not all(isinstance(v, str) for v in said.values())
        ):
            self._wrong(line_of(self._text, where, "scope"), "This scope is not understood.",
                        f"A scope names one of {', '.join(SCOPES)}, such as {{ role = \"packer\" }}.")  # fmt: skip
            return ()
        return tuple(sorted((str(key), str(value)) for key, value in said.items()))

    def _one_of(self, where: str, table: dict[str, Any], key: str, known: Sequence[str], otherwise: Any) -> Any:
        said = table.get(key, otherwise)
        if said in tuple(known):
            return said
        sentence = f"{key} = {said!r} is not known." if said else f"`{key}` is missing."
        self._wrong(line_of(self._text, where, key), sentence, f"Say one of {', '.join(known)}.")
        return None

    def _say(self, where: str, table: dict[str, Any], key: str, kind: type, otherwise: Any) -> Any:
        said = table.get(key)
        if type(said) is kind and said != "":
            return said
        example = {str: f'{key} = "…"', int: f"{key} = 1", date: f"{key} = 2026-11-24"}[kind]
        self._wrong(line_of(self._text, where, key), f"[{where}] must say `{key}`.", f"Add {example}.")
        return otherwise

    def _only(self, where: str, table: dict[str, Any], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
                self._wrong(line_of(self._text, where, key), f"{key} is not known here.", hint)

    def _wrong(self, line: int, sentence: str, remedy: str) -> None:
        self.mistakes.append(Mistake(self._file, line, sentence, remedy))


def line_of(text: str, where: str, key: str) -> int:
    """The line where a key of a table stands; the table's own where the key does not; 0 where neither does."""
    table, inside = 0, ""
    whole = f"{where}.{key}" if where else key
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.split("#", 1)[0].strip()
        if plain.startswith("["):
            inside = plain.strip("[] ").replace('"', "")
            if inside == whole or inside.startswith(f"{whole}."):
                return number
            if inside == where:
                table = number
        elif inside == where and plain.split("=", 1)[0].strip().strip('"') == key:
            return number
    return table


def _line_said(said: str) -> int:
    """The line that TOML's own message names."""
    _, _, after = said.partition("line ")
    digits = after.split(",", 1)[0].strip(" )")
    return int(digits) if digits.isdigit() else 0
