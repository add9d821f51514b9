"""One group of crashes: its page, which version fixed it, its dumps; the same as an API.

/noc/crashes/{group} -> stack, why it is one group, versions, systems, partners, trend, reports
              /fixed, /reopen     a person says that a version fixed it, or takes that back
              /dumps/{report}     the raw memory, for the lead role, on the record
"""

import asyncio
import zlib
from dataclasses import dataclass
from urllib.parse import quote

import pydantic
from aiohttp import web

from monitor.domain.crash_fixes import Fix
from monitor.domain.crashes import CrashReport
from monitor.domain.inventory import Inventory
from monitor.errors import NotFoundError
from monitor.storage import crash_fixes, crash_groups, crash_losses, lists
from monitor.storage.crash_groups import DAYS, GroupLine, Share, Spread
from monitor.storage.dumps import KeptDump
from monitor.web import crash_models as m
from monitor.web.actions import our_form
from monitor.web.api import listing, of
from monitor.web.api_models import Listing
from monitor.web.auth import PRINCIPAL, audit
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import Handler
from monitor.web.render import go, page

_REPORTS = 25
_BAR, _GAP, _HEIGHT = 8, 2, 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day of the trend, as it is drawn."""

    x: int
    y: int
    height: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerShare:
    """A partner's part of a group."""

    id: str
    name: str
    systems: int
    reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Everything a group's page shows, read in one go."""

    group: GroupLine
    spread: Spread
    fixes: tuple[Fix, ...]
    standing: Fix | None
    last: CrashReport | None
    reports: lists.Page[lists.CrashLine]
    dumps: frozenset[str]


async def _read(parts: Parts, group: str) -> _Read:
    read, now = parts.store.read, parts.clock()
    known = await read(crash_groups.find_group, group)
    if known is None:
        raise NotFoundError("There is no such group of crashes.")
    found = await read(lists.list_crash_reports, lists.Wanted(equal={"group": group}, limit=_REPORTS))
    return _Read(
        group=known,
        spread=await read(crash_groups.spread, group, now),
        fixes=tuple(await read(crash_fixes.history, group)),
        standing=(await read(crash_fixes.in_force, [group])).get(group),
        last=await read(crash_groups.last_report, group),
        reports=found,
        dumps=await read(crash_groups.with_dumps, [each.id for each in found.items]),
    )


async def group_page(request: web.Request) -> web.Response:
    """Show a group of crashes."""
    return await _page(request, request.match_info["group"])


async def _page(
    request: web.Request, group: str, *, status: int = 200, error: str | None = None, typed: str = ""
) -> web.Response:
    parts = request.app[PARTS]
    inventory = parts.inventory()
    found = await _read(parts, group)
    return page(
        request,
        "crash.html",
        status=status,
        error=error,
        typed=typed,
        found=found,
        inventory=inventory,
        partners=_partners(found.spread.systems, inventory),
        bars=_bars(found.spread),
        days=DAYS,
        width=DAYS * (_BAR + _GAP),
        height=_HEIGHT,
        bar=_BAR,
        busiest=max(found.spread.days.values(), default=0),
    )


def _partners(systems: tuple[Share, ...], inventory: Inventory) -> list[PartnerShare]:
    """Return whose systems crashed so, the most struck first."""
    counted: dict[str, tuple[int, int]] = {}
    for share in systems:
        system = inventory.systems.get(share.name)
        if system is not None:
            struck, reports = counted.get(system.partner, (0, 0))
            counted[system.partner] = struck + 1, reports + share.reports
    partners = [
        PartnerShare(id=id_, name=known.name if known else id_, systems=struck, reports=reports)
        for id_, (struck, reports) in counted.items()
        for known in (inventory.partners.get(id_),)
    ]
    return sorted(partners, key=lambda each: (-each.systems, each.name))


def _bars(spread: Spread) -> list[Bar]:
    """Return the days as bars, the oldest on the left; a day with a crash is never nothing."""
    busiest = max(spread.days.values(), default=0)
    bars: list[Bar] = []
    for days_ago in range(DAYS - 1, -1, -1):
        count = spread.days.get(days_ago, 0)
        height = max(2, round(count / busiest * _HEIGHT)) if count else 0
        when = "the last 24 hours" if days_ago == 0 else f"{days_ago} to {days_ago + 1} days ago"
        said = f"{when}: {count} report{'' if count == 1 else 's'}"
        x = (DAYS - 1 - days_ago) * (_BAR + _GAP)
        bars.append(Bar(x=x, y=_HEIGHT - height, height=height, said=said))
    return bars


async def say_fixed(parts: Parts, actor: str, group: str, said: m.FixedIn) -> None:
    """Put on record that a version fixed a group."""
    fix = Fix(group=group, version=said.version, said_by=actor, said_at=parts.clock(), note=said.note)
    await parts.store.write(crash_fixes.say, fix)
    await audit(parts, actor, "crash.fixed", group, version=said.version)


async def reopen(parts: Parts, actor: str, group: str) -> None:
    """Take back that a version fixed a group."""
    if await parts.store.write(crash_fixes.withdraw, group, parts.clock()):
        await audit(parts, actor, "crash.reopened", group)
    elif await parts.store.read(crash_groups.find_group, group) is None:
        raise NotFoundError("There is no such group of crashes.")


async def fixed_by_form(request: web.Request) -> web.Response:
    """Take an engineer's word that a version fixed a group."""
    form = await our_form(request)
    group = request.match_info["group"]
    given = {name: str(form.get(name, "")).strip() for name in ("version", "note")}
    try:
        said = m.FixedIn.model_validate(given)
    except pydantic.ValidationError:
        wrong = "Write the version that fixed it as its systems name it: it begins with a number, as 5.03."
        return await _page(request, group, status=422, error=wrong, typed=given["version"][:200])
    await say_fixed(request.app[PARTS], request[PRINCIPAL].name, group, said)
    return go(_path(group), "crash_fixed")


async def reopen_by_form(request: web.Request) -> web.Response:
    """Take back that a version fixed a group."""
    await our_form(request)
    group = request.match_info["group"]
    await reopen(request.app[PARTS], request[PRINCIPAL].name, group)
    return go(_path(group), "crash_reopened")


def _path(group: str) -> str:
    return f"/noc/crashes/{quote(group, safe=':')}"


async def raw_dump(request: web.Request) -> web.Response:
    """Give the memory of a crashed program as it was sent, to be saved; who took it is on the record."""
    parts = request.app[PARTS]
    group, report = request.match_info["group"], request.match_info["report"]
    dump = await parts.store.read(crash_groups.dump_of, group, report)
    if dump is None:
        raise NotFoundError("There is no such thing.")
    content = await asyncio.to_thread(_as_sent, dump)
    await audit(parts, request[PRINCIPAL].name, "crash.dump", report, group=group, digest=dump.digest)
    name = f"{report}{'' if dump.coding == 'zlib' else '.packed'}.dmp"
    return web.Response(
        body=content,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _as_sent(dump: KeptDump) -> bytes:
    content = dump.content or b""
    return zlib.decompress(content) if dump.coding == "zlib" else content


def add_crash_groups(api: Api) -> None:
    """Declare what can be read of groups of crashes, and said of them."""

    @api.route("GET", "/api/v1/crash-groups")
    async def list_crash_groups(request: web.Request, params: m.GroupQuery) -> Listing[m.CrashGroup]:
        """List groups of crashes, the one that crashed last first; `after` is how many to pass over."""
        found = await of(request).store.read(crash_groups.list_groups, params.wanted())
        return listing(request, found, m.CrashGroup.model_validate)

    @api.route("GET", "/api/v1/crash-groups/{group}", errors=(404,))
    async def crash_group(request: web.Request, params: m.ByGroup) -> m.CrashGroupFile:
        """Return a group: why it is one, its versions and systems of 30 days, which version fixed it."""
        return await _file(of(request), params.group)

    @api.route("POST", "/api/v1/crash-groups/{group}/fixed", errors=(404,))
    async def crash_group_fixed(request: web.Request, params: m.ByGroup, body: m.FixedIn) -> m.CrashGroupFile:
        """Say which version fixed a group: older ones are counted quietly, and from it on it is a regression."""
        await say_fixed(of(request), request[PRINCIPAL].name, params.group, body)
        return await _file(of(request), params.group)

    @api.route("DELETE", "/api/v1/crash-groups/{group}/fixed", errors=(404,))
    async def crash_group_reopened(request: web.Request, params: m.ByGroup) -> m.CrashGroupFile:
        """Take back that a version fixed a group."""
        await reopen(of(request), request[PRINCIPAL].name, params.group)
        return await _file(of(request), params.group)

    @api.route("GET", "/api/v1/crash-losses")
    async def list_losses(request: web.Request, params: m.LossQuery) -> Listing[m.CrashLoss]:
        """List what clients say they threw away before it reached us, by their DSN and reason."""
        found = await of(request).store.read(crash_losses.list_losses, params.wanted())
        return listing(request, found, m.CrashLoss.model_validate)


async def _file(parts: Parts, group: str) -> m.CrashGroupFile:
    found = await _read(parts, group)
    return m.CrashGroupFile.model_validate(
        {
            **{name: getattr(found.group, name) for name in m.CrashGroup.model_fields},
            "versions": found.spread.versions,
            "systems": found.spread.systems,
            "unmapped": found.spread.unmapped,
            "quiet": found.spread.quiet,
            "fixed": found.standing,
        }
    )


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/crashes/{group}"): group_page,
    ("POST", "/noc/crashes/{group}/fixed"): fixed_by_form,
    ("POST", "/noc/crashes/{group}/reopen"): reopen_by_form,
    ("GET", "/noc/crashes/{group}/dumps/{report}"): raw_dump,
}
