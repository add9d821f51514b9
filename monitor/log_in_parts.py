"""What logging in is built from: the key of second steps, the roles that must have one, the identity provider."""

from collections.abc import Callable

from monitor.sealing import Sealer
from monitor.settings import Settings
from monitor.web.log_ins import LogIns


def log_ins(settings: Callable[[], Settings], sealer: Sealer | None) -> LogIns:
    """Return what the faces ask about log-ins; what the configuration says holds as soon as it is read again."""
    return LogIns(sealer=sealer, required=lambda: frozenset(settings().accounts.require_totp))
