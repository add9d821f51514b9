"""What goes over the wire, as far as the SIP stack does not tell it: that somebody answered an INVITE at all.

The stack keeps "100 Trying" to itself, and so cannot tell a PBX that works on it from one that is not there.
Nothing of what is read here is kept or written anywhere. Standard library only.
"""

import contextlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

LOGGER = "baresip.native.sip"
_STATUS = re.compile(r"RX .*?\nSIP/2\.0 (\d{3})")
_CALL_ID = re.compile(r"^(?:Call-ID|i) *: *(\S+)", re.MULTILINE | re.IGNORECASE)
_INVITE = re.compile(r"^CSeq *: *\d+ INVITE", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to an INVITE: to which call, with which status."""

    call_id: str
    status: int


def answer_to_invite(text: str) -> Answer | None:
    """Read a message as the stack traces it; None for what was sent, and for answers to anything else."""
    said, whose = _STATUS.match(text), _CALL_ID.search(text)
    if said is None or whose is None or not _INVITE.search(text):
        return None
    return Answer(call_id=whose[1], status=int(said[1]))


def listen(heard: Callable[[str], object]) -> None:
    """Have every message handed to ``heard``, by the stack's own thread."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(_Wire(heard))


class _Wire(logging.Handler):
    def __init__(self, heard: Callable[[str], object]) -> None:
        super().__init__()
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._heard(record.getMessage())
