"""Nothing stays on the device: a real Chromium's profile is searched byte for byte after a session (AM-7, RR-4)."""

import base64
import gzip
import hashlib
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.rehearsal.installation import Rehearsal
from tests.journeys.conftest import FLAGS, Doors
from tests.journeys.station import fresh_code

STREET, NAME, CITY = "17 Quenchwater Mews", "Ottilie Vanbrugh-Zacharias", "Nethercombe"
CANARY = {"name": NAME, "line1": STREET, "city": CITY, "country": "GB", "postcode": "QZ7 3XW",
          "email": "ottilie.vz@canary.invalid", "phone": "+44 7700 900461", "line2": "", "state": "", "company": ""}  # fmt: skip
CONTROL = "strongroom's face: a ledger and a departure board"


def forms_of(text: str) -> list[bytes]:
    """A text as it may lie in a file: UTF-8 and both UTF-16, percent-encoded, base64 at each offset."""
    raw = text.encode()
    encoded = [base64.b64encode(b"\0" * n + raw + b"\0\0\0")[4 if n else 0 : -8] for n in range(3)]
    percent = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in text).encode()
    return [raw, text.encode("utf-16-le"), text.encode("utf-16-be"), percent, raw.replace(b" ", b"+"), *encoded]


def everything_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file's bytes, and what decompresses anywhere inside it."""
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        yield path, data
        for found in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", data):
            try:
                if data[found.start()] == 0x1F:
                    yield path, gzip.decompress(data[found.start() :])
                else:
                    yield path, zlib.decompressobj().decompress(data[found.start() :], 1 << 20)
            except (OSError, EOFError, zlib.error):
                continue


def key_hash(certificate: Path) -> str:
    """SHA-256 of a certificate's public key: Chromium then trusts it wholly, and caches what it would for a real one."""
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return base64.b64encode(
        hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()


def where(folder: Path, text: str) -> set[str]:
    wanted = [form.lower() for form in forms_of(text)]
    return {
        str(path.relative_to(folder))
        for path, data in everything_in(folder)
        if any(form in data.lower() for form in wanted)
    }


def test_the_profile_holds_nobody_after_a_session_of_searches_and_openings(
    rehearsal: Rehearsal, folder: Path, chromium: Any
) -> None:
    order = rehearsal.control.do("place", what={"status": "UNSHIPPED", "fulfilled_by": "MERCHANT"}, who=CANARY)
    for _ in range(2):
        rehearsal.step(400)
    who, base = rehearsal.people()["support2"], f"https://localhost:{rehearsal.running.configuration.web.port}"
    context = chromium.browser_type.launch_persistent_context(
        str(folder / "profile"),
        executable_path=shutil.which("chromium"),
        args=[*FLAGS, f"--ignore-certificate-errors-spki-list={key_hash(rehearsal.folders.tls / 'server.pem')}"],
    )
    page = context.pages[0]
    page.goto(f"{base}/sign-in")
    page.fill("#id_email", who["email"])
    page.fill("#id_password", who["password"])
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_code")
    page.fill("#id_code", fresh_code(who))
    page.keyboard.press("Enter")
    page.wait_for_selector(".mast .who")
    page.click("button[name=device]")
    for field, value in (("#id_email", CANARY["email"]), ("#id_phone", CANARY["phone"])):
        page.goto(f"{base}/orders/customer")
        page.fill(field, value)
        page.keyboard.press("Enter")
        page.wait_for_selector("input[name=purpose]")
    for purpose in range(2):
        page.goto(f"{base}/orders/")
        page.fill("#find", order["order_id"])
        page.keyboard.press("Enter")
        page.wait_for_selector("input[name=purpose]")
        page.locator("input[name=purpose]").nth(purpose).check()
        page.keyboard.press("Enter")
        page.wait_for_selector(".shown")
        assert STREET in page.inner_text(".shown"), "the opening showed the canary: the control of this test"
        page.goto(f"{base}/orders/")
        page.evaluate("setTimeout(() => history.back())")  # a page that goes cannot answer
        page.wait_for_timeout(400)
        page.wait_for_load_state()
    page.goto(f"{base}/orders/")
    assert page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
    page.goto(f"{base}/static/site.css")
    page.wait_for_timeout(300)
    context.close()
    profile = folder / "profile"
    assert where(profile, base.removeprefix("https://")), "the search finds what is there: addresses in the history"
    assert where(profile, CONTROL), "and a file that may be cached: the style sheet"
    for text in (NAME, STREET, CITY, CANARY["email"], "900461"):
        assert where(profile, text) == set(), text


def test_no_route_answers_with_a_file_or_may_be_kept(inside: Doors, rehearsal: Rehearsal) -> None:
    """Every page that each role reaches: no attachment, no-store, no cache hint, our own policy header."""
    paths = ["/", "/orders/", "/worklist/", "/pack", "/openings/", "/questions/", "/people/", "/printers/", "/retention/",
             "/journal/", "/marketplace/", "/me", "/orders/customer", "/nothing-here", "/prints/undecided"]  # fmt: skip
    for role in ("support", "packer", "manager", "security", "administrator", "auditor"):
        browser = inside(role)
        for path in paths:
            answer = browser.get(path)
            assert "content-disposition" not in answer.headers, path
            assert answer.headers["cache-control"] == "no-store, max-age=0", path
            assert answer.headers["content-type"].startswith("text/html"), path
            assert "etag" not in answer.headers, path
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
