"""The portal's pages of a customer's own maintenance (mission E6) and of prepaid incidents (mission H5)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import pydantic
from aiohttp import web

from monitor.domain.contract_years import contract_of
from monitor.domain.ledger import Account, statements
from monitor.domain.people import may_announce
from monitor.errors import ConflictError
from monitor.storage import ledger, lists, requests, series
from monitor.storage.lists import Wanted
from monitor.web import announced_work, commands, recurring_work
from monitor.web.api_inputs import NewMaintenance, local_moment
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS
from monitor.web.portal_frame import Self, by_log_in, own_systems, portal_page, who_looks
from monitor.web.portal_input import Form, read_form
from monitor.web.problems import ProblemError
from monitor.web.render import go

SHOWN = 100
OPEN = frozenset({"scheduled", "in_progress"})


async def maintenance(request: web.Request) -> web.Response:
    """Show the work that you announced, and the form that announces more."""
    given = {"systems": request.query["system"][:200]} if "system" in request.query else {}
    return await _maintenance(request, who_looks(request), given, {}, tuple(given.values()))


async def _maintenance(
    request: web.Request,
    me: Self,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    chosen: tuple[str, ...] = (),
) -> web.Response:
    parts = request.app[PARTS]
    wanted = Wanted(equal={"partner": me.partner.id}, limit=SHOWN)
    found = await parts.store.read(lists.list_maintenance, wanted)
    return portal_page(
        request,
        "maintenance.html",
        status=422 if faults else 200,
        work=found.items,
        still=OPEN,
        systems=own_systems(parts, me),
        chosen=chosen,
        values=values,
        faults=faults,
        permission=by_log_in(me, may_announce(me.contact, me.policy)),
        notices=[
            (rule, span_of(rule.notice)) for rule in me.policy.requests.duties if rule.notice is not None
        ],
    )


def span_of(seconds: float) -> str:
    """Say a notice as agreements do: in hours."""
    hours = seconds / 3600
    return f"{hours:g} hours"


async def announce(request: web.Request) -> web.Response:
    """Announce your own work; a late notice is taken, and told as late."""
    me, form = who_looks(request), await read_form(request)
    faults: dict[str, str] = {}
    times = {name: _moment(form, me, name, faults) for name in ("starts_at", "ends_at")}
    if not form.all("systems"):
        faults["systems"] = "Choose at least one system."
    fields = {
        "title": form.get("title"),
        "body": form.get("body"),
        "zone": me.zone.key,
        "systems": list(form.all("systems")),
        "public": False,
        "major": form.get("major") == "yes",
        "repeat": _repeat(form, faults),
        **{name: at for name, at in times.items() if at is not None},
    }
    made = ""
    if not faults:
        try:
            given = NewMaintenance.model_validate(fields)
            made = await announced_work.announce(request.app[PARTS], me.viewer, given)
        except pydantic.ValidationError as error:
            faults.update(_faults(error))
        except ProblemError as error:
            faults.update(
                {each.pointer.split("/")[1]: each.detail for each in error.problem.errors}
                or {"form": error.problem.detail or error.problem.title}
            )
        except ConflictError as error:
            faults["form"] = str(error)
    if faults:
        return await _maintenance(request, me, form.values, faults, form.all("systems"))
    row = await request.app[PARTS].store.read(lists.find_maintenance, made)
    return go("/portal/maintenance", "announced_late" if row and row.late else "announced")


EVERY = {
    "day": "FREQ=DAILY",
    "week": "FREQ=WEEKLY",
    "2weeks": "FREQ=WEEKLY;INTERVAL=2",
    "month": "FREQ=MONTHLY",
}
"""How work may come again, as the form offers it; any other rule is for the API."""


def _repeat(form: Form, faults: dict[str, str]) -> dict[str, str] | None:
    """Return how it comes again, up to a day if the form names one."""
    every, until = form.get("every"), form.get("repeat_until")
    if not every:
        return None
    if every not in EVERY:
        faults["repeat"] = "Choose one of these."
        return None
    return {"rule": EVERY[every] + (f";UNTIL={until.replace('-', '')}" if until else "")}


def _moment(form: Form, me: Self, name: str, faults: dict[str, str]) -> datetime | None:
    """Read a time of the form, on the clock of whoever fills it in."""
    text = form.get(name)
    if not text:
        faults[name] = "Say when."
        return None
    try:
        return local_moment(text, me.zone.key)
    except ValueError as error:
        faults[name] = str(error)
        return None


def _faults(error: pydantic.ValidationError) -> dict[str, str]:
    found = error.errors(include_url=False, include_input=False)
    return {
        str(each["loc"][0]) if each["loc"] else "form": each["msg"].removeprefix("Value error, ")
        for each in found
    }


async def cancel(request: web.Request) -> web.Response:
    """Call your own work off."""
    me, parts = who_looks(request), request.app[PARTS]
    found = await parts.store.read(lists.find_maintenance, request.match_info["id"])
    if found is None or found.partner != me.partner.id:
        raise nothing_there()
    await read_form(request)
    announced_work.may_announce(parts, me.viewer)
    await commands.cancel_maintenance(parts, me.viewer.name, found.id)
    return go("/portal/maintenance", "called_off")


async def cancel_series(request: web.Request) -> web.Response:
    """Call your own work that comes again off."""
    me, parts = who_looks(request), request.app[PARTS]
    kept = await parts.store.read(series.get, request.match_info["id"])
    if kept.series.partner != me.partner.id:
        raise nothing_there()
    await read_form(request)
    announced_work.may_announce(parts, me.viewer)
    await recurring_work.cancel(parts, me.viewer.name, kept)
    return go("/portal/maintenance", "called_off")


async def statement(request: web.Request) -> web.Response:
    """Show the prepaid incidents: a statement for each contract year, the newest first."""
    me, parts = who_looks(request), request.app[PARTS]
    prepaid = me.policy.requests.prepaid
    if prepaid is None:
        raise nothing_there()
    entries = await parts.store.read(ledger.of_partner, me.partner.id)
    named = dict.fromkeys(entry.request for entry in entries if entry.request)
    mine = {id_: await parts.store.read(requests.find, me.viewer, id_) for id_ in named}
    years = statements(me.partner.id, entries, contract_of(me.partner, me.policy), parts.clock())
    return portal_page(
        request,
        "ledger.html",
        years=tuple(reversed(years)),
        balance=years[-1].closing,
        account=Account.BALANCE,
        requests={id_: case.reference for id_, case in mine.items() if case},
        prepaid=prepaid,
    )


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/portal/maintenance"): maintenance,
    ("POST", "/portal/maintenance"): announce,
    ("POST", "/portal/maintenance/{id}/cancel"): cancel,
    ("POST", "/portal/maintenance-series/{id}/cancel"): cancel_series,
    ("GET", "/portal/ledger"): statement,
}
