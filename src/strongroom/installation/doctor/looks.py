"""The inspector's looks, taken here and now with the doctor's own eyes: what it sees at its rounds, at once."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from strongroom.formats.verdict import Look
from strongroom.installation import neighbours
from strongroom.installation.doctor import folder
from strongroom.installation.doctor.findings import Examination, Found, State, advice, ok
from strongroom.installation.doctor.patient import NotHere, Patient
from strongroom.installation.inspector.broker import Broker
from strongroom.installation.inspector.looks import PLANS
from strongroom.installation.inspector.seen import Seen, Surroundings

INIT: Final = "strongroom init"
MOST: Final = 5
LOOKS: Final = {plan.look: plan.run for plan in PLANS}


@dataclass
class _Pairs(Seen):
    """Keeps each problem's sentence and remedy apart."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def problem(self, sentence: str, remedy: str) -> None:
        self.pairs.append((sentence, remedy))


def _taken(which: Look, *, runs: bool) -> Callable[[Patient], Found]:
    """An examination that is a look. runs: it looks at processes, so there is nothing to see while none runs."""

    def look(patient: Patient) -> Found:
        patient.installed()
        if patient.machine.system != "Linux":
            raise NotHere("Only Linux shows this.")
        if runs:
            patient.running()
        if which is Look.DATABASE_FILES and not patient.folders.postgres.exists():
            raise NotHere("There is no database in this folder.")
        seen = _Pairs()
        LOOKS[which](_surroundings(patient), seen)
        return _judge(seen, patient)

    return look


def _surroundings(patient: Patient) -> Surroundings:
    broker = Broker(path=patient.folders.terminal_socket)
    return Surroundings(patient.folders, patient.description, _supervisor(patient), broker)


def _judge(seen: _Pairs, patient: Patient) -> Found:
    unseen = [sentence for sentence in seen.unseen if patient.is_up or "key broker" not in sentence]
    if seen.pairs:
        sentences = list(dict.fromkeys(sentence for sentence, _ in seen.pairs))
        remedies = list(dict.fromkeys(remedy.removeprefix("Run: ") for _, remedy in seen.pairs))
        return Found(State.PROBLEM, _few(sentences), tuple(remedies[:MOST]))
    if not unseen:
        return ok("Nothing is wrong, and all of it was seen.")
    if not patient.description.grade.is_service and all(INIT in sentence for sentence in unseen):
        return advice(f"Nothing is wrong as far as one user can tell. {_few(unseen)}", INIT)
    return Found(State.UNKNOWN, _few(unseen), (INIT,) if any(INIT in sentence for sentence in unseen) else ())


def _few(sentences: list[str]) -> str:
    more = f" And {len(sentences) - MOST} more." if len(sentences) > MOST else ""
    return " ".join(sentences[:MOST]) + more


def _supervisor(patient: Patient) -> int:
    """Whose children our processes are: who holds the folder, else the parent of what is written down; 0: nobody's."""
    if patient.holder:
        return patient.holder
    try:
        told = json.loads((patient.folders.run / "children").read_text(encoding="utf-8"))
        pids = [child["pid"] for child in told.values() if neighbours.born(child["pid"]) == child["born"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return 0
    return neighbours.parent(pids[0]) if pids else 0


EXAMINATIONS: Final = (
    Examination("machine.build", "LM-5", "the program's files", _taken(Look.BUILD, runs=False)),
    Examination(
        "folder.modes", "ES-3", "owner and mode of each file", _taken(Look.FILE_MODES, runs=False), folder.narrow
    ),
    Examination("machine.mounts", "AM-6", "what is mounted into the folder", _taken(Look.MOUNTS, runs=False)),
    Examination("machine.database", "RR-4", "the database's files", _taken(Look.DATABASE_FILES, runs=False)),
    Examination("machine.clock", "RR-2", "whether the machine's clock is kept right", _taken(Look.CLOCK, runs=False)),
    Examination("machine.firewall", "NP-1", "the kernel's firewall rules", _taken(Look.FIREWALL, runs=False)),
    Examination("machine.processes", "ES-3", "flags of our processes", _taken(Look.PROCESS_FLAGS, runs=True)),
    Examination("machine.swap", "ES-3", "whether keys could be swapped out", _taken(Look.SWAP, runs=True)),
    Examination("machine.listeners", "ET-3", "what listens", _taken(Look.LISTENERS, runs=True)),
)
