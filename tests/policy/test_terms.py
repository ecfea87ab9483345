"""The stricter of several profiles, whichever their order; exceptions within what every profile allows; the calendar."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.clauses import sentences, terms, values
from strongroom.policy.clauses.profiles import Profile, Said, Scope
from strongroom.policy.clauses.terms import Terms
from strongroom.policy.clauses.values import FOR_EVER, NEVER, Cadence, Kind, Span, Stricter, Value

CHOICES = ("TLS 1.3", "TLS 1.2", "TLS 1.1")
SCOPES: tuple[Scope, ...] = (
    (), (("role", "packer"),), (("data", "gift message"),), (("data", "gift message"), ("role", "packer")),
)  # fmt: skip
WAYS = [(kind, way) for kind, ways in values.DIRECTIONS.items() for way in ways if kind is not Kind.PROMISE]

spans = st.sampled_from([NEVER, FOR_EVER]) | st.builds(
    Span, st.integers(1, 400), st.sampled_from(["seconds", "minutes", "hours", "days", "months", "years"])
)
lists = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4).map(tuple)
cadences = st.builds(Cadence, st.none() | spans.filter(lambda s: s not in (NEVER, FOR_EVER)), lists).filter(
    lambda c: c.every is not None or c.on
)
OF: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.DURATION: spans, Kind.COUNT: st.integers(0, 50), Kind.CHOICE: st.sampled_from(CHOICES), Kind.LIST: lists,
    Kind.CADENCE: cadences,
}  # fmt: skip


def said(kind: Kind, way: Stricter, value: Value, scope: Scope = ()) -> Said:
    return Said("x", "RR-2", kind, value, way, CHOICES if kind is Kind.CHOICE else (), scope=scope)


def profile(name: str, *all_said: Said) -> Profile:
    return Profile(
        name, 1, date(2026, 11, 24), "", "", all_said, text=f'[profile]\nid = "{name}"\n[terms.x]\nvalue = 1\n'
    )


@st.composite
def several(draw: st.DrawFn) -> list[Profile]:
    """One to four profiles that speak of one term, each for everybody and perhaps for some scopes."""
    kind, way = draw(st.sampled_from(WAYS))
    scopes = st.lists(st.sampled_from(SCOPES[1:]), unique=True, max_size=3)
    return [
        profile(f"p{n}", *(said(kind, way, draw(OF[kind]), scope) for scope in ((), *draw(scopes))))
        for n in range(draw(st.integers(1, 4)))
    ]


def its_words(of: Profile, scope: Scope) -> list[Said]:
    return [word for _, word in Terms([of]).term("x", **dict(scope)).said]


@given(several(), st.sampled_from(SCOPES))
def test_what_is_in_force_is_never_looser_than_any_profile(profiles: list[Profile], scope: Scope) -> None:
    found = Terms(profiles).term("x", **dict(scope))
    for word in (word for each in profiles for word in its_words(each, scope)):
        looser = values.looser(found.kind, found.stricter, found.value, word.value, CHOICES)
        assert not looser, (found.value, word.value)


@given(several(), st.sampled_from(SCOPES))
def test_what_is_in_force_is_no_stricter_than_somebody_asks(profiles: list[Profile], scope: Scope) -> None:
    found = Terms(profiles).term("x", **dict(scope))
    words = [word.value for each in profiles for word in its_words(each, scope)]
    match found.value:
        case tuple() as items:
            every = [set(word) for word in words if isinstance(word, tuple)]
            wanted = set.union(*every) if found.stricter is Stricter.UNION else set.intersection(*every)
            assert set(items) == wanted
        case Cadence() as cadence:
            assert cadence.every in {word.every for word in words if isinstance(word, Cadence)}
            assert set(cadence.on) == {event for word in words if isinstance(word, Cadence) for event in word.on}
        case _:
            assert found.value in words


@given(several(), st.sampled_from(SCOPES))
def test_the_order_of_profiles_does_not_matter(profiles: list[Profile], scope: Scope) -> None:
    found = [as_set(Terms(order).term("x", **dict(scope)).value) for order in permutations(profiles)]
    assert all(each == found[0] for each in found)


@given(several(), several(), st.sampled_from(SCOPES))
def test_a_profile_that_lint_lets_pass_makes_nothing_looser(
    ours: list[Profile], theirs: list[Profile], scope: Scope
) -> None:
    first, company = theirs[0].terms[0], replace(ours[0], id="company")
    if (first.kind, first.stricter) != (company.terms[0].kind, company.terms[0].stricter):
        return
    told = [m for m in terms.lint([company], theirs) if "looser" in m.sentence]
    before = Terms(theirs).term("x", **dict(scope)).value
    after = Terms([*theirs, company]).term("x", **dict(scope)).value
    assert not values.looser(first.kind, first.stricter, after, before, CHOICES)
    if not told:
        for word, each in product(its_words(company, scope), theirs):
            exact = Terms([each]).term("x", **dict(word.scope)).value
            assert not values.looser(first.kind, first.stricter, word.value, exact, CHOICES), "an exception nobody gave"


@given(several())
def test_an_exception_beyond_what_the_others_allow_is_told(theirs: list[Profile]) -> None:
    first = theirs[0].terms[0]
    for scope in SCOPES[1:]:
        allowed = Terms(theirs).term("x", **dict(scope)).value
        for value in loosest(first.kind, first.stricter):
            if values.looser(first.kind, first.stricter, value, allowed, CHOICES):
                base = said(first.kind, first.stricter, Terms(theirs).term("x").value)
                company = profile("company", base, said(first.kind, first.stricter, value, scope))
                assert any("looser" in m.sentence for m in terms.lint([company], theirs))


def loosest(kind: Kind, way: Stricter) -> list[Value]:
    """Values that ask for as little as their kind can."""
    found: dict[Kind, list[Value]] = {
        Kind.DURATION: [FOR_EVER if way is Stricter.SMALLER else NEVER], Kind.COUNT: [99 if way is Stricter.SMALLER else 0],
        Kind.CHOICE: [CHOICES[-1]], Kind.LIST: [() if way is Stricter.UNION else ("a", "b", "c", "d", "e")],
        Kind.CADENCE: [Cadence(Span(500, "years"), ("e",))],
    }  # fmt: skip
    return found[kind]


def as_set(value: Value) -> object:
    match value:
        case tuple():
            return frozenset(value)
        case Cadence():
            return (value.every and value.every.length(), frozenset(value.on))
        case Span():
            return value.length()
    return value


@given(spans)
def test_a_span_is_read_back_from_what_it_says(span: Span) -> None:
    assert values.parse(Kind.DURATION, values.plain(span)) == span


@given(cadences)
def test_a_cadence_is_read_back_from_what_it_says(cadence: Cadence) -> None:
    assert values.parse(Kind.CADENCE, values.plain(cadence)) == cadence


MONTHS = [
    ("1 month", "2026-01-31", "2026-02-28"), ("1 month", "2028-01-31", "2028-02-29"), ("4 months", "2026-10-31", "2027-02-28"),
    ("12 months", "2028-02-29", "2029-02-28"), ("1 year", "2028-02-29", "2029-02-28"), ("6 months", "2026-08-31", "2027-02-28"),
    ("3 months", "2026-12-15", "2027-03-15"), ("18 months", "2026-06-30", "2027-12-30"), ("30 days", "2026-01-31", "2026-03-02"),
]  # fmt: skip


@pytest.mark.parametrize(("span", "begin", "end"), MONTHS)
def test_months_and_years_go_by_the_calendar_and_days_by_days(span: str, begin: str, end: str) -> None:
    began = datetime.fromisoformat(f"{begin}T10:30:00+00:00")
    assert values.span(span).after(began) == datetime.fromisoformat(f"{end}T10:30:00+00:00")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)), st.integers(1, 240))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_month_more_is_never_earlier_and_never_more_than_31_days(moment: datetime, months: int) -> None:
    one, more = Span(months, "months").after(moment), Span(months + 1, "months").after(moment)
    assert timedelta(days=28) <= more - one <= timedelta(days=31)


def test_for_ever_has_no_end_to_count_to() -> None:
    with pytest.raises(OverflowError):
        FOR_EVER.after(datetime(2026, 11, 24, tzinfo=UTC))


SENTENCES = [
    ("gone {remove_pii_after:within}", "gone within 30 days"), ("kept {logs_kept:for}", "kept for 12 months"),
    ("there {pii_in_logs:for}", "there for no time at all"), ("reviewed {review_plan}", "reviewed every 4 months and at each major change"),
    ("scanned {scan_code}", "scanned at each release"), ("locks at {lock_after_failures}", "locks at 5"),
    ("by {factors_allowed:or}", "by passkey or password and code"), ("under {transport}", "under TLS 1.2"),
    ("{one_login_a_person}", "every person has a login of their own"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), SENTENCES)
def test_a_term_is_said_as_its_sentence_needs_it(text: str, wanted: str) -> None:
    built_in = terms.built_in()

    def say(slot: sentences.Slot) -> str:
        term = built_in.term(slot.name)
        return sentences.said(term.value, slot.form, term.words)

    assert sentences.fill(text, say) == wanted


def test_a_list_is_said_as_people_list_things() -> None:
    assert [sentences.listed(items) for items in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "nothing", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_a_stray_brace_is_no_sentence() -> None:
    assert "a brace" in sentences.what_is_wrong("gone in {30 days}", {})
