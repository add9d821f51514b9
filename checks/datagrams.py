"""One question by UDP and its answer: sent again while nothing comes, from a socket that hears nobody else."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

from checks import egress
from checks.conversation import AnsweredWronglyError, Talk

_MOST_DATAGRAM: Final = 65_535
_MOST_IGNORED: Final = 200  # datagrams that answer nothing; who sends more does not answer us

Answer = TypeVar("Answer")


async def asked(
    talk: Talk,
    where: tuple[str, int],
    question: bytes,
    read: Callable[[bytes], Answer | None],
    *,
    again_after: float,
) -> Answer:
    """Send the question to a vetted address and return the first datagram that ``read`` makes something of.

    The same bytes are sent again after each ``again_after`` seconds. The socket is connected: it hears from that
    address alone, and of a closed port (ICMP) by an ``OSError``.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        egress.bind(sock)
        sock.connect(where)
        sock.send(question)
        again = _Again(sock, question, again_after)
        try:
            for _ in range(_MOST_IGNORED):
                answer = read(await loop.sock_recv(sock, _MOST_DATAGRAM))
                if answer is not None:
                    talk.phases.setdefault("rtt", time.monotonic() - again.last)
                    return answer
            raise AnsweredWronglyError("talks without end and does not answer")
        finally:
            again.stop()
            talk.values["sent"] = again.sent


class _Again:
    """Sends the question again until stopped."""

    def __init__(self, sock: socket.socket, question: bytes, after: float) -> None:
        self._sock, self._question, self._after = sock, question, after
        self._loop = asyncio.get_running_loop()
        self.sent, self.last = 1, time.monotonic()
        self._timer = self._loop.call_later(after, self._fire)

    def _fire(self) -> None:
        with contextlib.suppress(OSError):  # the receiver hears of it
            self._sock.send(self._question)
        self.sent, self.last = self.sent + 1, time.monotonic()
        self._timer = self._loop.call_later(self._after, self._fire)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()
