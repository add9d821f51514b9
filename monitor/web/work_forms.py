"""The console's form of planned work: filled in, previewed live or by its button, kept; and what is done to a work after.

POST /noc/maintenance/preview     the impact as a part of the page, while somebody types
POST /noc/maintenance/systems.csv the systems that it covers
POST /noc/maintenance             preview=yes: the impact and every text as a page; else it is kept
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pydantic
from aiohttp import web

from monitor.domain.inventory import System
from monitor.domain.work_reach import covered
from monitor.errors import ConflictError, NotFoundError, RefusedError
from monitor.storage import series
from monitor.web import actions, announced_work, auth, commands, csv_files, previews, recurring_work
from monitor.web import api_inputs as i
from monitor.web.parts import PARTS
from monitor.web.problems import ProblemError
from monitor.web.render import go, page, rendered
from monitor.web.work_impact import SHOWN_PEOPLE, impact_of
from monitor.web.work_plans import foresee

WRONG = (pydantic.ValidationError, ProblemError, ConflictError, NotFoundError, RefusedError)
UNTITLED = "Untitled"
"""What a work is called in a preview while its title is not written."""
COLUMNS = ("serial", "name", "partner", "country", "region", "cloud", "component")


async def maintenance_form(request: web.Request) -> web.Response:
    """Show the form that plans a maintenance."""
    asked = request.query
    values = {
        name: asked.get(name, "")[:200] for name in ("systems", "partner", "title", "starts_at", "ends_at")
    }
    values["systems"] = asked.get("system", values["systems"])[:200]
    return _form_page(request, values, {})


def wanted_of(form: Any, *, untitled: str = "") -> i.NewMaintenance:
    """Read a form of planned work, or raise what is wrong with it."""
    zone = str(form.get("zone", ""))
    fields = {
        **{name: form.get(name, "") for name in ("title", "body", "zone")},
        "systems": str(form.get("systems", "")).split(),
        "components": form.getall("components", []),
        "public": "public" in form,
        "partner": str(form.get("partner", "")).strip() or None,
        "major": "major" in form,
        "tell_partners": "tell_partners" in form,
        "repeat": _repeat(form),
    }
    if len(str(fields["title"]).strip()) < 3:  # noqa: PLR2004 - as short as a title may not be
        fields["title"] = untitled or fields["title"]
    times = actions.moment_of("starts_at", form, zone) | actions.moment_of("ends_at", form, zone)
    return i.NewMaintenance.model_validate(fields | times)


def _repeat(form: Mapping[str, Any]) -> dict[str, object] | None:
    """Return how work comes again, as a form says it: a rule, and the times left out, one a line."""
    rule = str(form.get("repeat", "")).strip()
    return {"rule": rule, "except": str(form.get("except", "")).split()} if rule else None


async def plan(request: web.Request) -> web.Response:
    """Plan a maintenance, its times given on the clock of its zone."""
    form = await actions.our_form(request)
    parts = request.app[PARTS]
    chosen = {**form, "components": form.getall("components", [])}
    if "change" in form:
        return _form_page(request, chosen, {})
    try:
        given = wanted_of(form)
        if "preview" in form:
            return await previews.of_work(request, foresee(parts, auth.viewer(request), given), form)
        if given.repeat is not None and given.partner is None:
            recurring_work.series_of(commands.checked_work(parts, given), given.repeat)
        if given.partner is None:
            await commands.plan_maintenance(parts, request[auth.PRINCIPAL].name, given)
        else:
            await announced_work.announce(parts, auth.viewer(request), given)
    except WRONG as error:
        return _form_page(request, chosen, actions.faults_of(error))
    return go("/noc/maintenance", "planned")


async def live(request: web.Request) -> web.Response:
    """Return what planning would do, as a part of the form's page; a form that is not complete yet says what it lacks."""
    form = await actions.our_form(request)
    parts = request.app[PARTS]
    try:
        foreseen = foresee(parts, auth.viewer(request), wanted_of(form, untitled=UNTITLED))
        impact = await impact_of(parts, foreseen)
    except WRONG as error:
        faults = actions.faults_of(error)
        text = rendered(
            request,
            "_work_impact.html",
            impact=None,
            faults=faults,
            most=SHOWN_PEOPLE,
            form_id="plan",
            deed="",
        )
        return web.Response(text=text, content_type="text/html")
    text = rendered(
        request, "_work_impact.html", impact=impact, faults={}, most=SHOWN_PEOPLE, form_id="plan", deed=""
    )
    return web.Response(text=text, content_type="text/html")


async def systems_csv(request: web.Request) -> web.Response:
    """Return the systems that a work in the form would cover, as a file."""
    form = await actions.our_form(request)
    parts = request.app[PARTS]
    try:
        foreseen = foresee(parts, auth.viewer(request), wanted_of(form, untitled=UNTITLED))
    except WRONG as error:
        chosen = {**form, "components": form.getall("components", [])}
        return _form_page(request, chosen, actions.faults_of(error))
    return systems_file(covered(parts.inventory(), foreseen.plan.works[0]))


def systems_file(systems: Iterable[System]) -> web.Response:
    """Return systems as a file."""
    rows = (
        (each.serial, each.name, each.partner, each.country, each.region, each.cloud, each.component)
        for each in systems
    )
    return csv_files.response("covered-systems", COLUMNS, rows)


def _form_page(request: web.Request, values: Mapping[str, Any], faults: Mapping[str, str]) -> web.Response:
    parts = request.app[PARTS]
    return page(
        request,
        "maintenance_new.html",
        status=422 if faults else 200,
        values=values,
        faults=faults,
        zones=actions.zones_of(parts),
        partners=sorted(parts.inventory().partners),
        components=actions.component_choices(parts),
    )


async def cancel(request: web.Request) -> web.Response:
    """Call a maintenance off."""
    await actions.our_form(request)
    parts, who = request.app[PARTS], request[auth.PRINCIPAL].name
    await commands.cancel_maintenance(parts, who, request.match_info["id"])
    return go("/noc/maintenance", "cancelled")


async def cancel_series(request: web.Request) -> web.Response:
    """Call work that comes again off, with all its times that have not begun."""
    await actions.our_form(request)
    parts = request.app[PARTS]
    kept = await parts.store.read(series.get, request.match_info["id"])
    await recurring_work.cancel(parts, request[auth.PRINCIPAL].name, kept)
    return go("/noc/maintenance", "cancelled")


async def complete(request: web.Request) -> web.Response:
    """Say that a maintenance is done."""
    await actions.our_form(request)
    parts, who = request.app[PARTS], request[auth.PRINCIPAL].name
    await commands.complete_maintenance(parts, who, request.match_info["id"])
    return go("/noc/maintenance", "completed")


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/noc/maintenance/new"): maintenance_form,
    ("POST", "/noc/maintenance"): plan,
    ("POST", "/noc/maintenance/preview"): live,
    ("POST", "/noc/maintenance/systems.csv"): systems_csv,
    ("POST", "/noc/maintenance/{id}/cancel"): cancel,
    ("POST", "/noc/maintenance/{id}/complete"): complete,
    ("POST", "/noc/maintenance-series/{id}/cancel"): cancel_series,
}
