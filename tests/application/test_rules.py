"""The rules of bench and openings: plain values in, a word out."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.application.despatch import rules
from strongroom.application.despatch.rules import Hold, Printable, ScanKind, read_scan
from strongroom.application.lookup.rules import Habit, bars, usual_day, why_unusual
from strongroom.application.receipt.rules import priority_of
from strongroom.formats.refused import Refused
from strongroom.policy.definitions import OrderState

REFS = st.uuids(version=4)


@given(REFS)
@example(uuid.UUID("ce09e860-184a-4220-b803-37e588bf965b"))  # its code begins with the letters that scanners put before
def test_a_code_finds_its_order_and_reads_the_same_however_it_is_typed(ref: uuid.UUID) -> None:
    code = rules.code_of(ref)
    first, last = rules.range_of(code)
    assert first <= ref <= last
    for typed in (
        f"SR{code}",
        f"sr{code.lower()}",
        rules.spaced(code),
        f" {rules.spaced(code).lower()} ",
        f"SR-{rules.spaced(code)}",
    ):
        assert read_scan(typed) == rules.Scan(ScanKind.OUR_CODE, code)


@given(REFS, REFS)
def test_two_orders_have_two_codes(one: uuid.UUID, other: uuid.UUID) -> None:
    if one.int >> 78 != other.int >> 78:
        assert rules.code_of(one) != rules.code_of(other)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", ScanKind.NOTHING), ("   ", ScanKind.NOTHING), ("203-8817402-6654190", ScanKind.AMAZON_NUMBER),
        ("AB123456785GB", ScanKind.TRACKING_OR_SKU), ("1Z999AA10123456784", ScanKind.TRACKING_OR_SKU),
        ("MARBLE-42", ScanKind.SKU), ("KITE-S", ScanKind.SKU), ("x" * 500, ScanKind.SKU),
    ],
)  # fmt: skip
def test_a_scan_is_known_by_its_form(text: str, kind: ScanKind) -> None:
    assert read_scan(text).kind is kind


@given(st.text(max_size=300))
def test_any_scan_is_something_and_what_is_kept_of_it_is_short(text: str) -> None:
    found = read_scan(text)
    assert len(found.value) <= rules.LONGEST_SCAN
    assert len(rules.shape_of(text)) <= 40


def test_a_tracking_number_that_was_not_found_is_kept_by_its_last_four() -> None:
    assert rules.shape_of("AB123456785GB") == "13 characters, ends 85GB"


@pytest.mark.parametrize(
    ("number", "carrier"),
    [("AB123456785GB", "Royal Mail"), ("1Z999AA10123456784", "UPS"), ("15501234567890", "DPD"), ("RR123456785JP", "Japan Post"),
     ("H00AAA0123456789", "Evri"), ("AB123456785XX", "Other")],
)  # fmt: skip
def test_a_carrier_is_known_by_the_form_of_its_numbers(number: str, carrier: str) -> None:
    assert rules.carrier_of(number) == carrier


@pytest.mark.parametrize("text", ["", "12", "AB 12!", "x" * 60, "DROP TABLE", "ＡＢ１２３４５６７"])
def test_what_is_no_tracking_number_is_refused_in_words(text: str) -> None:
    if text == "DROP TABLE":
        assert rules.pack_tracking(text) == "DROPTABLE"
        return
    with pytest.raises(Refused, match="not a tracking number"):
        rules.pack_tracking(text)


READY = Printable(
    OrderState.TO_SHIP, "MERCHANT", done=False, cancelled=False, held_for=None, has_address=True, data_absent=False
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cancelled": True, "held_for": 1}, "Cancelled"), ({"fulfilled_by": "AMAZON"}, "Amazon ships"),
        ({"done": True}, "left already"), ({"state": OrderState.PENDING}, "not released"),
        ({"held_for": Hold.FRAUD_REVIEW}, "being reviewed"), ({"has_address": False, "data_absent": True}, "no address"),
        ({"has_address": False}, "forgotten on its day"), ({"state": OrderState.UNKNOWN}, "not released"),
    ],
)  # fmt: skip
def test_an_order_that_gets_no_label_says_why(change: dict[str, object], words: str) -> None:
    said = rules.why_not_printed(Printable(**{**READY.__dict__, **change}))
    assert said is not None
    assert words in said
    assert rules.why_not_printed(READY) is None


PIECES = st.dictionaries(st.integers(1, 5), st.integers(1, 9), min_size=1)


@given(PIECES, PIECES, PIECES, PIECES)
def test_nothing_is_packed_twice(
    ordered: dict[int, int], here: dict[int, int], gone: dict[int, int], told: dict[int, int]
) -> None:
    left = rules.left_over(rules.Pieces(ordered, here, gone, told))
    assert all(0 < n <= ordered[line] for line, n in left.items())
    packed = {line: here.get(line, 0) + left.get(line, 0) for line in {*here, *left}}
    assert rules.left_over(rules.Pieces(ordered, packed, gone, told)) == {}


def test_a_parcel_that_is_here_is_not_the_one_that_amazon_saw_leave() -> None:
    assert rules.left_over(rules.Pieces({1: 2}, {}, {}, {1: 1})) == {1: 1}
    assert rules.left_over(rules.Pieces({1: 2}, {1: 1}, {}, {1: 1})) == {}
    assert rules.left_over(rules.Pieces({1: 2}, {}, {1: 1}, {1: 1})) == {1: 1}, "that one was ours"


@given(PIECES)
def test_the_last_piece_fulfils_at_the_moment_it_left(ordered: dict[int, int]) -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    halves = {line: n // 2 for line, n in ordered.items() if n // 2}
    rest = {line: n - halves.get(line, 0) for line, n in ordered.items()}
    assert rules.fulfilled_at(ordered=ordered, left=[(early, halves)]) is None
    assert rules.fulfilled_at(ordered=ordered, left=[(late, rest), (early, halves)]) == late


@pytest.mark.parametrize("word", ["NEXT_DAY", "NextDay", "next-day", "SAME_DAY", "SameDay"])
def test_what_was_paid_for_faster_comes_first_however_amazon_spells_it(word: str) -> None:
    assert priority_of(word) > priority_of("EXPEDITED") > priority_of("STANDARD") == priority_of(None)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40))
def test_a_bar_is_as_high_as_its_day_and_stays_in_the_picture(openings: list[int]) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n), count) for n, count in enumerate(openings)]
    drawn = bars(days)
    assert [bar.openings for bar in drawn] == openings
    assert all(bar.x >= 0 and bar.x + bar.width <= 560 and 0 <= bar.above <= bar.y <= 138 for bar in drawn)
    assert drawn[-1].named
    assert max(bar.height for bar in drawn) == (112 if any(openings) else 0)


def test_tries_come_later_and_later_and_never_stop() -> None:
    waits = [rules.wait_before_try(n) for n in range(200)]
    assert waits == sorted(waits)
    assert waits[0] < timedelta(seconds=10)
    assert waits[-1] == timedelta(minutes=15)


def habit(**what: int) -> Habit:
    days = {date(2026, 11, day): 4 for day in range(1, 11)}
    facts = {"today": 0, "night_today": 0, "night_before": 0, "most_of_one_order": 0, **what}
    return Habit(days, **facts)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (habit(today=13), "13 today"), (habit(today=12), None), (habit(today=9), None),
        (habit(night_today=1), "at night"), (habit(night_today=3, night_before=2), None),
        (habit(most_of_one_order=4), "one order 4 times"), (habit(most_of_one_order=3), None),
        (Habit({}, 49, 0, 0, 0), None), (Habit({}, 50, 0, 0, 0), "50 today"),
    ],
)  # fmt: skip
def test_what_stands_out_is_told_in_words(found: Habit, words: str | None) -> None:
    said = "; ".join(why_unusual(found))
    assert (words in said) if words else said == ""


def test_a_usual_day_is_the_median_of_three_days_or_more() -> None:
    assert usual_day([0, 4, 0]) == 0.0
    assert usual_day([2, 4, 9, 0, 0]) == 4.0
