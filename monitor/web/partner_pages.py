"""The partners browser: everybody we serve or who is served through somebody, searched and filtered; one of them in full."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated

from aiohttp import web
from pydantic import Field

from monitor.domain.inventory import Inventory, Partner
from monitor.domain.reaching import who_may_be_called
from monitor.domain.standing import licences_of, told
from monitor.errors import NotFoundError
from monitor.storage import console, lists
from monitor.web import csv_files
from monitor.web.api_inputs import In, Word
from monitor.web.console import partner_chain
from monitor.web.contracts import local_day
from monitor.web.list_pages import query_of
from monitor.web.parts import PARTS
from monitor.web.render import page

PAGE = 100
SHOWN = 20
COUNTS = web.AppKey("console_partner_counts", dict[str, tuple[Inventory, Counter[str]]])
COLUMNS = (
    "id",
    "name",
    "policy",
    "tier",
    "country",
    "language",
    "plan",
    "assigned_to",
    "contacts",
    "systems",
)


class PartnerQuery(In):
    """Filters of partners; ``q`` is any of their words or their people's."""

    q: Annotated[str, Field(max_length=200)] = ""
    policy: Word | None = None
    country: Word | None = None
    tier: Word | None = None
    plan: Word | None = None
    assigned_to: Word | None = None
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


def systems_by_partner(app: web.Application, inventory: Inventory) -> Counter[str]:
    """Return how many systems each partner has; counted once for each inventory."""
    known = app[COUNTS].get("now")
    if known is None or known[0] is not inventory:
        counted = Counter(system.partner for system in inventory.systems.values())
        known = app[COUNTS]["now"] = (inventory, counted)
    return known[1]


def fitting(inventory: Inventory, query: PartnerQuery) -> list[Partner]:
    """Return the partners that fit, by name."""
    wanted = query.q.strip().casefold()
    equal = query.model_dump(exclude_none=True, exclude={"q", "page"})
    found = [
        partner
        for partner in inventory.partners.values()
        if all(getattr(partner, name) == value for name, value in equal.items())
        and (not wanted or wanted in _words(partner))
    ]
    return sorted(found, key=lambda partner: (partner.name.casefold(), partner.id))


async def partners(request: web.Request) -> web.Response:
    """List partners."""
    inventory, query = request.app[PARTS].inventory(), query_of(request, PartnerQuery)
    found = fitting(inventory, query)
    first = (query.page - 1) * PAGE
    everybody = inventory.partners.values()
    return page(
        request,
        "partners.html",
        partners=found[first : first + PAGE],
        names={one.id: one.name for one in everybody},
        systems=systems_by_partner(request.app, inventory),
        choices={
            name: sorted({value for one in everybody if (value := getattr(one, name))})
            for name in ("policy", "country", "tier", "plan")
        },
        first=first,
        count=len(found),
        query=query,
        page_size=PAGE,
        turn=lambda number: str(request.rel_url.update_query(page=str(number))),
    )


async def partners_csv(request: web.Request) -> web.StreamResponse:
    """Give the partners that fit as a file."""
    inventory, query = request.app[PARTS].inventory(), query_of(request, PartnerQuery)
    systems = systems_by_partner(request.app, inventory)

    def row(partner: Partner) -> list[object]:
        figures = {"contacts": len(partner.contacts), "systems": systems[partner.id]}
        return [figures.get(name, getattr(partner, name, None)) for name in COLUMNS]

    part = csv_files.slices(fitting(inventory, query), row)
    return await csv_files.stream(request, "partners", COLUMNS, part)


async def partner(request: web.Request) -> web.Response:
    """Show one partner: people and who may be called now, whom it serves, systems, licences, incidents."""
    parts = request.app[PARTS]
    inventory, now = parts.inventory(), parts.clock()
    found = inventory.partners.get(request.match_info["id"])
    if found is None:
        raise NotFoundError("There is no such partner.")
    policy = parts.policies()[found.policy]
    mine = [system for system in inventory.systems.values() if system.partner == found.id]
    wanted = lists.Wanted(equal={"partner": found.id}, limit=SHOWN)
    day = local_day(parts, found)
    return page(
        request,
        "partner.html",
        partner=found,
        policy=policy,
        chain=partner_chain(inventory, found.id),
        served=[one for one in inventory.partners.values() if one.assigned_to == found.id][:SHOWN],
        people=who_may_be_called(policy, found, found.language or policy.language, now),
        systems=sorted(mine, key=lambda system: system.serial)[:SHOWN],
        systems_count=len(mine),
        licences=[(one, told(one, day)) for one in licences_of(inventory, partner=found.id)],
        incidents=(await parts.store.read(console.list_incidents, wanted)).items,
    )


def _words(partner: Partner) -> str:
    people = (word for one in partner.contacts for word in (one.name, one.email, one.phone, one.id))
    return " ".join(filter(None, (partner.id, partner.name, *people))).casefold()


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", "/noc/partners"): partners,
    ("GET", "/noc/partners.csv"): partners_csv,
    ("GET", "/noc/partners/{id}"): partner,
}
