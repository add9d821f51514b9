"""The section about who logs in: which roles must have a second step, and the organisation's identity provider."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, with_config

from monitor.settings.secret import Secret
from monitor.settings.values import Line, WebAddress, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
Our = Literal["viewer", "noc", "lead", "admin"]
AnyRole = Literal["partner-contact", "partner-admin", "viewer", "noc", "lead", "admin"]


def _scopes() -> tuple[str, ...]:
    return ("openid", "email", "profile")


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """An identity provider that speaks OpenID Connect."""

    issuer: Annotated[
        WebAddress, Field(description="Its name, exactly as it writes it; its metadata is found under it.")
    ]
    client_id: Annotated[Line, Field(description="Who we are to it.")]
    client_secret: Annotated[
        Secret | None, Field(description="What proves that we are; none for a public client.")
    ] = None
    label: Annotated[Line, Field(description="What its button says.")] = "Log in with your organisation"
    scopes: Annotated[tuple[Line, ...], Field(description="What is asked of it; `openid` is always.")] = (
        field(default_factory=_scopes)
    )
    role_claim: Annotated[Line, Field(description="The claim that lists somebody's groups.")] = "groups"
    roles: Annotated[
        dict[Line, Our],
        BeforeValidator(lambda value: {} if value is None else value),
        Field(description="Which group gives which role; of several the highest. Who has none is refused."),
    ] = field(default_factory=dict)
    contacts_by: Annotated[
        Literal["email-verified"] | None,
        Field(
            description="`email-verified`: a contact with the address it vouches for gets into the portal."
        ),
    ] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who logs in, and how."""

    require_totp: Annotated[
        tuple[AnyRole, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Roles that must prove a code besides the password; needs `secrets.key`."),
    ] = ()
    oidc: Annotated[Oidc | None, Field(description="The organisation's identity provider.")] = None


def _is_safe(issuer: str) -> bool:
    parts = urlsplit(issuer)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


def misfits(
    given: Accounts, public_url: str | None, *, has_key: bool
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what a section needs and has not, with its place."""
    if given.require_totp and not has_key:
        yield ("accounts", "require_totp"), "second steps need secrets.key to keep their secrets under"
    if given.oidc is not None and public_url is None:
        yield ("accounts", "oidc"), "an identity provider needs service.public_url to send people back to"
    if given.oidc is not None and not _is_safe(given.oidc.issuer):
        yield ("accounts", "oidc", "issuer"), "must be an https address: what it says is believed"
    if given.oidc is not None and not given.oidc.roles and given.oidc.contacts_by is None:
        yield ("accounts", "oidc"), "lets nobody in: say roles, or contacts_by"
