"""Every mistake that a company's profile can hold is told with its line and its remedy, and none ends the reader."""

import tomllib
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.policy.clauses import profiles, terms, values
from strongroom.policy.clauses.profiles import BUILT_IN, Mistake, Profile

HEAD = '[profile]\nid = "quillmarsh"\nversion = 1\nfrom = 2026-11-24\nsource = "Board, November 2026"\n'
"""Five lines; what a test adds begins on line 6."""


def lint(text: str, *others: str) -> list[Mistake]:
    texts = {"quillmarsh.toml": text, **{f"other{n}.toml": other for n, other in enumerate(others)}}
    company, mistakes = profiles.read(texts, profiles.built_in())
    return [*mistakes, *terms.lint(company, profiles.built_in())]


def accepted(text: str) -> Profile:
    company, mistakes = profiles.read({"quillmarsh.toml": text}, profiles.built_in())
    assert not mistakes, mistakes
    assert not terms.lint(company, profiles.built_in())
    return company[0]


def in_force(text: str) -> terms.Terms:
    return terms.Terms([*profiles.built_in(), accepted(text)])


def a_term(name: str, *lines: str) -> str:
    return HEAD + f"[terms.{name}]\n" + "\n".join(lines)


MISTAKES = {
    "no TOML": (HEAD + "[terms.x\n", 6, "This is not TOML", "Mend that line"),
    "a text without its end": (HEAD + 'words = "never closed\n', 6, "This is not TOML", "Mend that line"),
    "no head": ("[terms.x]\n", 0, "The table [profile] is missing", "Begin with [profile]"),
    "a head without its version": (HEAD.replace("version = 1\n", ""), 1, "must say `version`", "Add version = 1"),
    "a version of a word": (HEAD.replace("= 1", '= "one"'), 3, "must say `version`", "Add version = 1"),
    "version nought": (HEAD.replace("= 1", "= 0"), 3, "A version counts from 1", "Say version = 1"),
    "a date of a word": (HEAD.replace("2026-11-24", '"soon"'), 4, "must say `from`", "Add from ="),
    "an unknown table": (HEAD + "[term.x]\n", 6, "term is not known here", "Did you mean terms?"),
    "an unknown key of the head": (HEAD + 'form = "x"\n', 6, "form is not known here", "Did you mean from?"),
    "an unknown key of a term": (
        a_term("remove_pii_after", 'valu = "20 days"', 'value = "20 days"'), 7, "valu is not known", "Did you mean value?",
    ),
    "a name that is no table": (HEAD + "[terms]\nremove_pii_after = 20\n", 7, "is no table", "Write [terms.remove_pii"),
    "terms that are no table": ("terms = 3\n" + HEAD, 0, "[terms] is no table", "Write [terms.name]"),
    "an unknown clause": (
        a_term("x", 'clause = "RR-22"', 'kind = "count"', "value = 1"), 7, "There is no clause RR-22", "Did you mean RR-2?",
    ),
    "no clause at all": (a_term("x", 'kind = "count"', "value = 1"), 6, "no clause (none said)", "policy show"),
    "another's clause": (
        a_term("remove_pii_after", 'clause = "RR-3"', 'value = "20 days"'), 7, "This term is RR-2's", 'clause = "RR-2"',
    ),
    "no kind": (a_term("x", 'clause = "RR-2"', "value = 1"), 6, "`kind` is missing", "Say one of duration"),
    "an unknown kind": (
        a_term("x", 'clause = "RR-2"', 'kind = "length"', "value = 1"), 8, "kind = 'length' is not known", "Say one of",
    ),
    "a kind that the term does not have": (
        a_term("remove_pii_after", 'kind = "count"', "value = 20"), 7, "is a duration, smaller being stricter", "same way",
    ),
    "a direction that the kind does not have": (
        a_term("x", 'clause = "RR-2"', 'kind = "duration"', 'stricter = "union"', 'value = "1 day"'), 9,
        "stricter = 'union' is not known", "Say one of smaller, larger",
    ),
    "the other direction of a known term": (
        a_term("logs_kept", 'stricter = "smaller"', 'value = "1 day"'), 7, "larger being stricter", "same way",
    ),
    "a value of another kind": (
        a_term("lock_after_failures", 'value = "five"'), 7, "The value of lock_after_failures", "a whole number, such as 5",
    ),
    "a duration without a unit": (a_term("remove_pii_after", "value = 20"), 7, "is not understood", 'such as "30 days"'),
    "a duration of nothing": (a_term("remove_pii_after", 'value = "0 days"'), 7, "is not understood", 'or "never"'),
    "true as a count": (a_term("lock_after_failures", "value = true"), 7, "is not understood", "a whole number"),
    "a choice that is none": (a_term("transport", 'value = "TLS 1.1"'), 7, "is not understood", "one of TLS 1.3, TLS 1.2"),
    "choices in another order": (
        a_term("transport", 'choices = ["TLS 1.0", "TLS 1.3"]', 'value = "TLS 1.0"'), 7, "are TLS 1.3, TLS 1.2",
        "Leave `choices` out",
    ),
    "choices of one text": (
        a_term("x", 'clause = "ET-1"', 'kind = "choice"', 'choices = "TLS"', 'value = "T"'), 9, "lists texts", "Write choices",
    ),
    "a list that says a thing twice": (
        a_term("media_refused", 'value = ["tape", "tape"]'), 7, "is not understood", "each thing once",
    ),
    "a cadence of nothing": (a_term("review_plan", "value = {}"), 7, "is not understood", "{ every ="),
    "a cadence of never": (a_term("review_plan", 'value = { every = "never" }'), 7, "is not understood", "leave it out"),
    "a promise with a value": (a_term("origin_tag", "value = 3"), 7, "is not understood", "a promise has no value"),
    "an unknown event": (
        a_term("remove_pii_after", 'counted_from = ["fulfillment"]', 'value = "20 days"'), 7, "There is no event",
        "Known are installation",
    ),
    "an unknown scope": (
        a_term("remove_pii_after", 'scope = { team = "north" }', 'value = "20 days"'), 7, "This scope is not understood",
        "A scope names one of data, role",
    ),
    "an unknown confidence": (
        a_term("remove_pii_after", 'confidence = "sure"', 'value = "20 days"'), 7, "confidence = 'sure'", "Say one of own",
    ),
    "an exception without because": (
        a_term("remove_pii_after", 'value = "20 days"', 'except = [{ scope = { role = "packer" }, value = "9 days" }]'), 8,
        "An exception says scope, value and because", "because =",
    ),
    "exceptions that are a number": (
        a_term("remove_pii_after", 'value = "20 days"', "except = 3"), 8, "An exception says scope", "because =",
    ),
    "an exception for everybody": (
        a_term("remove_pii_after", 'value = "20 days"', 'except = [{ scope = {}, value = "9 days", because = "x" }]'), 8,
        "narrower scope", "Name what it is for",
    ),
    "looser than what is in force": (
        a_term("remove_pii_after", 'value = "31 days"'), 7, "31 days is looser than 30 days (the-entertainer)",
        "Take 30 days or stricter (smaller), or leave it out.",
    ),
    "logs kept for less": (a_term("logs_kept", 'value = "11 months"'), 7, "looser than 12 months (amazon-2026)", "Take 12"),
    "more wrong answers": (a_term("lock_after_failures", "value = 6"), 7, "6 is looser than 5", "Take 5 or stricter"),
    "a weaker choice": (
        a_term("cipher_at_rest", 'value = "AES-128-GCM"'), 7, "looser than AES-256-GCM", "Take AES-256-GCM",
    ),
    "a list without what must stand in it": (
        a_term("tell_amazon_at", 'value = ["sec@quillmarsh.example"]'), 7, "is looser than", "leave it out",
    ),
    "a permission that nobody else gives": (
        a_term("use_of_data", 'value = ["despatch", "marketing"]'), 7, "is looser than", "leave it out",
    ),
    "a rarer cadence": (a_term("review_plan", 'value = { every = "5 months" }'), 7, "is looser than every 4 months", "Take"),
    "a cadence without its event": (
        a_term("review_plan", 'value = { every = "1 month" }'), 7, "is looser than every 4 months and on major", "Take",
    ),
    "an exception looser than what is in force": (
        a_term("remove_pii_after", 'value = "20 days"',
               'except = [{ scope = { role = "packer" }, value = "40 days", because = "x" }]'), 7,
        "40 days is looser than 30 days", "Take 30 days",
    ),
    "kept longer than it may stay": (
        a_term("logs_gone_after", 'clause = "LM-4"', 'kind = "duration"', 'value = "11 months"', 'of = "logs"'), 9,
        "logs_kept keeps the logs at least 12 months (LM-4), logs_gone_after has it gone after 11 months",
        "Both cannot be kept",
    ),
    "a duty that is there already": (
        HEAD + '[duties.walk_sites]\nclause = "GS-1"\nwords = "x"\nevery = "1 day"\nowner = "manager"\nevidence = "x"\n'
        'late = "x"\n', 7, "There is a duty walk_sites already", "Shorten its cadence by its term",
    ),
    "a duty of nobody": (
        HEAD + '[duties.y]\nclause = "GS-1"\nwords = "x"\nevery = "1 day"\nowner = "packer"\nevidence = "x"\nlate = "x"\n',
        10, "owner = 'packer' is not known", "Say one of administrator",
    ),
    "a duty without evidence": (
        HEAD + '[duties.y]\nclause = "GS-1"\nwords = "x"\nevery = "1 day"\nowner = "manager"\nlate = "x"\n', 6,
        "A duty says `evidence`", 'Add evidence = "…"',
    ),
    "a duty that never comes": (
        HEAD + '[duties.y]\nclause = "GS-1"\nwords = "x"\nowner = "manager"\nevidence = "x"\nlate = "x"\n', 6,
        "How often is not understood", "a cadence is",
    ),
    "a duty by a term that is no cadence": (
        HEAD + '[duties.y]\nclause = "GS-1"\nwords = "x"\nterm = "logs_kept"\nowner = "manager"\nevidence = "x"\n'
        'late = "x"\n', 9, "logs_kept is no cadence term", "Name one term of kind cadence",
    ),
    "a duty due at no time": (
        HEAD + '[duties.y]\nclause = "GS-1"\nwords = "x"\nevery = "1 day"\nowner = "manager"\nevidence = "x"\n'
        'late = "x"\nwithin = "soon"\n', 13, "How soon is not understood", "a duration is",
    ),
    "a law without a country": (
        HEAD + '[laws.norway]\nname = "x"\nauthority = "x"\nsays = [{ to = "x", we = "x", clauses = ["RR-2"] }]\n', 6,
        "lists countries by two capital letters", 'where = ["GB"]',
    ),
    "a law that says nothing": (
        HEAD + '[laws.norway]\nname = "x"\nauthority = "x"\nwhere = ["NO"]\n', 6, "says nothing of how it is kept", "Write {",
    ),
    "a law with a term that is none": (
        HEAD + '[laws.norway]\nname = "x"\nauthority = "x"\nwhere = ["NO"]\n'
        'says = [{ to = "x", we = "in {remove_all:within}", clauses = ["RR-2"] }]\n', 10, "No profile has a term remove_all",
        "Write {",
    ),
    "a law with a term said as it cannot be": (
        HEAD + '[laws.norway]\nname = "x"\nauthority = "x"\nwhere = ["NO"]\n'
        'says = [{ to = "x", we = "in {review_plan:within}", clauses = ["RR-2"] }]\n', 10,
        "A cadence is not said as {review_plan:within}", "Write {",
    ),
    "a law of an unknown clause": (
        HEAD + '[laws.norway]\nname = "x"\nauthority = "x"\nwhere = ["NO"]\n'
        'says = [{ to = "x", we = "x", clauses = ["RR-99"] }]\n', 10, "There is no clause RR-99", "Write {",
    ),
    "a law that is there already": (
        HEAD + '[laws.uk]\nname = "x"\nauthority = "x"\nwhere = ["GB"]\n'
        'says = [{ to = "x", we = "x", clauses = ["RR-2"] }]\n', 7, "There is a law uk already", "another id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_each_mistake_is_told_with_its_line_and_its_remedy(what: str) -> None:
    text, line, sentence, remedy = MISTAKES[what]
    told = lint(text)
    assert told, "nothing was wrong with it"
    assert (told[0].file, told[0].line) == ("quillmarsh.toml", line), told[0]
    assert sentence in told[0].sentence, told[0]
    assert remedy in told[0].remedy, told[0]


def test_two_profiles_of_one_id_are_not_both_in_force() -> None:
    (told,) = lint(HEAD, HEAD)
    assert (told.file, told.line) == ("other0.toml", 2)
    assert "There is a profile quillmarsh already" in told.sentence


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_company_cannot_take_the_name_of_a_profile_of_ours(name: str) -> None:
    (told,) = lint(HEAD.replace("quillmarsh", name))
    assert told.line == 2
    assert f"There is a profile {name} already" in told.sentence


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    told = lint(a_term("remove_pii_after", "value = 20", 'scope = { team = "x" }', 'confidence = "sure"'))
    assert {m.line for m in told} == {7, 8, 9}


def test_a_mistake_reads_as_one_line_for_whoever_wrote_it() -> None:
    (told,) = lint(a_term("remove_pii_after", 'value = "31 days"'))
    assert str(told).startswith("quillmarsh.toml, line 7: remove_pii_after = 31 days is looser than 30 days")


def test_what_is_stricter_is_in_force_and_says_whose_word_it_is() -> None:
    term = in_force(a_term("remove_pii_after", 'value = "20 days"')).term("remove_pii_after")
    assert (term.words, term.source) == ("20 days", "quillmarsh")


def test_an_empty_list_is_a_list() -> None:
    assert in_force(a_term("use_of_data", "value = []")).listed("use_of_data") == ()


def test_kept_for_ever_is_the_strictest_of_keeping() -> None:
    assert str(in_force(a_term("logs_kept", 'value = "for ever"')).span("logs_kept")) == "for ever"


def test_never_is_the_strictest_of_being_allowed_to_stay() -> None:
    assert str(in_force(a_term("remove_pii_after", 'value = "never"')).span("remove_pii_after")) == "never"


def test_a_cadence_may_be_an_event_alone_or_a_time_and_an_event() -> None:
    text = a_term("try_doors", 'clause = "NP-2"', 'kind = "cadence"', 'value = { on = ["release"] }')
    assert str(in_force(text).cadence("try_doors")) == "on release"
    both = in_force(a_term("review_plan", 'value = { every = "2 months", on = ["major change", "new vendor"] }'))
    assert str(both.cadence("review_plan")) == "every 2 months and on major change and on new vendor"


def test_a_term_counts_from_every_event_that_a_profile_names() -> None:
    found = in_force(a_term("remove_pii_after", 'value = "20 days"', 'counted_from = ["receipt"]'))
    assert found.term("remove_pii_after").counted_from == ("fulfilment", "delivery", "receipt")


def test_a_promise_without_a_number_is_a_term_too() -> None:
    text = a_term("no_phones", 'clause = "AM-6"', 'kind = "promise"', 'words = "no telephones at the benches"')
    assert in_force(text).term("no_phones").words == "no telephones at the benches"


def test_an_exception_is_for_its_scope_alone_and_says_why() -> None:
    found = in_force(
        a_term("remove_pii_after", 'value = "20 days"',
               'except = [{ scope = { data = "gift message" }, value = "25 days", because = "customs" }]')
    )  # fmt: skip
    assert str(found.span("remove_pii_after")) == "20 days"
    assert str(found.span("remove_pii_after", data="gift message")) == "25 days"
    assert dict(found.term("remove_pii_after", data="gift message").said)["quillmarsh"].because == "customs"
    assert str(found.span("remove_pii_after", data="address")) == "20 days"


def test_a_company_adds_a_duty_and_a_law_of_its_own_without_code() -> None:
    made = in_force(
        HEAD + '[duties.sweep_benches]\nclause = "ES-5"\nwords = "Look under the benches"\nevery = "1 day"\n'
        'owner = "manager"\nevidence = "who looked"\nlate = "ES-5 turns False"\n'
        '[laws.guernsey]\nname = "Guernsey\'s law of 2017"\nwhere = ["GG"]\nauthority = "odpa.gg"\n'
        'says = [{ to = "an end", we = "Gone {remove_pii_after:within}.", clauses = ["RR-2"] }]\n'
    )
    assert next(duty for duty in made.duties() if duty.name == "sweep_benches").cadence == values.cadence("1 day")
    assert [law.id for law in made.laws() if law.applies_in(["GG"])] == ["guernsey"]


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 50) | st.sampled_from(
        ["30 days", "never", "for ever", "RR-2", "duration", "cadence", "list", "union", "fulfilment", "x", ""]
    ) | st.just(date(2026, 11, 24)),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["every", "on", "scope", "value", "because", "role", "to", "we", "clauses"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = ("clause", "kind", "value", "stricter", "choices", "counted_from", "scope", "except", "of", "source", "words",
        "confidence", "every", "on", "term", "owner", "evidence", "late", "within", "name", "where", "authority", "says")  # fmt: skip


@given(st.sampled_from(["terms", "duties", "laws"]), st.sampled_from(["remove_pii_after", "transport", "new"]),
       st.dictionaries(st.sampled_from(KEYS), anything.filter(lambda v: v is not None), max_size=6))  # fmt: skip
@example("terms", "remove_pii_after", {"counted_from": date(2026, 11, 24)})
@example("terms", "remove_pii_after", {"counted_from": [{}]})
def test_no_content_whatever_ends_the_reader(group: str, name: str, table: dict[str, Any]) -> None:
    text = HEAD + f"[{group}.{name}]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in table.items())
    tomllib.loads(text)
    for mistake in lint(text):
        assert mistake.sentence
        assert mistake.remedy
        assert mistake.line > 0


@given(st.text(max_size=200))
def test_no_text_whatever_ends_the_reader(text: str) -> None:
    assert all(mistake.remedy for mistake in lint(HEAD + text))


def as_toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return '""'
        case str():
            return f'"{value}"'
        case list():
            return "[" + ", ".join(map(as_toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {as_toml(each)}" for key, each in value.items()) + "}"
    return str(value)
