"""The import contracts hold, and each bites when something is planted against it (DESIGN 3)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTED = {
    "policy/retention_and_recovery/rules.py": "import strongroom.application.gateway",
    "policy/logging_and_monitoring/journal.py": "import strongroom.policy.retention_and_recovery.rules",
    "website/views.py": "import strongroom.keybroker.keys",
    "marketplace/client.py": "import django.db",
    "keybroker/keys.py": "import httpx",
    "installation/inspector/swap.py": "import psycopg",
    "application/receipt/rules.py": "import cryptography.fernet",
    "policy/new_section/__init__.py": "",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    code = f"import sys; sys.path.insert(0, {str(folder / 'src')!r}); from importlinter.cli import lint_imports_command as c; c()"
    assert program.exists()
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(folder: Path) -> Path:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("place", PLANTED)
def test_a_planted_import_breaks_a_contract(copy: Path, place: str) -> None:
    file = copy / "src" / "strongroom" / place
    file.parent.mkdir(exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + f"\n{PLANTED[place]}\n")
    result = lint(copy)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout or "missing" in result.stdout.lower() + result.stderr.lower()
