"""Every route, tried as everybody: the table in ``monitor.web.rules`` is the truth, the service must agree."""

import pytest

from monitor.storage.people import PARTNERS, Role, Scope
from monitor.web.rules import (
    RANK,
    RULES,
    SCOPES_OF_ROLE,
    THEMSELVES,
    Own,
    is_hidden,
    role_suffices,
    scopes_suffice,
)
from tests.web.conftest import World
from tests.web.seeds import an_incident

STREAM = ("GET", "/noc/live")
ROUTES = sorted((route for route in RULES if route != STREAM), key=lambda route: (route[1], route[0]))
CLOSED = [route for route in ROUTES if RULES[route] is not None]


def path_of(route):
    known = {
        "{id}": "inc-1",
        "{serial}": "PBX-1001",
        "{name}": "wildix",
        "{appointment}": "apt-1",
        "{channel}": "room",
        "{group}": "v1:abc",
        "{report}": "cra-1",
    }
    path = route[1]
    for name, value in known.items():
        path = path.replace(name, value)
    return path


async def ask(world: World, route, *, headers=None, csrf=None, client=None):
    method, path = route[0], path_of(route)
    data = {"csrf": csrf} if method == "POST" and csrf and path.startswith(("/noc", "/portal")) else None
    json = {} if method == "POST" and path.startswith("/api") else None
    same = {"Sec-Fetch-Site": "same-origin"} if csrf else {}
    return await (client or world.client).request(
        method, path, headers={**same, **(headers or {})}, data=data, json=json, allow_redirects=False
    )


def no_of(route, otherwise):
    """What is said to who may not: of what is customers' own, that there is no such thing."""
    return 404 if is_hidden(*route) else otherwise


async def test_nobody_gets_into_a_closed_route(world):
    for route in CLOSED:
        answer = await ask(world, route)
        to_the_login = answer.status == 303 and answer.headers["Location"].startswith(
            ("/noc/login?next=", "/portal/login?next=")
        )
        assert answer.status == no_of(route, 401) or to_the_login, (route, answer.status)


async def test_head_is_sent_to_the_log_in_as_get_is_and_a_wrong_method_is_told_the_right_ones(world):
    for method in ("GET", "HEAD"):
        answer = await world.client.request(method, "/noc/", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/noc/login?next=/noc/")
    answer = await world.client.delete("/noc/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_a_made_up_or_revoked_token_is_nobody(world):
    from monitor.storage.people import revoke_token

    good = await world.token("read")
    assert (await world.client.get("/api/v1/incidents", headers=good)).status == 200
    await world.seed(revoke_token, "tok-1", world.now)
    assert (await world.client.get("/api/v1/incidents", headers=good)).status == 401
    for route in [r for r in CLOSED if r[1].startswith("/api")]:
        answer = await ask(world, route, headers={"Authorization": "Bearer nonsense"})
        assert answer.status == no_of(route, 401)


async def test_a_sentry_key_is_no_api_token(world):
    from monitor.storage.people import create_token

    await world.seed(create_token, id="d", name="dsn", secret="k" * 32, scopes=["ingest", "read"], now=world.now, kind="dsn")  # fmt: skip
    answer = await world.client.get("/api/v1/incidents", headers={"Authorization": f"Bearer {'k' * 32}"})
    assert answer.status == 401


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_token_opens_what_its_scope_says_and_never_the_console(world, scope):
    await world.seed(an_incident)
    headers = await world.token(scope)
    for route in CLOSED:
        answer = await ask(world, route, headers=headers)
        need = RULES[route]
        allowed = need is scope or (scope is Scope.ADMIN and need in (Scope.READ, Scope.OPERATE))
        if isinstance(need, Own):
            allowed = scopes_suffice(frozenset({scope}), need)
        if route[1].startswith(("/noc", "/portal")):
            to_the_login = (
                route[0] == "GET"
                and route[1] not in ("/noc/board", "/noc/wall/board")
                and not is_hidden(*route)
            )
            assert answer.status == (303 if to_the_login else no_of(route, 401)), (route, answer.status)
        elif allowed:
            assert answer.status in (200, 201, 404, 409, 422), (route, answer.status)
        else:
            assert answer.status == no_of(route, 403), (route, answer.status)


@pytest.mark.parametrize("role", list(Role))
async def test_a_person_gets_what_the_role_says(world, role):
    await world.seed(an_incident)
    csrf = await world.log_in(role=role)
    for route in CLOSED:
        if route in (("POST", "/noc/logout"), ("POST", "/portal/logout")):
            continue
        answer = await ask(world, route, csrf=csrf)
        need = RULES[route]
        may = RANK[role] >= RANK[need] if isinstance(need, Role) else need in SCOPES_OF_ROLE[role]
        if isinstance(need, Own):
            may = role_suffices(role, need)
            if role is Role.PARTNER_CONTACT and need in THEMSELVES:
                may = False  # what is asked for is nobody they are
        expected = (200, 201, 303, 404, 409, 422) if may else (no_of(route, 403),)
        if may and role in PARTNERS:
            expected = (*expected, 403)  # what the policy does not allow this person
        assert answer.status in expected, (route, answer.status)


def test_every_route_of_the_application_has_a_rule(world):
    served = {
        (route.method, route.resource.canonical)
        for route in world.app.router.routes()
        if route.method != "HEAD" and route.resource.canonical != "/static"
    }
    assert served == set(RULES)


async def test_an_admin_token_does_not_ingest(world):
    from monitor.web.rules import scopes_suffice

    assert not scopes_suffice(frozenset({"admin"}), Scope.INGEST)
