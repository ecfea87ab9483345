"""Every route, every role, every method, one's own thing and a foreign one: as docs/permissions.md says (AM-1, NP-2, LP-1).

The page is the expectation; nothing of it is taken from the code that is asked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import get_resolver

from tests.attacks.cast import NOBODY, PEOPLE, UNKNOWN, Cast
from tests.house.running import House
from tests.policy.people import words

PAGE: Final = Path(__file__).parents[2] / "docs" / "permissions.md"
EVERYBODY: Final = ("anonymous", *PEOPLE, "probe")
METHODS: Final = ("GET", "POST")
PARAMETER: Final = re.compile(r"<\w+:(\w+)>")
LAST: Final = ("/sign-out", "/sessions/<uuid:session>/end")
"""What ends one's own session comes last."""


@dataclass(frozen=True)
class Line:
    """One route as published: its methods, whose things it names, and who reaches it."""

    route: str
    methods: frozenset[str]
    whose: str
    who: frozenset[str]


def published() -> dict[str, Line]:
    rows = [line.strip().strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `/")]
    found = {}
    for row in rows:
        route, methods, whose, *cells = (cell.strip() for cell in row)
        assert len(cells) == len(EVERYBODY), route
        who = frozenset(name for name, cell in zip(EVERYBODY, cells, strict=True) if cell == "●")
        found[route.strip("`")] = Line(route.strip("`"), frozenset(methods.split()), whose, who)
    return found


def in_order() -> Iterator[Line]:
    lines = published()
    yield from (line for route, line in lines.items() if route not in LAST)
    yield from (lines[route] for route in LAST)


def mine(cast: Cast, role: str) -> dict[str, str]:
    """What stands at each parameter's place for a thing that this role may act on."""
    own = cast.own
    named: dict[str, Any] = {
        "ref": cast.foreign["ref"] if role == "probe" else own["ref"],
        "pk": cast.victim.row.pk, "verb": "sign-out", "grant": own["grant"], "device": own["device"], "index": 0,
        "id_": own["approval"], "number": own["case"], "name": "test", "page": "policy", "what": "place",
        "account": own["account"], "label": own["label"], "spare": own["spare"], "message": own["message"], "wave": own["wave"], "printer": own["printer"], "entry": own["entry"],
        "obligation": own["obligation"], "token": "not-a-token", "factor": factor_of(cast, role),
        "session": session_of(cast, role),
    }  # fmt: skip
    return {name: str(value) for name, value in named.items()}


def factor_of(cast: Cast, role: str) -> int:
    from allauth.mfa.models import Authenticator

    who = cast.people.get(role, cast.victim)
    return int(Authenticator.objects.filter(user=who.row).values_list("pk", flat=True)[0])


def session_of(cast: Cast, role: str) -> str:
    from strongroom.policy.access_management.models import SignedIn

    who = cast.people.get(role, cast.people["support"])
    row = SignedIn.objects.filter(person=who.row, ended_at__isnull=True).first()
    return str(row.pk) if row is not None else UNKNOWN


def address(route: str, values: dict[str, str]) -> str:
    return PARAMETER.sub(lambda found: values[found[1]], route)


MEANT: Final = (
    ("/messages/", {"id_": "message"}),
    ("/waves/", {"number": "wave"}),
    ("/printers/<int:printer>/retire", {"printer": "spare"}),
)
"""Where a parameter's name means another thing than elsewhere."""
FIXED: Final = (
    ("/wall/", {"id_": "AZ-14"}),  # a promise that no check looks at: asking for its checks asks for nothing
    ("/duties/", {"name": "review_access"}),
    ("/worklist/", {"number": "1"}),
)


def of_route(route: str, values: dict[str, str]) -> dict[str, str]:
    """The values as this route means them."""
    meant = {name: values[key] for start, names in MEANT if route.startswith(start) for name, key in names.items()}
    fixed = {name: value for start, names in FIXED if route.startswith(start) for name, value in names.items()}
    return {**values, **meant, **fixed}


def fields(route: str, cast: Cast) -> dict[str, str]:
    """Enough for the few forms that an empty post would let do something to others, or say nothing of."""
    return {
        "/devices/this": {"device": str(cast.own["desk"])},
        "/orders/find": {"number": cast.own["order_number"]},
        "/worklist/wave": {"account": str(cast.own["account"])},
        "/orders/<uuid:ref>/extend": {"opening": UNKNOWN},
    }.get(route, {})


def ask(client: Client, method: str, path: str, data: dict[str, str]) -> Any:
    client.raise_request_exception = False
    headers = {"referer": f"https://localhost{path}"}
    if method == "GET":
        return client.get(path, secure=True, headers=headers)
    return client.post(path, data, secure=True, headers=headers)


def is_led_to_the_way_in(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer.headers["location"].startswith("/sign-in"))


def outcome(answer: Any) -> str:
    """What an answer says about the gate, whatever the page behind it says."""
    if is_led_to_the_way_in(answer):
        return "sign in first"
    if answer.status_code == 302 and answer.headers["location"].startswith("/step-up"):
        return "a factor first"
    if answer.status_code == 405:
        return "no such method"
    if answer.status_code == 403 and NOBODY in words(answer):
        return "refused"
    if answer.status_code >= 500 and not answer.content.startswith(b"not ready"):
        return f"broken {answer.status_code}"
    return "none" if answer.status_code == 404 else "reached"


def wanted(line: Line, role: str, method: str) -> set[str]:
    if role not in line.who:
        return {"sign in first"} if role == "anonymous" else {"refused"}
    if role == "probe" and line.whose == "mine":  # it has no factor, so what asks for one asks for ever
        return {"a factor first", "none", "sign in first", "reached" if method in line.methods else "no such method"}
    if method not in line.methods:
        return {"no such method"}
    if "token" in line.route or line.who == frozenset(
        EVERYBODY
    ):  # tokens that nobody has, nothing published yet, a sign-in not begun
        return {"reached", "none", "sign in first"}
    return {"reached", "sign in first"} if line.route == "/sign-out" else {"reached"}


def test_every_route_is_published_and_no_other(house: House) -> None:
    from strongroom.website.checks import routes

    assert {f"/{route}" for route, _ in routes(get_resolver())} == set(published())


@pytest.mark.parametrize("role", EVERYBODY)
def test_each_route_answers_whom_it_is_published_for(cast: Cast, web: None, role: str) -> None:
    cast.refresh(role)
    found = []
    for line in in_order():
        if line.route in LAST:
            cast.refresh(role)
        for method in METHODS:
            values = of_route(line.route, mine(cast, role))
            path = address(line.route, values)
            answer = ask(cast.browser(role), method, path, fields(line.route, cast))
            said = outcome(answer)
            if said not in wanted(line, role, method):
                found.append((method, path, answer.status_code, said))
    assert not found, found


FOREIGN: Final = {
    "/people/<int:pk>/<slug:verb>": {"pk": "999999999"},
    "/registers/<str:what>": {"what": "person"},
    "/duties/<str:name>/": {"name": "no_such_duty"},
}


def foreign(cast: Cast, role: str, route: str) -> dict[str, str]:
    """Things that exist and are somebody else's where there are such things; else numbers that nobody has."""
    real, synthetic = str(cast.own["ref"]), str(cast.foreign["ref"])
    other = "support" if role != "support" else "packer"
    values = {
        "ref": real if role == "probe" else synthetic, "pk": "999999999", "verb": "sign-out", "grant": "999999999",
        "device": "999999999", "index": "99999999", "id_": UNKNOWN, "number": "99999999", "page": "passwords",
        "account": str(cast.own["account"]), "label": UNKNOWN, "printer": "999999999", "entry": UNKNOWN,
        "obligation": UNKNOWN if role == "support" else str(cast.own["obligation"]), "token": "not-a-token",
        "factor": str(factor_of(cast, other)),
        "session": UNKNOWN if role == "administrator" else session_of(cast, other),
    }  # fmt: skip
    if route.endswith("/left"):
        values["number"] = "1"
    return {**values, **FOREIGN.get(route, {})}


VALID: Final = {
    "/questions/<uuid:obligation>": {"reason": "1"},
    "/orders/<uuid:ref>/reveal": {"purpose": "1"},
    "/worklist/<uuid:ref>/hold": {"reason": "1"},
    "/cases/<int:number>/decide": {"decision": "dismissed", "words": "Nobody has such a case."},
    "/people/<int:pk>/grant": {"role": "support", "reason": "1"},
    "/grants/<int:grant>/end": {"reason": "22"},
}
"""What would be done, were the thing one's own: it must not be the form that saves us."""


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_reaches_a_thing_that_is_not_theirs_by_any_id_in_any_address(cast: Cast, web: None, role: str) -> None:
    cast.refresh(role)
    found = []
    for line in in_order():
        if not PARAMETER.search(line.route):
            continue
        for method in line.methods:
            path = address(line.route, foreign(cast, role, line.route))
            answer = ask(cast.browser(role), method, path, VALID.get(line.route, {}))
            if answer.status_code not in (403, 404) and outcome(answer) not in ("sign in first", "a factor first"):
                found.append((method, path, answer.status_code))
    assert not found, found
