"""``sql``: a database answers a query, and the value it gives is as it should be (PostgreSQL, MySQL, SQLite).

    target (URL) -> vetted address or file -> query, read only -> first column of the first row -> rule

The query comes from the operator's own settings and may read whatever its user may. It is read only all the same:
PostgreSQL, MySQL and MariaDB are told so for the session, a SQLite file is opened so.
"""

import asyncio
import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from checks import mysql
from checks.base import Check, CheckType, Options, Target, Tools
from checks.conversation import ConversationKeys, Correspondent, Talk
from checks.curl import dialler_of
from checks.dialling import Dialler
from checks.durations import spell
from checks.texts import fill, tidy
from checks.thresholds import ValueRule
from checks.trust import system_authorities
from checks.verdicts import Fault, Measured, cannot_look, observation, unreachable, wrong
from monitor.domain.findings import Observation

PORT: Final = 5432
MYSQL_PORT: Final = 3306
_MYSQL: Final = frozenset({"mysql", "mariadb"})
_MOST_QUERY: Final = 8 * 1024
_STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock
_PERMITTED: Final = "write postgresql://user@host[:port]/database, mysql://user@host[:port]/database or sqlite:///path/to/file"


class SqlOptions(ConversationKeys):
    """The keys of a ``sql`` check."""

    query: Annotated[
        str, Field(min_length=1, max_length=_MOST_QUERY, description="The query; its first value is judged.")
    ]
    value: Annotated[ValueRule | None, Field(description="What the value must be.")] = None
    password: Annotated[
        SecretStr | None, Field(description="The password; `${NAME}` is filled in. Never shown.")
    ] = None
    security: Annotated[
        Literal["none", "tls"],
        BeforeValidator(lambda value: "none" if value is None else value),
        Field(description="A server: `tls`, or `none`."),
    ] = "tls"


def _judged(options: SqlOptions, talk_values: dict[str, float | str], value: str | None) -> list[Fault]:
    if value is None:
        return [wrong("the query gave no value")]
    talk_values["value"] = tidy(value)
    fault = None if options.value is None else options.value.fault("the value", value)
    return [] if fault is None else [fault]


class PostgresqlCheck:
    """Queries one PostgreSQL server; holds nothing between looks."""

    __slots__ = ("_options", "_parameters", "_server")

    def __init__(self, options: SqlOptions, server: Correspondent, parameters: dict[str, str | int]) -> None:
        """Take what was read."""
        self._options, self._server, self._parameters = options, server, parameters

    async def observe(self, now: datetime) -> Observation:
        """Query once and judge."""
        return await self._server.observe_at(now, self._ask)

    async def _ask(self, talk: Talk, address: str) -> list[Fault]:
        from checks import postgresql  # noqa: PLC0415 - ten megabytes that only who has such a check needs

        parameters = {**self._parameters, "hostaddr": address}
        try:
            value = await postgresql.first_value(talk, parameters, self._options.query)
        except postgresql.UnreachedError as error:
            return [unreachable(f"no connection to {talk.place}: {error}")]
        talk.fine = f"the query gave {tidy(value or '')!r}"
        return _judged(self._options, talk.values, value)


class MysqlCheck:
    """Queries one MySQL or MariaDB server; holds nothing between looks."""

    __slots__ = ("_login", "_options", "_server")

    def __init__(self, options: SqlOptions, server: Correspondent, login: mysql.Login) -> None:
        """Take what was read."""
        self._options, self._server, self._login = options, server, login

    async def observe(self, now: datetime) -> Observation:
        """Query once and judge."""
        return await self._server.observe(now, self._ask)

    async def _ask(self, talk: Talk) -> list[Fault]:
        value = await mysql.first_value(talk, self._login, self._options.query)
        talk.fine = f"the query gave {tidy(value or '')!r}"
        return _judged(self._options, talk.values, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteCheck:
    """Queries one SQLite file; holds nothing between looks."""

    target: Target
    options: SqlOptions
    path: Path

    async def observe(self, now: datetime) -> Observation:
        """Query once, in a thread that ends with the look, and judge."""
        began, given_up = time.monotonic(), threading.Event()
        values: dict[str, float | str] = {}
        fine = ""
        try:
            async with asyncio.timeout(self._limit):
                value = await asyncio.to_thread(_query, self.path, self.options.query, given_up)
            fine, faults = f"the query gave {tidy(value or '')!r}", _judged(self.options, values, value)
        except TimeoutError:
            faults = [wrong(f"{self.path} did not answer the query within {spell(self.target.timeout)}")]
        except FileNotFoundError:
            faults = [unreachable(f"there is no file {self.path}")]
        except PermissionError:
            faults = [cannot_look(f"we may not read {self.path}")]
        except sqlite3.Error as error:
            faults = [wrong(f"{self.path} refused the query: {tidy(str(error))}")]
        finally:
            given_up.set()
        seconds = time.monotonic() - began
        faults = faults or self.options.latency.faults(seconds)
        measured = Measured(seconds=seconds, phases={"query": seconds}, values=values)
        return observation(self.target, now, faults, measured, fine)

    @property
    def _limit(self) -> float:
        return self.target.timeout - min(0.1, self.target.timeout / 20)


def _query(path: Path, query: str, given_up: threading.Event) -> str | None:
    """Return the first value; raise what Python and SQLite raise. Ends soon after it was given up."""
    with path.open("rb"):  # says what is wrong better than SQLite does
        pass
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1)
    try:
        connection.set_progress_handler(given_up.is_set, _STEPS)
        row = connection.execute(query).fetchone()
        return None if row is None or row[0] is None else str(row[0])
    finally:
        connection.close()


class SqlType:
    """How ``sql`` is registered."""

    options: type[Options] = SqlOptions
    stays = "the database's library chooses its way out"

    def build(self, target: Target, options: SqlOptions, tools: Tools) -> Check:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        url = urlsplit(target.target.strip())
        if url.scheme == "sqlite" and not url.netloc and len(url.path) > 1:
            return SqliteCheck(target=target, options=options, path=Path(unquote(url.path)))
        if url.scheme not in {"postgresql", "postgres", *_MYSQL} or not url.hostname or "\0" in target.target:
            raise ValueError(f"{target.target!r} is no database: {_PERMITTED}")
        if url.password is not None:
            raise ValueError("a password in the target would be shown: write it as password:")
        if not url.username or not url.path.strip("/"):
            raise ValueError(f"{target.target!r} names no user or no database: {_PERMITTED}")
        password = "" if options.password is None else fill(options.password, tools.variables)
        made = _mysql if url.scheme in _MYSQL else _postgresql
        return made(target, options, dialler_of(tools.http), url, password)


def _mysql(
    target: Target, options: SqlOptions, dialler: Dialler, url: SplitResult, password: str
) -> MysqlCheck:
    place = url.netloc.rpartition("@")[2]
    server = Correspondent(target, place, options, dialler, port=MYSQL_PORT)
    login = mysql.Login(
        name=server.name,
        user=unquote(url.username or ""),
        database=unquote(url.path.strip("/")),
        password=password.encode(),
        context=options.context() if options.security == "tls" else None,
        seconds=target.timeout,
    )
    return MysqlCheck(options, server, login)


def _postgresql(
    target: Target, options: SqlOptions, dialler: Dialler, url: SplitResult, password: str
) -> PostgresqlCheck:
    place = url.netloc.rpartition("@")[2]
    server = Correspondent(target, place, options, dialler, port=PORT)
    parameters: dict[str, str | int] = {
        "host": server.name,
        "port": server.port,
        "dbname": unquote(url.path.strip("/")),
        "user": unquote(url.username or ""),
        "password": password,
        "application_name": "tocsin",
        "client_encoding": "utf8",
        "gssencmode": "disable",
        "options": f"-c default_transaction_read_only=on -c statement_timeout={round(1000 * target.timeout)}",
        **_security(options),
    }
    return PostgresqlCheck(options, server, parameters)


def _security(options: SqlOptions) -> dict[str, str | int]:
    if options.security == "none":
        return {"sslmode": "disable"}
    if not options.verify:
        return {"sslmode": "require"}
    return {"sslmode": "verify-full", "sslrootcert": options.ca_file or system_authorities() or "system"}


TYPE: CheckType = SqlType()
