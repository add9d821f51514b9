"""Messages through apprise to far ends that speak real HTTP: what is posted, what a failure says, what is never told."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from alerts.apprise_chat import AppriseChat, without_secrets
from alerts.base import ChatText
from monitor.errors import DeliveryError
from tests.requirements import require

TOKEN = "s3cret0t0ken0abcdefghijklm"
TEXT = ChatText(
    mark="out_1",
    channel="room",
    title="Calls drop in Europe",
    body="We look at it.\n\nMore: https://x.example",
)


@pytest.fixture(autouse=True)
def _library():
    require("python:apprise", "chat channels are posted to by it")


class FarEnd:
    """A chat service: takes messages on any path, or fails as it is told to."""

    def __init__(self):
        self.taken = []
        self.status, self.wait, self.headers = 200, 0.0, {}
        self.drop = False

    async def take(self, request):
        body = await request.text()
        if self.drop:
            request.transport.abort()
            return web.Response()
        await asyncio.sleep(self.wait)
        if self.status < 300:
            self.taken.append((request.path_qs, body, dict(request.headers)))
        return web.Response(status=self.status, headers=self.headers, text="ok")


@asynccontextmanager
async def a_far_end():
    far = FarEnd()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    far.port = runner.addresses[0][1]
    try:
        yield far
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_channel(url, **other):
    driver = AppriseChat(lambda: {"room": url}, **other)
    try:
        yield driver
    finally:
        driver.close()


def address(far, scheme="json", path=f"/{TOKEN}", query=""):
    return f"{scheme}://127.0.0.1:{far.port}{path}{query}"


@pytest.mark.parametrize(
    ("scheme", "path"),
    [
        pytest.param("json", f"/{TOKEN}", id="json"),
        pytest.param("xml", f"/{TOKEN}", id="xml"),
        pytest.param("mmost", f"/{TOKEN}", id="mattermost"),
        pytest.param("ntfy", "/announcements", id="ntfy"),
        pytest.param("gotify", f"/{TOKEN}", id="gotify"),
    ],
)
async def test_a_message_arrives_in_every_kind_of_channel_that_can_be_on_this_host(scheme, path):
    async with a_far_end() as far, a_channel(address(far, scheme, path)) as driver:
        assert await driver.send(TEXT) == f"posted by {scheme}"
        (taken,) = far.taken
        assert "We look at it." in taken[1]
        assert "Calls drop in Europe" in taken[1] + str(taken[2])


@pytest.mark.parametrize(
    ("status", "permanent", "retry_after"),
    [
        pytest.param(400, True, None, id="400"),
        pytest.param(401, True, None, id="401, a wrong token"),
        pytest.param(403, True, None, id="403"),
        pytest.param(404, True, None, id="404, the channel is gone"),
        pytest.param(429, False, 60.0, id="429, too many"),
        pytest.param(500, False, None, id="500"),
        pytest.param(503, False, None, id="503"),
    ],
)
async def test_a_failure_says_why_and_whether_to_try_again(status, permanent, retry_after):
    async with a_far_end() as far, a_channel(address(far)) as driver:
        far.status = status
        with pytest.raises(DeliveryError) as caught:
            await driver.send(TEXT)
        assert str(status) in str(caught.value)
        assert (caught.value.permanent, caught.value.retry_after) == (permanent, retry_after)
        assert not caught.value.ambiguous


async def test_a_connection_that_breaks_off_leaves_it_open_whether_it_was_posted():
    async with a_far_end() as far, a_channel(address(far)) as driver:
        far.drop = True
        with pytest.raises(DeliveryError) as caught:
            await driver.send(TEXT)
        assert caught.value.ambiguous
        assert not caught.value.permanent


async def test_a_service_that_is_not_there_got_nothing(unused_tcp_port):
    async with a_channel(f"json://127.0.0.1:{unused_tcp_port}/{TOKEN}") as driver:
        with pytest.raises(DeliveryError) as caught:
            await driver.send(TEXT)
        assert not caught.value.ambiguous
        assert not caught.value.permanent


async def test_a_service_that_does_not_answer_is_not_waited_for_longer_than_allowed():
    async with a_far_end() as far, a_channel(address(far), timeout=0.3) as driver:
        far.wait = 1.0
        with pytest.raises(DeliveryError) as caught:
            await driver.send(TEXT)
        assert caught.value.ambiguous


@pytest.mark.parametrize("query", ["", "?redirect=yes"])
async def test_a_redirect_is_not_followed_with_what_is_secret(query):
    async with a_far_end() as elsewhere, a_far_end() as far, a_channel(address(far, query=query)) as driver:
        far.status, far.headers = 307, {"Location": f"http://127.0.0.1:{elsewhere.port}/stolen"}
        with pytest.raises(DeliveryError):
            await driver.send(TEXT)
        assert elsewhere.taken == []


async def test_the_environments_proxy_is_not_used(monkeypatch, unused_tcp_port):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with a_far_end() as far, a_channel(address(far)) as driver:
        await driver.send(TEXT)
        assert len(far.taken) == 1


class Told(logging.Handler):
    """Everything that reaches the service's own log (pytest's fixture hangs itself beside it, too)."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture
def told():
    root, handler = logging.getLogger(), Told()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_no_part_of_the_address_is_told(told, status):
    async with a_far_end() as far, a_channel(f"json://user:p4ssw0rd@127.0.0.1:{far.port}/{TOKEN}") as driver:
        far.status = status
        try:
            told.append(await driver.send(TEXT))
        except DeliveryError as error:
            told.append(str(error))
        told.append(repr(driver))
        for secret in (TOKEN, "p4ssw0rd"):
            assert secret not in "\n".join(told)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"nosuch://{TOKEN}@host", id="a scheme nobody knows"),
        pytest.param(f"discord://{TOKEN}", id="something missing"),
        pytest.param(TOKEN, id="no address at all"),
        pytest.param("", id="empty"),
    ],
)
async def test_an_address_that_apprise_does_not_take_is_a_clear_error_without_the_address(url):
    async with a_channel(url) as driver:
        problem = driver.problem(url)
        assert problem
        assert TOKEN not in problem
        with pytest.raises(DeliveryError) as caught:
            await driver.send(TEXT)
        assert caught.value.permanent
        assert TOKEN not in str(caught.value)


async def test_several_channels_at_once_keep_their_reasons_apart():
    async with a_far_end() as good, a_far_end() as bad:
        bad.status, good.wait = 403, 0.2
        driver = AppriseChat(lambda: {"good": address(good), "bad": address(bad)})
        texts = [
            ChatText(mark=str(n), channel=name, title="t", body="b")
            for n in range(3)
            for name in ("good", "bad")
        ]
        results = await asyncio.gather(*map(driver.send, texts), return_exceptions=True)
        driver.close()
        assert [isinstance(result, DeliveryError) for result in results] == [False, True] * 3
        assert all("403" in str(result) for result in results[1::2])


def test_what_a_library_says_is_told_without_any_part_of_the_address():
    said = f"Failed to reach /{TOKEN}/ on host.example"
    assert TOKEN not in without_secrets(said, f"json://host.example/{TOKEN}")
