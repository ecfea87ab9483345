"""`strongroom people`: who there is and what they may do; invite, propose, approve, end, unlock, leave.

Verbs that change something need a person: a token of ten minutes from that person's own page, on standard input.
"""

import argparse
import base64
import getpass
import json
import sys
import time
from typing import Any

from strongroom.command.installed import (
    act_as_web,
    folders,
    read_as,
    rehearsal_folder,
    show,
    tell,
    wait_for_the_journal,
)
from strongroom.formats.refused import Refused
from strongroom.formats.secret import Secret
from strongroom.policy.access_management import totp
from strongroom.rehearsal.sample_people import FILE, NAMES

ROLES = ("packer", "support", "manager", "security", "administrator", "auditor")
REASONS = {
    "propose": {"job": 1, "cover": 2, "project": 3, "audit": 4},
    "end": {"not-needed": 21, "other-job": 22, "review": 24, "mistake": 25, "declined": 26},
    "unlock": {"forgot": 41, "new-device": 42, "others-tried": 43, "fault": 44},
}
"""Words of the command line for the reasons' numbers."""


def add(commands: Any) -> None:
    parser = commands.add_parser("people", help="list, invite, propose, approve, end, unlock, leave; code (rehearsals)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="everybody, with roles and state")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_list)
    for name, words, run in (
        ("invite", "a new person; prints their one link", _invite), ("propose", "a role for a person", _propose),
        ("approve", "a role that somebody else proposed", _approve), ("end", "a role, or decline it", _end),
        ("unlock", "an account, after somebody looked into it", _unlock),
        ("leave", "a leaver: everything ends", _leave),
    ):  # fmt: skip
        verb = verbs.add_parser(name, help=words)
        verb.add_argument("email")
        if name == "invite":
            verb.add_argument("--name", required=True)
        if name in ("propose", "approve", "end"):
            verb.add_argument("role", choices=ROLES)
        if name in REASONS:
            verb.add_argument("--reason", choices=tuple(REASONS[name]), required=True)
        if name == "unlock":
            verb.add_argument("--restore", action="store_true", help="suspended roles are in force again")
            verb.add_argument(
                "--owner", action="store_true", help="as owner of the folder, where no administrator is left"
            )
        verb.add_argument("--token-stdin", action="store_true", help="read the token from standard input")
        verb.set_defaults(run=run)
    code = verbs.add_parser("code", help="the present sign-in code of a sample person")
    code.add_argument("role", choices=tuple(NAMES))
    code.set_defaults(run=_code)


def _list(options: argparse.Namespace) -> int:
    read_as("web", folders(options))
    from strongroom.policy.least_privilege.models import Grant, Person  # noqa: PLC0415 - Django is set up now

    grants: dict[int, list[Grant]] = {}
    for grant in Grant.objects.filter(ended_at__isnull=True).order_by("role"):
        grants.setdefault(grant.person_id, []).append(grant)
    rows = [
        {
            "name": p.name, "email": p.email,
            "state": "locked" if p.locked_at else "active" if p.is_active else "left",
            "roles": [
                {"role": g.role, "approved": g.approved_at is not None, "suspended": g.suspended_at is not None,
                 "self_approved": g.is_self_approved} for g in grants.get(p.pk, [])
            ],
        }
        for p in Person.objects.order_by("name")
    ]  # fmt: skip
    show(rows, "\n".join(_line(row) for row in rows) or "Nobody yet.", as_json=options.json)
    return 0


def _line(row: dict[str, Any]) -> str:
    roles = ", ".join(
        r["role"] + ("" if r["approved"] else " (waits)") + (" (suspended)" if r["suspended"] else "")
        for r in row["roles"]
    )
    return f"{row['name']:24} {row['email']:34} {row['state']:8} {roles or 'no role'}"


def _invite(options: argparse.Namespace) -> int:
    me = person_of_token(options)
    from strongroom.policy.access_management.actions import invite  # noqa: PLC0415

    _, token = invite(name=options.name, email=options.email, by=me)
    tell("Their link, once, for a day, on the address that people use for Strongroom:")
    show(None, f"/invitation/{token}", as_json=False)
    return _done("invited")


def _propose(options: argparse.Namespace) -> int:
    me = person_of_token(options)
    from strongroom.policy.clauses.permissions import Permission  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import propose_grant  # noqa: PLC0415
    from strongroom.policy.least_privilege.gate import require  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import Reason  # noqa: PLC0415
    from strongroom.policy.least_privilege.roles import Role  # noqa: PLC0415

    require(Permission.PEOPLE_MANAGE, of=me)
    reason = Reason(REASONS["propose"][options.reason])
    grant = propose_grant(person=_person(options.email), role=Role(options.role), reason=reason, by=me)
    return _done("waits for approval" if grant.approved_at is None else "in force; nobody else could approve it")


def _approve(options: argparse.Namespace) -> int:
    me = person_of_token(options)
    from strongroom.policy.clauses.permissions import Permission  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import approve_grant  # noqa: PLC0415
    from strongroom.policy.least_privilege.gate import require  # noqa: PLC0415

    require(Permission.PEOPLE_APPROVE, of=me)
    approve_grant(grant=_grant(options), by=me)
    return _done("in force")


def _end(options: argparse.Namespace) -> int:
    me = person_of_token(options)
    from strongroom.policy.clauses.permissions import Permission  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import end_grant, reference_of  # noqa: PLC0415
    from strongroom.policy.least_privilege.gate import require  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import EndReason  # noqa: PLC0415

    require(Permission.PEOPLE_MANAGE, of=me)
    end_grant(grant=_grant(options), reason=EndReason(REASONS["end"][options.reason]), by=reference_of(me))
    return _done("ended")


def _unlock(options: argparse.Namespace) -> int:
    if not options.owner:
        me = person_of_token(options)
        from strongroom.policy.access_management.lockout import UnlockReason, unlock  # noqa: PLC0415

        reason = UnlockReason(REASONS["unlock"][options.reason])
        unlock(person=_person(options.email), restore=options.restore, reason=reason, by=me)
        return _done("unlocked")
    act_as_web(folders(options))
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.access_management.lockout import UnlockReason, unlock_as  # noqa: PLC0415
    from strongroom.policy.clauses.permissions import Permission  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import Person  # noqa: PLC0415

    person = _person(options.email)
    others = Person.objects.filter(is_active=True, locked_at__isnull=True).exclude(pk=person.pk)
    if any(Permission.PEOPLE_MANAGE in other.permissions() for other in others):
        raise Refused("AM-9", "Somebody else may unlock this account; ask them.")
    reason = UnlockReason(REASONS["unlock"][options.reason])
    unlock_as(person=person, restore=True, reason=reason, by=Actor.COMMAND.reference)
    return _done("unlocked by the folder's owner")


def _leave(options: argparse.Namespace) -> int:
    me = person_of_token(options)
    from strongroom.policy.access_management.leavers import leave  # noqa: PLC0415
    from strongroom.policy.clauses.permissions import Permission  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import reference_of  # noqa: PLC0415
    from strongroom.policy.least_privilege.gate import require  # noqa: PLC0415

    require(Permission.PEOPLE_MANAGE, of=me)
    leave(person=_person(options.email), by=reference_of(me))
    return _done("out: sessions, factors and roles ended")


def person_of_token(options: argparse.Namespace) -> Any:
    """Whoever's token was given."""
    act_as_web(folders(options))
    from strongroom.policy.access_management.command_tokens import person_of  # noqa: PLC0415

    if options.token_stdin:
        return person_of(sys.stdin.readline())
    if not sys.stdin.isatty():
        raise Refused("AM-2", "Give your token with --token-stdin; take one from your page, /me.")
    return person_of(getpass.getpass("Your token, from your page /me: "))


def _person(email: str) -> Any:
    from strongroom.policy.least_privilege.models import Person  # noqa: PLC0415

    found = Person.objects.filter(email=email.casefold()).first()
    if found is None:
        raise Refused("AM-2", f"Nobody has the address {email}.")
    return found


def _grant(options: argparse.Namespace) -> Any:
    from strongroom.policy.least_privilege.models import Grant  # noqa: PLC0415

    found = Grant.objects.filter(person=_person(options.email), role=options.role, ended_at__isnull=True).first()
    if found is None:
        raise Refused("LP-1", "This person does not have that role, and nobody proposed it.")
    return found


def _done(words: str) -> int:
    wait_for_the_journal()
    tell(words)
    return 0


def _code(options: argparse.Namespace) -> int:
    path = rehearsal_folder(options) / FILE
    if not path.exists():
        tell("There are no sample people here; they exist in rehearsals (`strongroom up --demo`) only.")
        return 1
    person = json.loads(path.read_text(encoding="utf-8"))[options.role]
    secret = Secret(base64.b32decode(person["secret"]))
    show(None, totp.code(secret, int(time.time() // totp.STEP)), as_json=False)
    return 0
