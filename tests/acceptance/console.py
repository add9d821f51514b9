"""A story's engineers and leads at the console: they log in, read pages and fill in the forms they are shown."""

import html
import io
import re
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import argon2
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor.storage import people
from monitor.storage.people import Role
from tests.acceptance.desks import DESK, TUESDAY_AT_TEN
from tests.acceptance.world import MovableClock, a_world
from tests.factories import an_id

PASSWORD = "correct horse battery"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
OURS = {"Sec-Fetch-Site": "same-origin"}


class Engineer:
    """A browser without JavaScript: it keeps cookies, and sends a form with the token of the page it is on."""

    def __init__(self, client):
        self.client, self.source, self.status, self.path = client, "", 0, ""

    async def get(self, path):
        return await self._took(await self.client.get(path))

    async def post(self, path, attachments=None, **fields):
        given = {"csrf": self.token, **{name: str(value) for name, value in fields.items()}}
        if attachments is not None:
            form = aiohttp.FormData(given, default_to_multipart=True)
            form.add_field("attachments", io.BytesIO(attachments.content), filename=attachments.name)
            given = form
        return await self._took(await self.client.post(path, data=given, headers=OURS))

    async def _took(self, answer):
        self.status, self.path = answer.status, answer.url.path
        self.source = await answer.text() if "text" in answer.content_type else ""
        found = re.search(r'name="csrf" value="([^"]+)"', self.source)
        self.token = found.group(1) if found else getattr(self, "token", "")
        return self

    @property
    def text(self):
        """What a person reads: no tags, one blank between words."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.source)).split())

    def alert(self):
        found = re.search(r'role="alert">([^<]*)<', self.source)
        return html.unescape(found.group(1)) if found else None

    def listed(self):
        return re.findall(r'<span class="mono">(R-\d+)</span>', self.source)

    def asked(self):
        return re.findall(r'<label for="field-(\w+)"', self.source)


@asynccontextmanager
async def a_console(folder, database, *, at=TUESDAY_AT_TEN, configuration=DESK):
    """Serve the whole service with a console; ``world.at_the_console(name, role)`` logs somebody in."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            a_world(folder, database, clock=MovableClock(at), configuration=configuration)
        )
        server = TestServer(world.service.web)
        await server.start_server()
        stack.push_async_callback(server.close)

        async def at_the_console(name=None, role=Role.NOC):
            client = await stack.enter_async_context(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
            made = Engineer(client)
            if name:
                await world.service.store.write(
                    people.create_user,
                    id=an_id(),
                    name=name,
                    password_hash=QUICK,
                    role=role,
                    now=world.clock(),
                    contact=name if role in people.PARTNERS else None,
                )
                form = {"user": name, "password": PASSWORD}
                await made._took(await client.post("/noc/login", data=form, headers=OURS))
            return made

        world.at_the_console, world.server = at_the_console, server
        yield world
