"""The triage queue: everything that is open in the order in which it is worked on, filtered, a page of it at a time.

    open incidents -> what is owed next of each -> order -> filters (all in the address) -> a page

Pure but for the query's model. What stands under something else that is open is folded into that one's line.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.triage import Band, Owed, Ranked, in_order, owed
from monitor.storage.triage import Open, Standing
from monitor.web.tones import tone_of

PAGE = 50  # what somebody can look through; more is a page further
URGENT = 200
Text = Annotated[str, Field(max_length=200)]


class QueueQuery(BaseModel):
    """What of the queue is asked for; every field is part of the address."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    q: Text = ""
    cls: Annotated[str, Field(alias="class", max_length=200)] = ""
    partner: Text = ""
    who: Literal["", "nobody", "mine", "taken"] = ""
    owed: Literal["", "late", "soon", "triage"] = ""
    worst: Literal["", "yes"] = ""
    under: Text = ""
    page: Annotated[int, Field(ge=1, le=1000)] = 1

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        return self != QueueQuery(page=self.page)

    def path(self, base: str = "/noc/", **changes: object) -> str:
        """Return the address of this view, with changes."""
        values = {**self.model_dump(by_alias=True), "page": 1, **changes}
        said = {name: value for name, value in values.items() if value and (name, value) != ("page", 1)}
        return f"{base}?{urlencode(said)}" if said else base


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An incident's place in the queue: how it looks, what is owed, how many are folded into it."""

    incident: Incident
    tone: str
    urgent: bool
    owed: Owed
    folded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The queue as it is asked for: one page of places, and the figures over all that is open."""

    places: tuple[Place, ...]
    fitting: int
    total: int
    folded: int
    pages: int
    more: bool
    tallies: Mapping[str, int]
    classes: tuple[str, ...]
    newest_urgent: tuple[str, ...]


def queue(
    found: Open,
    inventory: Inventory,
    policies: Mapping[str, Policy],
    query: QueueQuery,
    now: datetime,
    me: str = "",
) -> Queue:
    """Put what is open in order and cut out what is asked for."""
    places = _places(found.standing, policies, now)
    ids = {place.incident.id for place in places}
    folds = Counter(
        over for place in places if (over := _over(place.incident, ids)) and not place.incident.is_global
    )
    top = [each for each in places if each.incident.is_global or _over(each.incident, ids) is None]
    shown = top
    if query.under:
        shown = [each for each in places if _over(each.incident, ids) == query.under]
    elif query.q or query.who in ("mine", "taken"):
        shown = list(places)  # who looks for something finds it, folded or not
    fitting = [each for each in shown if _fits(each, inventory, query, me)]
    pages = max(1, -(-len(fitting) // PAGE))
    first = (min(query.page, pages) - 1) * PAGE
    return Queue(
        places=tuple(_folding(each, folds) for each in fitting[first : first + PAGE]),
        fitting=len(fitting),
        total=len(places),
        folded=len(places) - len(top),
        pages=pages,
        more=found.more,
        tallies=_tallies(top),
        classes=tuple(sorted({place.incident.cls for place in places if place.incident.cls})),
        newest_urgent=tuple(each.incident.id for each in top if each.urgent and _is_new(each))[:URGENT],
    )


def all_fitting(found: Open, inventory: Inventory, policies: Mapping[str, Policy], query: QueueQuery, now: datetime, me: str = "") -> tuple[Place, ...]:  # fmt: skip
    """Return everything that fits, folded or not, in order: for whoever takes it along as a file."""
    places = _places(found.standing, policies, now)
    ids = {place.incident.id for place in places}
    return tuple(
        each
        for each in places
        if _fits(each, inventory, query, me) and (not query.under or _over(each.incident, ids) == query.under)
    )


def _places(standing: Iterable[Standing], policies: Mapping[str, Policy], now: datetime) -> tuple[Place, ...]:
    looks = {}
    ranked = []
    for each in standing:
        key = (each.incident.cls, each.incident.policy)
        if key not in looks:
            looks[key] = tone_of(each.incident.cls, policies.get(each.incident.policy or ""))
        ranked.append(
            Ranked(
                incident=each.incident,
                urgency=looks[key][1],
                owed=owed(each.incident, each.promises, now),
            )
        )
    return tuple(
        Place(
            incident=each.incident,
            tone=looks[each.incident.cls, each.incident.policy][0],
            urgent=looks[each.incident.cls, each.incident.policy][0] == "critical",
            owed=each.owed,
        )
        for each in in_order(ranked)
    )


def _over(incident: Incident, ids: set[str]) -> str | None:
    """Return the open incident that this one stands under, if there is one."""
    return next((each for each in (incident.held_by, incident.parent) if each in ids), None)


def _folding(place: Place, folds: Mapping[str, int]) -> Place:
    many = folds.get(place.incident.id, 0)
    if not many:
        return place
    return Place(incident=place.incident, tone=place.tone, urgent=place.urgent, owed=place.owed, folded=many)


def _fits(place: Place, inventory: Inventory, query: QueueQuery, me: str) -> bool:
    incident = place.incident
    return (
        (not query.cls or incident.cls == query.cls)
        and (not query.partner or incident.partner == query.partner)
        and (not query.worst or place.urgent)
        and _owes(place, query.owed)
        and _is_whose(incident, query.who, me)
        and (not query.q or query.q.casefold() in _text(incident, inventory))
    )


def _owes(place: Place, wanted: str) -> bool:
    if wanted == "triage":
        return place.incident.needs_triage and place.incident.status is Status.OPEN
    return not wanted or place.owed.band == wanted


def _is_whose(incident: Incident, wanted: str, me: str) -> bool:
    match wanted:
        case "nobody":
            return incident.status is Status.OPEN
        case "taken":
            return incident.status is Status.ACKNOWLEDGED
        case "mine":
            return bool(me) and incident.status is Status.ACKNOWLEDGED and incident.owner == me
        case _:
            return True


def _text(incident: Incident, inventory: Inventory) -> str:
    system = inventory.systems.get(incident.system or "")
    partner = inventory.partners.get(incident.partner or "")
    said = (
        incident.id,
        incident.title,
        incident.summary,
        incident.system,
        system.name if system else None,
        incident.partner,
        partner.name if partner else None,
        incident.owner,
    )
    return " ".join(filter(None, said)).casefold()


def _tallies(places: Iterable[Place]) -> Mapping[str, int]:
    places = tuple(places)
    return {
        "worst": sum(each.urgent for each in places),
        "nobody": sum(each.incident.status is Status.OPEN for each in places),
        "late": sum(each.owed.band is Band.LATE for each in places),
        "soon": sum(each.owed.band is Band.SOON for each in places),
        "triage": sum(_owes(each, "triage") for each in places),
    }


def _is_new(place: Place) -> bool:
    return place.incident.status is Status.OPEN
