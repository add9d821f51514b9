"""The sections of ``tickets``: one for each ticket system, named as its driver is.

A key here is an argument of the driver of that name (``monitor.drivers`` hands them over as they are).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Email, Ident, Line, Token, WebAddress

_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,60}")


def _project_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError("must be a project's key: capital letters, digits and _, such as SUP")
    return text


_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))

ByPartner = Mapping[Ident, Line]
ByClass = Mapping[Ident, Line]
ProjectKey = Annotated[Ident, AfterValidator(_project_key)]
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
class Jira:
    """A Jira and the projects our tickets go to."""

    url: Annotated[WebAddress, Field(description="Its address.")]
    token: Annotated[Secret, Field(description="API token (Cloud) or personal access token (Data Center).")]
    project: Annotated[ProjectKey, Field(description="Key of the project.")]
    edition: Annotated[Literal["cloud", "data-center"], Field(description="Which Jira it is.")] = "cloud"
    user: Annotated[Email | None, Field(description="Mail address of a user of our own, in the Cloud.")] = (
        None
    )
    projects: Annotated[Mapping[Ident, ProjectKey], Field(description="Other projects, by partner.")] = field(
        default_factory=dict[str, str]
    )
    issue_type: Annotated[Line, Field(description="Type of the issues.")] = "Task"
    priorities: Annotated[ByClass, Field(description="Priorities by their names, by class.")] = field(
        default_factory=dict[str, str]
    )
    closed_status: Annotated[
        Line | None,
        Field(description="The status that closes an issue; by default any of the category Done."),
    ] = None
    webhook_secret: WebhookSecret = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNow:
    """A ServiceNow instance and the groups our incidents go to."""

    url: Annotated[WebAddress, Field(description="Its address.")]
    user: Annotated[Line | None, Field(description="A user of our own.")] = None
    password: Annotated[Secret | None, Field(description="Its password.")] = None
    token: Annotated[Secret | None, Field(description="OAuth token, instead of a user.")] = None
    table: Annotated[Ident, Field(description="The table of tickets.")] = "incident"
    group: Annotated[Line | None, Field(description="Assignment group.")] = None
    groups: Annotated[ByPartner, Field(description="Other assignment groups, by partner.")] = field(
        default_factory=dict[str, str]
    )
    priorities: Annotated[
        Mapping[Ident, Annotated[int, Field(ge=1, le=3)]],
        Field(description="Impact and urgency (1 high, 2 medium, 3 low), by class."),
    ] = field(default_factory=dict[str, int])
    resolved_state: Annotated[Line, Field(description="The state that resolves.")] = "6"
    closed_states: Annotated[
        tuple[Line, ...], Field(description="The states in which a ticket is left alone.")
    ] = ("6", "7", "8")
    close_code: Annotated[Line, Field(description="Resolution code.")] = "Solution provided"
    webhook_secret: WebhookSecret = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Zammad:
    """A Zammad and the groups our tickets go to."""

    url: Annotated[WebAddress, Field(description="Its address.")]
    token: Annotated[Secret, Field(description="Access token of an agent of our own.")]
    group: Annotated[Line, Field(description="Group.")]
    groups: Annotated[ByPartner, Field(description="Other groups, by partner.")] = field(
        default_factory=dict[str, str]
    )
    priorities: Annotated[ByClass, Field(description="Priorities by their names, by class.")] = field(
        default_factory=dict[str, str]
    )
    closed_state: Annotated[Line, Field(description="The state that closes a ticket.")] = "closed"
    closed_states: Annotated[
        tuple[Line, ...], Field(description="The states in which a ticket is left alone.")
    ] = ("closed", "merged")
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
    priorities: Annotated[ByClass, Field(description="Priorities by their names, by class.")] = field(
        default_factory=dict[str, str]
    )
    webhook_secret: WebhookSecret = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A ticket system of your own behind one address; messages are signed both ways."""

    url: Annotated[WebAddress, Field(description="The receiver's address.")]
    secret: Annotated[Token, Field(description="What messages are signed with, both ways.")]
    queue: Annotated[Line | None, Field(description="Queue, in the receiver's words.")] = None
    queues: Annotated[ByPartner, Field(description="Other queues, by partner.")] = field(
        default_factory=dict[str, str]
    )
    priorities: Annotated[ByClass, Field(description="Priorities in the receiver's words, by class.")] = (
        field(default_factory=dict[str, str])
    )
    reads: Annotated[
        bool, Field(description="The receiver answers questions; `false` for one that only takes messages.")
    ] = True
