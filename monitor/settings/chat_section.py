"""The section about chat and community channels: where announcements go that no mail reaches."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Ident, Language, Line, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


def _every_kind() -> tuple[Literal["global_problem", "maintenance"], ...]:
    return ("global_problem", "maintenance")


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChannel:
    """One channel; without a ``url`` its text is there to be copied by a person."""

    id: Annotated[Ident, Field(description="Its short name here.")]
    name: Annotated[Line | None, Field(description="What people call it.")] = None
    url: Annotated[
        Secret | None,
        Field(
            description="Where it is, as apprise writes it, token and all; without one a person copies the text."
        ),
    ] = None
    kinds: Annotated[
        tuple[Literal["global_problem", "maintenance"], ...],
        Field(min_length=1, description="What it hears of."),
    ] = _every_kind()
    language: Annotated[
        Language | None, Field(description="Language of what we add; by default `service.language`.")
    ] = None
    limit: Annotated[
        int, Field(ge=80, le=20_000, description="Most characters of one message; longer words are cut.")
    ] = 1_000


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Chat and community channels that hear of announcements."""

    channels: Annotated[
        tuple[ChatChannel, ...], BeforeValidator(nothing_is_empty), Field(description="The channels.")
    ] = ()
    timeout: Annotated[float, Field(gt=0, le=25, description="Seconds one message may take.")] = 20.0
