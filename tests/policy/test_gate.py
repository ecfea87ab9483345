"""One gate: a route that declares nothing does not start, and the tables of routes and roles are whole (NP-2, LP-1)."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path
from django.urls.resolvers import RegexPattern

from strongroom.policy.clauses.permissions import NUMBERS, Permission, declared, permission
from strongroom.policy.least_privilege.roles import ROLES, Role
from tests.house.running import House


def test_every_route_declares_its_permission(house: House) -> None:
    from strongroom.website.checks import routes, routes_declare_permissions

    assert not routes_declare_permissions()
    assert len(list(routes(get_resolver()))) >= 14


def test_the_public_routes_are_the_ways_in_and_no_more(house: House) -> None:
    """Each of these is shown to give nobody a session without a factor (tests/journeys/test_sign_in.py)."""
    from strongroom.website.checks import routes

    public = {route for route, view in routes(get_resolver()) if declared(view) is Permission.PUBLIC}
    assert public == {
        "sign-in", "sign-in/code", "sign-in/enrol", "sign-in/enrol/passkey", "sign-in/passkey",
        "sign-in/passkey/challenge", "first/<str:token>", "invitation/<str:token>",
    }, "a new public route needs its own test there"  # fmt: skip


def test_a_route_without_one_keeps_the_process_from_starting(house: House) -> None:
    from django.core import checks
    from django.test import override_settings

    def forgotten(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    class Urls:
        urlpatterns: ClassVar[list[URLPattern | URLResolver]] = [path("forgotten", forgotten)]

    with override_settings(ROOT_URLCONF=Urls):
        found = [problem for problem in checks.run_checks() if problem.id == "strongroom.NP-2"]
    assert found
    assert "forgotten" in found[0].msg
    assert found[0].is_serious()


def test_resolvers_within_resolvers_are_looked_into(house: House) -> None:
    from strongroom.website.checks import routes

    @permission(Permission.PUBLIC)
    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    inner = URLResolver(RegexPattern("^in/"), [path("a", view)])
    found = list(routes(URLResolver(RegexPattern(""), [inner])))
    assert [declared(v) for _, v in found] == [Permission.PUBLIC]


def test_administration_never_includes_personal_data_and_the_auditor_changes_nothing() -> None:
    assert Permission.ORDERS_REVEAL not in ROLES[Role.ADMINISTRATOR].permissions
    acts = {name for name in Permission if name.value.endswith((":reveal", ":ask"))}
    assert not ROLES[Role.AUDITOR].permissions & acts
    assert Permission.ORDERS_REVEAL not in ROLES[Role.PACKER].permissions


def test_every_permission_has_its_number_and_no_number_is_used_twice() -> None:
    asked = set(Permission) - {Permission.PUBLIC, Permission.SIGNED_IN}
    assert set(NUMBERS) == asked
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert len({facts.number for facts in ROLES.values()}) == len(ROLES)
