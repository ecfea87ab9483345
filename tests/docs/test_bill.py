"""The bill of materials names every library of the lock file, as it is locked (ASVS 15.1.2)."""

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "strongroom.command.main", "sbom"], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_every_library_of_the_lock_file_stands_in_it_as_it_is_locked(bill: dict[str, Any]) -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(
        re.findall(r"^([a-z0-9-]+)==([^\s;]+) \\$", text, re.MULTILINE)
    )  # those for other systems have a marker
    here = {each["name"]: each["version"] for each in bill["components"]}
    assert len(locked) > 40
    assert {name: here.get(name) for name in locked} == locked


def test_it_has_the_shape_of_cyclonedx(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert bill["metadata"]["component"]["name"] == "strongroom"
    uuid.UUID(bill["serialNumber"].removeprefix("urn:uuid:"))
    refs = [each["bom-ref"] for each in bill["components"]]
    assert len(refs) == len(set(refs))
    for each in bill["components"]:
        assert each["type"] == "library"
        assert re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[\w.+!-]+", each["purl"])
        assert set(each) <= {"type", "name", "version", "purl", "bom-ref", "licenses"}


def test_it_says_nothing_of_the_machine(bill: dict[str, Any]) -> None:
    assert str(ROOT) not in json.dumps(bill)
    assert "timestamp" not in json.dumps(bill["metadata"])
