"""What an announcement will be in every channel, shown before it goes out.

    form -> Preview -> every channel's text, with the form's fields hidden below -> Publish (the form's own address) | Change it

What is shown is composed by what composes the announcement itself, so it is what goes out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from monitor.domain.announcing import Prepared
from monitor.errors import ConflictError
from monitor.storage import announced
from monitor.web import approved, commands
from monitor.web.api_inputs import NewGlobalProblem, NewUpdate
from monitor.web.parts import PARTS
from monitor.web.render import page
from monitor.web.work_impact import SHOWN_PEOPLE, Impact, impact_of
from monitor.web.work_plans import ITS_OWN, Foreseen

NOT_SENT_ON = ("csrf", "preview", "change")
MAILS_SHOWN = 10
"""How many mails to partners are shown whole; the others differ by who it is and the systems named."""


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


async def of_work(request: web.Request, foreseen: Foreseen, form: Mapping[str, Any]) -> web.Response:
    """Show what planning work will do: its impact, and the texts of channels and of the first people written to."""
    parts = request.app[PARTS]
    told, announcer = foreseen.plan.told, parts.pipeline.announcer
    mails = announcer.notices(foreseen.plan.said, told.news.phase, told.people[:MAILS_SHOWN], parts.clock())
    work = foreseen.plan.said.work
    return _preview(
        request,
        (*told.channels, *mails),
        form,
        action="/noc/maintenance",
        what=work.title,
        label="Plan it",
        public=work.public,
        impact=await impact_of(parts, foreseen),
        also=len(told.people) - len(mails),
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
    impact: Impact | None = None,
    also: int = 0,
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
        impact=impact,
        also=also,
        faults={},
        most=SHOWN_PEOPLE,
        form_id="preview",
        deed="",
    )
