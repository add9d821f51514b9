"""``http`` with steps against a real shop: it lets in, asks for what it gave, and repeats secrets where it can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from checks.base import Target, Tools
from checks.captures import Captured, in_json, writing_of
from checks.curl import CurlEngine
from checks.egress import Egress, leaving_by
from checks.http import TYPE
from checks.http_options import HttpOptions
from monitor.domain.findings import Observation, Symptom, Verdict
from tests.checks.far_ends import NOW, answering, free_port, page, served

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN
TOKEN = 'eyJ"quoted" & odd/token=+1234567890-abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz'
SESSION = "s3ss10n-0123456789"


class Shop:
    """A site with a login; remembers what it was asked for, and over how many connections."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.connections: set[object] = set()
        self.elsewhere = ""
        self.peers: list[str | None] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        self.peers.append(request.remote)
        text = await request.text()
        self.asked.append((request.method, request.path_qs, dict(request.headers), text))
        handler = getattr(self, f"_{request.path.strip('/').replace('/', '_') or 'start'}", None)
        response: web.StreamResponse = handler(request) if handler else web.Response(status=404)
        return response

    def _start(self, _request: web.Request) -> web.Response:
        response = web.Response(text='<form><input name="csrf" value="c5rf-t0ken"></form>')
        response.set_cookie("session", SESSION)
        return response

    def _login(self, _request: web.Request) -> web.Response:
        answer = {"token": TOKEN, "id": 4711, "flag": True, "nothing": None}
        return web.json_response(answer, headers={"X-Next": "/account?from=login"})

    def _account(self, request: web.Request) -> web.Response:
        known = request.cookies.get("session") == SESSION
        return web.json_response(
            {
                "echo": f"you said {request.headers.get('Authorization', 'nothing')}",
                "id": 4711,
                "known": known,
            },
            status=200 if known else 401,
        )

    def _moved(self, _request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/account"})

    def _away(self, _request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{self.elsewhere}/?token=t0ken-0123456789"})

    def _other(self, _request: web.Request) -> web.Response:
        return web.json_response({"next": f"{self.elsewhere}/steal"})

    def _long(self, _request: web.Request) -> web.Response:
        return web.Response(text="x" * 5000)


@asynccontextmanager
async def a_shop() -> AsyncIterator[tuple[Shop, str]]:
    shop = Shop()
    runner = web.ServerRunner(web.Server(shop.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield shop, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def look(
    engine: CurlEngine,
    target: str,
    *steps: dict[str, Any],
    variables: dict[str, str] | None = None,
    **more: Any,
) -> Observation:
    named = [{"name": f"s{number}"} | step for number, step in enumerate(steps, 1)]
    options = HttpOptions.model_validate({"steps": named} | more)
    tools = Tools(http=engine, variables=variables or {})
    return await TYPE.build(Target(name="shop", target=target, timeout=5), options, tools).observe(NOW)


START = {"name": "start", "capture": {"csrf": {"matches": 'name="csrf" value="([^"]+)"'}}}
LOGIN = {
    "name": "log in",
    "url": "/login",
    "headers": {"Content-Type": "application/json"},
    "send": '{"user": "probe", "password": "${PASSWORD}", "csrf": "{csrf}"}',
    "json": [{"path": "$.flag", "value": True}],
    "capture": {"token": {"json": "$.token"}, "id": {"json": "$.id"}, "next": {"header": "X-Next"}},
}
ACCOUNT = {
    "name": "account",
    "url": "{next}&id={id}&token={token}",
    "headers": {"Authorization": "Bearer {token}"},
    "json": [
        {"path": "$.echo", "value": "you said Bearer {token}"},
        {"path": "$.known", "value": True},
        {"path": "$.id", "value": "{id}"},
    ],
}
PASSWORD = {"PASSWORD": "hunter2hunter2"}


async def test_a_login_is_followed_step_by_step_over_one_connection(engine):
    async with a_shop() as (shop, target):
        seen = await look(engine, target, START, LOGIN, ACCOUNT, variables=PASSWORD)
    assert (seen.verdict, seen.detail) == (UP, "3 steps, the last with status 200")
    assert [(method, path.partition("?")[0]) for method, path, _, _ in shop.asked] == [
        ("GET", "/"),
        ("POST", "/login"),
        ("GET", "/account"),
    ]
    assert shop.asked[1][3] == '{"user": "probe", "password": "hunter2hunter2", "csrf": "c5rf-t0ken"}'
    assert "id=4711&token=eyJ%22quoted%22%20%26%20odd%2Ftoken%3D%2B" in shop.asked[2][1]
    assert len(shop.connections) == 1
    assert seen.values["steps"] == 3
    phases = set(seen.phases)
    assert {"connect", "processing", "transfer", "start", "log in", "account", "start.connect"} <= phases
    assert "account.connect" not in phases, "the connection was used again"
    assert seen.phases["processing"] == pytest.approx(
        sum(seen.phases[f"{name}.processing"] for name in ("start", "log in", "account"))
    )


async def test_cookies_end_with_their_look(engine):
    async with a_shop() as (shop, target):
        await look(engine, target, {}, {"url": "/account"})
        seen = await look(engine, target, {"url": "/account"}, {})
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.DEGRADED)
    assert seen.detail == "step 1 (s1): status was 401, expected 200-399"
    assert "Cookie" in shop.asked[1][2]
    assert "Cookie" not in shop.asked[2][2]
    assert len(shop.asked) == 3, "what comes after the step that failed is not asked for"


async def test_a_value_is_taken_from_a_cookie_and_a_redirect_is_followed(engine):
    steps = (
        {"capture": {"sid": {"cookie": "session", "matches": "-(.*)"}}},
        {"url": "/moved", "headers": {"X-Sid": "{sid}"}, "json": [{"path": "$.id", "value": 4711}]},
    )
    async with a_shop() as (shop, target):
        seen = await look(engine, target, *steps, follow_redirects=1)
    assert seen.verdict is UP, seen.detail
    assert [path for _, path, _, _ in shop.asked] == ["/", "/moved", "/account"]
    assert shop.asked[2][2]["X-Sid"] == SESSION.partition("-")[2]


SHOWN = {
    "a token in a JSON value": {"json": [{"path": "$.echo", "value": "something else"}]},
    "a token in a redirect": {"url": "/away?x={token}"},
    "a token in an address that is none": {"url": "/away", "headers": {"X-Odd": "{token}"}},
}


@pytest.mark.parametrize("case", SHOWN)
async def test_no_secret_is_told(case, engine):
    async with a_shop() as (shop, target):
        shop.elsewhere = f"http://127.0.0.1:{free_port()}/{TOKEN[:5]}"
        step = ACCOUNT | {"name": "last"} | SHOWN[case]
        headers = {"X-Key": "k3y-of-the-shop"}
        seen = await look(engine, target, START, LOGIN, step, variables=PASSWORD, headers=headers)
    assert seen.verdict is DOWN
    assert seen.detail.startswith("step 3 (last): ")
    for secret in ("eyJ", "quoted", "c5rf", "hunter2", "k3y-of", "t0ken-01"):
        assert secret not in seen.detail


async def test_headers_and_bodies_stay_where_the_operator_sent_them(engine):
    async with a_shop() as (shop, target), a_shop() as (stranger, away):
        shop.elsewhere = away
        steps = ({"url": "/away", "send": "pin=1234", "headers": {"X-Pin": "1234"}, "status": "2xx,4xx"},)
        headers = {"Authorization": "Basic abc"}
        await look(engine, target, *steps, headers=headers, follow_redirects=1)
        assert [(method, text) for method, _, _, text in stranger.asked] == [("GET", "")]
        assert not {"Authorization", "X-Pin"} & set(stranger.asked[0][2])
        seen = await look(
            engine, target, {"url": "/other", "capture": {"on": {"json": "$.next"}}}, {"url": "{on}"}
        )
        assert "leads to a place that is neither the target's" in seen.detail
        assert len(stranger.asked) == 1
        await look(engine, target, {"url": f"{away}/account", "status": 401}, headers=headers)
        assert "Authorization" not in stranger.asked[1][2], "the check's headers are for the target alone"


MISSING = {
    "no JSON": ({"json": "$.a"}, "v is not there: the body is not JSON"),
    "no such header": ({"header": "X-None"}, "v is not there: the header X-None is missing"),
    "no such cookie": ({"cookie": "none"}, "v is not there: the cookie none is missing"),
    "no match": ({"matches": "nothing like it"}, "v is not in the body: nothing matches 'nothing like it'"),
}


@pytest.mark.parametrize("case", MISSING)
async def test_a_value_that_is_not_there_is_told(case, engine):
    capture, sentence = MISSING[case]
    async with a_shop() as (_, target):
        seen = await look(engine, target, {"capture": {"v": capture}}, {"url": "/{v}"})
    assert (seen.verdict, seen.detail) == (DOWN, f"step 1 (s1): {sentence}")


@pytest.mark.parametrize(
    ("path", "said"), [("$.nothing", "null"), ("$", "a structure")], ids=["null", "a structure"]
)
async def test_a_value_that_is_none_is_told(path, said, engine):
    async with a_shop() as (_, target):
        seen = await look(engine, target, {"url": "/login", "capture": {"v": {"json": path}}})
    assert seen.detail == f"step 1 (s1): v is no value: JSON {path} is {said}"


async def test_a_body_is_bounded(engine):
    async with a_shop() as (_, target):
        seen = await look(
            engine,
            target,
            {"url": "/long"},
            {"url": "/long", "json": [{"path": "a", "value": 1}]},
            max_bytes=100,
        )
    assert seen.detail == "step 2 (s2): the body is longer than 100 bytes and was not read as JSON"
    assert seen.values["size"] == 200


async def test_a_dead_step_is_tried_once_and_is_unreachable(engine):
    port = free_port()
    async with a_shop() as (_, target):
        seen = await look(engine, target, {}, {"name": "identity", "url": f"http://127.0.0.1:{port}/x"})
    assert (seen.verdict, seen.symptom) == (DOWN, Symptom.UNREACHABLE)
    assert seen.detail == f"step 2 (identity): connection refused by 127.0.0.1:{port}"


async def test_every_step_leaves_by_the_way_of_its_vantage(engine):
    async with a_shop() as (shop, target):
        with leaving_by(Egress(v4="127.0.0.2")):
            seen = await look(engine, target, {}, {"url": "/account"})
    assert seen.verdict is UP, seen.detail
    assert shop.peers == ["127.0.0.2", "127.0.0.2"]


async def test_a_slow_step_is_named_and_the_look_goes_on(engine):
    async with a_shop() as (shop, target):
        seen = await look(engine, target, {"latency": {"warn": 0.000001}}, {"url": "/account"})
    assert seen.verdict is DEGRADED
    assert seen.detail.startswith("step 1 (s1): took ")
    assert len(shop.asked) == 2


async def test_a_certificate_that_runs_out_is_told_once(engine, authority):
    async with served(answering(page()), tls=authority.server(days=5)) as port:
        seen = await look(
            engine,
            f"https://127.0.0.1:{port}/",
            {},
            {"url": f"https://127.0.0.1:{port}/b"},
            ca_file=authority.file,
        )
    assert (seen.verdict, seen.symptom) == (DEGRADED, Symptom.CERTIFICATE_EXPIRING)
    assert 4 <= float(seen.values["certificate_days"]) <= 5
    assert seen.values["steps"] == 2


REFUSED = {
    "a request beside steps": (
        {"send": "x", "steps": [{"name": "a"}]},
        "with steps, send belongs into a step",
    ),
    "two of one name": ({"steps": [{"name": "a"}, {"name": "a"}]}, "two steps are called 'a'"),
    "used before it is there": (
        {"steps": [{"name": "a", "send": "{v}", "capture": {"v": {"header": "x"}}}]},
        "step 'a' uses {v}, which no step before it captures",
    ),
    "never captured": ({"steps": [{"name": "a", "url": "/{nobody}"}]}, "uses {nobody}, which no step before"),
    "two places": (
        {"steps": [{"name": "a", "capture": {"v": {"header": "x", "cookie": "y"}}}]},
        "say one place",
    ),
    "a bad name": (
        {"steps": [{"name": "a", "capture": {"V-1": {"header": "x"}}}]},
        "'V-1' is no name for a value",
    ),
    "a bad path": ({"steps": [{"name": "a", "capture": {"v": {"json": "a..b"}}}]}, "is no path"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_steps_that_cannot_work_are_refused_with_a_sentence(case):
    given_options, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=r".") as refusal:
        HttpOptions.model_validate(given_options)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://169.254.169.254/latest"])
def test_a_step_that_leads_nowhere_good_is_refused(url):
    options = HttpOptions.model_validate({"steps": [{"name": "a", "url": url}]})
    with pytest.raises(ValueError, match=r"no URL|cloud metadata"):
        TYPE.build(Target(name="a", target="http://127.0.0.1/"), options, Tools())


def test_braces_of_a_body_that_are_nobodys_stay():
    options = HttpOptions.model_validate({"steps": [{"name": "a", "send": "query {me{id}}"}]})
    assert options.steps[0].send is not None
    assert Captured(values={"x": "1"}).fill("{me{id}} {x} ${x}") == "{me{id}} 1 ${x}"


WRITTEN = {
    "a form": (None, 'a b&c="d"', "a+b%26c%3D%22d%22"),
    "JSON": ("application/json; charset=utf-8", 'a"b\n', 'a\\"b\\n'),
    "a kind of JSON": ("application/vnd.api+json", '"', '\\"'),
    "a text": ("text/plain", 'a"b', 'a"b'),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_value_stays_a_value_in(case):
    kind, value, written = WRITTEN[case]
    assert Captured(values={"v": value}).fill("{v}", writing_of(kind)) == written


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    before=st.text("ab …", max_size=5),
    cut=st.integers(4, 40),
)
def test_neither_a_secret_nor_its_beginning_is_left(secret, before, cut):
    captured = Captured()
    captured.take("v", secret)
    for shown in (secret, in_json(secret)):
        said = shown if cut >= len(shown) else f"{shown[:cut]}…"
        assert shown[:cut] not in captured.hide(f"{before}{said}")
