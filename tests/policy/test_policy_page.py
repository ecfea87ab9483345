"""docs/policy.md keeps its word: its profile is one that lint lets pass, its mistakes are told just so."""

import re
from pathlib import Path

from strongroom.policy.clauses import profiles, terms
from strongroom.policy.clauses.terms import Terms

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(toml wrong|toml|text)\n(.*?)```", PAGE, re.DOTALL)


def told(text: str) -> list[str]:
    company, mistakes = profiles.read({"quillmarsh.toml": text}, profiles.built_in())
    return [str(mistake) for mistake in [*mistakes, *terms.lint(company, profiles.built_in())]]


def test_its_profile_is_one_that_can_be_in_force() -> None:
    (example,) = [text for kind, text in BLOCKS if kind == "toml"]
    assert told(example) == []
    company, _ = profiles.read({"quillmarsh.toml": example}, profiles.built_in())
    together = Terms([*profiles.built_in(), *company])
    assert str(together.span("forget_cancelled_after")) == "12 hours"
    assert str(together.span("logs_kept")) == "24 months"
    assert str(together.cadence("review_plan")) == "every 3 months and on major change and on new vendor"
    assert str(together.span("explain_opening", role="security")) == "12 hours"
    assert "duty-officer@quillmarsh.example" in together.listed("tell_amazon_at")
    assert {"sweep_benches"} <= {duty.name for duty in together.duties()}
    assert {"guernsey"} <= {law.id for law in together.laws()}


def test_its_mistakes_are_told_as_it_says() -> None:
    wrong = [text for kind, text in BLOCKS if kind == "toml wrong"]
    shown = [text for kind, text in BLOCKS if kind == "text"]
    assert len(wrong) == len(shown) == 2
    for text, lines in zip(wrong, shown, strict=True):
        assert told(text) == lines.strip().splitlines()


def test_it_names_every_profile_that_comes_with_strongroom() -> None:
    assert all(f"| `{profile.id}` |" in PAGE for profile in profiles.built_in())
