"""Messages to webhooks that strangers named: one signed POST each, to an address that was looked at as it is connected to.

    refusal(address) -> None or why not      asked for every address, when its socket is made: a name that changes its
                                             mind between two look-ups gains nothing

No redirect is followed, no proxy of the environment is used, no cookie is kept, and of the answer only its status and its
``Retry-After`` are read. Every answer but 2xx and 410 is a failure that is tried again: whose endpoint it is may mend it.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import EACCES
from http import HTTPStatus

import aiohttp
from yarl import URL

from alerts.cleaning import clean
from alerts.outcomes import Patience, retry_after
from monitor.errors import DeliveryError

Refusal = Callable[[str, bool], str | None]
"""Why an address may not be connected to, or None; the second value: it would be without TLS."""
_PATIENCE = Patience(connect=5.0, total=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Posts to webhooks."""

    refusal: Refusal
    patience: Patience = _PATIENCE

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Post a message; False where the endpoint says that it is gone for good (410)."""
        try:
            status, wait = await self._posted(url, body, headers)
        except TimeoutError as error:
            raise DeliveryError("the endpoint did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = clean(str(error), 200) or type(error).__name__
            raise DeliveryError(f"the endpoint was not reached: {why}") from error
        if status == HTTPStatus.GONE:
            return False
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise DeliveryError(f"the endpoint answered {status}", retry_after=wait)
        return True

    async def _posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        plain = not url.startswith("https://")

        def made(info: aiohttp.AddrInfoType) -> socket.socket:
            address = str(info[4][0])
            why = self.refusal(address, plain)
            if why is not None:
                raise OSError(EACCES, f"{address} {why}")
            return socket.socket(info[0], info[1], info[2])

        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    force_close=True, limit=1, use_dns_cache=False, socket_factory=made
                ),
                timeout=aiohttp.ClientTimeout(total=self.patience.total, connect=self.patience.connect),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.post(
                URL(url, encoded=True),
                data=body,
                headers={"User-Agent": "tocsin", "Content-Type": "application/json", **headers},
                allow_redirects=False,
            ) as response,
        ):
            told = {name.title(): value for name, value in response.headers.items()}
            return response.status, retry_after(told)
