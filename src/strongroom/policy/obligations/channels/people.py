"""Who is told: whoever answers for a clause and stands in, else a role, else mailboxes of the configuration (IR-2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.policy.least_privilege.models import Grant, Person
from strongroom.policy.least_privilege.roles import ROLES, Role
from strongroom.policy.obligations import owners
from strongroom.policy.obligations.models import ClauseOwner, Message

LISTS: Final[Mapping[str, Role]] = {"directors": Role.DIRECTOR, "security_team": Role.SECURITY}
"""Mailboxes of the configuration, and the role whose holders answer for what is sent there."""
Mailboxes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Addressee:
    """A person, or a place in one of the lists; never an address, which is looked up when a letter leaves."""

    person: int
    mailbox: str
    name: str


def answering(clause: str, roles: Iterable[Role], mailboxes: Mailboxes, besides: frozenset[int]) -> list[Addressee]:
    """Who is told of news about a clause: its owner and who stands in; else these roles; else directors."""
    row = owners.owner_of(clause) if clause else None
    people = [person for person in (row.person, row.delegate) if person is not None] if row is not None else []
    told = of_people([person for person in people if person.is_active and person.pk not in besides])
    return told or in_roles(roles, besides) or everybody([*roles, Role.DIRECTOR], mailboxes)


def in_roles(roles: Iterable[Role], besides: frozenset[int] = frozenset()) -> list[Addressee]:
    """Everybody who has one of these roles now and works here, each once."""
    held = Grant.objects.in_force().filter(role__in=list(roles)).values("person")
    return of_people(Person.objects.filter(pk__in=held, is_active=True).exclude(pk__in=besides).order_by("pk"))


def everybody(roles: Iterable[Role], mailboxes: Mailboxes) -> list[Addressee]:
    """Those in these roles, and the mailboxes that stand for them; somebody who is in both is told once."""
    wanted = list(roles)
    people = in_roles(wanted)
    known = set(Person.objects.filter(pk__in=[each.person for each in people]).values_list("email", flat=True))
    return people + [
        Addressee(0, f"{name}:{place}", "Hello")
        for name, role in LISTS.items()
        if role in wanted
        for place, address in enumerate(mailboxes.get(name, ()))
        if address.casefold() not in known
    ]


def of_people(people: Iterable[Person]) -> list[Addressee]:
    return [Addressee(person.pk, "", person.name) for person in people]


def address_of(message: Message, mailboxes: Mailboxes) -> str:
    """Where a mail goes now; nothing where that person left or that mailbox is no longer configured."""
    if message.mailbox:
        name, _, place = message.mailbox.partition(":")
        addresses = mailboxes.get(name, ())
        return addresses[int(place)] if place.isdigit() and int(place) < len(addresses) else ""
    found = Person.objects.filter(pk=message.to, is_active=True).values_list("email", flat=True).first()
    return found or ""


def may_answer_for(message: Message, person: Person) -> bool:
    """Whether this person was sent it, stands in for who was on that clause, or has the role of its mailbox."""
    if message.channel != "mail":
        return False
    if message.mailbox:
        role = LISTS.get(message.mailbox.partition(":")[0])
        return role is not None and role in person.roles()
    if message.to == person.pk:
        return True
    stands_in = ClauseOwner.objects.filter(
        clause=message.clause, person_id=message.to, delegate=person, until__isnull=True
    )
    return bool(message.clause) and person.is_active and stands_in.exists()


def names_of(messages: Iterable[Message]) -> dict[tuple[int, str], str]:
    """How the page calls who was told: a name, or a list's role."""
    rows = list(messages)
    people = dict(Person.objects.filter(pk__in={row.to for row in rows}).values_list("pk", "name"))
    return {(row.to, row.mailbox): people.get(row.to) or _mailbox(row) for row in rows}


def with_permission(permission: object) -> list[Role]:
    """The roles that include a permission."""
    return [role for role, facts in ROLES.items() if permission in facts.permissions]


def _mailbox(row: Message) -> str:
    if row.channel == "webhook":
        return "webhook"
    role = LISTS.get(row.mailbox.partition(":")[0])
    return f"a mailbox of the {role.value}s" if role is not None else "somebody who is no longer known"
