"""What was decided at the time beside what another policy decides of the same: in what the two differ for people.

Both are in the contract's form (JSON), as the record keeps decisions and judgements, so that what an older edition,
or an older version of the program, decided can be compared with what is decided now. Reasons are not compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that would be decided otherwise: ``what``, as it was and as it would be."""

    what: str
    was: object
    would_be: object


def _clocks(of: Said) -> list[str]:
    """Return the other clocks than the response, which has names of its own."""
    return [
        f"{c.get('clock')} by {c.get('due')}" + (f", at the latest {c['limit']}" if c.get("limit") else "")
        for c in of.get("clocks", ())
        if c.get("clock") != "response"
    ]


DECIDED: Mapping[str, Callable[[Said], object]] = {
    "class": lambda of: of.get("class"),
    "clause": lambda of: of.get("clause"),
    "rule": lambda of: of.get("rule"),
    "respond_by": lambda of: of.get("respond_by"),
    "limit": lambda of: of.get("limit"),
    "clocks": _clocks,
    "contact": lambda of: [f"{c.get('channel')} to {c.get('partner')}" for c in of.get("contact", ())],
    "needs_triage": lambda of: of.get("needs_triage"),
}
"""What is compared of a finding's decision."""

JUDGED: Mapping[str, Callable[[Said], object]] = {
    "class": lambda of: of.get("class"),
    "clause": lambda of: of.get("clause"),
    "accepted": lambda of: of.get("accepted"),
    "missing": lambda of: list(of.get("missing", ())),
    "channel_allowed": lambda of: of.get("channel_allowed"),
    "duties": lambda of: [f"{d.get('duty')} by {d.get('due')}" for d in of.get("duties", ())],
    "charge": lambda of: of.get("charge", {}).get("incidents"),
    "deadlines": lambda of: list(of.get("deadlines", ())),
    "visibility": lambda of: of.get("visibility"),
    "forward_to": lambda of: list(of.get("forward_to", ())),
}
"""What is compared of a request's judgement."""

LATER = frozenset({"clocks", "deadlines"})
"""What is not said of everything on record."""

CITED = frozenset({"clause", "rule"})
"""What only people who look it up notice."""


def changes(was: Said, would_be: Said, of: Mapping[str, Callable[[Said], object]]) -> tuple[Change, ...]:
    """Return everything in which two decisions differ; what the older one did not say is not held against it."""
    found = []
    for what, tell in of.items():
        if what in LATER and what not in was:
            continue
        before, after = tell(was), tell(would_be)
        if before != after:
            found.append(Change(what=what, was=before, would_be=after))
    return tuple(found)
