"""The site over seeded records, in memory and behind a loopback server."""

import pytest
from aiohttp import web

from statuspage.pages import PublicPages
from statuspage.routes import routes
from tests.statuspage import seeds


class Sight:
    """The pages over one record and a clock that the test moves."""

    def __init__(self, engine, site=seeds.SITE, **kw):
        self.engine, self.now = engine, seeds.NOW
        self.pages = PublicPages(self.load, lambda: self.now, site, **kw)

    async def load(self):
        return seeds.read(self.engine, self.now)

    def text(self, path):
        return self.pages.get(path).body.decode()


@pytest.fixture
def see():
    async def build(engine, site=seeds.SITE, **kw):
        sight = Sight(engine, site, **kw)
        await sight.pages.refresh()
        for code in site.languages:
            await sight.pages.speak(code)
        return sight

    return build


KEPT = []  # the pages of a client, which only looks: rendered once in a process


@pytest.fixture
async def client(see, aiohttp_client):
    if not KEPT:
        KEPT.append(await see(seeds.trouble()))
    app = web.Application()
    app.add_routes(routes(KEPT[0].pages))
    return await aiohttp_client(app)
