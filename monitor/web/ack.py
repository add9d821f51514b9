"""The page behind a signed link: what it is about, and a button that takes it. No log-in, no JavaScript.

    GET  shows (mail scanners follow links, so it changes nothing)      POST acknowledges -> 303 to the page

What is wrong with a token is not said: unknown, old, altered and somebody else's all get the same page. What is shown is
little: it may be forwarded.
"""

from dataclasses import dataclass

from aiohttp import web

from alerts import notice_texts, texts
from alerts.notice_texts import Notices
from alerts.script import written_time
from monitor.domain.incidents import Status
from monitor.domain.inventory import Partner
from monitor.domain.links import holds, read_token
from monitor.storage import links as book
from monitor.storage.links import Linked
from monitor.web.accounts import Pace
from monitor.web.auth import address_of
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import Handler
from monitor.web.render import ENVIRONMENT

PACE = web.AppKey("ack_pace", Pace)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page says: ``done`` in one sentence when there is nothing to confirm any more."""

    facts: tuple[tuple[str, str], ...]
    done: str = ""


def pace() -> Pace:
    """Return how often one address may come: enough for a person and their scanner, too little to guess."""
    return Pace(burst=30, every=2.0)


async def show(request: web.Request) -> web.Response:
    """Show what a link is about."""
    refused = _refused(request)
    if refused:
        return refused
    found = await _found(request)
    return _gone(request) if found is None else _page(request, found)


async def acknowledge(request: web.Request) -> web.Response:
    """Take what a link is about, once; then show that it is taken."""
    refused = _refused(request)
    if refused:
        return refused
    found = await _found(request)
    if found is None:
        return _gone(request)
    parts = request.app[PARTS]
    owning = parts.owning
    if await parts.store.write(book.follow, found.bound.attempt, now=parts.clock(), holds=owning.holds):
        owning.settled(found.incident or "")
        parts.metrics.attempts.labels(found.channel, "acknowledged").inc()
        topic = "incident" if found.incident else "request"
        parts.bell.ring(topic, found.bound.about)
        parts.bell.ring("outbox")
    return web.Response(status=303, headers={**HEADERS, "Location": request.path})


def _refused(request: web.Request) -> web.Response | None:
    parts = request.app[PARTS]
    if request.app[PACE].allows(address_of(request), parts.clock()):
        return None
    words = _wish(request)
    return _render(request, words, status=429, title=words.say("link_slow"), message="")


async def _found(request: web.Request) -> Linked | None:
    """Return what a link is about, if it is one of ours and still works."""
    parts = request.app[PARTS]
    offered = read_token(request.match_info["token"])
    if offered is None:
        return None
    keys = await parts.store.read(book.keys)
    bound = await parts.store.read(book.bound_of, offered.attempt)
    if not holds(offered, bound, keys, parts.clock()):
        return None
    return await parts.store.read(book.linked, offered.attempt)


def _gone(request: web.Request) -> web.Response:
    words = _wish(request)
    return _render(
        request, words, status=404, title=words.say("link_gone_title"), message=words.say("link_gone")
    )


def _page(request: web.Request, found: Linked) -> web.Response:
    parts, words = request.app[PARTS], notice_texts.pick(found.language)
    shown = _shown(parts, found, words)
    return _render(
        request,
        words,
        title=words.say("link_title"),
        message=words.say("link_intro", service=parts.service_name),
        shown=shown,
        button="" if shown.done else words.say("link_label"),
        note=words.say("link_note"),
    )


def _shown(parts: Parts, found: Linked, words: Notices) -> Shown:
    inventory = parts.inventory()
    partner = inventory.partners.get(found.partner or "")
    system = inventory.systems.get(found.system or "")
    component = inventory.components.get(found.component or "")
    named = system.name if system else component.name if component and not found.system else ""
    zone = _zone(parts, partner)
    symptom = texts.pick(texts.shipped(), found.language).word("symptoms", found.symptom)
    facts = (
        (words.say("link_system"), " ".join(filter(None, (found.system, named)))),
        (words.say("link_wrong"), symptom),
        (words.say("link_since"), written_time(found.since, zone) if found.since else ""),
        (words.say("link_ticket"), found.ticket or ""),
    )
    return Shown(
        facts=tuple(fact for fact in facts if fact[1]), done=_done(parts, found, words, partner, zone)
    )


def _done(parts: Parts, found: Linked, words: Notices, partner: Partner | None, zone: str) -> str:
    """Say that there is nothing to confirm any more, and why; empty while there is."""
    if found.settled:
        return words.say("link_settled")
    if found.status is Status.RESOLVED:
        return words.say("link_over")
    if found.status is not Status.ACKNOWLEDGED or found.taken_at is None:
        return ""
    at = written_time(found.taken_at, zone)
    who = (found.taken_by or "").split(" by ")[0]
    if found.contact and who == found.contact:
        return words.say("link_yours", at=at)
    colleague = next((c.name for c in (partner.contacts if partner else ()) if c.id == who and c.name), None)
    return words.say("link_taken", who=colleague or words.say("link_team", service=parts.service_name), at=at)


def _zone(parts: Parts, partner: Partner | None) -> str:
    policy = parts.policies().get(partner.policy) if partner else None
    try:
        return policy.calendar_for(partner.country).zone.key if policy and partner else "UTC"
    except KeyError:  # a partner who is served through another may be where the policy has no hours
        return "UTC"


def _wish(request: web.Request) -> Notices:
    return notice_texts.preferred(request.headers.get("Accept-Language", ""))


def _render(
    request: web.Request,
    words: Notices,
    *,
    title: str,
    message: str,
    status: int = 200,
    shown: Shown | None = None,
    button: str = "",
    note: str = "",
) -> web.Response:
    text = (
        request.app[ENVIRONMENT]
        .get_template("ack.html")
        .render(
            language=words.language,
            service=request.app[PARTS].service_name,
            title=title,
            message=message,
            shown=shown,
            button=button,
            note=note,
        )
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/ack/{token}"): show,
    ("POST", "/ack/{token}"): acknowledge,
}
