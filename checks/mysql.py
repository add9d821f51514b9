"""One query to one MySQL or MariaDB server by PyMySQL, in a thread that ends with the look.

    vetted connection <- carried by the loop -> socket pair <- PyMySQL: TLS, login, query -> first value

PyMySQL blocks and reads as much as the server cares to send. It never sees the connection itself: the loop carries the
bytes, counts them, and by hanging up ends the thread wherever it is. So a server that hangs holds up its own look only.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER

from checks.conversation import MOST, AnsweredWronglyError, EndedError, Talk
from checks.streams import PIECE
from checks.texts import tidy

T = TypeVar("T")

_THREADS: Final = ThreadPoolExecutor(
    64, "mysql"
)  # not the loop's own few: a server may hold one until its look is over
_LOST: Final = frozenset({CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_CONN_HOST_ERROR})
_LIMITS: Final = {
    True: "SET SESSION max_statement_time = {seconds:.3f}",  # MariaDB
    False: "SET SESSION max_execution_time = {milliseconds}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a session begins. ``context`` is how TLS is spoken, ``name`` whom the certificate must be for."""

    name: str
    user: str
    database: str
    password: bytes = field(default=b"", repr=False)
    context: ssl.SSLContext | None = None
    seconds: float = 10.0


class _UnclearError(pymysql.OperationalError):
    """The server wants the password as it is, over a line that anybody may read."""


class _NoClearPassword:
    """Refuses the plugin by which a server, or whoever claims to be it, asks for the bare password."""

    def __init__(self, _connection: object) -> None:
        """Do as PyMySQL's plugins do."""

    def authenticate(self, _packet: object) -> NoReturn:
        """Refuse."""
        raise _UnclearError("it wants the password in the clear, and this is not TLS")


async def first_value(talk: Talk, login: Login, query: str) -> str | None:
    """Return the first column of the first row, None if there is none; raise what went wrong."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    carrying = (
        asyncio.create_task(_onward(talk, ours), name="mysql-onward"),
        asyncio.create_task(_back(talk, ours), name="mysql-back"),
    )
    try:
        return await loop.run_in_executor(_THREADS, _asked, talk, theirs, login, query)
    except EndedError:
        for task in carrying:
            if task.done() and (error := task.exception()) is not None:
                raise error from None
        raise
    finally:
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        ours.close()  # whatever the thread waits for, now it is told that nothing comes


async def _onward(talk: Talk, ours: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(ours, PIECE):
        await talk.line.send(data)


async def _back(talk: Talk, ours: socket.socket) -> None:
    loop, received = asyncio.get_running_loop(), 0
    try:
        while data := await talk.line.receive():
            received += len(data)
            if received > MOST:
                raise AnsweredWronglyError("talks without end")
            await loop.sock_sendall(ours, data)
    finally:
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_WR)


def _asked(talk: Talk, line: socket.socket, login: Login, query: str) -> str | None:
    """Talk to the server, in the thread; raise ``AnsweredWronglyError``, ``EndedError`` or ``ssl.SSLError``."""
    with line:
        connection = _prepared(login)
        with talk.phase("login"):
            _told("refused the login", lambda: connection.connect(line))
        try:
            with talk.phase("query", "answer to the query"):
                _told("refused to be asked read only", lambda: _bounded(connection, login.seconds))
                return _told("refused the query", lambda: _queried(connection, query))
        finally:
            with contextlib.suppress(OSError, pymysql.Error):
                connection.close()


def _prepared(login: Login) -> "Connection[pymysql.cursors.Cursor]":
    secure = login.context is not None
    return Connection(
        host=login.name,
        user=login.user,
        password=login.password,
        database=login.database,
        charset="utf8mb4",
        conv={},  # values stay the texts that the server sends
        autocommit=None,
        program_name="tocsin",
        ssl=login.context,
        ssl_disabled=not secure,
        auth_plugin_map={} if secure else {"mysql_clear_password": _NoClearPassword},
        defer_connect=True,
    )


def _bounded(connection: "Connection[pymysql.cursors.Cursor]", seconds: float) -> None:
    """Make the session read only, one row long, and short: the server goes on with a query that nobody waits for."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute("SET SESSION sql_select_limit = 1")
        cursor.execute("SELECT VERSION()")
        version = cursor.fetchone()
        limit = _LIMITS["mariadb" in str(version).lower()]
        try:
            cursor.execute(limit.format(seconds=seconds, milliseconds=round(1000 * seconds)))
        except pymysql.Error as error:
            if _code(error) != ER.UNKNOWN_SYSTEM_VARIABLE:  # an old server has no such limit
                raise
        cursor.execute("START TRANSACTION READ ONLY")


def _queried(connection: "Connection[pymysql.cursors.Cursor]", query: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    value = row[0] if row else None
    return (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else None
        if value is None
        else str(value)
    )


def _told(what: str, step: Callable[[], T]) -> T:
    """Do a step; raise what it says in our own words."""
    try:
        return step()
    except pymysql.Error as error:
        _raise(what, error)
    except (ssl.SSLError, OSError):
        raise
    except Exception as error:
        # A driver that is sent anything but MySQL trips over it in many ways.
        raise AnsweredWronglyError(
            f"answered something that is not MySQL ({type(error).__name__})"
        ) from error


def _raise(what: str, error: pymysql.Error) -> NoReturn:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError):
        raise cause
    if _code(error) in _LOST:
        raise EndedError from error
    if _code(error) == CR.CR_SSL_CONNECTION_ERROR:
        raise AnsweredWronglyError("does not offer TLS") from error
    said = error.args[-1] if error.args else "no reason given"
    raise AnsweredWronglyError(f"{what}: {tidy(str(said), 160)}") from error


def _code(error: pymysql.Error) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
