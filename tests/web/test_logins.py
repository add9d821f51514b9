"""Accounts, sessions and forms: who gets in, for how long, and what a foreign page cannot do."""

import asyncio
from datetime import timedelta

import pytest

from monitor.errors import ConflictError
from monitor.storage import audit, people
from monitor.storage.people import Role
from monitor.web.accounts import Pace, hash_password
from monitor.web.auth import local_path
from tests.web.conftest import PASSWORD
from tests.web.seeds import NOW, an_incident


async def post_login(world, name, password, **kw):
    return await world.client.post(
        "/noc/login", data={"user": name, "password": password}, allow_redirects=False, **kw
    )


async def test_the_right_password_opens_the_board_and_leaves_an_audit_row(world):
    await world.log_in("nora")
    board = await world.client.get("/noc/")
    assert board.status == 200
    assert "Nothing is open" in await board.text()
    rows = await world.store.read(audit.list_audit)
    assert [(row.actor, row.action) for row in rows] == [("nora", "login")]


async def test_the_cookie_is_http_only_lax_and_plain_on_http(world):
    await world.user("nora")
    answer = await post_login(world, "nora", PASSWORD)
    cookie = next(each for each in answer.headers.getall("Set-Cookie") if each.startswith("tocsin="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_behind_a_tls_proxy_on_this_host_the_cookie_is_bound_and_secure(world):
    await world.user("nora")
    answer = await post_login(world, "nora", PASSWORD, headers={"X-Forwarded-Proto": "https"})
    cookie = next(each for each in answer.headers.getall("Set-Cookie") if "tocsin=" in each)
    assert cookie.startswith("__Host-tocsin=")
    assert "Secure" in cookie


@pytest.mark.parametrize("name", ["nora", "nobody", "", "nora\x00", "ñ" * 500])
async def test_a_wrong_password_is_refused_alike_for_somebody_and_nobody_and_audited(world, name):
    await world.user("nora")
    answer = await post_login(world, name, "wrong")
    assert answer.status == 401
    assert "name or the password is wrong" in await answer.text()
    rows = await world.store.read(audit.list_audit)
    assert rows[0].action == "login.failed"


async def test_guessing_is_slowed_down_by_name_and_the_right_password_waits_too(world):
    await world.user("nora")
    statuses = [(await post_login(world, "nora", f"guess {n}")).status for n in range(7)]
    assert statuses == [401] * 6 + [429]
    assert (await post_login(world, "nora", PASSWORD)).status == 429
    world.now = NOW + timedelta(minutes=1)
    assert (await post_login(world, "nora", PASSWORD)).status == 303


async def test_guessing_many_names_from_one_address_is_slowed_down(world):
    statuses = [(await post_login(world, f"user{n}", "guess")).status for n in range(22)]
    assert statuses[:20] == [401] * 20
    assert statuses[20:] == [429, 429]


def test_a_bucket_forgets_the_longest_unused_key_and_refills():
    pace = Pace(burst=1, every=10, keys=2)
    assert pace.allows("a", NOW)
    assert not pace.allows("a", NOW + timedelta(seconds=9))
    assert pace.allows("a", NOW + timedelta(seconds=20))
    for key in ("b", "c"):
        pace.allows(key, NOW)
    assert len(pace._levels) == 2


async def test_a_session_is_over_when_idle_for_half_an_hour(world):
    await world.log_in()
    world.now = NOW + timedelta(minutes=29)
    assert (await world.client.get("/noc/", allow_redirects=False)).status == 200
    world.now += timedelta(minutes=29)
    assert (await world.client.get("/noc/", allow_redirects=False)).status == 200
    world.now += timedelta(minutes=31)
    assert (await world.client.get("/noc/", allow_redirects=False)).status == 303


async def test_a_session_is_over_after_twelve_hours_however_busy(world):
    await world.log_in()
    for minutes in range(20, 12 * 60, 20):
        world.now = NOW + timedelta(minutes=minutes)
        assert (await world.client.get("/noc/board")).status == 200
    world.now = NOW + timedelta(hours=12)
    assert (await world.client.get("/noc/board")).status == 401


async def test_logging_out_kills_the_session_not_only_the_cookie(world):
    csrf = await world.log_in()
    jar = world.client.session.cookie_jar
    stolen = jar.filter_cookies(world.client.make_url("/"))["tocsin"].value
    await world.client.post("/noc/logout", data={"csrf": csrf})
    jar.clear()
    answer = await world.client.get("/noc/board", headers={"Cookie": f"tocsin={stolen}"})
    assert answer.status == 401


async def test_logging_in_again_rotates_the_session(world):
    await world.log_in()
    jar = world.client.session.cookie_jar
    first = jar.filter_cookies(world.client.make_url("/"))["tocsin"].value
    await world.log_in()
    second = jar.filter_cookies(world.client.make_url("/"))["tocsin"].value
    assert first != second
    jar.clear()
    assert (await world.client.get("/noc/board", headers={"Cookie": f"tocsin={first}"})).status == 401


@pytest.mark.parametrize("what", ["disable", "role", "password"])
async def test_what_changes_a_user_ends_the_sessions_at_once(world, what):
    await world.log_in()
    change = {
        "disable": (people.disable_user, "nora", NOW),
        "role": (people.set_role, "nora", Role.VIEWER),
        "password": (people.set_password, "nora", "x"),
    }[what]
    await world.seed(*change)
    assert (await world.client.get("/noc/board")).status == 401


async def test_a_disabled_user_cannot_log_in(world):
    await world.user("nora")
    await world.seed(people.disable_user, "nora", NOW)
    assert (await post_login(world, "nora", PASSWORD)).status == 401


async def test_the_database_knows_neither_the_cookie_nor_the_token(world, tmp_path):
    await world.log_in()
    cookie = world.client.session.cookie_jar.filter_cookies(world.client.make_url("/"))["tocsin"].value
    await world.token("read", secret="tcs_very-secret-token")
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("tocsin.db*"))
    assert cookie.encode() not in raw
    assert b"tcs_very-secret-token" not in raw
    assert PASSWORD.encode() not in raw


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda h: "=".join(*h.items()))
async def test_a_foreign_page_cannot_post_even_with_the_right_token(world, headers):
    await world.seed(an_incident)
    csrf = await world.log_in()
    answer = await world.client.post(
        "/noc/incidents/inc-1/acknowledge", data={"csrf": csrf}, headers=headers, allow_redirects=False
    )
    assert answer.status == 403
    assert world.pipeline.told == []
    login = await post_login(world, "nora", PASSWORD, headers=headers)
    assert login.status == 403


@pytest.mark.parametrize("csrf", [None, "", "wrong", "ü"])
async def test_a_form_without_its_sessions_token_is_refused(world, csrf):
    await world.seed(an_incident)
    await world.log_in()
    data = {} if csrf is None else {"csrf": csrf}
    answer = await world.client.post("/noc/incidents/inc-1/acknowledge", data=data, allow_redirects=False)
    assert answer.status == 403
    assert world.pipeline.told == []


async def test_a_form_from_our_own_page_is_taken(world):
    await world.seed(an_incident)
    csrf = await world.log_in()
    origin = str(world.client.make_url("/")).rstrip("/")
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": origin}):
        answer = await world.client.post(
            "/noc/incidents/inc-1/notes",
            data={"csrf": csrf, "text": "x"},
            headers=headers,
            allow_redirects=False,
        )
        assert answer.status == 303


async def test_a_session_reads_the_api_but_writes_only_from_our_own_page(world):
    await world.seed(an_incident)
    await world.log_in()
    assert (await world.client.get("/api/v1/incidents/inc-1/decision")).status == 200
    write = "/api/v1/incidents/inc-1/acknowledge"
    assert (await world.client.post(write, json={})).status == 403
    assert (await world.client.post(write, json={}, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await world.client.post(write, json={}, headers={"Sec-Fetch-Site": "same-origin"})).status == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/noc/", "/\\evil.example", "/nocturnal", "javascript:alert(1)", "/noc\n/x", "", "/", "/noc//\\evil"],
)  # fmt: skip
async def test_the_login_sends_nobody_anywhere_else(world, wanted):
    await world.user("nora")
    answer = await post_login(world, "nora", PASSWORD, params={"next": wanted})
    assert answer.headers["Location"] == "/noc/"


def test_the_login_leads_back_to_where_one_was_going():
    assert local_path("/noc/incidents/inc-1?x=1") == "/noc/incidents/inc-1?x=1"


async def test_a_basic_password_is_as_good_as_a_bearer_token(world):
    import aiohttp

    await world.token("read", secret="tcs_s")
    answer = await world.client.get("/api/v1/incidents", headers={"Authorization": aiohttp.encode_basic_auth("any", "tcs_s") if hasattr(aiohttp, "encode_basic_auth") else aiohttp.BasicAuth("any", "tcs_s").encode()})  # fmt: skip
    assert answer.status == 200


@pytest.mark.parametrize(
    "header", ["Basic !!!", "Basic ", "Bearer", "Bearer  ", "Digest x", "Basic /w==", "Basic Og=="]
)
async def test_a_credential_that_cannot_be_read_is_nobody(world, header):
    await world.log_in()
    assert (await world.client.get("/api/v1/incidents", headers={"Authorization": header})).status == 401


async def test_two_users_cannot_have_one_name(world):
    await world.user("nora")
    with pytest.raises(ConflictError, match="already"):
        await world.user("nora")


@pytest.mark.parametrize("password", ["short", "a" * 12, "x" * 257])
def test_a_poor_password_is_refused_with_a_sentence(password):
    with pytest.raises(ValueError, match="a password"):
        hash_password(password)


async def test_logins_do_not_hold_up_the_loop_and_too_many_are_sent_away(world, monkeypatch):
    from monitor.errors import RefusedError
    from monitor.web import accounts

    monkeypatch.setattr(accounts, "QUEUE", 6)  # each takes two cores a tenth of a second
    passwords = accounts.Passwords()  # the real parameters
    await world.user("nora")
    loop = asyncio.get_running_loop()
    lags = []

    async def watch():
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            lags.append(loop.time() - before - 0.01)

    watching = asyncio.create_task(watch())
    results = await asyncio.gather(
        *(passwords.log_in(world.store, "nobody", "x") for _ in range(accounts.QUEUE + 5)),
        return_exceptions=True,
    )
    watching.cancel()
    passwords.close()
    assert sum(isinstance(each, RefusedError) for each in results) == 5
    assert results.count(None) == accounts.QUEUE
    assert sorted(lags)[len(lags) // 2] < 0.05
