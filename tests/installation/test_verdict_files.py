"""Only what the inspector alone can have written is believed; what another could have written is forged, in words."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.formats import grade, verdict_file
from strongroom.formats.grade import Kind, Role
from strongroom.formats.verdict import Look, Verdict, encode
from strongroom.formats.verdict_file import Forged, Missing, Unauthenticated

INSPECTOR, ANOTHER = 59_904, 59_905
SEEN = Verdict(Look.SWAP, 1_700_000_000_000, "boot", 3, Kind.SERVICE, {"swaps": 0})
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def verdicts(folder: Path) -> Path:
    made = folder / "verdicts"
    made.mkdir(mode=0o755)
    (made / "swap.json").write_bytes(encode(SEEN))
    if os.getuid() == 0:
        for path in (made, made / "swap.json"):
            os.chown(path, INSPECTOR, INSPECTOR)
    return made


def read(verdicts: Path) -> object:
    return verdict_file.read(verdicts, Look.SWAP, INSPECTOR if os.getuid() == 0 else os.getuid())


@AS_ROOT
def test_the_inspectors_own_file_is_believed(verdicts: Path) -> None:
    assert read(verdicts) == SEEN


def test_where_the_reader_has_the_inspectors_uid_it_is_unauthenticated(verdicts: Path) -> None:
    if os.getuid() == 0:
        for path in (verdicts, verdicts / "swap.json"):
            os.chown(path, 0, 0)
    assert verdict_file.read(verdicts, Look.SWAP, os.getuid()) == Unauthenticated(SEEN)


def test_what_was_not_written_is_missing(verdicts: Path, folder: Path) -> None:
    assert isinstance(verdict_file.read(verdicts, Look.CLOCK, verdicts.stat().st_uid), Missing)
    assert isinstance(verdict_file.read(folder / "none", Look.CLOCK, INSPECTOR), Missing)


def by_another_uid(verdicts: Path) -> None:
    os.chown(verdicts / "swap.json", ANOTHER, ANOTHER)


def by_root(verdicts: Path) -> None:
    os.chown(verdicts / "swap.json", 0, 0)


def in_anothers_folder(verdicts: Path) -> None:
    os.chown(verdicts, ANOTHER, ANOTHER)


def in_a_folder_that_anothers_folder_holds(verdicts: Path) -> None:
    os.chown(verdicts.parent, ANOTHER, ANOTHER)


def replaced_by_a_link(verdicts: Path) -> None:
    (verdicts / "swap.json").rename(verdicts / "clock.json")
    (verdicts / "swap.json").symlink_to("clock.json")


def the_folder_replaced_by_a_link(verdicts: Path) -> None:
    verdicts.rename(verdicts.with_name("moved"))
    verdicts.symlink_to("moved")


def with_a_second_name(verdicts: Path) -> None:
    os.link(verdicts / "swap.json", verdicts.parent / "mine")


def writable_by_its_group(verdicts: Path) -> None:
    (verdicts / "swap.json").chmod(0o664)


def in_a_folder_writable_by_others(verdicts: Path) -> None:
    verdicts.chmod(0o757)


def below_a_folder_writable_by_others(verdicts: Path) -> None:
    verdicts.parent.chmod(0o777)


def replaced_by_a_pipe(verdicts: Path) -> None:
    (verdicts / "swap.json").unlink()
    os.mkfifo(verdicts / "swap.json")
    if os.getuid() == 0:
        os.chown(verdicts / "swap.json", INSPECTOR, INSPECTOR)


def replaced_by_a_folder(verdicts: Path) -> None:
    (verdicts / "swap.json").unlink()
    (verdicts / "swap.json").mkdir()
    if os.getuid() == 0:
        os.chown(verdicts / "swap.json", INSPECTOR, INSPECTOR)


def of_another_look(verdicts: Path) -> None:
    (verdicts / "swap.json").write_bytes(encode(SEEN).replace(b'"swap"', b'"clock"'))


def of_another_version(verdicts: Path) -> None:
    (verdicts / "swap.json").write_bytes(encode(SEEN).replace(b'"version":1', b'"version":2'))


def too_large(verdicts: Path) -> None:
    (verdicts / "swap.json").write_bytes(b" " * 70_000)


ANYBODY: list[Callable[[Path], None]] = [
    replaced_by_a_link, the_folder_replaced_by_a_link, with_a_second_name, writable_by_its_group, replaced_by_a_pipe,
    in_a_folder_writable_by_others, below_a_folder_writable_by_others, replaced_by_a_folder, of_another_look,
    of_another_version, too_large,
]  # fmt: skip
ROOT: list[Callable[[Path], None]] = [
    by_another_uid,
    by_root,
    in_anothers_folder,
    in_a_folder_that_anothers_folder_holds,
]


@pytest.mark.parametrize("plant", [*ANYBODY, *(pytest.param(plant, marks=AS_ROOT) for plant in ROOT)])
def test_a_forged_verdict_is_not_believed(verdicts: Path, plant: Callable[[Path], None]) -> None:
    assert isinstance(read(verdicts), Verdict | Unauthenticated)
    plant(verdicts)
    found = read(verdicts)
    assert isinstance(found, Forged)
    assert found.why.endswith(".")


def test_asking_for_a_look_changes_the_time_of_an_empty_file(folder: Path) -> None:
    verdict_file.want(folder, Look.SWAP)
    before = (folder / "swap").stat()
    assert before.st_size == 0
    while (folder / "swap").stat().st_ctime_ns == before.st_ctime_ns:
        verdict_file.want(folder, Look.SWAP)


def said(folder: Path, **told: object) -> Path:
    path = folder / grade.FILE
    path.write_text(json.dumps({"version": 1, "grade": "service", "uids": {"web": 59_901}, "why": "", **told}))
    path.chmod(0o644)
    return path


@AS_ROOT
def test_service_grade_is_believed_where_root_said_so(folder: Path) -> None:
    said(folder)
    found = grade.grade(folder)
    assert (found.is_service, found.uids) == (True, {Role.WEB: 59_901})


@AS_ROOT
def test_service_grade_is_not_believed_where_another_could_have_said_so(folder: Path) -> None:
    os.chown(said(folder), ANOTHER, ANOTHER)
    assert "strongroom init" in grade.grade(folder).why
    os.chown(said(folder), 0, 0)
    os.chown(folder, ANOTHER, ANOTHER)
    assert not grade.grade(folder).is_service


@pytest.mark.skipif(os.getuid() == 0, reason="root's own word is believed")
def test_an_ordinary_user_cannot_make_a_service(folder: Path) -> None:
    said(folder)
    assert grade.grade(folder).kind is Kind.SINGLE_USER


@pytest.mark.parametrize(
    "told", [{"version": 2}, {"grade": "mine"}, {"uids": {"web": "0"}}, {"uids": {"king": 1}}, {"uids": []}]
)
def test_what_cannot_be_understood_is_single_user(folder: Path, told: dict[str, object]) -> None:
    said(folder, **told)
    assert grade.grade(folder).kind is Kind.SINGLE_USER
    (folder / grade.FILE).unlink()
    assert "not been started" in grade.grade(folder).why
