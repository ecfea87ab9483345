"""Time-based one-time passwords: RFC 6238 with SHA-1, six digits, 30 seconds, as every authenticator app reads them."""

import base64
import hashlib
import hmac
import os
from typing import Final
from urllib.parse import quote, urlencode

import qrcode

from strongroom.formats.secret import Secret

STEP: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1
"""Steps before and after now that are accepted, for clocks that differ a little."""


def new_secret() -> Secret:
    """160 bits from the kernel (RFC 4226 section 4)."""
    return Secret(os.urandom(20))


def code(secret: Secret, step: int) -> str:
    """The code of one time step."""
    digest = hmac.new(secret.bytes(), step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: Secret, said: str, *, now: float, after: int) -> int | None:
    """The step whose code was said, newer than `after`; `None` where there is none."""
    current = int(now // STEP)
    for step in range(current - DRIFT, current + DRIFT + 1):
        if step > after and hmac.compare_digest(code(secret, step).encode(), said.encode()):
            return step
    return None


def in_groups(secret: Secret) -> str:
    """The secret as people type it: base32 in groups of four."""
    text = base64.b32encode(secret.bytes()).decode().rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def address(secret: Secret, *, who: str, issuer: str) -> str:
    """The `otpauth` address that a QR code holds."""
    text = base64.b32encode(secret.bytes()).decode().rstrip("=")
    return f"otpauth://totp/{quote(f'{issuer}:{who}')}?" + urlencode({"secret": text, "issuer": issuer})


def qr_path(content: str) -> tuple[str, int]:
    """A QR code as an SVG path of unit squares, and the size of its side with a quiet zone of four."""
    picture = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_M)
    picture.add_data(content)
    picture.make(fit=True)
    rows: list[list[bool]] = picture.get_matrix()
    squares = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark]
    return "".join(squares), len(rows)
