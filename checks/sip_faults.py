"""What became of a SIP look that had no answer, in sentences; the same for every SIP type."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from checks.dialling import UnreachableError, spot
from checks.durations import spell
from checks.sip_line import Endpoint, GarbageError
from checks.sip_transaction import Exchange, State
from checks.streams import refused_handshake
from checks.verdicts import Fault, no_connection, unreachable, wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a look may take (``limit``), and the time the operator gave it (``timeout``)."""

    limit: float
    timeout: float


async def faults_of(
    talk: Callable[[], Awaitable[list[Fault]]], endpoint: Endpoint, limits: Limits, seen: Exchange
) -> list[Fault]:
    """Talk within the limit, and return what was found wrong, or why nothing could be found."""
    try:
        async with asyncio.timeout(limits.limit):
            return await talk()
    except TimeoutError as error:
        return [_silence(endpoint, limits, seen, error)]
    except UnreachableError as error:
        return [unreachable(str(error))]
    except GarbageError as error:
        return [_no_sip(str(error))]
    except ssl.SSLError as error:
        return [refused_handshake(error, place(endpoint, seen), endpoint.name)]
    except OSError as error:
        return [_broken(endpoint, seen, error)]


def place(endpoint: Endpoint, seen: Exchange) -> str:
    """Say where we looked: ``127.0.0.1:5060 (UDP)``."""
    return f"{spot(endpoint.host, seen.address, endpoint.port)} ({endpoint.transport})"


def _silence(endpoint: Endpoint, limits: Limits, seen: Exchange, error: TimeoutError) -> Fault:
    """Say how far it had come; the kernel's own ETIMEDOUT is a ``TimeoutError`` too."""
    transaction, within = seen.transaction, f"within {spell(limits.timeout)}"
    if error.errno:
        return _broken(endpoint, seen, error)
    if not seen.address:
        return unreachable(f"the name {endpoint.host} was not resolved {within}")
    if transaction.state is State.PROCEEDING:
        return wrong(f"only {transaction.provisional}, no final response {within}")
    if transaction.garbage:
        return _no_sip(transaction.garbage)
    if not transaction.sent:
        return unreachable(_unready(endpoint, seen, within))
    copies = "1 request" if seen.sent == 1 else f"{seen.sent} requests"
    return unreachable(f"no answer from {place(endpoint, seen)} {within} ({copies} sent)")


def _unready(endpoint: Endpoint, seen: Exchange, within: str) -> str:
    if "connect" in seen.phases:
        return f"{place(endpoint, seen)} did not finish the TLS handshake {within}"
    return f"no connection to {place(endpoint, seen)} {within}"


def _broken(endpoint: Endpoint, seen: Exchange, error: OSError) -> Fault:
    if isinstance(error, ConnectionResetError) and not error.errno:
        return unreachable(f"{place(endpoint, seen)} closed the connection without an answer")
    return no_connection(place(endpoint, seen), error.errno or 0)


def _no_sip(why: str) -> Fault:
    return unreachable(f"answers, but not in SIP: {why}")
