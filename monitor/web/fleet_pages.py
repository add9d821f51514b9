"""The fleet's pages: systems with search, one system, checks with what they say; a page at a time of 100,000.

inventory -> an index of words, made once for each inventory -> search       checks: the record's states, by page
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import pydantic
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.inventory import Inventory, System
from monitor.errors import NotFoundError
from monitor.storage import check_lists, console, lists
from monitor.storage.lists import CheckLine
from monitor.web import csv_files
from monitor.web.checks_now import OVERDUE_AFTER, CheckNow, check_now
from monitor.web.console import partner_chain
from monitor.web.contracts import contracts_of
from monitor.web.parts import PARTS, ConfiguredCheck, Parts
from monitor.web.problems import ProblemError
from monitor.web.render import page

PAGE = 100
OTHER_INCIDENTS = 20
FAR = 2000  # of what is overdue, or was never looked at, no more is gone through
STATES = ("down", "degraded", "unknown", "up")
Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
Text = Annotated[str, Field(max_length=200)]


class FleetQuery(BaseModel):
    """What of the fleet is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text = ""
    name: Text = ""
    state: Literal["", "down", "degraded", "unknown", "up"] = ""
    overdue: Literal["", "true", "false"] = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


@dataclass(frozen=True, slots=True)
class Index:
    """The systems of one inventory in order, each with the words it is found by."""

    of: Inventory
    systems: tuple[System, ...]
    words: tuple[str, ...]

    def search(self, wanted: str) -> Sequence[System]:
        """Return the systems that have this among their words."""
        if not wanted:
            return self.systems
        return [system for system, words in zip(self.systems, self.words, strict=True) if wanted in words]


INDEX = web.AppKey("console_index", dict[str, Index])


def index_of(app: web.Application, inventory: Inventory) -> Index:
    """Return the index of the inventory in force; it is made again when that was reloaded."""
    kept = app[INDEX]
    known = kept.get("fleet")
    if known is None or known.of is not inventory:
        systems = tuple(sorted(inventory.systems.values(), key=lambda system: system.serial))
        known = kept["fleet"] = Index(inventory, systems, tuple(_words(one, inventory) for one in systems))
    return known


def _words(system: System, inventory: Inventory) -> str:
    partner = inventory.partners.get(system.partner)
    said = (system.serial, system.name, system.host, system.partner, partner.name if partner else None)
    return " ".join(filter(None, said)).casefold()


def _asked(request: web.Request) -> FleetQuery:
    try:
        return FleetQuery.model_validate({name: value for name, value in request.query.items() if value})
    except pydantic.ValidationError:
        raise ProblemError(422, "This list has no such filter.") from None


def _turn(request: web.Request) -> Callable[[int], str]:
    return lambda number: str(request.rel_url.update_query(page=str(number)))


async def systems(request: web.Request) -> web.Response:
    """List the systems, searched by any of their words."""
    inventory, query = request.app[PARTS].inventory(), _asked(request)
    found = index_of(request.app, inventory).search(query.q.strip().casefold())
    first = (query.page - 1) * PAGE
    return page(
        request,
        "systems.html",
        systems=found[first : first + PAGE],
        first=first,
        count=len(found),
        partners=inventory.partners,
        q=query.q,
        query=query,
        page_size=PAGE,
        turn=_turn(request),
    )


async def systems_csv(request: web.Request) -> web.StreamResponse:
    """Give the systems that fit as a file."""
    inventory, query = request.app[PARTS].inventory(), _asked(request)
    found = index_of(request.app, inventory).search(query.q.strip().casefold())
    columns = ("serial", "name", "partner", "country", "version", "cloud", "carrier", "region", "host")
    part = csv_files.slices(found, lambda system: [getattr(system, name) for name in columns])
    return await csv_files.stream(request, "systems", columns, part)


async def system(request: web.Request) -> web.Response:
    """Show one system: what we know, its checks, its incidents and crashes."""
    parts = request.app[PARTS]
    inventory, read = parts.inventory(), parts.store.read
    found = inventory.systems.get(request.match_info["serial"])
    if found is None:
        raise NotFoundError("There is no such system.")
    of_system = lists.Wanted(equal={"system": found.serial}, limit=OTHER_INCIDENTS)
    mine = [each for each in parts.checks() if each.system == found.serial]
    states = await read(check_lists.named, [each.name for each in mine])
    return page(
        request,
        "system.html",
        system=found,
        chain=partner_chain(inventory, found.partner),
        contracts=contracts_of(parts, found),
        checks=_worst_first(mine, states, parts.clock()),
        incidents=(await read(console.list_incidents, of_system)).items,
        crashes=(await read(lists.list_crash_reports, of_system)).items,
    )


async def checks(request: web.Request) -> web.Response:
    """List the checks and what they say, the worst first."""
    parts, query = request.app[PARTS], _asked(request)
    known = {each.name: each for each in parts.checks()}
    counts = await parts.store.read(check_lists.counts)
    shown = await _shown(parts, query, known, counts)
    never = max(0, len(known) - sum(counts.values()))
    return page(
        request,
        "checks.html",
        checks=shown[:PAGE],
        counts={name: counts.get(name, 0) + (never if name == "unknown" else 0) for name in STATES},
        state=query.state,
        overdue=query.overdue == "true",
        total=len(known),
        query=query,
        more=len(shown) > PAGE,
        turn=_turn(request),
    )


async def checks_csv(request: web.Request) -> web.StreamResponse:
    """Give the checks that fit as a file, by name; their states are read a part at a time."""
    parts, query = request.app[PARTS], _asked(request)
    wanted = query.name.casefold()
    chosen = sorted((each for each in parts.checks() if wanted in each.name.casefold()), key=lambda c: c.name)
    columns = ("name", "type", "system", "target", "every", "state", "overdue", "since", "last_look", "next_look", "detail")  # fmt: skip

    async def part(after: int | None) -> tuple[list[list[object]], int | None]:
        first = after or 0
        some = chosen[first : first + csv_files.AT_ONCE]
        states = await parts.store.read(check_lists.named, [each.name for each in some])
        lines = [check_now(each, states.get(each.name), parts.clock()) for each in some]
        fits = [
            line
            for line in lines
            if query.state in ("", line.state) and (query.overdue != "true" or line.overdue)
        ]
        end = first + csv_files.AT_ONCE
        rows = [[getattr(line, name) for name in columns] for line in fits]
        return rows, end if end < len(chosen) else None

    return await csv_files.stream(request, "checks", columns, part)


async def _shown(
    parts: Parts, query: FleetQuery, known: Mapping[str, ConfiguredCheck], counts: Mapping[str, int]
) -> list[CheckNow]:
    """Return a page of what fits, and one more if there is more."""
    read, now, first = parts.store.read, parts.clock(), (query.page - 1) * PAGE
    if query.name:
        wanted = query.name.casefold()
        names = sorted(name for name in known if wanted in name.casefold())[first : first + PAGE + 1]
        return _worst_first([known[name] for name in names], await read(check_lists.named, names), now)
    if query.overdue == "true" or query.state == "unknown":
        found = await _doubtful(parts, known, counts, now)
        fits = [each for each in found if each.overdue or query.overdue != "true"]
        return fits[first : first + PAGE + 1]
    lines = await read(check_lists.listed, counts, verdict=query.state or None, offset=first, limit=PAGE + 1)
    return [check_now(known[line.check], line, now) for line in lines if line.check in known]


async def _doubtful(
    parts: Parts, known: Mapping[str, ConfiguredCheck], counts: Mapping[str, int], now: datetime
) -> list[CheckNow]:
    """Return what is not known: overdue, unknown at its last look, or never looked at."""
    read = parts.store.read
    if not known:
        return []
    quickest = min(each.every for each in known.values())
    late = await read(check_lists.not_looked_at, now - timedelta(seconds=OVERDUE_AFTER * quickest), limit=FAR)
    lines = {line.check: line for line in late}
    lines |= {
        line.check: line for line in await read(check_lists.listed, counts, verdict="unknown", limit=FAR)
    }
    seen = await read(check_lists.seen)
    never = sorted(name for name in known if name not in seen)[:FAR]
    chosen = [known[name] for name in (*lines, *never) if name in known]
    return [each for each in _worst_first(chosen, lines, now) if each.state == "unknown"]


def _worst_first(
    checks: Sequence[ConfiguredCheck], states: Mapping[str, CheckLine], now: datetime
) -> list[CheckNow]:
    found = [check_now(each, states.get(each.name), now) for each in checks]
    return sorted(found, key=lambda each: (STATES.index(each.state), each.name))


PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/systems"): systems,
    ("GET", "/noc/systems.csv"): systems_csv,
    ("GET", "/noc/systems/{serial}"): system,
    ("GET", "/noc/checks"): checks,
    ("GET", "/noc/checks.csv"): checks_csv,
}
