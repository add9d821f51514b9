"""Credentials that were found a moment ago: a storm of crash reports asks the record for its token once a second, not each time.

A token that is revoked is refused at the latest ``FOR`` seconds later, also when another process revoked it. Secrets are
not kept, only their digests; what is not known is asked for each time, so a new token counts at once.
"""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256

from monitor.domain.access import Token
from monitor.intake.keys import FindToken

FOR = 1.0
MOST = 1000


@dataclass(slots=True)
class RememberedTokens:
    """Finds credentials as ``find`` does, which is asked once in ``FOR`` seconds for each."""

    find: FindToken
    _found: dict[tuple[bytes, str], tuple[Token, float]] = field(
        default_factory=dict[tuple[bytes, str], tuple[Token, float]]
    )

    async def __call__(self, secret: str, kind: str) -> Token | None:
        """Return the live credential with this secret, None for none."""
        now = asyncio.get_running_loop().time()
        name = sha256(secret.encode(errors="surrogatepass")).digest(), kind
        token, until = self._found.get(name, (None, now))
        if token is not None and now < until:
            return token
        self._found.pop(name, None)
        token = await self.find(secret, kind)
        if token is not None:
            while len(self._found) >= MOST:
                del self._found[next(iter(self._found))]
            self._found[name] = token, now + FOR  # from when we asked, not from when we heard
        return token
