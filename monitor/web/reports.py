"""The attainment report: a page for the lead, the API's figures and lists, and a document that stands for itself.

Figures count whatever was promised to whom; which clocks they are made of names requests, and those only people who
look after them may see (``rules``): not everybody who may read.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import pydantic
from aiohttp import web
from jinja2 import ChoiceLoader, PackageLoader
from pydantic import BeforeValidator, Field

from monitor.domain.attainment import Line, Outcome, Settled, Tally
from monitor.domain.decisions import rfc3339
from monitor.domain.inventory import Inventory
from monitor.sla_report import PARTIES, RULE, Report, as_csv, as_json, only, sla_report
from monitor.storage.attainment import Wanted
from monitor.web import api_inputs as i
from monitor.web import csv_files
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import FieldError, ProblemError
from monitor.web.render import environment, page

PATH = "/noc/reports/sla"
DOCUMENTS = "documents"
"""Templates of files that stand for themselves, with their own style; nothing of them is served."""

LISTED = 500
"""So many clocks are listed on a page; the CSV has them all."""


def _edge(value: object) -> object:
    """Read a day as its beginning in UTC."""
    try:
        return datetime.combine(date.fromisoformat(str(value)), time(), tzinfo=UTC)
    except ValueError:
        return value


Edge = Annotated[i.Moment, BeforeValidator(_edge)]


class SlaQuery(i.In):
    """Of which interval, and of what the figures are asked; ``until`` is now if left out."""

    since: Edge | None = None
    until: Edge | None = None
    partner: i.Word | None = None
    cls: i.Word | None = Field(default=None, alias="class")
    clock: i.Word | None = None
    format: Literal["json", "csv"] = "json"

    def wanted(self, now: datetime, *, keep: bool) -> Wanted:
        """Return what is asked of the record; an interval that is not over cannot be settled."""
        until = self.until or now.replace(microsecond=0)
        if until > now:
            raise _fault("until", "it lies ahead: what is promised until then is not settled")
        if self.since and self.since >= until:
            raise _fault("since", "it is not before the end")
        return Wanted(
            since=self.since,
            until=until,
            partner=self.partner,
            cls=self.cls,
            clock=self.clock,
            keep=keep,
        )


class ClocksQuery(SlaQuery):
    """Which clocks a page lists: those of a figure."""

    outcome: Outcome | None = None
    party: Literal["us", "customer"] | None = None


def _fault(name: str, said: str) -> ProblemError:
    errors = [FieldError(pointer=f"/{name}", detail=said)]
    return ProblemError(422, f"The interval is not valid: {name}: {said}.", errors=errors)


def add_reports(api: Api) -> None:
    """Declare the report's operations."""

    @api.route("GET", "/api/v1/reports/sla")
    async def get_sla_report(request: web.Request, params: SlaQuery) -> web.Response:
        """Read how the promises were kept, by partner, class and clock: figures, as JSON or CSV."""
        return await _answered(request, params, keep=False)

    @api.route("GET", "/api/v1/reports/sla/clocks")
    async def get_sla_clocks(request: web.Request, params: SlaQuery) -> web.Response:
        """Read the same figures with every clock that they are made of."""
        return await _answered(request, params, keep=True)


async def _answered(request: web.Request, params: SlaQuery, *, keep: bool) -> web.Response:
    parts = request.app[PARTS]
    report = await sla_report(parts.store, params.wanted(parts.clock(), keep=keep))
    if params.format == "csv":
        name = "sla-clocks.csv" if keep else "sla.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(text=as_csv(report), content_type="text/csv", charset="utf-8", headers=headers)
    return web.json_response(as_json(report))


async def sla(request: web.Request) -> web.Response:
    """Show how the promises were kept."""
    parts = request.app[PARTS]
    query = _read(request, SlaQuery, parts)
    report = await sla_report(parts.store, query.wanted(parts.clock(), keep=False))
    inventory = parts.inventory()
    return page(
        request,
        "sla.html",
        query=query,
        partners=sorted(inventory.partners.values(), key=lambda partner: partner.name),
        link=lambda party: _links(report.wanted, party),
        api=lambda path, **more: _address(path, _given(report.wanted) | more),
        **_shown(report, inventory),
    )


async def _clocks(request: web.Request) -> tuple[ClocksQuery, Report, list[tuple[Line, Settled]]]:
    """Return the clocks that a figure is made of."""
    parts = request.app[PARTS]
    query: ClocksQuery = _read(request, ClocksQuery, parts)
    report = await sla_report(parts.store, query.wanted(parts.clock(), keep=True))
    found = [
        (line, each)
        for line, tally in report.lines
        for each in tally.clocks
        if query.outcome in (None, each.outcome) and query.party in (None, line.party)
    ]
    return query, report, found


async def sla_clocks(request: web.Request) -> web.Response:
    """List the clocks that a figure is made of."""
    query, report, found = await _clocks(request)
    return page(
        request,
        "sla_clocks.html",
        query=query,
        back=_address(PATH, _given(report.wanted, "since", "until")),
        found=found[:LISTED],
        count=len(found),
        report=report,
        partner_name=_names(request.app[PARTS].inventory()),
        tone=TONES,
    )


async def sla_clocks_csv(request: web.Request) -> web.StreamResponse:
    """Give the clocks that a figure is made of as a file."""
    _, _, found = await _clocks(request)
    of_line, of_clock = ("party", "partner", "cls", "clock"), ("incident", "request", "started_at", "due", "limit", "met_at", "cancelled_at")  # fmt: skip

    def row(one: tuple[Line, Settled]) -> list[object]:
        line, each = one
        known = [getattr(line, name) for name in of_line] + [getattr(each.clock, name) for name in of_clock]
        return [each.outcome, each.paused, *known]

    columns = ("outcome", "paused", "party", "partner", "class", "clock", *of_clock)
    return await csv_files.stream(request, "clocks", columns, csv_files.slices(found, row))


def _read(request: web.Request, model: type[Any], parts: Parts) -> Any:
    """Read a page's filters: by default this month until now; an end that lies ahead is now."""
    now = parts.clock()
    given = {name: value for name, value in request.query.items() if value}
    given.setdefault("since", f"{now:%Y-%m}-01")
    try:
        query = model.model_validate(given)
    except pydantic.ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors(include_url=False)})
        raise ProblemError(422, f"This report cannot be asked for so: {', '.join(names)}.") from None
    if query.until and query.until > now:
        return query.model_copy(update={"until": None})
    return query


TONES = {
    Outcome.MET_IN_TIME: "ok",
    Outcome.MET_LATE: "bad",
    Outcome.BROKEN_OPEN: "bad",
    Outcome.BROKEN_ENDED: "bad",
    Outcome.RUNNING: "info",
    Outcome.CALLED_OFF: "neutral",
}


def _shown(report: Report, inventory: Inventory) -> dict[str, Any]:
    return {
        "report": report,
        "only": only(report.wanted),
        "rule": RULE,
        "outcomes": Outcome,
        "partner_name": _names(inventory),
        "tone_of": _tone,
        "parties": PARTIES,
    }


def _given(wanted: Wanted, *only: str) -> dict[str, str]:
    given = {
        "since": rfc3339(wanted.since),
        "until": rfc3339(wanted.until),
        "partner": wanted.partner,
        "class": wanted.cls,
        "clock": wanted.clock,
    }
    return {name: value for name, value in given.items() if value and (not only or name in only)}


def _address(path: str, given: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(given)}"


def _links(wanted: Wanted, party: str) -> Callable[[Line | None], Callable[..., str]]:
    """Return how the address of what a figure is made of is told: of a line, or of all, by outcome."""

    def of(line: Line | None) -> Callable[..., str]:
        about = {"party": party} | _given(wanted)
        if line is not None:
            about |= {"partner": line.partner, "class": line.cls, "clock": line.clock}

        def link(outcome: str = "") -> str:
            chosen = about | ({"outcome": outcome} if outcome else {})
            return _address(f"{PATH}/clocks", {name: value for name, value in chosen.items() if value})

        return link

    return of


def _no_link(line: Line | None) -> Callable[..., None]:  # noqa: ARG001 - the links' signature
    return lambda outcome="": None  # noqa: ARG005


def _names(inventory: Inventory) -> Any:
    def name(id_: str) -> str:
        found = inventory.partners.get(id_)
        return found.name if found else id_ or "nobody's"

    return name


def _tone(of: Tally) -> str:
    if of.broken or of.open_from_before:
        return "bad"
    return "neutral" if of.attainment is None else "ok"


def document(report: Report, inventory: Inventory, title: str) -> str:
    """Return the report as one HTML document that needs nothing besides."""
    both = ChoiceLoader([PackageLoader("monitor.web", DOCUMENTS), PackageLoader("monitor.web")])
    template = environment().overlay(loader=both).get_template("sla.html")
    return template.render(title=title, no_link=_no_link, **_shown(report, inventory))


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", PATH): sla,
    ("GET", f"{PATH}/clocks"): sla_clocks,
    ("GET", f"{PATH}/clocks.csv"): sla_clocks_csv,
}
