"""Doors: what is no credential, what is no session, and that every route has a rule (who gets in: ``test_matrix``)."""

from monitor.storage.people import Scope
from monitor.web.rules import (
    RULES,
    is_hidden,
    scopes_suffice,
)
from tests.web.conftest import World

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


def test_every_route_of_the_application_has_a_rule(world):
    served = {
        (route.method, route.resource.canonical)
        for route in world.app.router.routes()
        if route.method != "HEAD" and route.resource.canonical != "/static"
    }
    assert served == set(RULES)


async def test_an_admin_token_does_not_ingest(world):

    assert not scopes_suffice(frozenset({"admin"}), Scope.INGEST)
