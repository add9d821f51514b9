"""Accounts at both faces: the second step, your own page, who may log in, and links that are good once."""

import re
from datetime import timedelta

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from monitor.domain.totp import code_of, step_at
from monitor.storage import accounts, audit, people
from monitor.storage.people import Role
from monitor.web import actions
from monitor.web.log_ins import LOG_INS
from tests.web.conftest import PASSWORD
from tests.web.seeds import NOW
from tests.web.test_hostile import CORPUS, is_only_text

NEW = "a longer horse and battery"


class Browser:
    """Somebody's browser, with its own cookies."""

    def __init__(self, world):
        self.world = world
        self.client = TestClient(world.client.server, cookie_jar=CookieJar(unsafe=True))
        self.text, self.status, self.path = "", 0, ""

    async def get(self, path):
        return await self._took(await self.client.get(path))

    async def post(self, path, **form):
        token = re.search(r'name="csrf" value="([^"]+)"', self.text)
        form = ({"csrf": token[1]} if token else {}) | form
        return await self._took(await self.client.post(path, data=form))

    async def _took(self, answer):
        self.text, self.status, self.path = await answer.text(), answer.status, answer.url.path
        return self.status

    async def log_in(self, name, password=PASSWORD, face="/noc"):
        await self.get(f"{face}/login")
        await self.post(f"{face}/login", user=name, password=password)
        return self

    def secret(self):
        import base64

        found = re.search(r'<strong class="mono">([A-Z2-7 ]+)</strong>', self.text)
        return base64.b32decode(found[1].replace(" ", ""))

    def recovery(self):
        return re.findall(r"<li>([a-z0-9-]{19})</li>", self.text)

    def link(self):
        found = re.search(r'link-once">([^<]+)<', self.text)
        return found and "/" + found[1].split("/", 3)[3]


@pytest.fixture
async def browser(world):
    made = []

    def another():
        made.append(Browser(world))
        return made[-1]

    yield another
    for each in made:
        await each.client.session.close()


async def code(world, secret, away=0):
    return code_of(secret, step_at(world.now) + away)


async def enrolled(world, browser, name="nora", role=Role.NOC, face="/noc"):
    """Set up a second step, and return the browser with its secret and recovery codes."""
    await world.user(name, role)
    one = await browser().log_in(name, face=face)
    await one.get(f"{face}/account")
    await one.post(f"{face}/account/second-step", old=PASSWORD)
    assert "<svg" in one.text
    secret = one.secret()
    await one.post(f"{face}/account/second-step/confirm", code=await code(world, secret))
    return one, secret, one.recovery()


async def said(world):
    return [(row.actor, row.action) for row in await world.store.read(audit.list_audit)]


# the second step ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "face"), [(Role.NOC, "/noc"), (Role.PARTNER_CONTACT, "/portal")], ids=str)
async def test_with_a_second_step_a_password_alone_opens_nothing(world, browser, role, face):
    _, secret, recovery = await enrolled(world, browser, role=role, face=face)
    assert len(set(recovery)) == 10
    world.now += timedelta(seconds=30)
    other = await browser().log_in("nora", face=face)
    assert (other.path, other.status) == (f"{face}/login/code", 200)
    await other.get(f"{face}/")
    assert other.path == f"{face}/login", "there is no session yet"
    await other.get(f"{face}/login/code")
    good = await code(world, secret)
    wrong = "000000" if good != "000000" else "111111"
    await other.post(f"{face}/login/code", code=wrong)
    assert (other.status, "wrong, or was used" in other.text) == (401, True)
    await other.post(f"{face}/login/code", code=good)
    assert (other.path, other.status) == (f"{face}/", 200)
    assert ("nora", "login.failed") in await said(world)
    assert (await said(world))[0] == ("nora", "login")


async def test_a_code_and_a_recovery_code_are_good_once(world, browser):
    _, secret, recovery = await enrolled(world, browser)
    for given, opens in (
        (await code(world, secret), False),  # it confirmed the second step
        (await code(world, secret, +1), True),
        (await code(world, secret, +1), False),
        (await code(world, secret), False),  # an older one after it
        (recovery[3], True),
        (recovery[3], False),
        (recovery[4].upper().replace("-", " "), True),
    ):
        other = await browser().log_in("nora")
        await other.post("/noc/login/code", code=given)
        assert (other.path == "/noc/") is opens, given
        for pace in (
            world.app[actions.PACE_OF_NAME],
            world.app[actions.PACE_OF_ADDRESS],
            world.app[LOG_INS].pace,
        ):
            pace.forgive("nora"), pace.forgive("127.0.0.1"), pace.forgive("u-nora")


async def test_guessing_codes_is_slowed_down_by_account_whichever_browser_guesses(world, browser):
    _, secret, _ = await enrolled(world, browser)
    world.now += timedelta(minutes=10)
    statuses = []
    for _ in range(6):
        other = await browser().log_in("nora")
        await other.post("/noc/login/code", code="1")
        statuses.append(other.status)
    assert statuses == [401] * 5 + [429]
    await other.post("/noc/login/code", code=await code(world, secret))
    assert other.status == 429, "the right one waits, too"
    world.now += timedelta(minutes=2)
    await other.post("/noc/login/code", code=await code(world, secret))
    assert other.path == "/noc/"


async def test_the_first_step_is_over_after_ten_minutes_and_when_the_user_is_locked(world, browser):
    _, secret, _ = await enrolled(world, browser)
    late, locked = [await browser().log_in("nora") for _ in range(2)]
    await world.seed(people.disable_user, "nora", world.now)
    await locked.post("/noc/login/code", code=await code(world, secret, +1))
    assert locked.path == "/noc/login"
    await world.seed(accounts.lock, "u-nora", None)
    late = await browser().log_in("nora")
    world.now += timedelta(minutes=10)
    await late.post("/noc/login/code", code=await code(world, secret))
    assert late.path == "/noc/login"


async def test_the_secret_is_sealed_and_codes_are_hashed_at_rest(world, browser, tmp_path):
    _, secret, recovery = await enrolled(world, browser)
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("tocsin.db*"))
    for kept in (secret, secret.hex().encode(), recovery[0].encode(), recovery[0].replace("-", "").encode()):
        assert kept not in raw


async def test_a_role_that_must_have_one_opens_nothing_else_until_it_is_set_up(world, browser):
    world.required = (Role.NOC,)
    await world.user("nora")
    one = await browser().log_in("nora")
    assert (one.path, "Set it up here" in one.text) == ("/noc/account", True)
    for path in ("/noc/", "/noc/incidents", "/noc/requests"):
        await one.get(path)
        assert one.path == "/noc/account", path
    assert await one.get("/api/v1/incidents") == 403
    await one.get("/noc/account")
    await one.post("/noc/account/second-step", old=PASSWORD)
    await one.post("/noc/account/second-step/confirm", code=await code(world, one.secret()))
    assert one.recovery()
    assert await one.get("/noc/incidents") == 200
    await one.get("/noc/account")
    assert await one.post("/noc/account/second-step/off", old=PASSWORD, code="1") == 409


async def test_turning_it_off_takes_password_and_code(world, browser):
    one, secret, _ = await enrolled(world, browser)
    world.now += timedelta(minutes=1)
    assert await one.post("/noc/account/second-step/off", old="wrong", code=await code(world, secret)) == 422
    assert await one.post("/noc/account/second-step/off", old=PASSWORD, code="1") == 422
    assert await one.post("/noc/account/second-step/off", old=PASSWORD, code=await code(world, secret)) == 200
    assert (await browser().log_in("nora")).path == "/noc/"
    assert ("nora", "second-step.off") in await said(world)


# your own page ------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(world, browser):
    await world.user("nora")
    here, there = [await browser().log_in("nora") for _ in range(2)]
    await here.get("/noc/account")
    assert await here.post("/noc/account/password", old="wrong", new=NEW, again=NEW) == 422
    assert await here.post("/noc/account/password", old=PASSWORD, new=NEW, again="other") == 422
    assert await here.post("/noc/account/password", old=PASSWORD, new="short", again="short") == 422
    assert await here.post("/noc/account/password", old=PASSWORD, new=NEW, again=NEW) == 200
    assert "password is changed" in here.text
    await there.get("/noc/")
    assert there.path == "/noc/login"
    assert (await browser().log_in("nora")).status == 401
    assert (await browser().log_in("nora", NEW)).path == "/noc/"


async def test_sessions_are_seen_and_ended_one_by_one_and_all_others_and_never_somebody_elses(world, browser):
    await world.user("nora")
    await world.user("luca")
    stranger = await browser().log_in("luca")
    here, there, elsewhere = [await browser().log_in("nora") for _ in range(3)]
    await here.get("/noc/account")
    named = re.findall(r'name="session" value="([0-9a-f]{16})"', here.text)
    assert (len(named), here.text.count("127.0.0.1")) == (2, 3)
    await stranger.get("/noc/account")
    await stranger.post("/noc/account/sessions/end", session=named[0])
    await here.get("/noc/account")
    assert len(re.findall(r'name="session" value="[0-9a-f]{16}"', here.text)) == 2
    await here.post("/noc/account/sessions/end", session=named[0])
    assert sorted([(await one.get("/noc/"), one.path)[1] for one in (there, elsewhere)]) == [
        "/noc/",
        "/noc/login",
    ]
    await here.post("/noc/account/sessions/end", session="others")
    assert [(await one.get("/noc/"), one.path)[1] for one in (here, there, elsewhere)] == ["/noc/", "/noc/login", "/noc/login"]  # fmt: skip


# who may log in ----------------------------------------------------------------------------------------------


async def an_admin(world, browser):
    await world.user("ada", Role.ADMIN)
    one = await browser().log_in("ada")
    await one.get("/noc/users")
    return one


async def test_an_administrator_adds_somebody_by_a_link_that_is_good_once(world, browser):
    ada = await an_admin(world, browser)
    await ada.post("/noc/users", name="kim", role="lead", contact="")
    link = ada.link()
    assert link.startswith("/noc/join/")
    assert (await browser().log_in("kim", "!")).status == 401
    kim = browser()
    assert await kim.get(link) == 200
    assert await kim.post(link, new=NEW, again="x") == 422
    await kim.post(link, new=NEW, again=NEW)
    assert kim.path == "/noc/login"
    assert (await kim.log_in("kim", NEW)).path == "/noc/"
    assert await browser().get(link) == 404
    assert await browser().post(link, new=PASSWORD, again=PASSWORD) == 404
    assert ("ada", "user.add") in await said(world)


async def test_a_link_ends_with_a_newer_one_with_three_days_and_with_the_lock(world, browser):
    ada = await an_admin(world, browser)
    links = []
    for name in ("kim", "lee", "mo"):
        await ada.get("/noc/users")
        await ada.post("/noc/users", name=name, role="noc", contact="")
        links.append(ada.link())
    ids = {user.name: user.id for user in await world.store.read(people.list_users)}
    await ada.post(f"/noc/users/{ids['kim']}/link")
    newer = ada.link()
    await ada.get("/noc/users")
    await ada.post(f"/noc/users/{ids['lee']}/lock", lock="yes")
    assert [await browser().get(each) for each in (*links, newer)] == [404, 404, 200, 200]
    world.now += timedelta(days=3)
    assert [await browser().get(each) for each in (links[2], newer)] == [404, 404]


async def test_an_administrator_changes_roles_locks_resets_and_ends_sessions_but_never_themselves(
    world, browser
):
    one, _, _ = await enrolled(world, browser)
    ada = await an_admin(world, browser)
    await ada.post("/noc/users/u-nora/role", role="viewer")
    await one.get("/noc/")
    assert one.path == "/noc/login"
    assert await ada.post("/noc/users/u-nora/role", role="partner-admin") == 422
    await ada.get("/noc/users")
    await ada.post("/noc/users/u-nora/second-step/reset")
    one = await browser().log_in("nora")
    assert (one.path, one.status) == ("/noc/", 200)
    await ada.post("/noc/users/u-nora/sessions/end")
    await one.get("/noc/")
    assert one.path == "/noc/login"
    await ada.post("/noc/users/u-nora/lock", lock="yes")
    assert (await browser().log_in("nora")).status == 401
    await ada.post("/noc/users/u-nora/lock", lock="no")
    assert (await browser().log_in("nora")).path == "/noc/"
    for what, form in (("role", {"role": "noc"}), ("lock", {"lock": "yes"}), ("link", {})):
        await ada.get("/noc/users")
        assert await ada.post(f"/noc/users/u-ada/{what}", **form) == 409
    done = {action for _, action in await said(world)}
    assert {"user.role", "second-step.reset", "session.end", "user.lock", "user.unlock"} <= done


async def test_a_partner_admin_sees_and_invites_the_people_of_their_own_partner_only(world, browser):
    await world.user("anna", Role.PARTNER_ADMIN)
    await world.user("nora")
    await world.seed(people.create_user, id="u-foreign", name="ben", password_hash="!", role=Role.PARTNER_ADMIN, now=NOW, contact="birch-1")  # fmt: skip
    anna = await browser().log_in("anna", face="/portal")
    await anna.get("/portal/users")
    assert ("anna" in anna.text, "ben" in anna.text, "nora" in anna.text) == (True, False, False)
    for user in ("u-foreign", "u-nora", "nothing"):
        for what, form in (("role", {"role": "partner-contact"}), ("lock", {"lock": "yes"}), ("link", {}), ("second-step/reset", {}), ("sessions/end", {})):  # fmt: skip
            await anna.get("/portal/users")
            assert await anna.post(f"/portal/users/{user}/{what}", **form) == 404, (user, what)
            assert "There is no such thing." in anna.text
    await anna.get("/portal/users")
    for role, contact in (
        ("noc", "aurora-1"),
        ("admin", ""),
        ("partner-admin", "birch-1"),
        ("partner-admin", ""),
    ):
        assert await anna.post("/portal/users", name="x", role=role, contact=contact) == 422, (role, contact)
    await world.seed(people.disable_user, "anna", NOW)


async def test_a_partner_contact_has_no_users_page(world, browser):
    await world.user("carl", Role.PARTNER_CONTACT)
    carl = await browser().log_in("carl", face="/portal")
    assert "/portal/users" not in carl.text
    assert await carl.get("/portal/users") == 403
    assert await carl.get("/portal/account") == 200


async def test_somebody_stays_an_administrator(world, browser):
    ada = await an_admin(world, browser)
    await world.user("eva", Role.ADMIN)
    assert await ada.post("/noc/users/u-eva/role", role="noc") == 200
    eva = await browser().log_in("eva")
    assert await eva.get("/noc/users") == 403


@pytest.mark.parametrize("bad", ["".join(CORPUS[n::3]) for n in range(3)], ids=range(3))
async def test_hostile_names_and_browsers_are_only_text(world, browser, bad):
    ada = browser()
    await world.user("ada", Role.ADMIN)
    agent = {
        "User-Agent": bad.encode("ascii", "ignore")
        .decode()
        .replace("\n", " ")
        .replace("\r", " ")
        .replace("\0", "")
    }
    await ada.client.post("/noc/login", data={"user": "ada", "password": PASSWORD}, headers=agent)
    await world.seed(people.create_user, id="u-bad", name=bad, password_hash="!", role=Role.LEAD, now=NOW)
    pages = []
    for path in ("/noc/users", "/noc/account"):
        assert await ada.get(path) == 200
        pages.append(ada.text)
    await ada.get("/noc/users")
    for typed in (
        {"name": bad, "role": bad, "contact": bad},
        {"name": "x" * 200, "role": "noc", "contact": bad},
    ):
        assert await ada.post("/noc/users", **typed) == 422
        pages.append(ada.text)
    for page in pages:
        is_only_text(page)
