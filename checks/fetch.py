"""One request over the HTTP engine, for check types that ask somebody else: the body, or why there is none.

    resolve + vet -> connect -> request -> status and body | Fault

One address is tried; only where it refuses at once, the other family's. Redirects are not followed.
"""

import time
from asyncio import timeout as within
from dataclasses import dataclass, field

import pycurl

from checks.base import HttpEngine
from checks.curl import CLOSED, Settings, dial, dialler_of, recipe
from checks.curl_failures import Attempt, explain
from checks.dialling import Addresses, IpVersion, UnreachableError, spot
from checks.durations import spell
from checks.http_transfer import Place
from checks.verdicts import Fault, cannot_look, unreachable


@dataclass(slots=True)
class Fetched:
    """What came: no more of the body than was asked for, ``cut`` where there was more."""

    limit: int
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def write(self, chunk: bytes) -> int:
        """Keep a piece; returning less than its length makes libcurl stop reading."""
        room = self.limit - len(self.body)
        self.cut = len(chunk) > room
        self.body += chunk[:room]
        return -1 if self.cut else len(chunk)


class Fetcher:
    """Makes the same request again and again; holds nothing between two."""

    __slots__ = ("_dialler", "_engine", "_ip", "_most", "_place", "_recipe", "_timeout")

    def __init__(
        self,
        place: Place,
        settings: Settings,
        engine: HttpEngine | None,
        *,
        timeout: float,
        ip: IpVersion,
        most: int,
    ) -> None:
        """Prepare the request; ``settings`` are libcurl's."""
        self._place, self._engine, self._timeout, self._ip, self._most = place, engine, timeout, ip, most
        self._dialler = dialler_of(engine)
        self._recipe = recipe(settings)
        self._dialler.literal(place.host)  # a forbidden address is refused now

    async def fetch(self) -> Fetched | Fault:
        """Make the request once."""
        if self._engine is None:
            return cannot_look("this process has no HTTP engine")
        # Ours ends just before the caller's hard limit, so that the reason is known.
        until = time.monotonic() + self._timeout - min(0.1, self._timeout / 20)
        try:
            addresses = await self._addresses(until)
        except (UnreachableError, ValueError) as error:
            return unreachable(str(error))
        handle = self._recipe.take()
        try:
            return await self._request(handle, self._engine, addresses, until)
        finally:
            self._recipe.give(handle)

    async def _addresses(self, until: float) -> Addresses:
        host = self._place.host
        if addresses := self._dialler.literal(host):
            return addresses
        try:
            async with within(until - time.monotonic()):
                return await self._dialler.locate(host, self._ip)
        except TimeoutError:
            raise UnreachableError(
                f"the name {host} was not resolved within {spell(self._timeout)}"
            ) from None

    async def _request(
        self, handle: pycurl.Curl, engine: HttpEngine, addresses: Addresses, until: float
    ) -> Fetched | Fault:
        place, fetched, code, tried = self._place, Fetched(self._most), CLOSED, ""
        handle.setopt(pycurl.URL, place.url)
        handle.setopt(pycurl.WRITEFUNCTION, fetched.write)
        for address in addresses:
            tried = address
            handle.setopt(*dial(address, place.port))
            handle.setopt(pycurl.TIMEOUT_MS, max(1, int(1000 * (until - time.monotonic()))))
            code = await engine.perform(handle)
            if code != pycurl.E_COULDNT_CONNECT:
                break
        fetched.status = handle.getinfo(pycurl.RESPONSE_CODE)
        if code == CLOSED:
            return cannot_look("the HTTP engine was closed")
        if code and not (code == pycurl.E_WRITE_ERROR and fetched.cut):
            where = spot(place.host, tried, place.port)
            attempt = Attempt(
                place=where, host=place.host, timeout=self._timeout, tls=place.scheme == "https"
            )
            return explain(code, handle, attempt)
        return fetched
