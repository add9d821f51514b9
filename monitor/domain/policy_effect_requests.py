"""What another edition of a policy would answer otherwise to requests, tried over a grid.

channels x classes x tickets x whole or empty forms x tiers x plans x calendars x hours -> judged by both -> counted
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from monitor.domain.policy import Policy
from monitor.domain.policy_grid import ASKS, Moment, World, calendar_in, worlds
from monitor.domain.request_rules import CHANNELS
from monitor.domain.requests import Judgement, Request, judge

TICKETS: tuple[tuple[str | None, str | None], ...] = ((None, None), ("1", "open"), ("1", "closed"))
EXAMPLES = 4
ASPECTS = ("accepted", "missing", "class", "duties", "charge", "visibility")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExample:
    """One request that two editions answer differently, and how many are like it."""

    request: Request
    world: World
    moment: Moment
    old: Judgement
    new: Judgement
    alike: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEffect:
    """How many requests were tried, how many are answered differently, and in what."""

    tried: int = 0
    differ: int = 0
    by_aspect: dict[str, int] = field(default_factory=dict[str, int])
    examples: tuple[RequestExample, ...] = ()


def request_effect(old: Policy, new: Policy, now: datetime) -> RequestEffect:
    """Judge everything by both and count what is answered differently."""
    tried = differ = 0
    by_aspect = dict.fromkeys(ASPECTS, 0)
    found: dict[tuple[object, ...], list[RequestExample]] = {}
    for world in worlds(old, new, now, component=False):
        for moment, request in itertools.product(_hours(old, new, world), _requests(old, new)):
            before, after = (judge(policy, request, world.inventory, moment.at) for policy in (old, new))
            tried += 1
            differing = judged_otherwise(before, after)
            if not differing:
                continue
            differ += 1
            for name in differing:
                by_aspect[name] += 1
            alike = found.setdefault((differing, request.channel), [])
            alike.append(
                RequestExample(request=request, world=world, moment=moment, old=before, new=after, alike=0)
            )
    return RequestEffect(
        tried=tried,
        differ=differ,
        by_aspect={name: count for name, count in by_aspect.items() if count},
        examples=_examples(found),
    )


def _hours(old: Policy, new: Policy, world: World) -> Iterator[Moment]:
    """Yield one moment for each pair of inside and outside: requests are judged by nothing else of the hour."""
    seen: set[tuple[bool, ...]] = set()
    for moment in world.moments:
        calendars = (calendar_in(policy, world.country) or policy.house_calendar() for policy in (old, new))
        hours = tuple(calendar.is_open(moment.at) for calendar in calendars)
        if hours not in seen:
            seen.add(hours)
            yield moment


def _requests(old: Policy, new: Policy) -> Iterator[Request]:
    names = sorted(old.requests.fields | new.requests.fields)
    forms: tuple[dict[str, object], ...] = (dict.fromkeys(names, "said"), {})
    classes = (None, *dict.fromkeys((*old.classes, *new.classes)))
    for channel, cls, (ticket, state), fields in itertools.product(CHANNELS, classes, TICKETS, forms):
        yield Request(
            channel=channel,
            partner=ASKS,
            priority=cls,
            existing_ticket=ticket,
            ticket_state=state,
            fields={**fields, "priority": cls or ""},
        )


def judged_otherwise(old: Judgement, new: Judgement) -> tuple[str, ...]:
    """Return in what two judgements differ for people; not in the clause that they cite."""
    found = {
        "accepted": (old.accepted, old.channel_allowed) != (new.accepted, new.channel_allowed),
        "missing": old.missing != new.missing,
        "class": (old.cls, old.needs_triage) != (new.cls, new.needs_triage),
        "duties": [(d.duty, d.due) for d in old.duties] != [(d.duty, d.due) for d in new.duties],
        "charge": old.charge.incidents != new.charge.incidents,
        "visibility": (old.visibility, old.forward_to) != (new.visibility, new.forward_to),
    }
    return tuple(name for name in ASPECTS if found[name])


def _examples(found: dict[tuple[object, ...], list[RequestExample]]) -> tuple[RequestExample, ...]:
    commonest = sorted(found.values(), key=len, reverse=True)[:EXAMPLES]
    return tuple(
        RequestExample(
            request=first.request,
            world=first.world,
            moment=first.moment,
            old=first.old,
            new=first.new,
            alike=len(alike),
        )
        for alike in commonest
        for first in alike[:1]
    )
