"""The inspector searches files that no other process may read, for what the worker asks (RR-4, LM-3)."""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.formats import probe_words, verdict_file
from strongroom.formats.grade import Role
from strongroom.formats.parts import Part
from strongroom.formats.verdict import Look, State, Verdict
from strongroom.rehearsal.installation import Rehearsal
from tests.installation.service_grade import needs_own_uids, quiet_rehearsal, take

PROBE = uuid.uuid4()
NAME = probe_words.fields(PROBE)[Part.RECIPIENT]["name"].text()


@pytest.fixture(scope="module")
def installed() -> Iterator[Rehearsal]:
    needs_own_uids()
    made = Path(tempfile.mkdtemp(prefix="sr-search-"))
    made.chmod(0o711)
    with quiet_rehearsal(made / "data") as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def ask(installed: Rehearsal, look: Look, words: bytes, *, by: Role = Role.WORKER) -> Verdict:
    """An inspector's answer to a question, put as the worker puts it; again where the worker itself asked meanwhile."""
    data, who = installed.folders.data, installed.running.who.roles[by]
    for _ in range(4):
        verdict_file.want(data / verdict_file.WANTED, look, words)
        os.chown(data / verdict_file.WANTED / str(look), who.uid, who.gid)
        told = take(installed, look)
        if told.saw.get(verdict_file.SOUGHT) == hashlib.sha256(words).hexdigest() or by is not Role.WORKER:
            break
    return told


def question(**marks: str) -> bytes:
    return json.dumps({"refs": [PROBE.hex], "control": uuid.uuid4().hex, "marks": marks}).encode()


def test_it_finds_a_word_in_a_log_that_the_worker_may_not_read(installed: Rehearsal) -> None:
    clean = ask(installed, Look.LEAKS_IN_LOGS, question())
    assert clean.state is State.PASS
    assert clean.saw["positive_control_found"] == clean.saw["positive_control_planted"] != 0
    log = installed.folders.logs / "website.log"
    before = log.read_bytes()
    log.write_bytes(before + f"\n{NAME.lower()}\n".encode())
    told = ask(installed, Look.LEAKS_IN_LOGS, question())
    log.write_bytes(before)
    assert told.state is State.FAIL
    assert str(log) in told.problems[0]
    assert NAME.lower() not in json.dumps([*told.problems, *told.unseen]).lower()


def test_a_mark_that_it_does_not_find_makes_its_word_unknown(installed: Rehearsal) -> None:
    told = ask(installed, Look.LEAKS_IN_LOGS, question(log=str(installed.folders.logs / "worker.log")))
    assert told.state is State.UNKNOWN
    assert "proves nothing" in told.unseen[0]


def test_what_somebody_else_asks_is_not_heard(installed: Rehearsal) -> None:
    told = ask(installed, Look.LEAKS_IN_LOGS, question(), by=Role.WEB)
    assert verdict_file.SOUGHT not in told.saw
    assert (told.state, told.unseen) == (State.UNKNOWN, ("Nobody told what to look for yet.",))


def test_the_worker_is_answered_about_every_file(installed: Rehearsal) -> None:
    told = ask(installed, Look.LEAKS, question())
    assert told.state is State.PASS, (told.problems, told.unseen)
    assert int(str(told.saw["files_scanned"])) > 500
