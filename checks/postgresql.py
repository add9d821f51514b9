"""One query to one PostgreSQL server by libpq's own non-blocking interface; nothing outlives the look.

    connect_start -> poll (socket ready) -> send_query -> first row -> finish

psycopg's connections are not used: when they are cancelled they wait for the server, which is what a hanging server
never answers. Here the connection is simply closed. Only the first row is ever read.
"""

import asyncio
from collections.abc import Mapping
from errno import ECONNREFUSED
from typing import Final

from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq import abc

from checks.conversation import AnsweredWronglyError, Talk
from checks.texts import tidy

_TALKED: Final = frozenset({pq.ConnStatus.AWAITING_RESPONSE, pq.ConnStatus.AUTH_OK, pq.ConnStatus.SETENV})
_ROWS: Final = frozenset({pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_OK})
_FAILED: Final = frozenset({pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE})


class UnreachedError(OSError):
    """There is no connection, and libpq says why."""


async def first_value(talk: Talk, parameters: Mapping[str, str | int], query: str) -> str | None:
    """Return the first column of the first row, None if there is none; raise what went wrong.

    ``parameters`` are libpq's; ``hostaddr`` is vetted. Raises ``AnsweredWronglyError`` for what the server said.
    """
    with talk.phase("connect", "connection"):
        connection = pq.PGconn.connect_start(make_conninfo("", **parameters).encode())
        try:
            await _connected(talk, connection)
        except BaseException:
            connection.finish()
            raise
    try:
        with talk.phase("query", "answer to the query"):
            return await _queried(connection, query)
    finally:
        connection.finish()


async def _connected(talk: Talk, connection: abc.PGconn) -> None:
    reached = connection.status
    while True:
        polled = connection.connect_poll()
        if polled == pq.PollingStatus.OK:
            connection.nonblocking = 1
            return
        if polled == pq.PollingStatus.FAILED:
            raise _failure(connection, reached)
        reached = connection.status
        if reached in _TALKED:
            talk.step = "login"
        await _ready(connection, writing=polled == pq.PollingStatus.WRITING)


def _failure(connection: abc.PGconn, reached: int) -> Exception:
    said = _said(connection.get_error_message())
    if reached in _TALKED:
        return AnsweredWronglyError(f"refused the login: {said}")
    if "refused" in said.lower():
        return ConnectionRefusedError(ECONNREFUSED, said)
    return UnreachedError(said)


async def _queried(connection: abc.PGconn, query: str) -> str | None:
    connection.send_query(query.encode())
    connection.set_single_row_mode()
    while connection.flush():
        await _ready(connection, writing=True)
    while True:
        while connection.is_busy():
            await _ready(connection, writing=False)
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            return None
        if result.status in _FAILED:
            raise AnsweredWronglyError(f"refused the query: {_said(result.get_error_message())}")
        if result.status in _ROWS and result.ntuples and result.nfields:
            value = result.get_value(0, 0)
            return None if value is None else value.decode("utf-8", "replace")


async def _ready(connection: abc.PGconn, *, writing: bool) -> None:
    """Wait until the connection's socket, which may be another one each time, is ready."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    socket = connection.socket
    (loop.add_writer if writing else loop.add_reader)(socket, ready.set)
    try:
        await ready.wait()
    finally:
        (loop.remove_writer if writing else loop.remove_reader)(socket)


def _said(text: str) -> str:
    """Return the server's words in one line, without what we know: where it is, and how grave."""
    line = text.strip().splitlines()[0] if text.strip() else "no reason given"
    words = line.rsplit("failed: ", 1)[-1]
    for grave in ("FATAL:", "ERROR:"):
        words = words.removeprefix(grave).strip()
    return tidy(words, 160)
