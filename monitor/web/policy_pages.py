"""The policy explorer: the documents as data, and what each would say to a finding. Only reads; every question is an address."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from monitor import asked, asked_words
from monitor.domain.findings import Symptom
from monitor.domain.policy import Policy
from monitor.domain.weighing import values_of
from monitor.errors import ConfigError, NotFoundError
from monitor.storage import editions
from monitor.storage.editions import EditionLine
from monitor.web import calendar_weeks, fleet_pages
from monitor.web.parts import PARTS, Parts
from monitor.web.policy_trials import (
    Asked,
    Trial,
    asked_for,
    countries_of,
    differences,
    moment,
    tiers_of,
    tried,
)
from monitor.web.render import page
from monitor.web.tones import tone_of

EDITION = "edition:"
FOUND = 12


async def policies(request: web.Request) -> web.Response:
    """List the policies in force: what each is, whom it serves, whether its hours are now."""
    parts = request.app[PARTS]
    now, known = parts.clock(), parts.policies()
    served = dict.fromkeys(known, 0)
    for partner in parts.inventory().partners.values():
        served[partner.policy] = served.get(partner.policy, 0) + 1
    return page(request, "policies.html", policies=tuple(known.values()), served=served, at=now)


async def policy(request: web.Request) -> web.Response:
    """Show a policy, and what it says to the finding that stands in the address."""
    parts, given = request.app[PARTS], asked_for(request)
    one = parts.policies().get(request.match_info["name"])
    if one is None:
        raise NotFoundError("There is no such policy in force.")
    known = await parts.store.read(editions.of_name, one.name)
    fault, at = "", parts.clock()
    try:
        at = moment(parts, one, given)
    except asked.QuestionError as error:
        fault = str(error)
    trial = tried(parts, one, given, at)
    other = await _other(parts, given, known)
    beside = tried(parts, other, given, at) if other else None
    week = trial.week or calendar_weeks.days(one.house_calendar(), at)
    return page(
        request,
        "policy.html",
        status=422 if fault or (trial.fault and given != Asked()) else 200,
        policy=one,
        given=given,
        at=at,
        fault=fault or trial.fault,
        trial=trial,
        week=week,
        beside=beside,
        compared=differences(trial, beside) if beside else (),
        tone=_tone(trial),
        facts=values_of(one),
        symptoms=list(Symptom),
        tiers=tiers_of(one),
        countries=countries_of(one),
        editions=known,
        others=[name for name in parts.policies() if name != one.name],
        near=_near(request, parts, given),
        days_off={
            name: calendar_weeks.holidays(calendar, calendar.local_date(at))
            for name, calendar in one.calendars.items()
        },
        said=asked_words,
        zone=(one.calendars[trial.decision.calendar] if trial.decision else one.house_calendar()).zone.key,
        week_long=timedelta(days=7),
    )


async def _other(parts: Parts, given: Asked, known: tuple[EditionLine, ...]) -> Policy | None:
    """Return the policy that is compared with: another one in force, or an edition of this one on record."""
    if not given.other:
        return None
    if given.other.startswith(EDITION):
        digest = given.other.removeprefix(EDITION)
        if digest not in {each.digest for each in known}:
            raise NotFoundError("There is no such edition of this policy on record.")
        try:
            return await parts.store.read(editions.policy, digest)
        except ConfigError as error:
            raise NotFoundError(f"That edition cannot be read by this Tocsin: {error}") from error
    found = parts.policies().get(given.other)
    if found is None:
        raise NotFoundError("There is no such policy in force to compare with.")
    return found


def _near(request: web.Request, parts: Parts, given: Asked) -> tuple[str, ...]:
    """Return serials of systems that what was typed may mean."""
    inventory = parts.inventory()
    if not given.system or given.system in inventory.systems:
        return ()
    found = fleet_pages.index_of(request.app, inventory).search(given.system.strip().casefold())
    return tuple(system.serial for system in found[:FOUND])


def _tone(trial: Trial) -> str:
    return tone_of(trial.decision.cls, trial.policy)[0] if trial.decision else "neutral"


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", "/noc/policies"): policies,
    ("GET", "/noc/policies/{name}"): policy,
}
