"""What one look is handed and what it gathers. A look is a function from the first to the second."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.formats import verdict
from strongroom.formats.grade import Kind, Role
from strongroom.formats.verdict import Fact
from strongroom.installation.description import Description
from strongroom.installation.folders import Folders
from strongroom.installation.inspector.broker import Broker

AND_MORE: Final = "and {} more"


@dataclass(frozen=True)
class Surroundings:
    """One installation as the inspector finds it. `shared`: folders of the machine where strays end up.

    `memory`: what this look's last run asked to be told again.
    """

    folders: Folders
    description: Description
    supervisor: int
    broker: Broker
    shared: tuple[Path, ...] = ()
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        return self.description.grade.kind is Kind.SERVICE

    def role_of(self, uid: int) -> Role | None:
        """Whose uid this is, in service grade; nobody's where others on this machine have it too."""
        if not self.is_service:
            return None
        own = {found: role for role, found in self.description.grade.uids.items()}
        role = own.get(uid)
        return None if role in self.description.shared else role


@dataclass
class Seen:
    """Facts, problems and gaps. Names of files come as they are and are made fit to be shown here."""

    facts: dict[str, Fact] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)

    def saw(self, name: str, fact: int | str | Iterable[str]) -> None:
        if isinstance(fact, int):
            self.facts[name] = fact
        elif isinstance(fact, str):
            self.facts[name] = verdict.clean(fact)[: verdict.LONGEST_TEXT]
        else:
            texts = [verdict.clean(text)[: verdict.LONGEST_TEXT] for text in fact]
            self.facts[name] = tuple(_few(texts, verdict.MOST_ITEMS))

    def problem(self, sentence: str, remedy: str) -> None:
        """What is wrong, and what exactly to do."""
        self.problems.append(f"{sentence} {remedy}")

    def cannot(self, sentence: str) -> None:
        """What could not be looked at, and why."""
        self.unseen.append(sentence)

    def sentences(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Problems and gaps as a verdict holds them: few, and not too long."""
        fit = [
            tuple(verdict.clean(sentence)[: verdict.LONGEST_SENTENCE] for sentence in _few(found, MOST_TOLD))
            for found in (self.problems, self.unseen)
        ]
        return fit[0], fit[1]


MOST_TOLD: Final = 40
"""Sentences a person reads; a verdict of thousands would not fit either."""
Look = Callable[[Surroundings, Seen], None]


def _few(texts: list[str], most: int) -> list[str]:
    unique = list(dict.fromkeys(texts))
    return unique if len(unique) <= most else [*unique[: most - 1], AND_MORE.format(len(unique) - most + 1)]


def shown(path: Path) -> str:
    """A path in a sentence."""
    return verdict.clean(str(path))
