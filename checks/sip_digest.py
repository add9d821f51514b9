"""Digest authentication as SIP has it: RFC 3261 section 22, RFC 7616 and, for SHA-2, RFC 8760. Pure.

    401 or 407 -> challenges (topmost first) -> the first one that can be answered -> the header to add

A far end lists the algorithm it likes best on top, so the first one that is known is answered (RFC 8760,
section 2.4). A challenge repeated for the same realm without ``stale`` means that the password was refused.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from checks.sip_message import Response
from checks.texts import tidy

_ALGORITHMS: Final[Mapping[str, str]] = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_HEADERS: Final = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}
_PARAMETER: Final = re.compile(r'([A-Za-z0-9_-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_ESCAPED: Final = re.compile(r"\\(.)")
_MOST_CHALLENGES: Final = 8
_MOST_VALUE: Final = 1024
_SESS: Final = "-SESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge that can be answered; ``qop`` is nothing for the old form of RFC 2069."""

    header: str
    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    qop: str
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A name and its password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request that is to be authenticated."""

    method: str
    uri: str
    body: bytes = b""


@dataclass(slots=True)
class Session:
    """The challenges of one look that were answered; answers each realm once, and once more if it was stale."""

    login: Login
    _answered: dict[tuple[str, str], tuple[Challenge, int]] = field(
        default_factory=dict[tuple[str, str], tuple[Challenge, int]]
    )
    _used: Counter[str] = field(default_factory=Counter[str])  # how often each nonce was

    def accept(self, response: Response) -> bool:
        """Take a challenge; say whether the request is worth sending again."""
        for challenge in challenges(response):
            place = (challenge.header, challenge.realm)
            before = self._answered.get(place)
            if before is not None and (not challenge.stale or before[1] > 1):
                return False
            self._answered[place] = (challenge, 1 if before is None else before[1] + 1)
            return True
        return False

    @property
    def algorithms(self) -> str:
        """Return what was asked for so far: ``SHA-256``."""
        return ", ".join(challenge.algorithm for challenge, _ in self._answered.values())

    def headers(self, asked: Asked) -> tuple[tuple[str, str], ...]:
        """Return the headers that answer every challenge taken so far."""
        self._used.update(challenge.nonce for challenge, _ in self._answered.values())
        return tuple(
            (challenge.header, self._credentials(challenge, asked))
            for challenge, _ in self._answered.values()
        )

    def _credentials(self, challenge: Challenge, asked: Asked) -> str:
        return credentials(
            challenge, self.login, asked, os.urandom(8).hex(), count=self._used[challenge.nonce]
        )


def challenges(response: Response) -> Iterator[Challenge]:
    """Yield the challenges of a response that can be answered, topmost first."""
    name, header = _HEADERS.get(response.status, ("", ""))
    for value in response.all(name)[:_MOST_CHALLENGES]:
        challenge = _challenge(value, header)
        if challenge is not None:
            yield challenge


def _challenge(value: str, header: str) -> Challenge | None:
    scheme, _, rest = value.partition(" ")
    told = _parameters(rest)
    algorithm = told.get("algorithm", "MD5").upper()
    offered = {part.strip().lower() for part in told.get("qop", "").split(",")} - {""}
    qop = next((known for known in ("auth", "auth-int") if known in offered), "")
    known = algorithm.removesuffix(_SESS) in _ALGORITHMS and (bool(qop) or not offered)
    if scheme.lower() != "digest" or not known or "nonce" not in told or "realm" not in told:
        return None
    return Challenge(
        header=header,
        realm=told["realm"],
        nonce=told["nonce"],
        opaque=told.get("opaque"),
        algorithm=algorithm,
        qop=qop,
        stale=told.get("stale", "").lower() == "true",
    )


def _parameters(text: str) -> dict[str, str]:
    told: dict[str, str] = {}
    for match in _PARAMETER.finditer(text[: 8 * _MOST_VALUE]):
        value = _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3]
        if len(value) <= _MOST_VALUE and value.isprintable():
            told.setdefault(match[1].lower(), value)
    return told


def credentials(challenge: Challenge, login: Login, asked: Asked, cnonce: str, *, count: int = 1) -> str:
    """Return the value of the header that answers a challenge (RFC 7616, section 3.4)."""
    used = f"{count:08x}"
    response = _response(challenge, login, asked, cnonce, used)
    said = [
        f'username="{_quoted(login.username)}"',
        f'realm="{_quoted(challenge.realm)}"',
        f'nonce="{_quoted(challenge.nonce)}"',
        f'uri="{_quoted(asked.uri)}"',
        f'response="{response}"',
        f"algorithm={_spelt(challenge.algorithm)}",
    ]
    if challenge.qop:
        said += [f"qop={challenge.qop}", f"nc={used}", f'cnonce="{cnonce}"']
    elif challenge.algorithm.endswith(_SESS):
        said += [f'cnonce="{cnonce}"']
    if challenge.opaque is not None:
        said += [f'opaque="{_quoted(challenge.opaque)}"']
    return f"Digest {', '.join(said)}"


def _response(challenge: Challenge, login: Login, asked: Asked, cnonce: str, count: str) -> str:
    def digest(*parts: str) -> str:
        return _hash(challenge, ":".join(parts).encode())

    secret = digest(login.username, challenge.realm, login.password.get_secret_value())
    if challenge.algorithm.endswith(_SESS):
        secret = digest(secret, challenge.nonce, cnonce)
    body = (_hash(challenge, asked.body),) if challenge.qop == "auth-int" else ()
    request = digest(asked.method, asked.uri, *body)
    if not challenge.qop:
        return digest(secret, challenge.nonce, request)
    return digest(secret, challenge.nonce, count, cnonce, challenge.qop, request)


def _hash(challenge: Challenge, data: bytes) -> str:
    name = _ALGORITHMS[challenge.algorithm.removesuffix(_SESS)]
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _spelt(algorithm: str) -> str:
    return algorithm.replace(_SESS, "-sess")


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def refused(login: Login, response: Response) -> str:
    """Say that the login was not taken; the password is never shown."""
    return f"did not accept the password of {tidy(login.username)!r}: {response}"
