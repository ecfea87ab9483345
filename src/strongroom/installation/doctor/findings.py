"""What an examination is and what it finds: a state, plain words, the clause it is for, and what exactly to do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from strongroom.formats.malformed import Malformed
from strongroom.formats.owned_file import NotTheirs
from strongroom.installation.doctor.patient import NotHere, Patient
from strongroom.installation.problems import CannotStart


class State(StrEnum):
    """How one examination ended. `advice`: nothing is broken, and something would be better otherwise."""

    OK = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    NOT_HERE = "not here"


@dataclass(frozen=True)
class Found:
    """What was found. remedies: commands or lines of configuration, in order."""

    state: State
    words: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examination:
    """One look. id: `group.word`, stable. clause: what it matters to. mend: safe repairs, each said once done."""

    id: str
    clause: str
    looks_at: str
    look: Callable[[Patient], Found]
    mend: Callable[[Patient], list[str]] | None = None


@dataclass(frozen=True)
class Result:
    """An examination with what it found, after `done` where something was mended."""

    examination: Examination
    found: Found
    done: tuple[str, ...] = ()


def ok(words: str) -> Found:
    return Found(State.OK, words)


def advice(words: str, *remedies: str) -> Found:
    return Found(State.ADVICE, words, remedies)


def problem(words: str, *remedies: str) -> Found:
    return Found(State.PROBLEM, words, remedies)


def unknown(words: str, *remedies: str) -> Found:
    return Found(State.UNKNOWN, words, remedies)


def not_here(words: str) -> Found:
    return Found(State.NOT_HERE, words)


def examine(patient: Patient, examinations: Iterable[Examination], *, fix: bool = False) -> list[Result]:
    """Every examination in order; with `fix`, what is wrong and can safely be mended is mended and looked at again."""
    return [_one(patient, each, fix=fix) for each in examinations]


def exit_code(results: Sequence[Result]) -> int:
    """As `strongroom status`: 3 where something is wrong, 4 where something is unknown, else 0."""
    states = {result.found.state for result in results}
    return 3 if State.PROBLEM in states else 4 if State.UNKNOWN in states else 0


def _one(patient: Patient, examination: Examination, *, fix: bool) -> Result:
    found = _look(patient, examination)
    if not fix or examination.mend is None or found.state in (State.OK, State.NOT_HERE):
        return Result(examination, found)
    try:
        done = tuple(examination.mend(patient))
    except (OSError, CannotStart) as why:
        return Result(examination, found, (f"Not mended: {why}",))
    return Result(examination, _look(patient, examination), done) if done else Result(examination, found)


def _look(patient: Patient, examination: Examination) -> Found:
    try:
        return examination.look(patient)
    except NotHere as why:
        return not_here(str(why))
    except CannotStart as why:
        return problem(why.sentence, why.remedy)
    except NotTheirs as why:
        return problem(f"It cannot be believed: {why}.", "Look who changed it, then start Strongroom again.")
    except Malformed as why:
        return problem(f"It is not whole: {why}.", "Restore it from a copy, or look at docs/run-books/.")
    except OSError as why:
        again = f"Run as the user who owns it, or as root: strongroom doctor {examination.id}"
        return unknown(f"{why.filename or 'It'} cannot be looked at: {why.strerror}.", again)
