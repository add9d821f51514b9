"""``twilio``: phones through any provider that speaks Twilio's REST interface and TwiML.

    place   POST Calls.json; our attempt id is in the addresses the provider will call back
    lookup  GET Calls/{sid}.json, or the calls to the number since the attempt began

Without ``callback_base`` the text is sent along and read out twice, but nobody can press a key, so such
a call never proves a contact. The create call has no idempotency key: a lost answer is looked up.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from alerts import twiml
from alerts.base import CallEvent, CallScript, CallState
from alerts.cleaning import clean
from alerts.outcomes import Patience, Request, basic, find, send, unreadable
from monitor.errors import DeliveryError

EVENTS = ("initiated", "ringing", "answered", "completed")

KEY_SEQUENCE = 1_000
"""The place of a pressed key: behind everything the provider numbers, so that "completed" cannot cover it."""

STATES: Mapping[str, CallState] = {
    "queued": CallState.QUEUED,
    "initiated": CallState.QUEUED,
    "ringing": CallState.RINGING,
    "in-progress": CallState.ANSWERED,
    "answered": CallState.ANSWERED,
    "completed": CallState.COMPLETED,
    "busy": CallState.BUSY,
    "no-answer": CallState.NO_ANSWER,
    "failed": CallState.FAILED,
    "canceled": CallState.FAILED,
}
"""What the provider says, in our words. "completed" is not a contact: nobody may have listened."""

SIP_STATES: Mapping[str, CallState] = {
    "480": CallState.NO_ANSWER,
    "486": CallState.BUSY,
    "600": CallState.BUSY,
    "603": CallState.REFUSED,
}
"""What a carrier's answer tells where the provider only says "failed" or "busy"."""

_SEQUENCES = {CallState.QUEUED: 0, CallState.RINGING: 1, CallState.ANSWERED: 2}
_FINAL_SEQUENCE = 3
_SHORTEST_RING, _LONGEST_RING = 5, 600
_LONGEST_CALL_SECONDS = 300
_PAGE = 100
_SID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_NOT_US = frozenset({401, 403})
"""Statuses that speak of our account and not of a call."""

_CLOCKS_APART = timedelta(seconds=30)
"""How far the provider's clock may be behind ours when calls are matched by time."""


def call_state(status: str, sip_code: str | None = None) -> CallState | None:
    """Translate a provider's status; None for one we do not know."""
    state = STATES.get(status)
    if state in {CallState.FAILED, CallState.BUSY} and sip_code:
        return SIP_STATES.get(sip_code, state)
    return state


def sequence(state: CallState) -> int:
    """Return where a state stands in a call's life, for providers that do not number their events."""
    return _SEQUENCES.get(state, _FINAL_SEQUENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account with a provider. ``previous_token`` is still believed on callbacks while it is replaced."""

    base_url: str
    account_sid: str
    auth_token: str
    number: str
    previous_token: str | None = None
    shared_keys: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        """Show whose it is, and no secret."""
        return f"Account({self.account_sid!r} at {self.base_url!r})"


class TwilioPhone:
    """Places calls with one provider; its callbacks arrive at ``monitor/intake/calls.py``."""

    def __init__(
        self,
        account: Account,
        *,
        callback_base: str | None = None,
        voices: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        name: str = "twilio",
    ) -> None:
        """Keep the account; ``callback_base`` is our public address, ``voices`` the provider's by language."""
        self._account = account
        self._callback_base = callback_base.rstrip("/") if callback_base else None
        self._voices = dict(voices or {})
        self._patience = patience or Patience()
        self._name = name
        self._root = (
            f"{account.base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account.account_sid, safe='')}"
        )
        tokens = tuple(filter(None, (account.auth_token, account.previous_token)))
        self._secrets = twiml.Secrets(tokens=tokens, shared_keys=account.shared_keys or {})

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def place(self, call: CallScript) -> str:
        """Place the call and return the provider's id."""
        answer = await send(
            self._request("POST", "/Calls.json", form=self._form(call)), patience=self._patience
        )
        sid = answer.document().get("sid")
        if not isinstance(sid, str) or not sid:
            raise unreadable(answer, "names no call")
        return sid

    async def lookup(self, call: CallScript, *, since: datetime, provider_id: str | None) -> CallEvent | None:
        """Ask what became of the attempt; DeliveryError(ambiguous=True) if several calls could be it."""
        found = await self._by_id(provider_id) if provider_id else await self._by_number(call, since)
        return None if found is None else _event(call.attempt, found)

    async def hang_up(
        self,
        call: CallScript,  # noqa: ARG002 - the provider knows it by its own id
        *,
        provider_id: str | None,
    ) -> None:
        """End the call, if it still goes on; the provider's status callback tells of its end as ever."""
        if provider_id is None:  # its placing is in doubt: it is looked up, and not ended by a guess
            return
        if not _SID.fullmatch(provider_id):
            raise DeliveryError(f"{provider_id!r} is no call's id", permanent=True)
        over = self._request("POST", f"/Calls/{provider_id}.json", form=[("Status", "completed")])
        over = replace(over, refusals=_NOT_US)
        try:
            await find(over, patience=self._patience)
        except DeliveryError as error:
            if not error.permanent or error.refused:  # otherwise there is nothing to end any more
                raise

    def verify(self, url: str, params: twiml.Params, headers: Mapping[str, str]) -> bool:
        """Say whether a callback to ``url`` carries this account's signature."""
        return twiml.verify(url, params, headers, self._secrets)

    def _form(self, call: CallScript) -> list[tuple[str, str]]:
        ring = min(max(call.ring_seconds, _SHORTEST_RING), _LONGEST_RING)
        common = [
            ("To", call.to),
            ("From", self._account.number),
            ("Timeout", str(ring)),
            ("TimeLimit", str(_LONGEST_CALL_SECONDS)),
        ]
        return [*common, *(self._told(call) if self._callback_base else self._recited(call))]

    def _told(self, call: CallScript) -> list[tuple[str, str]]:
        """Have the provider ask us what to say and tell us what happens, under the attempt's own address."""
        base = f"{self._callback_base}/calls/twilio/{quote(call.attempt, safe='')}"
        return [
            ("Url", f"{base}/say?language={quote(call.language, safe='')}"),
            ("Method", "POST"),
            ("StatusCallback", f"{base}/status"),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in EVENTS),
        ]

    def _recited(self, call: CallScript) -> list[tuple[str, str]]:
        return [("Twiml", twiml.recite(call, voices=self._voices))]

    async def _by_id(self, sid: str) -> dict[str, Any] | None:
        if not _SID.fullmatch(sid):
            raise DeliveryError(f"{sid!r} is no call's id", permanent=True)
        return await self._asked(f"/Calls/{sid}.json", ())

    async def _by_number(self, call: CallScript, since: datetime) -> dict[str, Any] | None:
        """Find the one call between the two numbers since the attempt began.

        The provider's own StartTime filter is not used: a call that still waits in its queue has no start
        time yet, would not be listed, and would be placed a second time.
        """
        query = (("To", call.to), ("From", self._account.number), ("PageSize", str(_PAGE)))
        page = await self._asked("/Calls.json", query)
        calls = (page or {}).get("calls")
        if not isinstance(calls, list):
            raise DeliveryError("the provider's list of calls cannot be read")
        unclaimed = [each for each in calls if isinstance(each, dict) and each.get("sid") not in call.others]
        return _only(unclaimed, call.to, since - _CLOCKS_APART)

    async def _asked(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        """GET a document; None where the provider says there is none."""
        answer = await find(self._request("GET", path, query=query), patience=self._patience)
        return None if answer is None else answer.document()

    def _request(
        self,
        method: str,
        path: str,
        *,
        form: Sequence[tuple[str, str]] | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> Request:
        return Request(
            method=method,
            url=self._root + path,
            headers=basic(self._account.account_sid, self._account.auth_token),
            query=query,
            form=form,
            safe=method == "GET",
        )


def _only(calls: Sequence[dict[str, Any]], to: str, begin: datetime) -> dict[str, Any] | None:
    """Return the one call of the window; several cannot be told apart, and a person must look."""
    matches = [call for call in calls if call.get("to") == to and _since(call, begin)]
    if len(matches) > 1:
        sids = ", ".join(clean(str(call.get("sid")), 40) for call in matches[:5])
        raise DeliveryError(f"{len(matches)} calls to {to} could be this attempt: {sids}", ambiguous=True)
    return matches[0] if matches else None


def _since(call: Mapping[str, Any], begin: datetime) -> bool:
    """Say whether a call was created in the window; one without a readable date may well have been."""
    created = _instant(str(call.get("date_created")))
    return created is None or created >= begin


def _instant(text: str) -> datetime | None:
    """Read a date as the original writes it (RFC 2822), or as its imitators do (ISO 8601)."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        with suppress(ValueError):
            instant = read(text)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return None


def _event(attempt: str, call: Mapping[str, Any]) -> CallEvent:
    status = str(call.get("status"))
    state = call_state(status)
    if state is None:
        raise DeliveryError(f"the provider says {clean(status, 40)!r} of the call, which means nothing to us")
    return CallEvent(
        attempt=attempt,
        state=state,
        sequence=sequence(state),
        provider_id=str(call["sid"]) if call.get("sid") else None,
        detail=f"looked up: {clean(status, 40)}",
    )
