"""Passwords and the pace of guessing them.

argon2id takes a third of a second of a core and 64 MiB on purpose, so it runs in two threads beside the
loop with a short queue; who comes when the queue is full is told to come back. An unknown name costs the
same time as a wrong password.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from monitor.errors import RefusedError
from monitor.storage.people import NO_PASSWORD, User, find_user, renew_hash
from monitor.web.parts import Store

THREADS = 2
QUEUE = 20
SHORTEST = 12
LONGEST = 256
_HASHER = argon2.PasswordHasher()


def hash_password(plain: str) -> str:
    """Return the argon2id hash of a password; raise ValueError with a sentence for a poor one."""
    _fit(plain)
    return _HASHER.hash(plain)


def _fit(plain: str) -> None:
    if not SHORTEST <= len(plain) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(plain)) < 5:  # noqa: PLR2004 - "aaaaaaaaaaaa"
        raise ValueError("a password needs at least five different characters")


class Passwords:
    """Checks log-ins, two at a time."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or _HASHER
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody: str | None = None

    async def log_in(self, store: Store, name: str, plain: str) -> User | None:
        """Return the user if name and password are right; raise RefusedError when too many are waiting."""
        self._queue()
        try:
            found = await store.read(find_user, name)
            loop = asyncio.get_running_loop()
            right, renewed = await loop.run_in_executor(
                self._threads, self._verify, found[1] if found else None, plain[:LONGEST]
            )
        finally:
            self._waiting -= 1
        if found is None or not right:
            return None
        if renewed:
            await store.write(renew_hash, name, renewed)
        return found[0]

    async def hashed(self, plain: str) -> str:
        """Return the hash of a new password, made beside the loop; ValueError with a sentence for a poor one."""
        _fit(plain)
        self._queue()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, plain)
        finally:
            self._waiting -= 1

    def _queue(self) -> None:
        if self._waiting >= QUEUE:
            raise RefusedError(429, "too-many-logins", "Too many are logging in. Try again in a moment.")
        self._waiting += 1

    def _verify(self, stored: str | None, plain: str) -> tuple[bool, str | None]:
        """Check a password (a made-up one for nobody), and hash it anew if the parameters have grown."""
        has_one = stored is not None and stored != NO_PASSWORD
        if not has_one:
            self._nobody = self._nobody or self._hasher.hash("nobody has this password")
        try:
            self._hasher.verify((stored if has_one else self._nobody) or "", plain)
        except (VerificationError, InvalidHashError):
            return False, None
        if not has_one or stored is None:
            return False, None
        return True, self._hasher.hash(plain) if self._hasher.check_needs_rehash(stored) else None

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Level:
    tokens: float
    at: datetime


class Pace:
    """A token bucket per key (an address, a name): ``burst`` at once, then one every ``every`` seconds.

    Bounded: of very many keys the one unused for longest is forgotten, which only ever errs on the
    friendly side for one of them.
    """

    def __init__(self, *, burst: int, every: float, keys: int = 4096) -> None:
        self._burst = burst
        self._every = every
        self._keys = keys
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def allows(self, key: str, now: datetime) -> bool:
        """Take one from the key's bucket, if there is one."""
        level = self._levels.pop(key, _Level(float(self._burst), now))
        gained = max(0.0, (now - level.at).total_seconds()) / self._every
        tokens = min(float(self._burst), level.tokens + gained)
        allowed = tokens >= 1
        self._levels[key] = _Level(tokens - 1 if allowed else tokens, now)
        if len(self._levels) > self._keys:
            self._levels.popitem(last=False)
        return allowed

    def forgive(self, key: str) -> None:
        """Fill a key's bucket again: the log-in was right."""
        self._levels.pop(key, None)
