"""The sections of ``tickets``: one for each ticket system, named as its driver is.

A key here is an argument of the driver of that name (``monitor.drivers`` hands them over as they are).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Email, Ident, Line, WebAddress

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))

ByPartner = Mapping[Ident, Line]
ByClass = Mapping[Ident, Line]
WebhookSecret = Annotated[
    Secret | None, Field(description="What its webhooks are signed with; without it none is believed.")
]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Redmine:
    """A Redmine and the projects our tickets go to."""

    url: Annotated[WebAddress, Field(description="Its address.")]
    key: Annotated[Secret, Field(description="The interface's key of a user of our own.")]
    project: Annotated[Ident, Field(description="Identifier of the project.")]
    projects: Annotated[ByPartner, Field(description="Other projects, by partner.")] = field(
        default_factory=dict[str, str]
    )
    tracker: Annotated[Line | None, Field(description="Tracker; by default the project's first.")] = None
    priorities: Annotated[ByClass, Field(description="Priorities by their names, by class.")] = field(
        default_factory=dict[str, str]
    )
    closed_status: Annotated[Line, Field(description="The status that closes an issue.")] = "Closed"
    custom_field: Annotated[
        Annotated[int, Field(ge=1)] | None, Field(description="Number of a custom field that holds our mark.")
    ] = None
    webhook_secret: WebhookSecret = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Zendesk:
    """A Zendesk Support account and the groups our tickets go to."""

    url: Annotated[WebAddress, Field(description="Its address.")]
    user: Annotated[Email, Field(description="Mail address of an agent of our own.")]
    token: Annotated[Secret, Field(description="API token.")]
    group: Annotated[Line | None, Field(description="Group; by default the account's.")] = None
    groups: Annotated[ByPartner, Field(description="Other groups, by partner.")] = field(
        default_factory=dict[str, str]
    )
    priorities: Annotated[
        Mapping[Ident, Literal["urgent", "high", "normal", "low"]],
        Field(description="Priorities (urgent, high, normal, low), by class."),
    ] = field(default_factory=dict[str, Literal["urgent", "high", "normal", "low"]])
    webhook_secret: WebhookSecret = None
