"""What shows that one person has one login, with two factors, on the company's devices, and loses it when they go."""

from datetime import timedelta
from typing import Final

from strongroom.formats import leaf
from strongroom.formats.leaf import Actor, Entry, Fact, Kind, Outcome
from strongroom.formats.parts import OPENS, Peer
from strongroom.formats.verdict import Look as Seen
from strongroom.policy.access_management import door_checks, key_checks
from strongroom.policy.clauses import asking, terms
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unused
from strongroom.policy.least_privilege import database_rights
from strongroom.policy.least_privilege.actions import wall_now
from strongroom.policy.least_privilege.checks import differing
from strongroom.policy.obligations.inspected import PATIENCE, look_at

DAY: Final = timedelta(days=1)
LIVING_TWICE: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM signed_in WHERE ended_at IS NULL GROUP BY person_id HAVING count(*) > 1) t"
)
AT_ONCE: Final = """
SELECT count(DISTINCT a.person_id) FROM signed_in a JOIN sign_in_detail x ON x.session = a.id
JOIN signed_in b ON b.person_id = a.person_id AND b.began_at > a.began_at
    AND (a.ended_at IS NULL OR b.began_at < a.ended_at)
JOIN sign_in_detail y ON y.session = b.id AND y.place <> x.place
WHERE a.ended_at IS NULL OR a.ended_at > %s
"""
"""People who were signed in at two places at one time."""
SAME_KEY: Final = """
SELECT count(*) FROM (SELECT 1 FROM mfa_authenticator WHERE type = 'webauthn' GROUP BY data
                      HAVING count(DISTINCT user_id) > 1) t
"""
"""Passkeys that are more than one person's."""
LEFT_WITH: Final = """
SELECT (SELECT count(*) FROM signed_in s WHERE s.person_id = p.id AND s.ended_at IS NULL),
       (SELECT count(*) FROM command_token c WHERE c.person_id = p.id) +
       (SELECT count(*) FROM invitation i WHERE i.person_id = p.id),
       (SELECT count(*) FROM mfa_authenticator f WHERE f.user_id = p.id),
       (SELECT count(*) FROM role_grant g WHERE g.person_id = p.id AND g.ended_at IS NULL),
       CASE WHEN p.password LIKE '!%%' THEN 0 ELSE 1 END
FROM person p WHERE (p.left_at IS NOT NULL OR NOT p.is_active OR p.leaves_at <= %s)
"""
"""Of each leaver: living sessions, tokens and invitations, factors, roles, passwords."""
LEFT: Final = ("sessions", "tokens", "factors", "roles", "passwords")
ON_SCREEN: Final = frozenset(purpose for purpose, opens in OPENS.items() if Peer.WEB in opens.peers)
ACTS: Final = (Kind.OPENED, Kind.SEARCHED, Kind.LABEL_QUEUED)
DEVICES: Final = "SELECT id, added_at, retired_at FROM device"
BOUGHT: Final = """
SELECT count(*) FROM parcel WHERE account_id = %s AND order_ref = %s AND number = %s AND purchase IS NOT NULL
"""


def database_rights_are_as_meant(look: Look) -> Verdict:  # noqa: ARG001 - it looks at the catalogue only
    """Who may read and write which table and column and call which function, against the table of what was meant."""
    wanted = {line for line in database_rights.meant() if not database_rights.is_standing(line)}
    return differing(database_rights.rights(), wanted, "rights in the database")


def one_person_has_one_login(look: Look) -> Verdict:  # noqa: ARG001 - sessions are in wall time
    """Sessions by person, living and of the last day; e-mail addresses; passkeys."""
    people = asking.value("SELECT count(*) FROM person WHERE is_active AND NOT is_synthetic") or 0
    twice = asking.value(LIVING_TWICE) or 0
    at_once = asking.value(AT_ONCE, wall_now() - DAY) or 0
    same_mail = asking.value("SELECT count(*) - count(DISTINCT lower(email)) FROM person") or 0
    same_key = asking.value(SAME_KEY) or 0
    seen = {"people": people, "twice": twice, "at_once": at_once, "same_mail": same_mail, "same_key": same_key}
    if twice or at_once:
        return failed(f"{max(twice, at_once):,} people are signed in twice, or were at two places at once.", **seen)
    if same_mail or same_key:
        return failed(f"{same_mail + same_key:,} logins are of more than one person.", **seen)
    if not people:
        return unused("Nobody is here yet.", **seen)
    return passed(f"{people:,} people, each with a login and a session of their own.", **seen)


def who_left_is_out(look: Look) -> Verdict:
    """Every door that somebody who left might still have, and those whose last day is over."""
    term = terms.span("leaver_out_after")
    late = asking.rows(LEFT_WITH, look.now - term)
    seen = dict(zip(LEFT, (sum(row[i] for row in late) for i in range(len(LEFT))), strict=True))
    still = sum(any(row) for row in late)
    if still:
        what = next(name for name in LEFT if seen[name])
        return failed(f"{still:,} people who left still have a way in: {what}.", leavers=len(late), **seen)
    if not late:
        return unused("Nobody has left.", leavers=0)
    return passed(f"{len(late):,} people left; none has any way in.", leavers=len(late), **seen)


def personal_data_was_used_on_our_devices(look: Look) -> Verdict:
    """Every opening, search and label of the last day that a person asked for: on a device recorded then."""
    devices = {pk: (added, retired) for pk, added, retired in asking.rows(DEVICES)}
    done = asking.rows(
        "SELECT payload, at FROM entry WHERE account_id > 0 AND kind = ANY (%s) AND outcome = %s AND at > %s",
        [int(kind) for kind in ACTS], Outcome.DONE, look.now - DAY,
    )  # fmt: skip
    acts = [(leaf.decode_entry(bytes(payload)), at) for payload, at in done]
    mine = [(entry, at) for entry, at in acts if _is_a_persons(entry)]
    bad = 0
    for entry, at in mine:
        added, retired = devices.get(int(entry.facts.get(Fact.DEVICE, 0)), (None, None))
        on_ours = added is not None and added <= at and (retired is None or retired > at)
        bad += not (on_ours or (Fact.DEVICE not in entry.facts and _was_bought(entry)))
    living = sum(retired is None for _, retired in devices.values())
    seen = {"acts": len(mine), "elsewhere": bad, "devices": living}
    if bad:
        return failed(f"{bad:,} times customers were opened, searched or printed on no recorded device.", **seen)
    if not mine and not devices:
        return unused("No device is recorded, and nobody opened anything.", **seen)
    return passed(f"{len(mine):,} acts within a day, each on one of {living:,} devices of the company.", **seen)


def _is_a_persons(entry: Entry) -> bool:
    """Whether a person asked for it at a browser; the worker prints and follows parcels by itself."""
    is_a_process = entry.by in {actor.reference for actor in Actor}
    return not is_a_process and (
        entry.kind is not Kind.OPENED or entry.facts.get(Fact.PURPOSE) in set(map(int, ON_SCREEN))
    )


def _was_bought(entry: Entry) -> bool:
    """Whether this label was queued by Amazon's answer to a purchase, and not at a browser."""
    if entry.kind is not Kind.LABEL_QUEUED:
        return False
    return bool(asking.value(BOUGHT, entry.account, entry.subject.hex(), entry.facts.get(Fact.PARCEL)))


def data_stays_on_fixed_disks(look: Look) -> Verdict:
    """What the data folder and each place of copies lie on, in every process's own view."""
    return look_at(look, Seen.MOUNTS)


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "AM-1.database",
        passes="The database's rights are those of the table: each process reads and writes what it needs.",
        fails="Somebody may read or write more in the database than the table says.",
        run=database_rights_are_as_meant,
    ),
    Check(
        "AM-2.accounts",
        passes="Every person has one login and one session, at one place.",
        fails="A login is shared: two sessions, two places, two people with one key.",
        run=one_person_has_one_login,
    ),
    Check(
        "AM-5.leavers",
        passes="Nobody who left has a session, token, factor, role or password.",
        fails="Somebody who left still has a way in.",
        run=who_left_is_out,
    ),
    Check(
        "AM-6.devices",
        passes="Customers were opened, searched and printed on recorded devices of the company only.",
        fails="Somebody worked with customers on a device that is not recorded.",
        run=personal_data_was_used_on_our_devices,
    ),
    Check(
        "AM-6.mounts",
        passes="Data, keys, database and copies lie on disks that stay in the machine; nothing else is mounted there.",
        fails="Data lies on a removable device or another machine's disk, or something is mounted among it.",
        run=data_stays_on_fixed_disks,
        patience=PATIENCE,
        needs=Seen.MOUNTS,
    ),
    *door_checks.CHECKS,
    *key_checks.CHECKS,
)
