"""The section ``accounts``: what it needs beside itself is asked for by name."""

from datetime import UTC, datetime

import pytest

from monitor.errors import ConfigError
from monitor.settings import load_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVIDER = "issuer: https://id.example, client_id: tocsin"
URL = "service: {public_url: https://noc.example}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accounts: {require_totp: [admin]}", "second steps need secrets.key"),
        ("accounts: {require_totp: [root]}", "accounts.require_totp"),
        (f"accounts: {{oidc: {{{PROVIDER}, roles: {{a: noc}}}}}}", "needs service.public_url"),
        (f"{URL}accounts: {{oidc: {{{PROVIDER}}}}}", "lets nobody in: say roles, or contacts_by"),
        (f"{URL}accounts: {{oidc: {{{PROVIDER}, roles: {{a: partner-admin}}}}}}", "accounts.oidc.roles"),
        (f"{URL}accounts: {{oidc: {{issuer: http://id.example, client_id: x, roles: {{a: noc}}}}}}", "must be an https address"),
        (f"{URL}accounts: {{oidc: {{client_id: x, roles: {{a: noc}}}}}}", "accounts.oidc.issuer"),
    ],
    ids=["no key", "no such role", "no address of ours", "nobody", "a partner's role", "in clear", "no issuer"],
)  # fmt: skip
def test_what_is_missing_is_said_with_its_place(text, told):
    with pytest.raises(ConfigError, match=told):
        load_text(text, now=NOW)


def test_a_provider_for_contacts_alone_is_enough():
    made = load_text(f"{URL}accounts: {{oidc: {{{PROVIDER}, contacts_by: email-verified}}}}", now=NOW)
    assert made.accounts.oidc.scopes == ("openid", "email", "profile")
    assert made.accounts.oidc.roles == {}
