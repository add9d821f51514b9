"""Everything of this package, put onto one application.

    headers (signal) · problems · pages (error pages of the console) · guard(rule) · handler

Routes are added only here and only through the guard: a handler without a rule, or a rule without a handler,
stops the service at its start.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from monitor.auditing import Auditing
from monitor.bell import Bell
from monitor.casework import Casework
from monitor.desk import Desk
from monitor.domain.incidents import IllegalMoveError
from monitor.domain.inventory import Inventory
from monitor.domain.pacing import ContactRules
from monitor.domain.policy import Policy
from monitor.domain.request_life import IllegalRequestMoveError
from monitor.entering import Entering
from monitor.errors import TocsinError
from monitor.history import History
from monitor.metrics import Metrics
from monitor.overruling import Overruling
from monitor.owning import Owning
from monitor.recurring import Recurring
from monitor.registering import Registering
from monitor.subscribing import Subscribing
from monitor.web import (
    account_pages,
    ack,
    actions,
    alerts_by_hand,
    announcements,
    api,
    audit_pages,
    board_pages,
    check_pages,
    console,
    crash_pages,
    delivery_pages,
    display_pages,
    duty_feeds,
    fleet_pages,
    list_files,
    oncall_forms,
    oncall_pages,
    overruling,
    partner_pages,
    planner,
    policy_pages,
    portal,
    portal_cases,
    portal_entry,
    portal_fleet,
    portal_forms,
    portal_keeping,
    portal_ledger,
    portal_news,
    portal_people,
    portal_systems,
    portal_work,
    problem_forms,
    problem_list,
    problem_pages,
    problem_words,
    provider_pages,
    reach_forms,
    reports,
    requests_calls,
    requests_forms,
    requests_pages,
    second_steps,
    ticket_forms,
    user_pages,
    work_forms,
    work_page,
)
from monitor.web import health as watched
from monitor.web.accounts import Pace, Passwords
from monitor.web.api_appointments import add_appointments
from monitor.web.api_deliveries import add_deliveries
from monitor.web.api_history import add_history
from monitor.web.api_inventory import add_inventory
from monitor.web.api_ledger import add_ledger
from monitor.web.api_oncall import add_oncall
from monitor.web.api_people import add_people
from monitor.web.api_reaching import add_reaching
from monitor.web.api_requests import add_casework, add_filing, add_requests
from monitor.web.api_series import add_series
from monitor.web.api_tickets import add_tickets
from monitor.web.auth import PAGES, guard
from monitor.web.headers import protect
from monitor.web.live import LIVE, Live
from monitor.web.live import Pace as LivePace
from monitor.web.log_ins import LOG_INS, LogIns
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, ConfiguredCheck, Parts, Pipeline, Preview, Store
from monitor.web.portal_frame import portal_page
from monitor.web.problems import TYPES, Handler, Problem, ProblemError, of_http, of_ours, problems, unforeseen
from monitor.web.render import ENVIRONMENT, environment, page
from monitor.web.rules import RULES, scope_of
from monitor.web.shared import SHARED, Shared

FRAGMENTS = ("/noc/board", "/noc/wall/board", "/noc/live")
API_VERSION = "1"


def setup(
    app: web.Application,
    *,
    store: Store,
    pipeline: Pipeline,
    registering: Registering,
    inventory: Callable[[], Inventory],
    policies: Callable[[], Mapping[str, Policy]],
    bell: Bell,
    metrics: Metrics,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    reload: Callable[[], Awaitable[tuple[str, ...]]],
    metrics_token: str | None,
    service_name: str,
    health: Callable[[], Awaitable[Sequence[str]]],
    desk: Desk,
    casework: Casework,
    owning: Owning,
    overruled: Overruling,
    checks: Callable[[], Sequence[ConfiguredCheck]] = tuple,
    contact: Callable[[], ContactRules] = ContactRules,
    history: History | None = None,
    recurring: Recurring | None = None,
    auditing: Auditing | None = None,
    log_ins: LogIns | None = None,
    entering: Entering | None = None,
    news: Subscribing | None = None,
    preview: Preview | None = None,
    passwords: Passwords | None = None,
    live_pace: LivePace | None = None,
) -> None:
    """Add the console, the API, health and metrics to an application.

    ``reload`` returns what is wrong with the new configuration, ``health`` the reasons not to be ready.
    ``checks`` are the configured checks; ``passwords`` and ``live_pace`` are there for tests.
    """
    app[PARTS] = Parts(
        store=store,
        pipeline=pipeline,
        registering=registering,
        inventory=inventory,
        policies=policies,
        checks=checks,
        bell=bell,
        metrics=metrics,
        clock=clock,
        new_id=new_id,
        reload=reload,
        health=health,
        metrics_token=metrics_token,
        service_name=service_name,
        desk=desk,
        casework=casework,
        owning=owning,
        overruling=overruled,
        contact=contact,
        history=history,
        recurring=recurring,
        auditing=auditing,
        preview=preview,
    )
    app[ENVIRONMENT] = environment()
    app[fleet_pages.INDEX] = {}
    app[planner.INDEX] = {}
    app[partner_pages.COUNTS] = {}
    app[portal_fleet.KEPT] = portal_fleet.Kept()
    app[portal_entry.PACE] = portal_entry.pace()
    app[portal_entry.PACE_OF_MAILBOX] = portal_entry.pace_of_mailbox()
    if entering is not None:
        app[portal_entry.ENTERING] = entering
    if news is not None:
        app[portal_news.NEWS] = news
    app[SHARED] = Shared(bell)
    app[LIVE] = Live(live_pace or LivePace())
    app[actions.PASSWORDS] = passwords or Passwords()
    app[LOG_INS] = log_ins or LogIns()
    app[ack.PACE] = ack.pace()
    app[actions.PACE_OF_ADDRESS] = Pace(burst=20, every=3.0)
    app[actions.PACE_OF_NAME] = Pace(burst=6, every=20.0)
    app.middlewares.extend((problems, error_pages))
    app.on_response_prepare.append(protect)
    app.on_shutdown.append(app[LIVE].stop)
    app.cleanup_ctx.append(_close_passwords)
    _add_routes(app)


@cache
def rest() -> Api:
    """Return the REST API with all its operations; it is made once, however often a service is assembled."""
    made = Api("Tocsin", API_VERSION)
    api.add_incidents(made)
    api.add_commands(made)
    api.add_clocks(made)
    api.add_lists(made)
    add_tickets(made)
    add_deliveries(made)
    api.add_maintenance(made)
    announcements.add_announcements(made)
    alerts_by_hand.add_alerts(made)
    overruling.add_overruling(made)
    add_reaching(made)
    crash_pages.add_crash_groups(made)
    add_inventory(made)
    add_history(made)
    add_series(made)
    add_people(made)
    add_oncall(made)
    reports.add_reports(made)
    add_ledger(made)
    add_requests(made)
    add_filing(made)
    add_casework(made)
    add_appointments(made)
    return made


@cache
def _document() -> dict[str, Any]:
    """Return the OpenAPI document, made when somebody first asks for it: no start waits for it."""
    return rest().document(scope_of)


@cache
def _operations() -> Mapping[tuple[str, str], Handler]:
    return {(op.method, op.path): rest().handler(op) for op in rest().ops}


def handlers(app: web.Application) -> Mapping[tuple[str, str], Handler]:
    """Return every handler of this package by its route."""

    async def openapi(request: web.Request) -> web.Response:  # noqa: ARG001 - aiohttp's signature
        document = await asyncio.to_thread(_document)  # a fifth of a second, the first time
        return web.json_response(document, headers={"Cache-Control": "no-cache"})

    async def docs(request: web.Request) -> web.Response:
        return page(request, "docs.html", ops=rest().ops, scope_of=scope_of, problem_types=TYPES)

    return {
        ("GET", "/livez"): watched.livez,
        ("GET", "/healthz"): watched.livez,
        ("GET", "/readyz"): watched.readyz,
        ("GET", "/metrics"): watched.metrics,
        ("GET", "/api/openapi.json"): openapi,
        ("GET", "/api/docs"): docs,
        ("GET", "/noc/live"): app[LIVE].stream,
        **_operations(),
        **ack.PAGES,
        **announcements.PAGES,
        **alerts_by_hand.PAGES,
        **overruling.FORMS,
        **audit_pages.PAGES,
        **board_pages.PAGES,
        **console.PAGES,
        **fleet_pages.PAGES,
        **list_files.PAGES,
        **partner_pages.PAGES,
        **check_pages.PAGES,
        **crash_pages.PAGES,
        **delivery_pages.PAGES,
        **display_pages.PAGES,
        **duty_feeds.PAGES,
        **problem_list.PAGES,
        **problem_pages.PAGES,
        **problem_forms.ACTIONS,
        **problem_words.ACTIONS,
        **reach_forms.FORMS,
        **reports.PAGES,
        **oncall_pages.PAGES,
        **policy_pages.PAGES,
        **oncall_forms.ACTIONS,
        **actions.ACTIONS,
        **second_steps.PAGES,
        **provider_pages.PAGES,
        **account_pages.PAGES,
        **user_pages.PAGES,
        **ticket_forms.ACTIONS,
        **planner.PAGES,
        **work_forms.ACTIONS,
        **work_page.PAGES,
        **portal.PAGES,
        **portal_cases.PAGES,
        **portal_entry.PAGES,
        **portal_news.PAGES,
        **portal_keeping.PAGES,
        **portal_ledger.PAGES,
        **portal_systems.PAGES,
        **portal_forms.ACTIONS,
        **portal_people.ACTIONS,
        **portal_work.ACTIONS,
        **requests_calls.CALLS,
        **requests_pages.PAGES,
        **requests_forms.ACTIONS,
    }


def _add_routes(app: web.Application) -> None:
    made = handlers(app)
    idle = sorted(set(RULES) - set(made))
    assert not idle, f"rules without a route: {idle}"
    for (method, path), handler in made.items():
        app.router.add_route(method, path, guard(method, path, handler))
        if method == "GET" and not path.endswith("/live"):
            app.router.add_route("HEAD", path, guard(method, path, handler))


async def _close_passwords(app: web.Application) -> AsyncIterator[None]:
    yield
    app[actions.PASSWORDS].close()


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show people an error as a page, in the console or in the portal."""
    if not request.path.startswith(PAGES) or request.path in FRAGMENTS:
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - redirects pass
            raise
        response = _error_page(request, of_http(error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ProblemError as error:
        return _error_page(request, error.problem)
    except (TocsinError, IllegalMoveError, IllegalRequestMoveError) as error:
        return _error_page(request, of_ours(error))
    except (web.RequestPayloadError, HttpProcessingError):
        raise
    except Exception as error:  # noqa: BLE001 - the last line before a person
        return _error_page(request, unforeseen(request, error))


def _error_page(request: web.Request, about: Problem) -> web.Response:
    if request.path.startswith("/portal"):
        return portal_page(request, "error.html", status=about.status, problem=about)
    return page(request, "error.html", status=about.status, problem=about)
