"""One invented person for each role, so that a rehearsal can be used.

Their passwords and code secrets are written beside, 0600, for whoever runs the rehearsal; a live folder is refused.
"""

import base64
import json
import secrets
from pathlib import Path
from typing import Any, Final

from strongroom.formats.secret import Secret

NAMES: Final = {
    "administrator": "Idris Penhale",
    "manager": "Priya Castellan",
    "support": "Tamsin Orr",
    "support2": "Bertil Aune",
    "packer": "Kit Oduya",
    "packer2": "Rosa Lindqvist",
    "packer3": "Jonah Abernathy",
    "security": "Owen Straker",
    "director": "Gwen Aldous",
    "auditor": "Maren Tolley",
}
"""By e-mail name: a role, and a number where there are several of it. The first two have nobody to approve them."""
LEFT: Final = ("packer9", "Edda Marlowe")
FILE: Final = "website/sample-people.json"
"""In the folder of those who make them, the website's."""


def make(path: Path) -> None:
    """Everybody, once; `path` then tells who they are."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps({mail: _make(mail, name) for mail, name in NAMES.items()}), encoding="utf-8")
        _somebody_who_left()


def _make(mail: str, name: str) -> dict[str, str]:
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.access_management import factors, totp  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import create_person  # noqa: PLC0415
    from strongroom.policy.least_privilege.roles import Role  # noqa: PLC0415

    email, password, secret = f"{mail}@rehearsal.invalid", f"Marble-{secrets.token_hex(4)}-Run", totp.new_secret()
    person = create_person(name=name, email=email, password=Secret(password), by=Actor.REHEARSAL.reference)
    _give(person, Role(mail.rstrip("0123456789")))
    factors.keep_code(person=person, secret=secret)
    return {"name": name, "email": email, "password": password, "secret": base64.b32encode(secret.bytes()).decode()}


def _somebody_who_left() -> None:
    """A packer of before, so that there is a leaver whose every door is shut."""
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.access_management import leavers  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import Person  # noqa: PLC0415

    _make(*LEFT)
    gone = Person.objects.get(email=f"{LEFT[0]}@rehearsal.invalid")
    leavers.leave(person=gone, by=Actor.REHEARSAL.reference)


def _give(person: Any, role: Any) -> None:
    """A role, proposed by the administrator and approved by the manager as soon as there are both."""
    from strongroom.formats.leaf import Actor  # noqa: PLC0415
    from strongroom.policy.least_privilege.actions import approve_grant, grant_role, propose_grant  # noqa: PLC0415
    from strongroom.policy.least_privilege.models import Person, Reason  # noqa: PLC0415

    office = {p.email.partition("@")[0]: p for p in Person.objects.all()}
    if "administrator" not in office or office["administrator"].pk == person.pk:
        grant_role(person=person, role=role, granted_by=person, by=Actor.REHEARSAL.reference)
        return
    grant = propose_grant(person=person, role=role, reason=Reason.JOB, by=office["administrator"])
    if grant.approved_at is None:
        approve_grant(grant=grant, by=office["manager"])
