"""What shows how old Amazon's credentials are (AZ-5)."""

import hmac
import os
from pathlib import Path
from typing import Final

from strongroom.formats.secret import Secret
from strongroom.policy.access_management import credentials
from strongroom.policy.clauses import asking
from strongroom.policy.clauses.controls import Check, Look, Verdict, failed, passed, unknown, unused


def credentials_are_changed_in_time(look: Look) -> Verdict:
    """Each credential that lies here: that it is the one whose age is counted, and how old it is."""
    there = {name: secret for name in credentials.TERMS if (secret := _read(look.data, name)) is not None}
    if not there:
        return unused("No credential of Amazon's is here.", credentials=0)
    rows = {name: rest for name, *rest in asking.rows("SELECT name, salt, fingerprint, since FROM credential")}
    uncounted = [name for name, secret in there.items() if name not in rows or not _is_it(secret, *rows[name][:2])]
    if uncounted:
        return unknown("Another credential lies here than the one whose age is counted; it counts from the next start.",
                       credentials=len(there), uncounted=len(uncounted))  # fmt: skip
    ages = {name: look.now - rows[name][2] for name in there}
    old = [name for name, age in ages.items() if age > credentials.lives(name)]
    ahead = [name for name, age in ages.items() if age.days < 0]
    seen = {"credentials": len(there), "old": len(old), "days": max(age.days for age in ages.values())}
    if old or ahead:
        name = (old or ahead)[0].replace("-", " ")
        return failed(f"The {name} is older than it may be, or its age is none.", **seen)
    return passed(f"{len(there):,} credentials, the oldest in use for {seen['days']} days.", **seen)


def _read(data: Path, name: str) -> Secret | None:
    """The credential as the processes read it: from the service manager's folder, else from ours."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(given) / name] if given else []
    for path in (*places, data / "credentials" / name):
        if path.exists():
            return Secret(path.read_bytes().removesuffix(b"\n"))
    return None


def _is_it(secret: Secret, salt: bytes, fingerprint: bytes) -> bool:
    return hmac.compare_digest(credentials.fingerprint(secret, bytes(salt)), bytes(fingerprint))


CHECKS: Final = (
    Check(
        "AZ-5.ages",
        passes="Every credential of Amazon's was changed within its time.",
        fails="A credential of Amazon's is older than it may be.",
        run=credentials_are_changed_in_time,
    ),
)
