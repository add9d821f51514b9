"""Every error the service raises on purpose, as one tree.

TocsinError
 +- ConfigError          the configuration cannot be used; ``problems`` lists every mistake
 +- DeliveryError        an outside party was not reached; permanent? ambiguous?
 +- RefusedError         a request from outside is refused; carries the HTTP status and a stable code
 +- LeaseLostError       a row is not ours any more: whoever was stopped for too long must not send it
 +- NotFoundError        there is no such thing (or it is not yours)
 +- ConflictError        the thing's state does not allow it
 +- StorageError         the record cannot be used (wrong version, second writer, damaged)
"""

from collections.abc import Sequence


class TocsinError(Exception):
    """Everything below is one of these."""


class ConfigError(TocsinError):
    """The configuration cannot be used; ``problems`` are lines ``file:line:column: message``."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep the list, print it one per line."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DeliveryError(TocsinError):
    """A contact did not get through.

    ``permanent``: trying again is of no use. ``ambiguous``: it may have happened all the same (a lost
    response), so it must be looked up before anything is sent again. ``retry_after`` in seconds.
    ``refused``: the far end does not have us at all (a wrong key, an unknown queue). That is no fault of this
    contact: it waits, as do its neighbours, until somebody has mended the configuration.
    ``busy``: it asked all of us to slow down, for ``retry_after``. ``away``: the far end does not answer at all (no
    connection, 5xx, no answer in time, a page in place of an answer): its neighbours wait, too.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        ambiguous: bool = False,
        retry_after: float | None = None,
        refused: bool = False,
        away: bool = False,
        busy: bool = False,
    ) -> None:
        """Keep what the outbox must know."""
        super().__init__(message)
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.retry_after = retry_after
        self.refused = refused
        self.away = away
        self.busy = busy


class LeaseLostError(TocsinError):
    """A row's lease ran out before it was sent: another may have settled it, so it is left alone."""


class RefusedError(TocsinError):
    """A request from outside is refused: HTTP ``status``, stable machine ``code``, human message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep all three."""
        super().__init__(message)
        self.status = status
        self.code = code


class NotFoundError(TocsinError):
    """There is no such thing, or it is not the asker's."""


class ConflictError(TocsinError):
    """The thing's state does not allow what was asked."""


class StorageError(TocsinError):
    """The record cannot be used; the message says why and what to do."""
