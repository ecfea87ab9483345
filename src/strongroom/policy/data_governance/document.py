"""A public page as words and values, before it is HTML or PDF: both are made of the same document (DG-4).

Plain values in, a document out; no clock, file or database here. What a page states of a term it states as a `Stated`,
so that whoever fetches the page can compare each with what runs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from strongroom.policy.clauses import sentences, values
from strongroom.policy.clauses.laws import Law
from strongroom.policy.clauses.sentences import Slot
from strongroom.policy.clauses.terms import Term, Terms
from strongroom.policy.data_governance.wording import POLICY, PRIVACY, Template, wording

OF_NUMBERS: Final = "Of each, the strictest that anybody asks of us is in force, and the software runs on just that."
SUMS: Final = "/policy.sums"
FACTS: Final = "/policy.json"


@dataclass(frozen=True)
class Publisher:
    """The company that publishes: who it is, how to reach it, where it sits and sells to (two letters each)."""

    name: str
    contacts: tuple[str, ...]
    address: tuple[str, ...]
    country: str
    sells_to: tuple[str, ...] = ()

    @property
    def countries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.country, *self.sells_to)))


@dataclass(frozen=True)
class Edition:
    """Which terms a publication states, and where strangers check it."""

    number: int
    version: int
    since: datetime
    published_at: datetime
    mode: str
    origin: str
    key: str


@dataclass(frozen=True)
class Stated:
    """A term as a page states it. `value`: canonical JSON; `words`: what people read."""

    name: str
    clause: str
    scope: str
    value: str
    words: str

    @property
    def anchor(self) -> str:
        """Its row in the table of numbers."""
        return f"n-{self.name}" + (f"-{self.scope}".replace(" ", "-").replace(",", "") if self.scope else "")


@dataclass(frozen=True)
class Link:
    """Words that lead somewhere."""

    words: str
    to: str


@dataclass(frozen=True)
class Code:
    """Words for machines, to be copied as they are."""

    words: str

    @property
    def is_code(self) -> bool:
        return True


Piece = str | Stated | Link | Code


@dataclass(frozen=True)
class Sentence:
    """A few words that belong together, and the clauses that they say."""

    pieces: tuple[Piece, ...]
    clauses: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(piece if isinstance(piece, str) else piece.words for piece in self.pieces)


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    id: str
    title: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Number:
    """A row of the table of numbers. `asked_by`: each profile's words, and what it asks where that is less."""

    stated: Stated
    title: str
    counted_from: str
    asked_by: tuple[tuple[str, str], ...]

    @property
    def asked(self) -> str:
        """Who asks for it, as a line."""
        return "; ".join(f"{who} ({what})" if what else who for who, what in self.asked_by)


@dataclass(frozen=True)
class LawSaid:
    """A law that applies, and our statement to each of its demands."""

    id: str
    name: str
    authority: str
    says: tuple[tuple[str, Sentence], ...]


@dataclass(frozen=True)
class Changed:
    """What a newer version says differently; `was` or `becomes` is empty where it is new or gone."""

    clause: str
    title: str
    was: str
    becomes: str

    @property
    def said(self) -> str:
        if not self.was:
            return f"new, {self.becomes}"
        return f"was {self.was}, is now {self.becomes}" if self.becomes else f"no longer promised, was {self.was}"


@dataclass(frozen=True)
class Document:
    """One public page: its sections, then laws or numbers and changes, then what is about the page itself."""

    name: str
    title: str
    lede: str
    publisher: Publisher
    edition: Edition
    sections: tuple[Section, ...]
    about: tuple[Section, ...]
    laws: tuple[LawSaid, ...] = ()
    numbers: tuple[Number, ...] = ()
    changed_since: int | None = None
    changes: tuple[Changed, ...] = ()

    @property
    def dated(self) -> str:
        """Version and dates, as a line."""
        edition = self.edition
        return (
            f"Version {edition.version}, in force since {day(edition.since)}; published {day(edition.published_at)} as"
            f" edition {edition.number}."
        )

    @property
    def compared(self) -> str:
        """What the list of changes compares with, as a line before it."""
        if self.changed_since is None:
            return "This is the first version that we publish."
        return f"Against version {self.changed_since}{':' if self.changes else ', no term has changed.'}"


def policy(publisher: Publisher, edition: Edition, terms: Terms, before: Mapping[str, Any] | None) -> Document:
    """The policy itself: every clause, every number, what changed, how to check. `before`: an older version's facts."""
    words = wording(POLICY)
    numbers = tuple(_number(term, terms) for term in terms.all())
    sections = (*_sections(POLICY, terms), *_besides(terms))
    about = (_checking(edition), reaching(publisher))
    since = before["version"] if before is not None else None
    changed = changes(before, terms) if before is not None else ()
    return Document(POLICY, words.title, words.lede, publisher, edition, sections, about, (), numbers, since, changed)


def privacy(publisher: Publisher, edition: Edition, terms: Terms) -> Document:
    """The page for customers, with each law that applies."""
    words = wording(PRIVACY)
    laws = tuple(_law(law, terms) for law in applying(terms, publisher.countries))
    sections = tuple(_sections(PRIVACY, terms))
    return Document(PRIVACY, words.title, words.lede, publisher, edition, sections, (reaching(publisher),), laws)


def applying(terms: Terms, countries: tuple[str, ...]) -> list[Law]:
    """The laws in force for a company of these countries."""
    return [law for law in terms.laws() if law.applies_in(countries)]


def facts(page: Document, laws: list[Law]) -> dict[str, Any]:
    """The policy as machines read it; `policy.json`."""
    edition, publisher = page.edition, page.publisher
    return {
        "company": publisher.name, "countries": list(publisher.countries), "mode": edition.mode,
        "edition": edition.number, "version": edition.version, "since": edition.since.isoformat(),
        "published_at": edition.published_at.isoformat(),
        "journal": {"origin": edition.origin, "key": edition.key},
        "terms": [
            {
                "name": row.stated.name, "clause": row.stated.clause, "scope": row.stated.scope, "title": row.title,
                "value": json.loads(row.stated.value), "words": row.stated.words, "counted_from": row.counted_from,
                "asked_by": dict(row.asked_by),
            }
            for row in page.numbers
        ],
        "laws": [{"id": law.id, "name": law.name, "where": list(law.where)} for law in laws],
    }  # fmt: skip


def changes(before: Mapping[str, Any], terms: Terms) -> tuple[Changed, ...]:
    """What these terms say differently from the facts of an edition, in the order of the clauses."""
    was = {(each["name"], each["scope"]): each for each in before["terms"]}
    now = {(row.stated.name, row.stated.scope): row for row in (_number(term, terms) for term in terms.all())}
    found = []
    for key in [*now, *(key for key in was if key not in now)]:
        old, new = was.get(key), now.get(key)
        if new is None and old is not None:
            found.append(Changed(old["clause"], old["title"], old["words"], ""))
        elif new is not None and (old is None or old["words"] != new.stated.words):
            found.append(Changed(new.stated.clause, new.title, old["words"] if old else "", new.stated.words))
    return tuple(found)


def stated(term: Term, form: str = "") -> Stated:
    """A term as a sentence says it."""
    value = json.dumps(values.plain(term.value), sort_keys=True, ensure_ascii=False)
    words = sentences.said(term.value, form, term.words)
    return Stated(term.name, term.clause, term.scope_words, value, words)


def listed(term: Term) -> Stated:
    """A term as the table of numbers says it: a list as its items, without the words between."""
    return (
        replace(stated(term), words=", ".join(term.value) or "nothing")
        if isinstance(term.value, tuple)
        else stated(term)
    )


def ways(term: Term) -> set[str]:
    """Every way in which a page may say this term."""
    return {stated(term, form).words for form in sentences.FORMS[term.kind]} | {listed(term).words}


def reaching(publisher: Publisher) -> Section:
    """Who we are and how to write to us."""
    mails = [Sentence(("Write to ", Link(mail, f"mailto:{mail}"), ".")) for mail in publisher.contacts]
    where = ", ".join(filter(None, (publisher.name, *publisher.address)))
    return Section("reach", "How to reach us", (Sentence((f"{where}.",)), *mails))


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _sections(name: str, terms: Terms) -> Iterator[Section]:
    for part in wording(name).parts:
        yield Section(part.id, part.title, tuple(_sentence(each, terms) for each in part.says))


def _sentence(template: Template, terms: Terms) -> Sentence:
    return Sentence(_pieces(template.text, terms), template.clauses)


def _pieces(text: str, terms: Terms) -> tuple[Piece, ...]:
    return tuple(
        stated(terms.term(piece.name), piece.form) if isinstance(piece, Slot) else piece
        for piece in sentences.pieces(text)
    )


def _besides(terms: Terms) -> Iterator[Section]:
    """What a company's own profiles promise that our sentences do not know: other terms, and exceptions by scope."""
    named = {slot.name for each in wording(POLICY).templates() for slot in sentences.slots(each.text)}
    others = [term for term in terms.all() if term.name not in named or term.scope]
    if others:
        yield Section("besides", "What we promise besides", tuple(_other(term) for term in others))


def _other(term: Term) -> Sentence:
    said = next((each.words for _, each in term.said if each.words), "") or title(term.name)
    because = next((each.because for _, each in term.said if each.because), "")
    for_whom = f" (for {term.scope_words})" if term.scope else ""
    after = f"; {because}." if because else "."
    return Sentence((f"{said[:1].upper()}{said[1:]}{for_whom}: ", stated(term), after), (term.clause,))


def _number(term: Term, terms: Terms) -> Number:
    profiles = {profile.id: profile.words or profile.id for profile in terms.profiles}
    asked = tuple(
        (profiles[id_], "" if said.value == term.value else sentences.said(said.value, "", said.words))
        for id_, said in term.said
    )
    name = title(term.name) + (f", for {term.scope_words}" if term.scope else "")
    return Number(listed(term), name, sentences.listed(term.counted_from, "or") if term.counted_from else "", asked)


def title(name: str) -> str:
    said = name.replace("_", " ").replace("pii", "personal data").replace("amazon", "Amazon")
    return said[:1].upper() + said[1:]


def _law(law: Law, terms: Terms) -> LawSaid:
    says = tuple((each.to, Sentence(_pieces(each.we, terms), each.clauses)) for each in law.says)
    return LawSaid(law.id, law.name, law.authority, says)


def _checking(edition: Edition) -> Section:
    """What a stranger needs to see that this is what was published."""
    sums = (
        ". The SHA-256 of that list is a leaf of our journal, of the kind “policy published”. Where the files and the"
        " leaf do not agree, this page is not what we published."
    )
    says = (
        Sentence(("Each file of this edition has its SHA-256 in ", Link("policy.sums", SUMS), sums)),
        Sentence(("The terms as data are ", Link("policy.json", FACTS), ".")),
        Sentence((f"The journal's origin is {edition.origin}. Its heads are signed; this key verifies them: ",
                  Code(edition.key))),
    )  # fmt: skip
    return Section("check", "How to check this page", says)
