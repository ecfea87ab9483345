"""What every answer carries and what none tells: headers, cookies, failures, and what stands in logs (NP-2, AM-7, RR-4)."""

import io
import logging
import re
import subprocess
import sys
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import pytest

from strongroom.installation import commands
from strongroom.installation.configuration import load
from strongroom.installation.folders import Folders
from tests.attacks.cast import Cast, sign_in
from tests.policy.people import PASSWORD, WRONG, Somebody, browser, get, post, words

EVERYWHERE = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
}  # fmt: skip
PAGES = (
    "/sign-in",
    "/worklist/",
    "/people/",
    "/nowhere",
    "/first/x",
    "/healthz",
    "/policy",
    "/status.json",
    "/questions/",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_kind_of_answer_carries_the_headers(cast: Cast, web: None, path: str) -> None:
    """Pages, refusals, what is not there, redirects, plain text and JSON alike."""
    cast.refresh("packer")
    for client in (cast.people["packer"].browser, browser()):
        answer = get(client, path)
        assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        if answer.content:
            assert re.match(r"(text/(html|plain)|application/json)", answer.headers["content-type"])
            assert (
                "json" in answer.headers["content-type"]
                or "charset" in answer.headers["content-type"]
                or not answer.headers["content-type"].startswith("text/html")
            )


def test_hosts_below_are_spoken_for_where_the_company_says_so(cast: Cast, web: None, folder: Path) -> None:
    """From the line in the configuration to the header, by way of what the website's process is told."""
    configuration = folder / "strongroom.toml"
    for line, header in (("true", "max-age=31536000; includeSubDomains"), ("false", "max-age=31536000")):
        configuration.write_text(f"[web]\nhsts_subdomains = {line}\n")
        told = commands.told(Folders(folder), commands.LIVE, load(configuration), "web")
        ask = "import django; django.setup(); from strongroom.website.middleware import encrypted_only as said; print(said())"
        named = {name: told[name] for name in ("DJANGO_SETTINGS_MODULE", "STRONGROOM_HSTS")}
        ran = subprocess.run([sys.executable, "-c", ask], env=named, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == header


def test_the_content_policy_names_nothing_but_ourselves(cast: Cast, web: None) -> None:
    nonces = set()
    for path in PAGES:
        policy = get(browser(), path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"unsafe-|https?:|\*|data:|blob:", policy), policy
        nonces |= set(re.findall(r"'nonce-([^']+)'", policy))
    assert len(nonces) >= 5, "each answer has its own"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://localhost.evil.example"])
def test_no_answer_lets_another_origin_read_it(cast: Cast, web: None, origin: str) -> None:
    cast.refresh("support")
    for path in PAGES:
        answer = cast.people["support"].browser.get(path, secure=True, headers={"origin": origin})
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_methods_that_nobody_needs_are_refused(cast: Cast, web: None) -> None:
    cast.refresh("administrator")
    for method in ("TRACE", "OPTIONS", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND"):
        for path in ("/people/", "/sign-in", "/orders/", "/policy"):
            answer = cast.people["administrator"].browser.generic(
                method, path, secure=True, headers={"referer": "https://localhost/", "cookie2": "seen"}
            )
            assert answer.status_code == 405, (method, path, answer.status_code)
            assert b"seen" not in answer.content


def cookies_of(who: Somebody) -> list["Morsel[str]"]:
    return list(who.browser.cookies.values())


def test_every_cookie_is_host_only_secure_and_strict(cast: Cast, web: None) -> None:
    who = cast.people["support"]
    cast.refresh("support")
    get(who.browser, "/me")
    post(who.browser, "/devices/this", device=str(cast.own["desk"]))
    found = cookies_of(who)
    assert {"__Host-session", "__Host-device"} <= {each.key for each in found}
    for cookie in found:
        assert cookie.key.startswith("__Host-"), cookie.key
        assert (bool(cookie["secure"]), bool(cookie["httponly"]), cookie["samesite"].lower()) == (True, True, "strict")
        assert (cookie["path"], cookie["domain"]) == ("/", "")


def test_a_session_token_is_long_and_never_the_same(cast: Cast, web: None) -> None:
    seen = set()
    who = Somebody("auditor")
    for _ in range(8):
        who.browser = browser()
        who.password()
        seen.add(who.browser.cookies["__Host-session"].value)
    assert len(seen) == 8
    assert all(re.fullmatch(r"[a-z0-9]{32}", token) for token in seen), "32 of 36 signs: 165 bits"


def test_passwords_are_masked_and_may_be_pasted(cast: Cast, web: None) -> None:
    sign_in_page = words(get(browser(), "/sign-in"))
    who = Somebody("packer")
    sign_in(who)
    change = words(get(who.browser, "/me/password"))
    fields = re.findall(r'<input[^>]*name="(?:present|password|again)"[^>]*>', sign_in_page + change)
    assert len(fields) == 4
    for field in fields:
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(current|new)-password"', field)
        assert "onpaste" not in field
    assert not re.search(r"secret question|mother|pet's name", sign_in_page, re.IGNORECASE)


def test_a_password_counts_to_its_last_sign_as_it_was_typed(cast: Cast, web: None) -> None:
    long = " Zoë-" + "Lamp7!" * 30 + "x "
    who = Somebody(password=long)
    assert who.password(long).headers["location"] == "/sign-in/code"
    for near in (long[:-1], long.strip(), long.lower(), long[:72], long + "x"):
        assert who.password(near, using=browser()).status_code in (401, 429), near
        who.now()
        from strongroom.policy.access_management.models import Attempts

        Attempts.objects.all().delete()


def test_passwords_lie_as_argon2id(cast: Cast, web: None) -> None:
    assert Somebody("packer").row.password.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")


def test_the_way_out_is_on_every_page(cast: Cast, web: None) -> None:
    cast.refresh("manager")
    for path in ("/worklist/", "/people/", "/wall/", "/openings/", "/me", "/questions/", "/printers/", "/nowhere"):
        assert 'action="/sign-out"' in words(get(cast.people["manager"].browser, path)), path


@pytest.mark.parametrize(
    "path", ["/.git/config", "/static/", "/static/../settings.py", "/static/%2e%2e/%2e%2e/settings.py", "/settings.py", "/admin/",
             "/__debug__/", "/robots.txt~", "/static/site.css.map", "/.env", "/media/", "/accounts/login/", "/accounts/signup/"]
)  # fmt: skip
def test_nothing_but_our_pages_and_static_files_is_served(cast: Cast, web: None, path: str) -> None:
    cast.refresh("administrator")
    for client in (browser(), cast.people["administrator"].browser):
        assert get(client, path).status_code == 404


def test_a_failure_tells_nothing_of_the_inside(cast: Cast, web: None) -> None:
    """A page that breaks for real: its row was altered so that no rule of ours expects it."""
    from django.db import connection
    from django.urls import get_resolver

    cast.refresh("auditor")
    client = cast.people["auditor"].browser
    client.raise_request_exception = False

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "approval" in sql:
            raise RuntimeError("Zoe Harkwell of 1 Lark Rise")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        answer = get(client, "/approvals/")
    assert get_resolver() is not None
    assert answer.status_code == 500
    said = words(answer)
    assert not re.search(r"Traceback|RuntimeError|Harkwell|SELECT|strongroom/|\.py|django", said, re.IGNORECASE)


def test_no_address_writes_its_own_line_into_the_log(cast: Cast, web: None) -> None:
    from strongroom.website.log import ValuelessFormatter

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ValuelessFormatter())
    logging.getLogger("django").addHandler(handler)
    try:
        for path in (
            "/nowhere%0a2026-01-01T00:00:00Z%20ERROR%20forged:%20line",
            "/orders/%0d%0aforged",
            "/%1b[31mforged",
            "/zoe-harkwell",
        ):
            get(browser(), path)
            cast.people["packer"].browser.get(path, secure=True, headers={"user-agent": "x\tforged"})
    finally:
        logging.getLogger("django").removeHandler(handler)
    assert stream.getvalue().count("\n") >= 4
    assert "forged" not in stream.getvalue()
    assert "harkwell" not in stream.getvalue()


def test_a_sign_in_and_a_failure_are_journalled_with_their_factor(cast: Cast, web: None) -> None:
    from strongroom.formats.leaf import Fact, Kind, decode_entry
    from strongroom.policy.logging_and_monitoring.models import Entry

    def newest(kind: Kind) -> Any:
        row = Entry.objects.filter(account_id=0, kind=kind).latest("at")
        return decode_entry(bytes(row.payload))

    who = Somebody("packer")
    before = Entry.objects.filter(account_id=0, kind=Kind.SIGN_IN_REFUSED).count()
    who.password(WRONG)
    assert Entry.objects.filter(account_id=0, kind=Kind.SIGN_IN_REFUSED).count() == before + 1
    who.password(PASSWORD)
    sign_in(who)
    assert newest(Kind.SIGN_IN).facts[Fact.FACTOR]
