"""What is told: the worst first, once, to whoever answers, and nobody's data in any of it (IR-2, I26)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.house.running import House
from tests.policy.people import Somebody, as_website
from tests.policy.post import BOTH, MAIL_ONLY, Post, attempts, news, post_office, step

CLAUSE = "DG-2"


@pytest.fixture
def office(house: House, folder: Path) -> Iterator[Post]:
    with post_office(house, folder) as made:
        yield made


@pytest.fixture
def guard(house: House) -> Iterator[Somebody]:
    from strongroom.policy.least_privilege.models import Grant

    with as_website(house):
        Grant.objects.filter(role__in=["security", "director"], ended_at__isnull=True).update(ended_at=house.now())
        made = Somebody("security", "director")
    yield made
    with as_website(house):
        Grant.objects.filter(person=made.row, ended_at__isnull=True).update(ended_at=house.now())


def turn(house: House, state: str, was: str = "true", clause: str = CLAUSE, reason: str = "It was looked at.") -> None:
    from strongroom.policy import definitions
    from strongroom.policy.obligations.models import Turn

    Turn(
        account_id=0, id=definitions.reference(), clause=clause, at=house.now(), was=was, state=state, reason=reason
    ).save(force_insert=True)  # fmt: skip


def tell(office: Post) -> list[str]:
    """A round of the real source of clauses; the subjects that arrived since the last, of our clause."""
    from strongroom.policy.obligations.channels.news import clauses

    before = len(office.server.box.mails)
    office.teller(clauses).round(MAIL_ONLY)
    arrived = list(office.server.box.mails)[before:]
    return [mail.subject.removeprefix("[rehearsal] ") for mail in arrived if CLAUSE in mail.subject]


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    """What an earlier test let turn is true for long, and over."""
    if "office" in request.fixturenames:
        office = request.getfixturevalue("office")
        turn(office.house, "true", "false")
        step(office.house, 31)
        tell(office)


def test_a_clause_that_turns_false_is_told_at_once_and_its_way_back_after_half_an_hour(
    office: Post, guard: Somebody, house: House
) -> None:
    turn(house, "false")
    assert tell(office) == ["DG-2 is false: Cleansed before it moves"]
    assert tell(office) == []
    turn(house, "true", "false")
    step(house, 20)
    assert tell(office) == [], "not for long enough to be believed"
    step(house, 11)
    assert tell(office) == ["DG-2 is true again: Cleansed before it moves"]
    step(house, 60)
    assert tell(office) == []


def test_a_clause_that_turns_to_and_fro_is_one_piece_of_news(office: Post, guard: Somebody, house: House) -> None:
    told = []
    for _ in range(6):
        turn(house, "false")
        step(house, 5)
        told += tell(office)
        turn(house, "true", "false")
        step(house, 5)
        told += tell(office)
    assert told == ["DG-2 is false: Cleansed before it moves"]
    step(house, 31)
    assert tell(office) == ["DG-2 is true again: Cleansed before it moves"]


def test_unknown_is_told_when_it_stays_and_false_after_it_at_once(office: Post, guard: Somebody, house: House) -> None:
    turn(house, "unknown")
    assert tell(office) == [], "a restart is no news"
    step(house, 11)
    assert tell(office) == ["DG-2 is unknown: Cleansed before it moves"]
    turn(house, "false", "unknown")
    assert tell(office) == ["DG-2 is false: Cleansed before it moves"]
    turn(house, "unknown", "false")
    step(house, 11)
    assert tell(office) == [], "it is no worse than what was told"


def test_a_deadline_warns_and_is_missed_and_each_is_told_once(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.formats.leaf import Actor
    from strongroom.policy import definitions
    from strongroom.policy.obligations import sweeper
    from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy
    from strongroom.policy.obligations.channels.news import deadlines

    def told() -> list[str]:
        before = len(office.server.box.mails)
        office.teller(deadlines).round(MAIL_ONLY)
        return [m.text for m in list(office.server.box.mails)[before:] if "AZ-5" in m.subject]

    with as_website(house):
        administrator = Somebody("administrator")
    subject = definitions.reference()
    open_obligation(
        account=0, kind=ObligationKind.CHANGE_KEY, subject=subject, due_at=house.now() + timedelta(hours=10),
        by=Actor.WATCH,
    )  # fmt: skip
    step(house, 5 * 60 + 1)
    sweeper.sweep()
    texts = told()
    assert any("AZ-5: a deadline is near" in text and administrator.row.name in text for text in texts)
    assert told() == []
    step(house, 5 * 60)
    sweeper.sweep()
    texts = told()
    assert any("AZ-5: a deadline passed unmet" in text and "1 late" in text for text in texts)
    satisfy(account=0, kind=ObligationKind.CHANGE_KEY, subject=subject, by=Actor.WATCH)
    step(house, 25 * 60)
    assert told() == [], "it is done, so it is over"


def test_what_forgets_by_itself_warns_nobody(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.policy.obligations.actions import KINDS
    from strongroom.policy.obligations.channels.news import Seen, deadlines
    from strongroom.policy.obligations.models import Obligation

    found = deadlines(Seen(house.now(), lambda: None))  # type: ignore[arg-type, return-value]
    retention = {kind for kind, facts in KINDS.items() if facts.is_retention}
    assert not [each for each in found if each.event == "deadline warned" and each.figures["kind"] in retention]
    assert Obligation.objects is not None


def test_a_proposal_waits_for_everybody_but_its_proposer(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.policy.least_privilege import approvals
    from strongroom.policy.least_privilege.models import ApprovalKind
    from strongroom.policy.obligations.channels.news import approvals as source

    with as_website(house):
        manager = Somebody("manager")
        proposal = approvals.propose(
            kind=ApprovalKind.EXCEPTION, subject="x", content={"a": "b"}, reason="Because it is small", by=manager.row
        )
    office.teller(source).round(MAIL_ONLY)
    told = [mail for mail in office.server.box.mails if str(proposal.pk) in mail.text]
    assert {mail.to for mail in told} >= {guard.email}
    assert manager.email not in {mail.to for mail in told}
    assert "Because it is small" not in "".join(mail.text for mail in told), "a person's words stay here"
    with as_website(house):
        approvals.decline(id_=proposal.pk, by=manager.row)


def test_a_silent_watch_is_told_at_the_second_look(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.policy.obligations import runs, sweeper
    from strongroom.policy.obligations.channels.news import watches

    sweeper.beat(runs.CHECKS)
    sweeper.sweep()
    step(house, 4)
    teller = office.teller(watches)
    assert teller.round(MAIL_ONLY) == 0
    step(house, 2)
    sweeper.beat(sweeper.SWEEPER)
    assert teller.round(MAIL_ONLY) == 0, "the machine may have been asleep"
    step(house, 1)
    teller.round(MAIL_ONLY)
    told = [mail.subject for mail in office.to(guard.row)]
    assert told == ["[rehearsal] A watch is silent: checks"]
    sweeper.beat(runs.CHECKS)


def test_every_high_alarm_becomes_a_case_that_is_told_until_decided(
    office: Post, guard: Somebody, house: House
) -> None:
    from strongroom.policy import definitions
    from strongroom.policy.incident_response import actions
    from strongroom.policy.incident_response.models import Case
    from strongroom.policy.incident_response.news import cases
    from strongroom.policy.obligations import sweeper

    subject = definitions.reference()
    sweeper.raise_alarm(account=0, kind="probe failed", subject=subject, count=1)
    actions.open_cases()
    case = Case.objects.filter(account_id=0, alarm_kind="probe failed").latest("number")
    teller = office.teller(cases)
    teller.round(MAIL_ONLY)
    step(house, 4 * 60)
    teller.round(MAIL_ONLY)
    title = f"Case {case.number} waits for a decision: probe failed"
    assert len([mail for mail in office.to(guard.row) if title in mail.subject]) == 2
    with as_website(house):
        actions.decide(number=case.number, decision="dismissed", words="It was a test of this.", by=guard.row)
    step(house, 4 * 60)
    teller.round(MAIL_ONLY)
    assert len([mail for mail in office.to(guard.row) if title in mail.subject]) == 2


def at_hour(house: House, hour: int) -> None:
    """Policy time moves on to this hour in London."""
    from strongroom.policy.obligations.channels.moments import LONDON

    here = house.now().astimezone(LONDON)
    there = here.replace(hour=hour, minute=1, second=0)
    there += timedelta(days=1) if there <= here else timedelta(0)
    house.step((there.astimezone(UTC) - house.now()).total_seconds())


def test_the_digest_comes_once_a_day_after_its_hour_with_what_is_false_first(
    office: Post, guard: Somebody, house: House
) -> None:
    from strongroom.formats import note
    from strongroom.formats.leaf import Actor
    from strongroom.policy import definitions
    from strongroom.policy.logging_and_monitoring.tree import read_key
    from strongroom.policy.obligations.actions import ObligationKind, open_obligation, satisfy

    late: dict[str, Any] = {
        "account": 0,
        "kind": ObligationKind.CHANGE_KEY,
        "subject": definitions.reference(),
        "by": Actor.WATCH,
    }
    open_obligation(**late, due_at=house.now() + timedelta(minutes=1))
    office.channels = replace(office.channels, digest_hour=7)
    office.news = [news(subject="Case 3 waits")]
    at_hour(house, 6)
    office.tell(BOTH)
    assert not [mail for mail in office.to(guard.row) if "Today: " in mail.subject]
    at_hour(house, 8)
    for _ in range(3):
        office.tell(BOTH)
    (mail,) = [mail for mail in office.to(guard.row) if "Today: " in mail.subject]
    shown = (" false", "False (", "AZ-5", "Unknown (", "To be done", "newest checkpoint")
    order = [mail.text.find(words) for words in shown]
    assert -1 not in order
    assert order == sorted(order), "worst first"
    head, _, signed = mail.text.partition("strongroom.invalid/")
    text = "strongroom.invalid/" + signed.partition("\n\nLook here")[0] + "\n"
    journal = house.rehearsal.folders.journal
    assert note.verify_checkpoint(text, read_key(journal)).size > 0
    assert "keep this letter" in head
    (hook,) = [each for each in office.receiver.got.messages if each["event"] == "digest"]
    assert "AZ-5" in hook["false"]
    assert len(hook["false"]) == hook["counts"]["false"]
    board = [mail.to for mail in office.server.box.mails if "Today: " in mail.subject]
    assert "board@example.invalid" in board
    at_hour(house, 8)
    office.tell(BOTH)
    assert len([mail for mail in office.to(guard.row) if "Today: " in mail.subject]) == 2
    satisfy(**late)


def test_a_digest_that_nobody_got_gives_way_to_the_next(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.rehearsal.mail.server import MailFault

    office.channels = replace(office.channels, digest_hour=7)
    at_hour(house, 8)
    office.server.box.faults.extend([MailFault.DOWN] * 100)
    office.tell()
    at_hour(house, 8)
    office.server.box.faults.clear()
    office.tell()
    assert len([mail for mail in office.to(guard.row) if "Today: " in mail.subject]) == 1


def test_the_digest_leaves_even_when_nothing_is_wrong() -> None:
    from strongroom.policy.obligations.channels import words
    from strongroom.policy.obligations.channels.pages import Today
    from strongroom.policy.obligations.rules import State

    counts = dict.fromkeys(State, 0) | {State.TRUE: 70, State.ATTESTED: 2}
    today = Today(datetime(2026, 11, 24, 7, tzinfo=UTC), (), counts, (), (), 0, "a note")
    subject, body = words.of_today(words.House("Q", "https://h", rehearsal=False), today, "Somebody")
    assert subject == "Today: nothing is false, unknown or due"
    assert body.splitlines()[0] == "nothing is false, unknown or due, Tuesday 24 November."


def test_the_directors_page_comes_once_a_month_and_must_be_acknowledged(
    office: Post, guard: Somebody, house: House
) -> None:
    from strongroom.policy.obligations.models import Message

    office.channels = replace(office.channels, digest_hour=7)
    house.step(32 * 86_400)
    at_hour(house, 8)
    office.tell()
    office.tell()
    pages = [m for m in office.to(guard.row) if "overdue" in m.text]
    assert len(pages) == 1
    assert "newest checkpoint" in pages[0].text
    row = Message.objects.filter(account_id=0, event="month", to=guard.row.pk).latest("made_at")
    assert row.again_after == 7 * 86_400


def moment(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def test_how_long_a_clause_was_false_counts_within_the_month_only() -> None:
    from strongroom.policy.obligations.channels.pages import false_for

    turns = [
        ("RR-2", datetime(2026, 10, 30, tzinfo=UTC), "false"), ("AM-3", moment(3), "false"), ("RR-2", moment(2), "true"),
        ("AM-3", moment(3, 6), "true"), ("ES-1", moment(4), "unknown"), ("AM-3", moment(5), "false"),
        ("AM-3", moment(5, 1), "true"), ("LM-2", moment(29), "false"), ("NP-1", datetime(2026, 10, 1, tzinfo=UTC), "false"),
        ("NP-1", datetime(2026, 10, 2, tzinfo=UTC), "true"),
    ]  # fmt: skip
    found = false_for(turns, moment(1), datetime(2026, 12, 1, tzinfo=UTC))
    assert found == (
        ("LM-2", timedelta(days=2), 1), ("RR-2", timedelta(days=1), 1), ("AM-3", timedelta(hours=7), 2)
    )  # fmt: skip


EVIL = st.one_of(
    st.sampled_from(
        ["zoe.harkwell@example.com", "204-1234567-1234567", "+44 7700 900123", "SW1A 1AA", "4111 1111 1111 1111"]
    ),
    st.text(max_size=40),
)


@given(before=st.text(max_size=60), evil=EVIL, after=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_reason_that_could_name_somebody_stays_here(before: str, evil: str, after: str) -> None:
    from strongroom.formats.refused import Refused
    from strongroom.policy import definitions
    from strongroom.policy.obligations.channels import words

    letterhead = words.House("Quillmarsh Toys", "https://localhost:8443", rehearsal=False)
    made = news(lines=(f"{before} {evil} {after}",), subject="RR-2 is false")
    subject, body = words.of_news(letterhead, made, "Some Body")
    said = body.partition("Since ")[0]
    definitions.refuse_personal(said)
    assert len(body.split("\n\n")) <= 6, "no text passes for a paragraph of the letter's own"
    assert "\n" not in subject
    assert "\r" not in body
    try:
        definitions.refuse_personal(words.one_line(f"{before} {evil} {after}"))
    except Refused:
        assert "The reason stands on its page." in said


@given(text=st.text(max_size=200))
def test_a_subject_is_one_printable_line_of_at_most_120(text: str) -> None:
    from strongroom.policy.obligations.channels import words

    subject = words.House("Q", "https://h", rehearsal=True).subject(text)
    assert len(subject) <= 120
    assert subject.isprintable()


def test_no_message_that_was_ever_made_names_a_customer_another_person_or_a_secret(
    office: Post, guard: Somebody, house: House
) -> None:
    """Real orders, real news of every source, everybody's names: then the outbox is searched for all of it."""
    from strongroom.policy.incident_response.news import cases
    from strongroom.policy.least_privilege.models import Person
    from strongroom.policy.obligations.channels.news import NEWS
    from strongroom.policy.obligations.models import Message

    office.channels = replace(office.channels, digest_hour=0)
    with house.shop() as shop:
        orders = shop.place(3)
        shop.receive()
        turn(house, "false", reason="3 orders were not forgotten in time.")
        teller = office.teller(*NEWS, cases)
        for _ in range(2):
            teller.round(BOTH)
            step(house, 61)
        canaries = [order.order_id for order in orders] + [
            text for order in orders for text in _texts(order) if len(text) > 5
        ]
    rows = list(Message.objects.filter(account_id=0))
    assert {row.event for row in rows} >= {"clause false", "digest"}
    names = dict(Person.objects.values_list("pk", "name"))
    secrets = [
        house.rehearsal.folders.credential(name).text()
        for name in ("database-worker", "database-web", "django-secret-key")
    ]
    for row in rows:
        said = f"{row.subject}\n{row.body}"
        assert not [text for text in canaries if text in said], row.event
        assert not [secret for secret in secrets if secret in said]
        assert not [name for pk, name in names.items() if pk != row.to and f"{name}," in said], row.key
    assert len(canaries) > 12


def _texts(order: Any) -> list[str]:
    """Every text that belongs to a customer of an order at the simulated Amazon."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                walk(inner)
        elif hasattr(value, "__dict__"):
            walk(vars(value))

    walk(getattr(order, "person", None) or getattr(order, "buyer", None) or {})
    return found


def test_a_webhook_body_is_json_with_ids_and_figures_alone() -> None:
    from strongroom.policy.obligations.channels import words

    body = json.loads(words.for_webhook(words.House("Q", "https://h", rehearsal=True), news(figures={"case": 3})))
    assert set(body) == {"event", "key", "clause", "since", "text", "link", "rehearsal", "case"}
    assert attempts("no such key") == []
