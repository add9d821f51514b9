"""``snmp``: an agent answers (versions 2c and 3), and the values it gives are as they should be.

    resolve + vet -> (version 3: who are you?) -> Get -> values -> limits, texts

One question by UDP, sent again while nothing comes. With version 3 the answer is verified before it is believed; with 2c
anybody on the way may read the community and forge an answer.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, Correspondent, DatagramKeys, Talk
from checks.curl import dialler_of
from checks.datagrams import asked
from checks.snmp_message import NOT_IN_TIME, REPORT, REPORTS, Engine, Question, Said, User
from checks.texts import fill, tidy
from checks.thresholds import ValueRule
from checks.verdicts import Fault, wrong
from monitor.domain.findings import Observation

PORT: Final = 161
AGAIN_AFTER: Final = 1.0
UPTIME: Final = "1.3.6.1.2.1.1.3.0"
_SHORTEST_PASSWORD: Final = 8
_MOST_OIDS: Final = 20
_ERRORS: Final = {
    1: "the answer would be too large",
    5: "a general error",
    6: "no access",
    16: "no authorization",
}

Answer = TypeVar("Answer")


def _oid(text: object) -> str:
    numbers = str(text).removeprefix(".").split(".")
    if not (2 < len(numbers) <= 128 and all(n.isascii() and n.isdigit() and len(n) <= 10 for n in numbers)):  # noqa: PLR2004 - RFC 3416
        raise ValueError(f"{text!r} is no object identifier in numbers, as {UPTIME}")
    if int(numbers[0]) > 2 or int(numbers[1]) > 39 or any(int(n) >> 32 for n in numbers):  # noqa: PLR2004 - X.690
        raise ValueError(f"{text!r} is no object identifier")
    return ".".join(str(int(n)) for n in numbers)


class Reading(ValueRule):
    """One value that is read, and what it must be."""

    oid: Annotated[str, BeforeValidator(_oid), Field(description="Its object identifier, in numbers.")]
    name: Annotated[str, Field(max_length=60, description="What it is called in sentences.")] = ""

    @property
    def called(self) -> str:
        """Return what it is called."""
        return self.name or self.oid


def _unlike(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    names = [reading.called for reading in readings]
    if len({reading.oid for reading in readings}) < len(readings) or len(set(names)) < len(names):
        raise ValueError("each value is read once, under a name of its own")
    return readings


class SnmpOptions(DatagramKeys):
    """The keys of an ``snmp`` check."""

    version: Annotated[
        Literal["2c", "3"], BeforeValidator(str), Field(description="`2c`, or `3` with a user.")
    ] = "2c"
    community: Annotated[
        SecretStr | None, Field(description="Version 2c: the community; by default `public`. Never shown.")
    ] = None
    username: Annotated[
        str | None, Field(min_length=1, max_length=32, description="Version 3: who asks.")
    ] = None
    auth: Annotated[
        Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"] | None,
        Field(description="Version 3: how we prove who we are."),
    ] = None
    auth_password: Annotated[SecretStr | None, Field(description="Version 3: our password. Never shown.")] = (
        None
    )
    privacy_password: Annotated[
        SecretStr | None, Field(description="Version 3: encrypt by AES-128 with this password. Never shown.")
    ] = None
    values: Annotated[
        tuple[Reading, ...],
        Field(min_length=1, max_length=_MOST_OIDS, description="What is read; by default how long it is up."),
        AfterValidator(_unlike),
    ] = (Reading(oid=UPTIME, name="uptime"),)


class SnmpCheck:
    """Asks one agent; holds nothing between looks."""

    __slots__ = ("_community", "_options", "_server", "_user")

    def __init__(
        self, options: SnmpOptions, server: Correspondent, community: bytes, user: User | None
    ) -> None:
        """Take what was read."""
        self._options, self._server, self._community, self._user = options, server, community, user

    async def observe(self, now: datetime) -> Observation:
        """Ask once and judge the values."""
        return await self._server.observe_at(now, self._ask)

    async def _ask(self, talk: Talk, address: str) -> list[Fault]:
        talk.step = "answer"
        question = Question(oids=tuple(reading.oid for reading in self._options.values))
        if self._user is None:
            message = question.by_community(self._community)
            said = await self._answer(
                talk, address, message, lambda data: question.said_by_community(data, self._community)
            )
        else:
            said = await self._ask_as(self._user, question, talk, address)
        if said.kind == REPORT:
            raise AnsweredWronglyError(
                next((REPORTS[oid] for oid in said.values if oid in REPORTS), "refused us")
            )
        if said.error:
            raise AnsweredWronglyError(f"refused: {_ERRORS.get(said.error, f'error {said.error}')}")
        return self._judge(talk, said)

    async def _ask_as(self, user: User, question: Question, talk: Talk, address: str) -> Said:
        """Ask who the agent is, then the question; once more if its clock is not what it said."""

        async def exchange(engine: Engine) -> tuple[Said, Engine]:
            return await self._answer(
                talk,
                address,
                question.by_user(user, engine),
                lambda data: question.said_by_user(data, user),
            )

        _, engine = await exchange(Engine())
        said, found = await exchange(engine)
        if said.kind == REPORT and NOT_IN_TIME in said.values:
            said, _ = await exchange(replace(engine, boots=found.boots, time=found.time))
        return said

    async def _answer(
        self, talk: Talk, address: str, message: bytes, read: Callable[[bytes], Answer | None]
    ) -> Answer:
        where = (address, self._server.port)
        return await asked(talk, where, message, read, again_after=AGAIN_AFTER)

    def _judge(self, talk: Talk, said: Said) -> list[Fault]:
        faults, shown = list[Fault](), list[str]()
        for reading in self._options.values:
            value = said.values.get(reading.oid)
            if value is None:
                faults.append(wrong(f"there is no {reading.called}"))
                continue
            text = tidy(value) if isinstance(value, str) else value
            talk.values[reading.called] = text
            shown.append(f"{reading.called} {text}")
            fault = reading.fault(reading.called, value)
            if fault is not None:
                faults.append(fault)
        talk.fine = ", ".join(shown)
        return faults


class SnmpType:
    """How ``snmp`` is registered."""

    options: type[Options] = SnmpOptions

    def build(self, target: Target, options: SnmpOptions, tools: Tools) -> SnmpCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        server = Correspondent(target, target.target, options, dialler_of(tools.http), port=PORT)
        if options.version == "2c":
            if options.username or options.auth or options.auth_password or options.privacy_password:
                raise ValueError("username, auth and passwords go with version 3")
            community = fill(options.community or SecretStr("public"), tools.variables)
            return SnmpCheck(options, server, community.encode(), None)
        return SnmpCheck(options, server, b"", _user(options, tools))


def _user(options: SnmpOptions, tools: Tools) -> User:
    if options.community is not None:
        raise ValueError("community goes with version 2c")
    if options.username is None:
        raise ValueError("version 3 needs a username")
    if (options.auth is None) != (options.auth_password is None):
        raise ValueError("auth and auth_password: one without the other proves nothing")
    if options.privacy_password is not None and options.auth is None:
        raise ValueError("privacy_password: nothing is encrypted for who does not prove who they are (auth)")
    passwords = {
        key: "" if secret is None else fill(secret, tools.variables)
        for key, secret in (
            ("auth_password", options.auth_password),
            ("privacy_password", options.privacy_password),
        )
    }
    for key, password in passwords.items():
        if password and len(password) < _SHORTEST_PASSWORD:
            raise ValueError(f"{key}: SNMP takes no password shorter than {_SHORTEST_PASSWORD} characters")
    return User(name=options.username, auth=options.auth or "", **passwords)


TYPE: CheckType = SnmpType()
