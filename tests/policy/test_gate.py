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
    """Each way in is shown to give nobody a session without a factor (tests/journeys/test_sign_in.py)."""
    from strongroom.policy.network_protection.doors import PUBLIC
    from strongroom.website.checks import routes

    public = {route for route, view in routes(get_resolver()) if declared(view) is Permission.PUBLIC}
    assert public == PUBLIC, "a new public route is named there, and has its own test"


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
    asked = set(Permission) - {Permission.PUBLIC, Permission.SIGNED_IN, Permission.MACHINE}
    assert set(NUMBERS) == asked
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert len({facts.number for facts in ROLES.values()}) == len(ROLES)


def test_a_dangerous_act_asks_for_a_factor_of_the_last_ten_minutes(house: House) -> None:
    from django.test import RequestFactory

    from strongroom.policy.access_management import sessions
    from strongroom.policy.access_management.step_up import needs_recent_factor
    from strongroom.policy.least_privilege.actions import wall_now

    done = []

    @needs_recent_factor
    def act(_: HttpRequest) -> HttpResponse:
        done.append("done")
        return HttpResponse()

    for minutes, acts in ((0, True), (9, True), (11, False), (700, False)):
        request = RequestFactory().post("/people/invite", HTTP_REFERER="https://localhost:8443/people/")
        request.session = {sessions.FACTOR_AT: wall_now().timestamp() - minutes * 60}  # type: ignore[assignment]
        done.clear()
        answer = act(request)
        assert bool(done) is acts, minutes
        if not acts:
            assert (answer.status_code, answer["Location"]) == (302, "/step-up?next=%2Fpeople%2F")
    request = RequestFactory().get("/me")
    request.session = {}  # type: ignore[assignment]
    assert act(request).status_code == 302, "a session that never used a factor is asked for one"


def test_every_act_on_people_printers_and_factors_asks_for_a_recent_factor(house: House) -> None:
    """Named here, so that a new dangerous act is thought about."""
    from strongroom.website.checks import routes

    dangerous = {
        "people/invite", "people/<int:pk>/grant", "people/<int:pk>/<slug:verb>", "grants/<int:grant>/approve",
        "grants/<int:grant>/end", "printers/add", "printers/<int:printer>/retire", "me/passkeys", "me/recovery-codes",
        "me/factors/<int:factor>/remove", "me/command-token", "wall/<str:id_>/exception", "approvals/<uuid:id_>/approve",
        "policy/publish",
        "devices/record", "devices/<int:device>/retire",
    }  # fmt: skip
    guarded = {route for route, view in routes(get_resolver()) if getattr(view, "asks_for_recent_factor", False)}
    assert guarded == dangerous
