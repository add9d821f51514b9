"""Logging in by the organisation's identity provider: OpenID Connect, authorization code with PKCE.

    begin:  metadata -> state, nonce, verifier kept for this browser -> its authorization endpoint
    finish: state and issuer -> code for tokens -> id_token (signature, issuer, audience, times, nonce) -> claims

Nothing that comes back through the browser is believed before it is checked, and of the provider only what it signed, or
says itself at its own userinfo about the same subject. Every connection goes to an address that was looked at as its socket was made
(``checks.vetting``); no redirect is followed, no proxy of the environment is used, and what is read is bounded.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from errno import EACCES
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import structlog

from monitor.errors import RefusedError
from monitor.settings.accounts_section import Oidc
from monitor.web.log_ins import Claims

BACK = "/noc/login/provider/back"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key of theirs; never ``none``, and never by a secret that we hold too."""
LEEWAY = 60
LARGEST = 256 * 1024
FRESH = timedelta(minutes=10)
AGAIN = timedelta(seconds=30)
LONGEST_NAME, MOST_GROUPS = 90, 500
RANK = ("viewer", "noc", "lead", "admin")
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
AWAY = (
    "Your organisation's log-in does not answer. Whoever has a user and a password here can still use them."
)
log = structlog.get_logger()


def away() -> RefusedError:
    """Say that the provider cannot be had."""
    return RefusedError(503, "provider-away", AWAY)


def refused(why: str) -> RefusedError:
    """Say that a log-in failed; why is for the log: whoever reads the page may be whoever tried."""
    log.warning("login.provider_refused", why=why)
    return RefusedError(401, "sign-in", "Your organisation's log-in was not accepted. Begin again.")


class OidcProvider:
    """One provider, with its metadata and keys as they were read last."""

    def __init__(
        self,
        settings: Oidc,
        public_url: str,
        *,
        clock: Callable[[], datetime],
        refusal: Callable[[str], str | None],
    ) -> None:
        """Take the settings, where people come back to, and which addresses may be connected to."""
        self.settings = settings
        self.back = public_url.rstrip("/") + BACK
        self._clock, self._refusal = clock, refusal
        self._metadata: tuple[datetime, Mapping[str, Any]] | None = None
        self._keys: tuple[datetime, Mapping[str, Any]] | None = None

    @property
    def label(self) -> str:
        """What its button says."""
        return self.settings.label

    @property
    def by_email(self) -> bool:
        """Whether a contact is known by the verified address."""
        return self.settings.contacts_by == "email-verified"

    def role_of(self, claims: Claims) -> str | None:
        """Return the highest role that somebody's groups give, if any does."""
        given = {self.settings.roles[group] for group in claims.groups if group in self.settings.roles}
        return max(given, key=RANK.index) if given else None

    async def begin(self, back: str) -> tuple[str, Mapping[str, str]]:
        """Return where to send the browser, and what to keep for it: state, nonce and verifier."""
        metadata = await self.metadata()
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")} | {"to": back}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(kept["verifier"].encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.back,
            "scope": " ".join(dict.fromkeys(("openid", *self.settings.scopes))),
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = str(metadata["authorization_endpoint"])
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", kept

    async def finish(self, kept: Mapping[str, str], query: Mapping[str, str], now: datetime) -> Claims:
        """Check what came back and return whom the provider vouches for; raise RefusedError."""
        metadata = await self.metadata()
        if not hmac.compare_digest(kept["state"].encode(), query.get("state", "").encode()):
            raise refused("the state is another")
        sent = query.get("iss")
        if sent is None and metadata.get("authorization_response_iss_parameter_supported") is True:
            raise refused("the issuer is not said")
        if sent is not None and sent != self.settings.issuer:
            raise refused("the issuer of the answer is another")
        if "error" in query or not query.get("code"):
            raise refused(f"the provider said {query.get('error', 'nothing')[:60]!r}")
        tokens = await self._tokens(metadata, query["code"], kept["verifier"])
        claims = await self.verified(str(tokens.get("id_token", "")), kept["nonce"], now)
        return self._said(await self._with_userinfo(metadata, claims, str(tokens.get("access_token", ""))))

    async def metadata(self) -> Mapping[str, Any]:
        """Return what the provider says of itself, if it is who it should be."""
        now = self._clock()
        if self._metadata is None or now - self._metadata[0] > FRESH:
            where = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = await self._json("GET", where)
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != self.settings.issuer or any(not found.get(name) for name in wanted):
                log.warning("login.provider_misfit", issuer=str(found.get("issuer"))[:200])
                raise away()
            self._metadata = (now, found)
        return self._metadata[1]

    async def _tokens(self, metadata: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        secret = self.settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": verifier,
        }
        headers = {}
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret is not None and "client_secret_basic" in methods:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret.reveal(), safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self.settings.client_id
            if secret is not None:
                form["client_secret"] = secret.reveal()
        return await self._json("POST", str(metadata["token_endpoint"]), form=form, headers=headers)

    async def verified(self, token: str, nonce: str, now: datetime) -> Mapping[str, Any]:
        """Return an id_token's claims, if it is theirs, for us, of this moment and of this log-in."""
        claims = await self._signed(token)
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        if claims.get("iss") != self.settings.issuer:
            raise refused("the token is of another issuer")
        if not isinstance(audiences, list) or self.settings.client_id not in audiences:
            raise refused("the token is for somebody else")
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise refused("the token was made for somebody else")
        _in_time(claims, now.timestamp())
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise refused("the nonce is another")
        if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:  # noqa: PLR2004 - OIDC's own
            raise refused("the token is about nobody")
        return claims

    async def _signed(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that one of their keys signed; keys that were changed are read anew."""
        from joserfc import jwt  # noqa: PLC0415 - who never logs in this way never loads it
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        for fresh in (False, True):
            keys = await self._key_set(fresh=fresh)
            try:
                return jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]  # the set is checked by the call
            except (JoseError, ValueError, TypeError, KeyError) as error:
                why = type(error).__name__
        raise refused(f"no key of theirs signed it: {why}")

    async def _key_set(self, *, fresh: bool) -> Mapping[str, Any]:
        now = self._clock()
        kept = self._keys
        if kept is None or now - kept[0] > (AGAIN if fresh else FRESH):
            kept = self._keys = (now, await self._json("GET", str((await self.metadata())["jwks_uri"])))
        return kept[1]

    async def _with_userinfo(
        self, metadata: Mapping[str, Any], claims: Mapping[str, Any], token: str
    ) -> Mapping[str, Any]:
        """Add what the token does not say and the provider says about the same subject."""
        wanted = ("email", self.settings.role_claim)
        if not metadata.get("userinfo_endpoint") or not token or all(name in claims for name in wanted):
            return claims
        headers = {"Authorization": f"Bearer {token}"}
        more = await self._json("GET", str(metadata["userinfo_endpoint"]), headers=headers)
        if more.get("sub") != claims["sub"]:
            raise refused("the userinfo is about somebody else")
        return {**more, **claims}

    def _said(self, claims: Mapping[str, Any]) -> Claims:
        listed = claims.get(self.settings.role_claim)
        groups = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
        email = claims.get("email")
        name = str(claims.get("preferred_username") or email or claims["sub"])
        return Claims(
            external=f"{self.settings.issuer} {claims['sub']}",
            name="".join(char for char in name if char.isprintable())[:LONGEST_NAME],
            email=email if isinstance(email, str) else None,
            verified=claims.get("email_verified") is True,
            groups=frozenset(str(each) for each in groups[:MOST_GROUPS]),
        )

    async def _json(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask the provider; what is no answer is that it is away, and a refusal is one."""
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        force_close=True, limit=1, use_dns_cache=False, socket_factory=self._made
                    ),
                    timeout=_TIMEOUT,
                    trust_env=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.request(
                    method,
                    url,
                    data=form,
                    headers={"Accept": "application/json", **(headers or {})},
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.content.read(LARGEST + 1)
                while len(body) <= LARGEST and (more := await response.content.read(LARGEST + 1 - len(body))):
                    body += more
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            log.warning("login.provider_away", error=type(error).__name__)
            raise away() from error
        if status in (400, 401, 403):
            raise refused(f"the provider answered {status}")
        try:
            found = json.loads(body) if status == 200 and len(body) <= LARGEST else None  # noqa: PLR2004
        except ValueError:
            found = None
        if not isinstance(found, dict):
            log.warning("login.provider_away", status=status)
            raise away()
        return found

    def _made(self, info: aiohttp.AddrInfoType) -> socket.socket:
        address = str(info[4][0])
        why = self._refusal(address)
        if why is not None:
            raise OSError(EACCES, f"{address} {why}")
        return socket.socket(info[0], info[1], info[2])


def _in_time(claims: Mapping[str, Any], now: float) -> None:
    """Refuse a token that is over, not begun, or without an end."""
    for name in ("exp", "iat"):
        if not isinstance(claims.get(name), (int, float)) or isinstance(claims[name], bool):
            raise refused(f"the token has no {name}")
    before = claims.get("nbf", claims["iat"])
    if now >= claims["exp"] + LEEWAY:
        raise refused("the token is over")
    if claims["iat"] > now + LEEWAY or not isinstance(before, (int, float)) or before > now + LEEWAY:
        raise refused("the token is not good yet")
