"""Answers to Amazon: nothing is claimed that the wall does not show, whatever its states; each fits the form."""

import itertools
from collections.abc import Mapping

import pytest

from strongroom.policy.clauses import terms
from strongroom.policy.clauses.clauses import all_clauses
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.data_governance import answers
from strongroom.policy.data_governance.answers import HOLDS, LONGEST, NEVER, NOT, Answer, Part, Question
from strongroom.policy.obligations.rules import State
from tests.house.running import House
from tests.policy.people import Somebody, as_website, get, words

ALL_TRUE = dict.fromkeys(all_clauses(), State.TRUE)
QUESTIONS = {question.id: question for question in answers.questions()}
LONG_DAY = "30 September 2026"


def facts(done: str = LONG_DAY) -> dict[str, str]:
    """Facts as long as they come."""
    return {
        **{f"last.{duty.name}": done for duty in terms.built_in().duties()},
        "company.name": "Quillmarsh Toys and Games (Holdings) Limited",
        "company.contact": "amazon-security-incidents@quillmarsh-toys.example",
        "company.site": "https://data-protection.quillmarsh-toys.example:8443",
    }  # fmt: skip


def answered(id_: str, states: Mapping[str, State], done: str = LONG_DAY, of: Terms | None = None) -> Answer:
    return answers.answer(QUESTIONS[id_], states=states, terms=of or terms.built_in(), facts=facts(done))


def claims(question: Question) -> list[Part]:
    return list(question.parts)


def claim(part: Part) -> str:
    """The first words of a claim, before its first number: enough to know it by."""
    return part.text.partition("{")[0].strip()[:40]


def test_our_own_words_have_nothing_wrong() -> None:
    assert list(answers.what_is_wrong(terms.built_in())) == []


@pytest.mark.parametrize("id_", QUESTIONS)
def test_each_answer_fits_the_form_in_every_state_of_the_wall(id_: str) -> None:
    question = QUESTIONS[id_]
    used = sorted({clause for part in question.parts for clause in part.clauses})
    for states in itertools.product((State.TRUE, State.ATTESTED, State.UNKNOWN, State.NOT_USED), repeat=len(used)):
        answer = answered(id_, dict(zip(used, states, strict=True)))
        assert 20 < answer.length <= LONGEST, answer.text


@pytest.mark.parametrize("id_", QUESTIONS)
@pytest.mark.parametrize("state", [state for state in State if state not in HOLDS])
def test_no_claim_stands_whose_clause_does_not_hold(id_: str, state: State) -> None:
    question = QUESTIONS[id_]
    for part in question.parts:
        for clause in part.clauses:
            answer = answered(id_, {**ALL_TRUE, clause: state})
            assert claim(part) == "" or claim(part) not in answer.text, answer.text
            assert f"{NOT[state]}: {part.without} ({clause})" in answer.text, "what is not done is said plainly"
            assert clause in answer.missing
            assert not answer.text.startswith("Yes")


@pytest.mark.parametrize("id_", QUESTIONS)
def test_every_claim_stands_while_all_its_clauses_hold(id_: str) -> None:
    answer = answered(id_, ALL_TRUE)
    assert not answer.missing
    for part in QUESTIONS[id_].parts:
        assert claim(part) in answer.text
        assert part.without not in answer.text or part.without in part.text


@pytest.mark.parametrize("id_", [id_ for id_, question in QUESTIONS.items() if question.wants_yes])
def test_yes_is_said_only_where_all_of_it_is_true_and_nothing_lies_beyond(id_: str) -> None:
    question = QUESTIONS[id_]
    assert answered(id_, ALL_TRUE).text.startswith("Partly." if question.beyond else "Yes.")
    for clause in {clause for part in question.parts for clause in part.clauses}:
        assert answered(id_, {**ALL_TRUE, clause: State.UNKNOWN}).text.startswith("No, not all of it.")


def test_what_is_only_attested_is_said_to_be() -> None:
    assert "attested by a person" not in answered("training", ALL_TRUE).text
    assert "(attested by a person)" in answered("training", {**ALL_TRUE, "AZ-6": State.ATTESTED}).text


def test_what_was_never_done_is_not_told_as_done_though_the_wall_were_green() -> None:
    answer = answered("scans", ALL_TRUE, done=NEVER)
    assert answer.text == "No, not all of it. Not done yet: scans, penetration test and code scan (AZ-7)."
    assert "never" not in answer.text


def test_an_answer_says_the_terms_in_force_and_follows_them() -> None:
    from strongroom.policy.clauses import profiles

    head = '[profile]\nid = "q"\nversion = 1\nfrom = 2026-11-24\nsource = "x"\n'
    text = head + '[terms.remove_pii_after]\nvalue = "12 days"\n[terms.lock_after_failures]\nvalue = 3\n'
    (company,), mistakes = profiles.read({"q.toml": text}, profiles.built_in())
    assert not mistakes
    stricter = Terms([*profiles.built_in(), company])
    assert "within 30 days" in answered("retention", ALL_TRUE).text
    assert "within 12 days" in answered("retention", ALL_TRUE, of=stricter).text
    assert "at 3 failed sign-ins" in answered("passwords", ALL_TRUE, of=stricter).text


def test_what_this_software_does_not_do_is_said_whatever_the_wall_shows() -> None:
    for states in (ALL_TRUE, dict.fromkeys(all_clauses(), State.FALSE)):
        assert "Not done by this software: intrusion detection" in answered("network", states).text


def test_amazons_questions_are_all_there() -> None:
    """By our titles; what Amazon asks in 2026 is listed in the reference."""
    assert len(QUESTIONS) >= 24
    assert {
        "network", "people", "devices", "privacy", "at-rest", "backups", "logs", "incident-plan", "passwords", "tests",
        "exposure", "findings", "code", "others", "sources", "contact", "retention", "scans", "changes",
    } <= set(QUESTIONS)  # fmt: skip


def test_a_claim_without_a_clause_a_typed_number_or_an_unknown_fact_keeps_it_from_starting(
    house: House,
) -> None:
    wrong = answers._wrong
    kinds, known = {term.name: term.kind for term in terms.built_in().all()}, {"last.train_people"}
    assert list(wrong(Part((), "We do it", "it"), kinds, known)) == ["a claim rests on clauses that are known"]
    assert list(wrong(Part(("RR-2",), "Gone in 30 days", "it"), kinds, known)) == ["a number is typed"]
    assert list(wrong(Part(("RR-2",), "On {last.nothing}", "it"), kinds, known)) == ["nobody knows {last.nothing}"]
    assert list(wrong(Part(("RR-2",), "In {no_such_term}", "it"), kinds, known)) == [
        "no profile has a term no_such_term"
    ]
    assert list(wrong(Part(("RR-2",), "{logs_kept:or}", "it"), kinds, known)) == ["no term is said as {logs_kept:or}"]


def test_the_office_reads_them_with_their_length_and_clauses(house: House) -> None:
    with as_website(house):
        director = Somebody("director")
        director.sign_in()
        page = words(get(director.browser, "/policy/answers"))
    for question in QUESTIONS.values():
        assert question.title in page
    assert f"of {LONGEST} characters" in page
    assert "Not shown: " in page, "nothing was looked at yet in this house, and the page says so"
    assert 'href="/wall/RR-2/"' in page
