"""What a SIP status means to us: a table, and the outcome of a call's end. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.base import CallEvent, CallState
from alerts.cleaning import clean
from alerts.sip_journal import End

KEY_SEQUENCE = 1_000
"""The place of a pressed key, behind everything else: the end that follows does not cover it."""

FINAL_SEQUENCE = 3
MEANINGS: Mapping[str, CallState] = {"1": CallState.ACKNOWLEDGED, "2": CallState.ESCALATED}
AGAIN = "9"
NO_KEY = "the text was heard, nobody pressed a key that means anything"

_SERVER_FAILURES = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A final state with its reason.

    ``elsewhere``: it is certain that nobody was rung, and another line may do better, for the same attempt.
    ``silent``: nothing at all came back; the line is not to be trusted for a while. ``away``: the PBX was not reached,
    or not a sign came of it; ``refused``: it does not take our credentials. Neither is the number's fault.
    """

    state: CallState
    detail: str
    elsewhere: bool = False
    silent: bool = False
    away: bool = False
    refused: bool = False


STATUSES: Mapping[int, tuple[CallState, str]] = {
    401: (CallState.FAILED, "the line's user name or password is not accepted"),
    403: (CallState.FAILED, "the PBX does not let this line place the call"),
    404: (CallState.FAILED, "there is no such number"),
    407: (CallState.FAILED, "the line's user name or password is not accepted"),
    408: (CallState.NO_ANSWER, "the far end did not answer in time"),
    410: (CallState.FAILED, "the number is no longer in use"),
    480: (CallState.NO_ANSWER, "temporarily unavailable"),
    484: (CallState.FAILED, "the number is incomplete"),
    486: (CallState.BUSY, "busy"),
    487: (CallState.NO_ANSWER, "the call was ended before it was answered"),
    488: (CallState.FAILED, "the far end speaks neither PCMU nor PCMA"),
    600: (CallState.BUSY, "busy"),
    603: (CallState.REFUSED, "declined"),
    604: (CallState.FAILED, "there is no such number"),
    606: (CallState.FAILED, "the far end speaks neither PCMU nor PCMA"),
    607: (CallState.REFUSED, "declined as unwanted"),
    608: (CallState.REFUSED, "declined by an intermediary"),
}

_UNKNOWN_TO_IT = frozenset({401, 407})
_ELSEWHERE = frozenset({403, *_UNKNOWN_TO_IT, *_SERVER_FAILURES})


def unanswered(end: End) -> Outcome:
    """Judge a call that nobody picked up."""
    if end.status in STATUSES:
        state, words = STATUSES[end.status]
        refused = end.status in _UNKNOWN_TO_IT and not end.rang
        detail = f"{words} ({_said(end)})"
        return Outcome(state=state, detail=detail, elsewhere=_elsewhere(end), refused=refused)
    if end.status in _SERVER_FAILURES:
        detail = f"the PBX cannot place the call just now ({_said(end)})"
        return Outcome(state=CallState.FAILED, detail=detail, elsewhere=_elsewhere(end))
    if end.status:
        return Outcome(state=CallState.FAILED, detail=f"the call was refused ({_said(end)})")
    if end.ours or end.orphaned:
        return _given_up(end)
    why = clean(end.reason, 200) or "no reason given"
    detail = f"the PBX cannot be reached: {why}" if not end.progress else f"the call broke off: {why}"
    return Outcome(state=CallState.FAILED, detail=detail, elsewhere=not end.progress, away=not end.progress)


def answered(end: End) -> Outcome:
    """Judge a call that was picked up and ended without a key that means anything."""
    if end.ours:
        return Outcome(state=CallState.COMPLETED, detail=NO_KEY)
    detail = f"hung up after {end.seconds:.0f} s without pressing a key"
    return Outcome(state=CallState.COMPLETED, detail=detail)


def key(attempt: str, digit: str, sip: str | None, detail: str = "") -> CallEvent | None:
    """Return what a pressed key means; None where it means nothing."""
    state = MEANINGS.get(digit)
    if state is None:
        return None
    return CallEvent(
        attempt=attempt,
        state=state,
        sequence=KEY_SEQUENCE,
        provider_id=sip or None,
        digit=digit,
        detail=detail,
    )


def _given_up(end: End) -> Outcome:
    """Judge a call that we ended ourselves while nobody had picked up."""
    if not end.progress:
        return Outcome(state=CallState.FAILED, detail="no answer from the PBX at all", silent=True, away=True)
    if end.orphaned:
        return Outcome(state=CallState.NO_ANSWER, detail="we stopped while it rang")
    if not end.rang:
        return Outcome(state=CallState.FAILED, detail="the PBX took the call, and then said nothing more")
    return Outcome(state=CallState.NO_ANSWER, detail=f"rang for {end.seconds:.0f} s")


def _elsewhere(end: End) -> bool:
    return end.status in _ELSEWHERE and not end.rang


def _said(end: End) -> str:
    return f"{end.status} {clean(end.reason, 100)}".rstrip()
