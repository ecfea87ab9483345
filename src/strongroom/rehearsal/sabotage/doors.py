"""Sabotage of doors: pages that ask nobody, hand out files or show somebody; the journal of tries and settings."""

import contextlib
import html
import re
from collections.abc import Iterator
from typing import Final

from strongroom.policy.clauses.pages import Visitor
from strongroom.rehearsal.sabotage import rogue
from strongroom.rehearsal.sabotage.breaking import Sabotage, Target, without_a_trace

NAME: Final = re.compile(r"<address[^>]*><b>([^<]+)</b>")
DROP_REFUSALS: Final = """
CREATE FUNCTION sabotage_drop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_TABLE_NAME = 'entry' AND (to_jsonb(NEW) ->> 'kind')::int <> 63 THEN RETURN NEW; END IF;
    IF TG_TABLE_NAME = 'pending' AND EXISTS (
        SELECT 1 FROM entry WHERE account_id = NEW.account_id AND id = (to_jsonb(NEW) ->> 'entry')::uuid
    ) THEN RETURN NEW; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sabotage_drop BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION sabotage_drop();
CREATE TRIGGER sabotage_drop BEFORE INSERT ON pending FOR EACH ROW EXECUTE FUNCTION sabotage_drop();
"""


@contextlib.contextmanager
def answers_without_asking(target: Target) -> Iterator[None]:
    """Another server in the website's place lets everybody see everything."""
    with rogue.instead_of_the_website(target, lambda _: ({"cache-control": "no-store"}, f"Welcome. {rogue.FORM}")):
        yield


@contextlib.contextmanager
def hands_out_files(target: Target) -> Iterator[None]:
    """Another server in the website's place answers with files to keep."""
    headers = {"content-disposition": "attachment; filename=orders.csv", "cache-control": "no-store"}
    with rogue.instead_of_the_website(target, lambda _: (headers, rogue.FORM)):
        yield


@contextlib.contextmanager
def a_customer_in_a_register(target: Target) -> Iterator[None]:
    """Somebody wrote a customer's name into the register of places, where everybody in the office reads it."""
    with target.unguarded() as sql:
        word = _a_word_of_the_probe(target)
        place, was = sql.execute("SELECT name, controls FROM place ORDER BY name LIMIT 1").fetchone()  # type: ignore[misc]
        change = "UPDATE place SET controls = %s WHERE name = %s"
        with without_a_trace(sql, "place"):
            sql.execute(change, [f"{was}; the key lies with {word}", place])
            try:
                yield
            finally:
                sql.execute(change, [was, place])


@contextlib.contextmanager
def settings_past_the_journal(target: Target) -> Iterator[None]:
    """The settings are edited while everything runs."""
    path = target.rehearsal.folders.configuration
    was = path.read_bytes()
    path.write_bytes(was + b"\n# edited by hand\n")
    try:
        yield
    finally:
        path.write_bytes(was)


@contextlib.contextmanager
def refusals_are_dropped(target: Target) -> Iterator[None]:
    """The database throws away what says that somebody was refused."""
    with target.superuser() as sql:
        sql.execute(DROP_REFUSALS)
        try:
            yield
        finally:
            sql.execute("DROP FUNCTION sabotage_drop() CASCADE")


def _a_word_of_the_probe(target: Target) -> str:
    """The probe's name, as its opening shows it."""
    rehearsal = target.rehearsal
    with target.superuser() as sql:
        cookie, ref = sql.execute(
            "SELECT s.cookie, o.ref FROM probe_session s, amazon_order o WHERE o.account_id = -1 AND o.done_on IS NULL"
        ).fetchone()  # type: ignore[misc]
    address = f"https://localhost:{rehearsal.running.configuration.web.port}"
    with Visitor(address, rehearsal.folders.tls / "ca.pem", cookie=cookie) as visitor:
        page = visitor.post(f"/orders/{ref}/reveal", visitor.get(f"/orders/{ref}/"), purpose="1")
    found = NAME.search(page.text)
    assert found is not None, page.status_code  # noqa: S101 - a rehearsal's probe opens
    return html.unescape(found[1])


SABOTAGE: Final = (
    Sabotage(
        "NP-2", "Another server at the website's port answers without asking who is there", answers_without_asking
    ),
    Sabotage("AM-7", "Another server at the website's port hands out files", hands_out_files),
    Sabotage("AM-7", "A customer's name is written into a register", a_customer_in_a_register),
    Sabotage("LM-1", "The settings are changed past the journal", settings_past_the_journal),
    Sabotage("LM-1", "The database drops what says that somebody was refused", refusals_are_dropped),
)
