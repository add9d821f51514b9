"""What an announcement will be in every channel, shown before it goes out.

    form -> Preview -> every channel's text, with the form's fields hidden below -> Publish (the form's own address) | Change it

What is shown is composed by what composes the announcement itself, so it is what goes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from monitor.domain.announcing import Phase, Prepared
from monitor.errors import ConflictError
from monitor.storage import announced
from monitor.storage.announced import PlannedWork
from monitor.web import approved, commands
from monitor.web.api_inputs import NewGlobalProblem, NewMaintenance, NewUpdate
from monitor.web.parts import PARTS
from monitor.web.render import page

NOT_SENT_ON = ("csrf", "preview", "change")
ITS_OWN = "…"
"""Stands for the id that a link will have: there is none before it is declared."""


async def of_problem(request: web.Request, wanted: NewGlobalProblem, form: Mapping[str, Any]) -> web.Response:
    """Show what the first word on a global problem will be."""
    parts = request.app[PARTS]
    problem = await commands.checked_problem(parts, wanted)
    announcer = parts.pipeline.announcer
    prepared = announcer.prepare(announcer.of_problem(ITS_OWN, problem))
    return _preview(
        request, prepared, form, action="/noc/global", what=wanted.title, label="Declare and publish"
    )


async def of_update(
    request: web.Request, incident: str, wanted: NewUpdate, form: Mapping[str, Any]
) -> web.Response:
    """Show what a further word on a global problem will be."""
    parts = request.app[PARTS]
    known = await parts.store.read(announced.problem, incident)
    if known is None:
        raise ConflictError("Only global problems have public updates")
    announcer, worded = parts.pipeline.announcer, approved.of_update(parts, known, wanted)
    news = announcer.of_update(incident, known, wanted.state, wanted.body, wanted.next_update_at, worded)
    action = f"/noc/incidents/{incident}/updates"
    return _preview(request, announcer.prepare(news), form, action=action, what=known.title, label="Publish")


def of_work(request: web.Request, wanted: NewMaintenance, form: Mapping[str, Any]) -> web.Response:
    """Show what the announcement of planned work will be, and which partners are written to."""
    parts = request.app[PARTS]
    now = parts.clock()
    work = replace(commands.checked_work(parts, wanted), id=ITS_OWN)
    announcer = parts.pipeline.announcer
    planned = PlannedWork(work=work, told=frozenset(), planned_at=now)
    channels = announcer.prepare(announcer.of_work(work)) if work.public else ()
    people = announcer.notices(planned, Phase.PLANNED, now) if wanted.tell_partners else ()
    return _preview(
        request,
        (*channels, *people),
        form,
        action="/noc/maintenance",
        what=wanted.title,
        label="Plan it",
        public=work.public,
    )


def _preview(
    request: web.Request,
    prepared: Sequence[Prepared],
    form: Mapping[str, Any],
    *,
    action: str,
    what: str,
    label: str,
    public: bool = True,
) -> web.Response:
    """Show every channel's text, with a button that sends the same form for good."""
    fields = [(name, str(value)) for name, value in form.items() if name not in NOT_SENT_ON]
    return page(
        request,
        "announce_preview.html",
        prepared=prepared,
        fields=fields,
        action=action,
        what=what,
        label=label,
        public=public,
    )
