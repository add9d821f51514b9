"""What logging in is built from: the key of second steps, the roles that must have one, the identity provider."""

from collections.abc import Callable
from datetime import datetime

from checks.vetting import Vetting
from monitor.sealing import Sealer
from monitor.settings import Settings
from monitor.settings.accounts_section import Oidc
from monitor.signing_in import OidcProvider
from monitor.web.log_ins import LogIns, Provider


def log_ins(settings: Callable[[], Settings], sealer: Sealer | None, clock: Callable[[], datetime]) -> LogIns:
    """Return what the faces ask about log-ins; what the configuration says holds as soon as it is read again."""
    made: dict[str, tuple[Oidc, str, OidcProvider]] = {}

    def provider() -> Provider | None:
        wanted, url = settings().accounts.oidc, settings().service.public_url
        if wanted is None or url is None:
            return None
        known = made.get("it")
        if known is None or known[0] is not wanted or known[1] != url:  # read again: keys and metadata, too
            made["it"] = (wanted, url, OidcProvider(wanted, url, clock=clock, refusal=Vetting().refusal))
        return made["it"][2]

    return LogIns(
        sealer=sealer,
        required=lambda: frozenset(settings().accounts.require_totp),
        provider=provider,
    )
