"""A conversation by a script: what the far end must say, what we say, and where it turns to TLS.

    expect -> send -> expect -> (starttls) -> ... each in its turn, over one connection

What is expected is looked for in what came since the last match, line by line (``^`` and ``$`` are a line's); the rest of a
line that matched is passed over.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Self

import re2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from checks.base import Target, Tools
from checks.conversation import AnsweredWronglyError, ConversationKeys, Correspondent, EndedError, Talk
from checks.curl import dialler_of
from checks.texts import Pattern, compiled, fill, tidy
from checks.verdicts import Fault
from monitor.domain.findings import Observation

MOST_PARTS: Final = 40
_LONGEST: Final = 64 * 1024


class Part(BaseModel):
    """One thing that happens in a conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expect: Annotated[Pattern | None, Field(description="The far end says something that matches (RE2).")] = (
        None
    )
    send: Annotated[
        SecretStr | None, Field(description="We say this; `${NAME}` is filled in. Never shown.")
    ] = None
    starttls: Annotated[bool, Field(description="Both go on by TLS.")] = False

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum((self.expect is not None, self.send is not None, self.starttls)) != 1:
            raise ValueError("one part is one of expect, send and starttls")
        if self.send is not None and len(self.send.get_secret_value()) > _LONGEST:
            raise ValueError(f"send: more than {_LONGEST} characters")
        return self


class DialogueCheck:
    """Has one conversation; holds nothing between looks."""

    __slots__ = ("_parts", "_sent", "_server")

    def __init__(
        self, target: Target, keys: ConversationKeys, parts: tuple[Part, ...], tools: Tools, *, secure: bool
    ) -> None:
        """Read the target; raise ``ValueError`` for a bad one, or for a variable that is not set."""
        self._server = Correspondent(target, target.target, keys, dialler_of(tools.http), secure=secure)
        self._parts = parts
        self._sent = _sent(parts, tools.variables)

    async def observe(self, now: datetime) -> Observation:
        """Talk once and judge."""
        return await self._server.observe(now, self._talk)

    async def _talk(self, talk: Talk) -> list[Fault]:
        talk.fine = f"connected to {talk.place}"
        held = ""
        for number, part in enumerate(self._parts):
            if part.starttls:
                await self._server.secure(talk)
                held = ""
            elif part.expect is not None:
                held = await _expected(talk, part.expect, held, number + 1)
            else:
                await talk.say(self._sent[number])
        return []


def _sent(parts: tuple[Part, ...], variables: Mapping[str, str]) -> Mapping[int, bytes]:
    return {
        number: fill(part.send, variables).encode()
        for number, part in enumerate(parts)
        if part.send is not None
    }


def _by_line(pattern: str, held: str) -> "re2._Match[str] | None":
    return compiled(f"(?m){pattern}").search(held) if held else None


async def _expected(talk: Talk, pattern: str, held: str, number: int) -> str:
    """Read until it was said; return what came after that line."""
    wanted = f"expected something that matches {tidy(pattern)!r} (part {number})"
    with talk.phase("processing", f"answer (part {number})"):
        while (match := _by_line(pattern, held)) is None:
            try:
                held += (await talk.some()).decode("utf-8", "replace")
            except EndedError:
                if not held:
                    raise
                raise AnsweredWronglyError(f"answered {tidy(held)!r}, {wanted}") from None
    _line, _end, rest = held[match.end() :].partition("\n")
    return rest
