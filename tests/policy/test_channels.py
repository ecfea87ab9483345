"""The outbox against a real mail server: once, in the end, and until somebody says that they read it (F25, I26)."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.rehearsal.mail.server import MailFault, MailServer
from strongroom.rehearsal.receiver.server import ReceiverFault
from tests.house.running import House
from tests.policy.people import Somebody, as_website, get, post, words
from tests.policy.post import BOTH, MAIL_ONLY, PASSWORD, Post, attempts, link_in, news, post_office, states, step


@pytest.fixture
def office(house: House, folder: Path) -> Iterator[Post]:
    with post_office(house, folder) as made:
        yield made


@pytest.fixture
def guard(house: House) -> Iterator[Somebody]:
    """Somebody of security, who is told. They leave after the test, so that the next test has its own."""
    from strongroom.policy.least_privilege.models import Grant

    with as_website(house):
        Grant.objects.filter(role="security", ended_at__isnull=True).update(ended_at=house.now())
        made = Somebody("security")
    yield made
    with as_website(house):
        Grant.objects.filter(person=made.row, ended_at__isnull=True).update(ended_at=house.now())


def test_news_that_stands_is_told_once_and_sent_as_it_was_made(office: Post, guard: Somebody) -> None:
    from strongroom.policy.obligations.models import Message

    office.news = [news()]
    office.tell()
    office.tell()
    (mail,) = office.to(guard.row)
    row = Message.objects.get(account_id=0, key=office.news[0].key)
    assert mail.text.startswith(row.body)
    assert (
        mail.text.removeprefix(row.body)
        .strip()
        .startswith("Read? Acknowledge it here: https://localhost:8443/messages/link/")
    )
    assert mail.subject == "[rehearsal] " + office.news[0].subject
    assert mail.text.splitlines()[0] == f"{office.news[0].subject}."
    assert guard.row.name in mail.text


def test_a_greylisted_letter_is_delivered_at_the_second_try_and_both_are_in_the_log(
    office: Post, guard: Somebody
) -> None:
    office.news = [news()]
    office.server.box.faults.append(MailFault.GREYLIST)
    office.tell()
    assert office.tell() == 0, "it is not tried again at once"
    step(office.house, 1)
    assert office.tell() == 1
    assert attempts(office.news[0].key) == [(False, 451, "refused for now"), (True, 250, "")]


def test_a_server_that_is_down_for_twenty_hours_gets_each_letter_once_when_it_is_back(
    house: House, folder: Path, guard: Somebody
) -> None:
    with post_office(house, folder) as office:
        office.news = [news(), news()]
        port, box = office.server.port, office.server.box
    office.tell()
    for _ in range(20):
        step(house, 60)
        assert office.tell() == 0
    assert states(office.news[0].key) == {"queued"}
    with MailServer(office.context, port=port, password=PASSWORD) as back:
        back.box = box
        for _ in range(4):
            step(house, 30)
            office.tell()
    assert [len([m for m in office.to(guard.row) if n.subject in m.subject]) for n in office.news] == [1, 1]
    tried = attempts(office.news[0].key) + attempts(office.news[1].key)
    assert {problem for delivered, _, problem in tried if not delivered} == {"nobody answers there"}
    assert [delivered for delivered, _, _ in tried].count(True) == 2


def test_after_a_day_of_trying_it_has_failed_and_the_journal_says_so(office: Post, guard: Somebody) -> None:
    from strongroom.formats.leaf import Kind
    from strongroom.policy.logging_and_monitoring.models import Entry

    office.news = [news()]
    before = Entry.objects.filter(account_id=0, kind=Kind.MESSAGE_FAILED).count()
    for _ in range(27):
        office.server.box.faults.extend([MailFault.FULL] * 4)
        office.tell()
        office.server.box.faults.clear()
        step(office.house, 60)
    assert states(office.news[0].key) == {"failed"}
    assert len(attempts(office.news[0].key)) > 20
    assert Entry.objects.filter(account_id=0, kind=Kind.MESSAGE_FAILED).count() > before


def test_a_bounce_has_failed_at_once_with_its_code(office: Post, guard: Somebody) -> None:
    office.news = [news()]
    office.server.box.faults.append(MailFault.UNKNOWN)
    office.tell()
    step(office.house, 60 * 2)
    office.tell()
    assert attempts(office.news[0].key) == [(False, 550, "refused for good")]
    assert states(office.news[0].key) == {"failed"}


def test_of_two_senders_at_once_one_sends_each_letter(office: Post, guard: Somebody) -> None:
    from django.db import connection

    from strongroom.policy.encryption_and_storage.connection import here

    office.news = [news() for _ in range(12)]
    teller = office.teller()
    teller._queue(office.news, MAIL_ONLY)
    sent: list[int] = []

    def send() -> None:
        try:
            sent.append(office.teller().send("mail"))
        finally:
            connection.close()
            here().close()

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert sum(sent) == len(office.to(guard.row)) >= 12
    assert all(attempts(each.key) == [(True, 250, "")] for each in office.news)


def test_a_sender_that_dies_after_sending_repeats_the_letter_once_and_the_log_shows_both(
    office: Post, guard: Somebody
) -> None:
    from strongroom.policy.obligations.channels import outbox
    from strongroom.policy.obligations.channels.telling import _Desk

    office.news = [news()]
    office.teller()._queue(office.news, MAIL_ONLY)
    with _Desk(office.channels) as desk:
        while (claimed := outbox.claim("mail")) is not None and claimed.message.key != office.news[0].key:
            outbox.complete(claimed, desk.hand_over(claimed), milliseconds=1)
        assert claimed is not None
        assert desk.hand_over(claimed).delivered
    office.tell()
    assert len(office.to(guard.row)) == 1, "while its claim lasts nobody else sends it"
    step(office.house, 6)
    office.tell()
    step(office.house, 60)
    office.tell()
    first, second = office.to(guard.row)
    assert first.message["message-id"] == second.message["message-id"], "a mail program shows it once"
    assert attempts(office.news[0].key) == [(None, None, ""), (True, 250, "")]


def test_it_is_sent_again_until_somebody_acknowledges_it(office: Post, guard: Somebody, house: House) -> None:
    office.news = [news(again_after=timedelta(hours=4))]
    for _ in range(3):
        office.tell()
        step(house, 4 * 60)
    office.tell()
    first, *more = office.to(guard.row)
    assert len(more) == 3
    assert len({mail.message["message-id"] for mail in office.to(guard.row)}) == 4
    with as_website(house):
        guard.sign_in()
        page = get(guard.browser, link_in(first))
        assert "Acknowledge: I have read this" in words(page)
        assert states(office.news[0].key) == {"sent"}, "looking acknowledges nothing"
        post(guard.browser, link_in(first))
    assert states(office.news[0].key) == {"acknowledged"}
    step(house, 5 * 60)
    office.tell()
    assert len(office.to(guard.row)) == 4


def test_what_is_over_is_sent_no_more_and_what_never_left_is_dropped(office: Post, guard: Somebody) -> None:
    told, late = news(again_after=timedelta(hours=1)), news()
    office.news = [told]
    office.tell()
    office.news = [told, late]
    office.server.box.faults.append(MailFault.GREYLIST)
    office.tell()
    office.news = []
    step(office.house, 120)
    office.tell()
    assert len(office.to(guard.row)) == 1
    assert (states(told.key), states(late.key)) == ({"sent"}, {"dropped"})


def test_only_the_addressed_person_acknowledges_and_a_wrong_one_is_in_the_journal(
    office: Post, guard: Somebody, house: House
) -> None:
    from strongroom.formats.leaf import Fact, Kind, Outcome, decode_entry
    from strongroom.policy.logging_and_monitoring.models import Entry
    from strongroom.policy.obligations.models import Message

    office.news = [news()]
    office.tell()
    (mail,) = office.to(guard.row)
    row = Message.objects.get(account_id=0, key=office.news[0].key)
    with as_website(house):
        other = Somebody("manager")
        other.sign_in()
        for answer in (
            get(other.browser, link_in(mail)),
            post(other.browser, link_in(mail)),
            post(other.browser, f"/messages/{row.id}/"),
        ):
            assert answer.status_code == 403
            assert "sent to somebody else" in words(answer)
    refusals = Entry.objects.filter(account_id=0, kind=Kind.MESSAGE_ACKNOWLEDGED, outcome=Outcome.REFUSED)
    of_this = [e for e in refusals if decode_entry(bytes(e.payload)).facts[Fact.MESSAGE] == row.id.bytes]
    assert len(of_this) == 3
    assert states(office.news[0].key) == {"sent"}


def test_it_is_acknowledged_once_by_who_clicked(office: Post, guard: Somebody, house: House) -> None:
    from strongroom.formats.leaf import Fact, Kind, Outcome, decode_entry
    from strongroom.policy.least_privilege.actions import reference_of
    from strongroom.policy.logging_and_monitoring.models import Entry
    from strongroom.policy.obligations.models import Message

    office.news = [news()]
    office.tell()
    (mail,) = office.to(guard.row)
    with as_website(house):
        guard.sign_in()
        assert "it is not sent again" in words(guard.browser.get(post(guard.browser, link_in(mail)).url, secure=True))
        assert "acknowledged before" in words(guard.browser.get(post(guard.browser, link_in(mail)).url, secure=True))
        me = reference_of(guard.row)
    row = Message.objects.get(account_id=0, key=office.news[0].key)
    assert row.acknowledged_by is not None
    assert row.acknowledged_by.bytes == me
    done = Entry.objects.filter(
        account_id=0, kind=Kind.MESSAGE_ACKNOWLEDGED, outcome=Outcome.DONE, by=row.acknowledged_by
    )
    facts = [decode_entry(bytes(entry.payload)).facts for entry in done]
    assert [f[Fact.STATE] for f in facts if f[Fact.MESSAGE] == row.id.bytes] == [1]


def test_a_link_leads_through_the_sign_in_and_back(office: Post, guard: Somebody, house: House) -> None:
    office.news = [news()]
    office.tell()
    path = link_in(office.to(guard.row)[0])
    with as_website(house):
        sent_to = get(guard.browser, path)
        assert sent_to.status_code == 302
        page = get(guard.browser, sent_to.url)
        assert f'value="{path}"' in words(page)
        post(guard.browser, "/sign-in", email=guard.email, password="Harbour-Lamp-77!", next=path)
        assert post(guard.browser, "/sign-in/code", code=guard.code()).url == path
        assert get(guard.browser, "/messages/link/" + "A" * 32).status_code == 404


def test_of_a_links_token_only_its_hash_stands_in_the_database(office: Post, guard: Somebody) -> None:
    from django.db import connection

    from strongroom.policy.obligations.channels import outbox

    office.news = [news(again_after=timedelta(hours=1))]
    office.tell()
    step(office.house, 61)
    office.tell()
    tokens = [link_in(mail).rpartition("/")[2] for mail in office.to(guard.row)]
    assert len(set(tokens)) == 2
    with connection.cursor() as cursor:
        for table in ("outbox", "delivery"):
            cursor.execute(f"SELECT * FROM {table} WHERE account_id = 0")  # noqa: S608
            everything = repr(cursor.fetchall())
            assert not any(token in everything for token in tokens)
    assert {outbox.of_link(token).key for token in tokens} == {office.news[0].key}  # type: ignore[union-attr]


def test_whoever_answers_for_the_clause_is_told_and_who_stands_in_may_acknowledge(
    office: Post, guard: Somebody, house: House
) -> None:
    from strongroom.policy.obligations import owners

    with as_website(house):
        owner, deputy, administrator = Somebody("manager"), Somebody("manager"), Somebody("administrator")
        owners.hand_over(clause="ES-4", to=owner.row, delegate=deputy.row, by=administrator.row)
    office.news = [news(clause="ES-4")]
    office.tell()
    assert (len(office.to(owner.row)), len(office.to(deputy.row)), office.to(guard.row)) == (1, 1, [])
    with as_website(house):
        deputy.sign_in()
        assert post(deputy.browser, link_in(office.to(owner.row)[0])).status_code == 302
    assert "acknowledged" in states(office.news[0].key)
    with as_website(house):
        owner.row.is_active = deputy.row.is_active = False
        owner.row.save(update_fields=["is_active"])
        deputy.row.save(update_fields=["is_active"])
    office.news = [news(clause="ES-4")]
    office.tell()
    assert len(office.to(guard.row)) == 1, "who left is not told; the role is"


def test_a_mailbox_of_the_directors_is_answered_by_a_director(office: Post, house: House) -> None:
    from strongroom.policy.least_privilege.models import Grant
    from strongroom.policy.least_privilege.roles import Role

    with as_website(house):
        Grant.objects.filter(role__in=["security", "director"], ended_at__isnull=True).update(ended_at=house.now())
        director, manager = Somebody("director"), Somebody("manager")
    director.row.is_active = False
    with as_website(house):
        director.row.save(update_fields=["is_active"])
    office.news = [news(roles=(Role.SECURITY,))]
    office.tell()
    (mail,) = [mail for mail in office.mails if mail.to == "board@example.invalid"]
    with as_website(house):
        director.row.is_active = True
        director.row.save(update_fields=["is_active"])
        manager.sign_in()
        assert post(manager.browser, link_in(mail)).status_code == 403
        director.sign_in()
        assert post(director.browser, link_in(mail)).status_code == 302
        Grant.objects.filter(person=director.row).update(ended_at=house.now())


def test_the_webhook_is_told_the_same_once_and_tried_again(office: Post, guard: Somebody) -> None:
    office.news = [news(figures={"case": 7})]
    office.receiver.got.faults.append(ReceiverFault.ERROR)
    office.tell(BOTH)
    step(office.house, 1)
    office.tell(BOTH)
    office.tell(BOTH)
    got = [each for each in office.receiver.got.messages if each["key"] == office.news[0].key]
    assert [(each["event"], each["case"], each["link"]) for each in got] == [
        ("case opened", 7, "https://localhost:8443/wall/DF-4/")
    ]
    assert attempts(office.news[0].key).count((False, 503, "refused for now")) == 1
    assert office.receiver.got.refused == 0


def test_a_channel_without_a_threat_row_does_not_go_live(office: Post, house: House) -> None:
    import psycopg

    from strongroom.application.telling import Telling
    from strongroom.installation import database_roles

    telling = Telling(
        clock=house.clock, channels=office.channels, sources=(), look=lambda: None, others=lambda: 0,  # type: ignore[arg-type, return-value]
        guarded=lambda _: True, after=lambda _: None, rest=1.0,
    )  # fmt: skip
    assert telling.live() == BOTH
    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, "owner", "strongroom")
    with psycopg.connect(**parameters, autocommit=True) as owner:
        owner.execute("UPDATE link SET threat = 'link:website' WHERE name = 'mail'")
        owner.execute("UPDATE threat SET subject = 'put aside' WHERE subject = 'link:mail'")
        try:
            assert telling.live() == {"webhook"}
        finally:
            owner.execute("UPDATE threat SET subject = 'link:mail' WHERE subject = 'put aside'")
            owner.execute("UPDATE link SET threat = 'link:mail' WHERE name = 'mail'")
    assert telling.live() == BOTH


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outbox SET body = 'x'", "UPDATE outbox SET subject = 'x'", 'UPDATE outbox SET "to" = 1', "DELETE FROM outbox",
        "UPDATE delivery SET delivered = true WHERE ended_at IS NOT NULL", "DELETE FROM delivery", "TRUNCATE delivery CASCADE",
        "UPDATE outbox SET acknowledged_at = made_at",
        "UPDATE outbox SET again_after = 0", "UPDATE delivery SET link_sha256 = '\\x00' WHERE ended_at IS NULL",
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["worker", "owner"])
def test_what_was_sent_cannot_be_rewritten(
    office: Post, guard: Somebody, house: House, statement: str, role: str
) -> None:
    import psycopg

    from strongroom.installation import database_roles
    from strongroom.policy.obligations.channels import outbox

    office.news = [news(again_after=timedelta(hours=1))]
    office.tell()
    office.news.append(news())
    office.teller()._queue(office.news, MAIL_ONLY)
    assert outbox.claim("mail") is not None, "an attempt without an end"
    running = house.rehearsal.running
    parameters = database_roles.connect_as(running.admin, house.rehearsal.folders, role, "strongroom")
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)
    with psycopg.connect(**parameters) as connection, pytest.raises(refused):
        connection.execute(statement)


def test_a_teller_goes_on_when_somebody_left_meanwhile(office: Post, guard: Somebody, house: House) -> None:
    office.news = [news()]
    office.server.box.faults.append(MailFault.GREYLIST)
    office.tell()
    with as_website(house):
        guard.row.is_active = False
        guard.row.save(update_fields=["is_active"])
    step(house, 2)
    office.tell()
    assert (False, None, "nobody to send it to") in attempts(office.news[0].key)
    assert not office.to(guard.row)
    assert [mail.to for mail in office.mails] == ["board@example.invalid"], "somebody else is told instead"


def test_the_page_says_first_what_was_not_delivered(office: Post, guard: Somebody, house: House) -> None:
    office.news = [news(), news()]
    office.server.box.faults.append(MailFault.UNKNOWN)
    office.tell()
    with as_website(house):
        guard.sign_in()
        page = words(get(guard.browser, "/messages/"))
        assert "could not be delivered" in page.partition("</h1>")[0]
        for show in ("waiting", "failed", "unread", "mine", "nonsense"):
            assert get(guard.browser, f"/messages/?show={show}").status_code == 200
        from strongroom.policy.obligations.models import Message

        failed = Message.objects.get(account_id=0, key=office.news[0].key)
        one = words(get(guard.browser, f"/messages/{failed.id}/"))
        assert "refused for good, code 550" in one
        assert guard.email not in one
        assert "style=" not in one


def test_the_channel_rests_when_its_server_is_not_reached(house: House, folder: Path, guard: Somebody) -> None:
    with post_office(house, folder) as office:
        office.news = [news() for _ in range(5)]
        channels = replace(office.channels, mail=replace(office.channels.mail, port=1))
        teller = office.teller(channels=channels)
        teller.round(MAIL_ONLY)
        teller.round(MAIL_ONLY)
        assert sum(len(attempts(each.key)) for each in office.news) <= 1, "the rest would meet the same"
