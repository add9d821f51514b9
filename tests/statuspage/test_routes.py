import re

import pytest
from aiohttp import web

from statuspage.pages import PublicPages
from statuspage.routes import POLICY, coding, routes
from tests.statuspage import seeds

PATHS = [
    "/", "/uptime", "/history", "/history/2026-11", "/history/2026-09", "/incidents/inc-2026-4711", "/maintenance/mnt-1",
    "/maintenance/mnt-1.ics", "/feed.atom", "/feed.rss", "/maintenance.ics", "/badge.svg", "/robots.txt", "/api/v2/summary.json",
    "/api/v2/status.json", "/api/v2/components.json", "/api/v2/incidents.json", "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json", "/api/v2/scheduled-maintenances/upcoming.json",
    "/api/v2/scheduled-maintenances/active.json", "/static/tocsin.css", "/static/bell.svg", "/static/page.css", "/static/page.js", "/subscribe",
]  # fmt: skip
GONE = [
    "/incidents/none",
    "/maintenance/none",
    "/history/1999-01",
    "/api/v2/none.json",
    "/incidents/..%2f..%2fetc",
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_answers_get_head_and_not_modified(client, path):
    got = await client.get(path)
    body = await got.read()
    assert (got.status, bool(body)) == (200, True)
    head = await client.head(path)
    assert (head.status, await head.read()) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    again = await client.get(path, headers={"If-None-Match": f'"other", W/{got.headers["ETag"]}'})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", got.headers["ETag"])
    changed = await client.get(path, headers={"If-None-Match": '"other"'})
    assert changed.status == 200


@pytest.mark.parametrize("path", [*PATHS, *GONE])
async def test_every_answer_carries_the_security_headers(client, path):
    got = await client.get(path)
    assert got.headers["Content-Security-Policy"] == POLICY
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Referrer-Policy"] == "no-referrer"
    assert re.fullmatch(r"public, max-age=\d+, stale-if-error=86400", got.headers["Cache-Control"])


@pytest.mark.parametrize("path", GONE)
async def test_what_is_not_there_is_a_404_in_our_own_words(client, path):
    got = await client.get(path)
    assert got.status == 404
    assert ("There is nothing at this address" in await got.text()) != path.startswith("/api/")


@pytest.mark.parametrize("path", ["/api/v2/summary.json", "/badge.svg", "/feed.atom"])
async def test_other_sites_may_read_the_feeds_and_the_api(client, path):
    assert (await client.get(path)).headers["Access-Control-Allow-Origin"] == "*"


async def test_a_program_of_another_site_may_send_headers_of_its_own_to_the_api(client):
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "user-agent"}  # fmt: skip
    got = await client.options("/api/v2/summary.json", headers=asking)
    assert (got.status, await got.read()) == (204, b"")
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in got.headers["Access-Control-Allow-Methods"]
    assert got.headers["Access-Control-Allow-Headers"] == "*"
    assert (await client.options("/")).status == 405


@pytest.mark.parametrize("path", ["/api/v2/summary", "/api/v2/summary.json/", "/api/v2/summary.json?page=2&per_page=100", "/api/v2/incidents/unresolved"])  # fmt: skip
async def test_the_api_is_found_as_careless_readers_spell_it(client, path):
    got = await client.get(path)
    assert (got.status, got.content_type) == (200, "application/json")
    assert (await got.json())["page"]["name"] == seeds.SITE.title
    assert (await client.get("/api/v2/nothing")).status == 404
    assert (await client.get("/api/v2/")).status == 404


async def test_a_page_is_not_for_other_sites(client):
    assert "Access-Control-Allow-Origin" not in (await client.get("/")).headers


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_compressed_and_plain_forms_have_tags_of_their_own(client, coding):
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    small = await client.get("/", headers={"Accept-Encoding": coding})
    assert small.headers["Content-Encoding"] == coding
    assert "Content-Encoding" not in plain.headers
    assert small.headers["ETag"] != plain.headers["ETag"]
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert await small.read() == await plain.read()
    again = await client.get("/", headers={"Accept-Encoding": coding, "If-None-Match": small.headers["ETag"]})
    assert (again.status, again.headers["ETag"]) == (304, small.headers["ETag"])
    assert "Content-Encoding" not in again.headers


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0", ""),
        ("identity", ""),
        ("identity;q=0.5, gzip;q=0.4", ""),
        ("GZIP", "gzip"),
        ("gzip;q=0", ""),
        ("x-gzipped", ""),
        ("gzip;q=nonsense", ""),
        ("", ""),
    ],
)
def test_the_coding_that_is_liked_best_is_sent(accepted, form):
    assert coding(accepted) == form


async def test_before_the_first_rendering_the_answer_is_come_back(aiohttp_client):
    async def load():
        raise AssertionError

    app = web.Application()
    app.add_routes(routes(PublicPages(load, lambda: seeds.NOW, seeds.SITE)))
    got = await (await aiohttp_client(app)).get("/")
    assert (got.status, got.headers["Retry-After"]) == (503, "2")
