"""The drill end to end, and the scan alone on something that runs (RR-4, LM-3)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.house.running import House
from tests.leaks.looks import TEXT


def drill(data: Path, *arguments: str, given: str = "") -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "--data", str(data), "drill", "leak", "--json", *arguments],
        input=given.encode(), capture_output=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.stdout, done.stderr.decode()[-2000:]
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, Any]]]:
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="sr-leak-"))
    made.chmod(0o711)
    yield drill(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
def test_after_a_month_of_everything_no_word_of_a_canary_is_anywhere(whole: tuple[int, dict[str, Any]]) -> None:
    code, report = whole
    assert report["sinks"] == [] and report["leaks"]["found"] == 0
    assert report["unknown"] == [] and report["missed"] == []
    assert (code, report["state"]) == (0, "clean")


@pytest.mark.slow
def test_every_plant_of_every_form_container_and_sink_was_found(whole: tuple[int, dict[str, Any]]) -> None:
    leaks = whole[1]["leaks"]
    assert leaks["positive_control_found"] == leaks["positive_control_planted"] > 100


@pytest.mark.slow
def test_what_was_to_happen_to_canaries_did_happen(whole: tuple[int, dict[str, Any]]) -> None:
    story = whole[1]["story"]
    assert whole[1]["not_done"] == []
    assert story["shown"] >= 6 and story["labels"] == 6 and story["forgotten"] >= 6 and story["carried"] >= 1


@pytest.mark.slow
def test_what_left_by_mail_and_webhook_was_searched_and_what_is_not_built_is_said(
    whole: tuple[int, dict[str, Any]],
) -> None:
    story, leaks = whole[1]["story"], whole[1]["leaks"]
    assert story["asked why"] >= 1 and story["letters"] >= 1 and story["webhooks"] >= 1
    assert any("backup" in what for what in whole[1]["not_built"])
    assert leaks["needles"] > 1000 and leaks["gigabytes_per_second"] > 0


@pytest.mark.slow
def test_a_destroyed_key_is_not_in_the_brokers_memory_that_held_it(whole: tuple[int, dict[str, Any]]) -> None:
    key = whole[1]["memory"]["destroyed_key"]
    if key["copies_before"] is None:
        pytest.skip("needs the rights of a debugger")
    assert key["copies_before"]["key"] >= 1, "the control of this test: while it lives it is there"
    assert key["died"] and key["copies_after"] == {"key": 0, "wrap": 0}


@pytest.mark.slow
def test_how_long_plaintext_stays_in_memory_is_measured_and_stated(whole: tuple[int, dict[str, Any]]) -> None:
    memory = whole[1]["memory"]
    assert set(memory["half_life_seconds"]) == {"website", "worker", "keybroker"}
    if memory["plaintext"][0]["website"] is None:
        pytest.skip("needs the rights of a debugger")
    assert memory["plaintext"][0]["website"] >= 1, "the control of this test: just opened, it is there"


def test_the_scan_alone_finds_a_row_that_should_not_be_there(house: House) -> None:
    running = house.rehearsal.running
    word = "Qzvölkrbx-never-a-customer"
    with psycopg.connect(**{**running.admin, "dbname": "strongroom"}, autocommit=True) as admin:
        admin.execute("INSERT INTO cache (cache_key, value, expires) VALUES ('leak-test', %s, '2100-01-01')", [word])
        code, report = drill(house.rehearsal.folders.data, "--scan", given=f"{TEXT} untouched\n{word}\n")
        admin.execute("DELETE FROM cache WHERE cache_key = 'leak-test'")
    assert code == 1 and report["state"] == "leak"
    assert {sink["canary"] for sink in report["sinks"]} == {"line 2"}
    assert "table public.cache" in {sink["path"] for sink in report["sinks"]}
    assert report["missed"] == []


def test_the_scan_alone_is_clean_where_nothing_leaked(house: House) -> None:
    code, report = drill(house.rehearsal.folders.data, "--scan", given="Nobodyever Wasnamedthis\n")
    assert (code, report["state"]) == (0, "clean"), (report["unknown"], report["missed"])
