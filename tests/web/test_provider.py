"""Logging in by an OpenID provider that nobody here wrote (oidc-provider-mock): who gets in, and every way not to."""

import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from checks.vetting import Vetting
from monitor.errors import RefusedError
from monitor.settings.accounts_section import Oidc
from monitor.settings.secret import Secret
from monitor.signing_in import OidcProvider
from monitor.storage import accounts, audit, people, schema
from monitor.storage.people import Role
from tests.requirements import require
from tests.web.conftest import PASSWORD

PEOPLE = (
    {"sub": "alice", "email": "alice@noc.example", "preferred_username": "alice", "groups": ["staff", "noc-team", "leads"]},
    {"sub": "anna", "email": "Anna@Aurora.example", "email_verified": True},
    {"sub": "anna2", "email": "anna@aurora.example", "email_verified": False},
    {"sub": "mallory", "email": "mallory@evil.example", "email_verified": True, "groups": ["other"]},
    {"sub": "nora", "preferred_username": "nora", "groups": "noc-team"},
)  # fmt: skip


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def a_provider(port):
    """Run the provider as a process of its own, with keys of its own."""
    claims = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), *claims]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/jwks", timeout=5):
                    break
            except OSError:
                time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def issuer():
    require("python:oidc_provider_mock", "a provider that is not ours")
    with a_provider(free_port()) as url:
        yield url


class Person:
    """Somebody at their browser, who goes to the provider and comes back."""

    def __init__(self, world):
        self.world = world
        self.client = TestClient(world.client.server, cookie_jar=CookieJar(unsafe=True))

    async def leaves(self, face="/noc"):
        """Press the button; return where the provider is asked."""
        answer = await self.client.get(f"{face}/login/provider", allow_redirects=False)
        assert answer.status == 303, await answer.text()
        assert "HttpOnly; Max-Age=600; Path=/; SameSite=Lax" in answer.headers["Set-Cookie"]
        return answer.headers["Location"]

    async def is_asked(self, where, sub):
        """Say at the provider who one is; return the query one is sent back with."""
        async with aiohttp.ClientSession() as session:
            answer = await session.post(where, data={"sub": sub}, allow_redirects=False)
            assert answer.status == 302, await answer.text()
            back = urlsplit(answer.headers["Location"])
        assert back.path == "/noc/login/provider/back"
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    async def comes_back(self, query):
        answer = await self.client.get("/noc/login/provider/back", params=query, allow_redirects=False)
        return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def logs_in(self, sub, face="/noc"):
        return await self.comes_back(await self.is_asked(await self.leaves(face), sub))


@pytest.fixture
async def town(world, issuer):
    world.now = datetime.now(UTC)
    world.provider = a_client(world, issuer)
    made = []

    def person():
        made.append(Person(world))
        return made[-1]

    world.person = person
    yield world
    for each in made:
        await each.client.session.close()


def a_client(world, issuer, **changes):
    settings = {
        "issuer": issuer,
        "client_id": "tocsin",
        "client_secret": Secret("a secret of ours"),
        "roles": {"noc-team": "noc", "leads": "lead"},
        "contacts_by": "email-verified",
    } | changes
    url = str(world.client.make_url("/"))
    return OidcProvider(Oidc(**settings), url, clock=lambda: world.now, refusal=Vetting().refusal)


async def users(world):
    return {user.name: user for user in await world.store.read(people.list_users)}


NOT_ACCEPTED = "was not accepted"


async def test_a_group_gives_its_role_the_highest_of_several_and_its_loss_takes_it(town):
    alice = town.person()
    assert (await alice.logs_in("alice"))[:2] == (303, "/noc/")
    assert (await alice.client.get("/noc/")).status == 200
    made = (await users(town))["alice"]
    assert (made.role, made.contact, made.external.endswith(" alice")) == (Role.LEAD, None, True)
    town.provider = a_client(town, town.provider.settings.issuer, roles={"noc-team": "viewer"})
    assert (await town.person().logs_in("alice"))[0] == 303
    assert (await users(town))["alice"].role is Role.VIEWER
    assert (await alice.client.get("/noc/", allow_redirects=False)).status == 303, "the old session is over"
    town.provider = a_client(town, town.provider.settings.issuer, roles={"nobody": "viewer"})
    assert (await town.person().logs_in("alice"))[0] == 403


async def test_the_verified_address_of_a_contact_opens_the_portal_to_them_and_no_other_address(town):
    status, to, _ = await town.person().logs_in("anna", face="/portal")
    assert (status, to) == (303, "/portal/")
    (made,) = (await users(town)).values()
    assert (made.role, made.contact) == (Role.PARTNER_CONTACT, "aurora-1")
    for nobody in ("anna2", "mallory"):
        status, _, text = await town.person().logs_in(nobody, face="/portal")
        assert (status, "Nobody here knows you" in text, "Log in to the portal" in text) == (403, True, True)
    assert len(await users(town)) == 1


async def test_a_contact_that_has_a_user_keeps_it_and_one_that_we_locked_stays_locked(town):
    await town.user("anna", Role.PARTNER_ADMIN)
    assert (await town.person().logs_in("anna"))[0] == 303
    (same,) = (await users(town)).values()
    assert (same.name, same.role, same.external is not None) == ("anna", Role.PARTNER_ADMIN, True)
    await town.seed(people.disable_user, "anna", town.now)
    assert (await town.person().logs_in("anna"))[0] == 403


async def test_a_local_user_of_the_same_name_is_never_taken_over(town):
    await town.user("nora", Role.ADMIN)
    assert (await town.person().logs_in("nora"))[0] == 303
    found = await users(town)
    assert found["nora"].external is None
    assert sorted(user.role for user in found.values()) == [Role.ADMIN, Role.NOC]


async def test_a_user_of_the_provider_has_no_password_here_and_owes_no_second_step(town):
    town.required = (Role.LEAD,)
    alice = town.person()
    await alice.logs_in("alice")
    assert (await alice.client.get("/noc/incidents", allow_redirects=False)).status == 200
    for password in ("!", "", "nobody has this password"):
        form = {"user": "alice", "password": password}
        assert (await town.person().client.post("/noc/login", data=form)).status == 401


# every way not to ----------------------------------------------------------------------------------------------


async def test_what_came_back_is_good_once(town):
    alice = town.person()
    query = await alice.is_asked(await alice.leaves(), "alice")
    assert (await alice.comes_back(query))[0] == 303
    assert (await alice.comes_back(query))[:2] == (303, "/noc/login"), "the state is used up"
    again = town.person()
    fresh = parse_qs(urlsplit(await again.leaves()).query)["state"][0]
    status, _, text = await again.comes_back(query | {"state": fresh})
    assert (status, NOT_ACCEPTED in text) == (401, True), "the provider refuses a code that was used"


async def test_somebody_elses_answer_does_not_log_a_browser_in(town):
    mallory, victim = town.person(), town.person()
    planted = await mallory.is_asked(await mallory.leaves(), "alice")
    assert (await victim.comes_back(planted))[:2] == (303, "/noc/login"), "no log-in was begun there"
    await victim.leaves()
    status, _, text = await victim.comes_back(planted)
    assert (status, NOT_ACCEPTED in text) == (401, True), "the state is bound to the browser"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"state": "made-up"}, "state"),
        ({"state": ""}, "no state"),
        ({"iss": "https://evil.example"}, "another issuer (RFC 9207)"),
        ({"code": "made-up"}, "code"),
        ({"code": ""}, "no code"),
        ({"error": "access_denied"}, "an error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_answer_that_was_changed_is_refused(town, changed, why):
    alice = town.person()
    query = await alice.is_asked(await alice.leaves(), "alice")
    status, _, text = await alice.comes_back(query | changed)
    assert (status, NOT_ACCEPTED in text) == (401, True), why
    assert (await alice.client.get("/noc/", allow_redirects=False)).status == 303
    assert await users(town) == {}
    assert (await town.store.read(audit.list_audit))[0].action == "login.failed"


async def test_a_token_of_another_log_in_is_refused(town):
    alice = town.person()
    query = await alice.is_asked(await alice.leaves(), "alice")

    def another(connection):
        passes = schema.schema_accounts.passes
        row = connection.execute(passes.select()).one()
        connection.execute(
            passes.update().values(data=json.dumps(json.loads(row.data) | {"nonce": "another"}))
        )

    await town.seed(another)
    status, _, text = await alice.comes_back(query)
    assert (status, NOT_ACCEPTED in text) == (401, True)


async def test_the_code_is_bound_to_this_log_in_by_pkce(town):
    """The mock takes any verifier; that a real provider refuses a wrong one was tried by hand (oidc-provider 9)."""
    where, kept = await town.provider.begin("/noc/")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
    digest = hashlib.sha256(kept["verifier"].encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert (len(kept["verifier"]), asked["scope"].split()[0]) == (43, "openid")
    again, other = await town.provider.begin("/noc/")
    assert not {kept[name] for name in ("state", "nonce", "verifier")} & set(other.values())
    assert kept["verifier"] not in where + again


async def test_a_log_in_that_was_begun_is_over_after_ten_minutes(town):
    alice = town.person()
    query = await alice.is_asked(await alice.leaves(), "alice")
    town.now += timedelta(minutes=10)
    assert (await alice.comes_back(query))[:2] == (303, "/noc/login")


def a_token(key, town, **changes):
    from joserfc import jwt

    now = int(town.now.timestamp())
    claims = {"iss": town.provider.settings.issuer, "aud": "tocsin", "sub": "alice", "nonce": "n", "iat": now, "exp": now + 60} | changes  # fmt: skip
    header = {"alg": "RS256", "kid": key.kid}
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://localhost:1"},
        {"aud": "another"},
        {"aud": ["tocsin", "another"]},
        {"azp": "another"},
        {"exp": None},
        {"exp": 0},
        {"exp": True},
        {"iat": None},
        {"iat": 99999999999},
        {"nonce": "m"},
        {"nonce": None},
        {"sub": ""},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_of_theirs_that_is_not_for_us_now_is_refused(town, changes):
    from joserfc.jwk import KeySet, RSAKey

    key = RSAKey.generate_key(2048, parameters={"kid": "of-theirs"}) if not KEYS else KEYS[0]
    KEYS[:] = [key]
    town.provider._keys = (town.now, KeySet([key]).as_dict(private=False))
    assert (await town.provider.verified(a_token(key, town), "n", town.now))["sub"] == "alice"
    assert await town.provider.verified(a_token(key, town, aud=["tocsin", "b"], azp="tocsin"), "n", town.now)
    with pytest.raises(RefusedError):
        await town.provider.verified(a_token(key, town, **changes), "n", town.now)


KEYS = []


async def test_a_token_signed_by_another_key_or_by_none_or_by_our_secret_is_refused(town):
    from joserfc import jwt
    from joserfc.jwk import OctKey, RSAKey

    published = (await town.provider._key_set(fresh=True))["keys"][0]
    forger = RSAKey.generate_key(2048, parameters={"kid": published.get("kid", "x")})
    forged = a_token(forger, town)
    head, body, _ = forged.split(".")
    none = "eyJhbGciOiJub25lIn0." + body + "."
    claims = {"iss": town.provider.settings.issuer, "aud": "tocsin", "sub": "alice", "nonce": "n", "iat": 1, "exp": 99999999999}  # fmt: skip
    ours = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("a secret of ours" * 3))
    for token in (forged, f"{head}.{body}.", none, ours, "", "x.y.z", "\ud800"):
        with pytest.raises(RefusedError, match=NOT_ACCEPTED):
            await town.provider.verified(token, "n", town.now)


async def test_new_keys_of_the_provider_are_read_anew(world):
    world.now = datetime.now(UTC)
    port = free_port()
    for _ in range(2):  # the second has another key at the same address
        with a_provider(port) as issuer:
            world.provider = world.provider or a_client(world, issuer)
            alice = Person(world)
            assert (await alice.logs_in("alice"))[:2] == (303, "/noc/")
            await alice.client.session.close()
        world.now += timedelta(seconds=40)


async def test_with_the_provider_away_the_page_says_so_and_a_password_still_counts(world):
    await world.user("nora")
    world.provider = a_client(world, f"http://localhost:{free_port()}")
    answer = await world.client.get("/noc/login/provider", allow_redirects=False)
    text = await answer.text()
    assert (answer.status, "does not answer" in text, 'name="password"' in text) == (503, True, True)
    assert re.search(r'href="/noc/login/provider\?next=[^"]*">Log in with your organisation</a>', text)
    answer = await world.client.post(
        "/noc/login", data={"user": "nora", "password": PASSWORD}, allow_redirects=False
    )
    assert answer.status == 303


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(town):
    town.provider = a_client(town, town.provider.settings.issuer.replace("localhost", "127.0.0.1") + "/")
    assert (await town.person().client.get("/noc/login/provider", allow_redirects=False)).status == 503


async def test_the_metadata_service_of_a_cloud_is_never_asked(world):
    world.provider = a_client(world, "http://169.254.169.254")
    answer = await world.client.get("/noc/login/provider", allow_redirects=False)
    assert answer.status == 503


async def test_nothing_of_a_log_in_that_was_begun_is_kept_in_clear_for_whoever_reads_the_record(
    town, tmp_path
):
    alice = town.person()
    await alice.leaves()
    cookie = alice.client.session.cookie_jar.filter_cookies(alice.client.make_url("/"))["tocsin-provider"]
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("tocsin.db*"))
    assert cookie.value.encode() not in raw
    assert (
        await town.store.read(accounts.see_pass, accounts.Kind.PROVIDER, cookie.value, town.now) is not None
    )
