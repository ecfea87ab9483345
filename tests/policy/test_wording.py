"""The words of the public pages: every clause, every term, no number typed; and what each mistake in them is told as."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.data_governance import wording
from strongroom.policy.data_governance.wording import PAGES, POLICY, PRIVACY, Wording, made_of


def loaded(name: str = POLICY) -> dict[str, Any]:
    """A page's data, to be spoilt."""
    text = (files("strongroom.policy.data_governance") / "words" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def changed(clause: str, text: str) -> Wording:
    """The policy with the sentence of a clause put otherwise."""
    data = loaded()
    for section in data["section"]:
        for says in section["says"]:
            if says["clauses"] == [clause]:
                says["text"] = text
    return made_of(POLICY, data)


def told(page: Wording) -> list[str]:
    built_in = terms.built_in()
    return [*wording.problems(page, built_in), *wording.unsaid(page, built_in)]


def test_every_clause_is_said_and_every_term_of_ours_appears() -> None:
    assert wording.what_is_wrong() == []
    assert {clause for each in wording.wording(POLICY).templates() for clause in each.clauses} == set(all_clauses())


def test_a_placeholder_without_a_term_is_told() -> None:
    assert (
        "No profile has a term remove_everything_after" in told(changed("RR-3", "Gone {remove_everything_after}."))[0]
    )


def test_a_term_said_as_it_cannot_be_is_told() -> None:
    assert (
        "A count is not said as {lock_after_failures:within}"
        in told(changed("AM-8", "{lock_after_failures:within}"))[0]
    )


def test_a_term_that_no_sentence_names_is_told() -> None:
    assert told(changed("LM-4", "Logs are kept.")) == ["policy: the term logs_kept appears nowhere"]


def test_a_clause_that_no_sentence_says_is_told() -> None:
    data = loaded()
    for section in data["section"]:
        section["says"] = [says for says in section["says"] if says["clauses"] != ["NP-1"]]
    assert told(made_of(POLICY, data)) == ["policy: no sentence speaks of NP-1"]


def test_a_term_in_a_sentence_of_another_clause_is_told() -> None:
    (problem,) = told(changed("NP-1", "Firewalls for {logs_kept}."))
    assert "is of LM-4, which this sentence does not name" in problem


@pytest.mark.parametrize("typed", ["30 days", "thirty days", "Five failures", "TLS 1.3", "ninety  days"])
def test_a_number_that_somebody_typed_is_told(typed: str) -> None:
    assert any("a number is typed" in problem for problem in told(changed("NP-1", f"We wait {typed} for it.")))


@pytest.mark.parametrize("name", ["a second person", "one login", "NIST SP 800-88", "no one", "the last one"])
def test_names_and_ordinary_words_are_no_numbers(name: str) -> None:
    assert wording.typed_number(f"We have {name} for it.") == ""


def test_a_law_of_ours_types_no_number_either() -> None:
    assert all(not wording.typed_number(each.we) for law in terms.built_in().laws() for each in law.says)


def test_the_start_ends_where_the_words_are_wrong(house: Any) -> None:
    """The system check itself, as every process runs it when it starts; it passes here, so this house runs."""
    from django.core import checks

    assert "words_say_our_terms" in {
        getattr(check, "__name__", "") for check in checks.registry.registry.registered_checks
    }
    assert not [problem for problem in checks.run_checks() if problem.id == "strongroom.DG-4"]


def test_no_sentence_stands_twice() -> None:
    ours = [each.text for name in PAGES for each in wording.wording(name).templates()]
    assert len(set(ours)) == len(ours)


def test_the_privacy_page_names_each_thing_a_customer_may_ask() -> None:
    words = " ".join(each.text for each in wording.wording(PRIVACY).templates())
    for right in ("have a copy", "corrected", "restricted", "erased", "object", "complain"):
        assert right in words
