"""What was announced: when, where, by whom, how each channel stands, and what a person still has to copy there."""

from collections.abc import Mapping

from aiohttp import web

from monitor.storage import announced
from monitor.storage.announced import AnnouncementLine, DeliveryLine
from monitor.web import announcement_models as m
from monitor.web import api_inputs as i
from monitor.web import delivery_pages
from monitor.web.actions import our_form
from monitor.web.api import listing
from monitor.web.api_models import Listing
from monitor.web.auth import PRINCIPAL, audit
from monitor.web.list_pages import more, query_of
from monitor.web.openapi import Api
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import Handler
from monitor.web.render import go, page

TONES: Mapping[str, str] = {
    "done": "ok",
    "posted": "ok",
    "to_copy": "warn",
    "waiting": "warn",
    "claimed": "scheduled",
    "sent": "scheduled",
    "failed": "bad",
    "set_aside": "bad",
}
"""How a delivery's state is marked; any other is neutral."""
TO_COPY = "a person has to copy it there"
WORDS: Mapping[str, str] = {
    "done": "sent",
    "to_copy": "to copy",
    "set_aside": "failed",
    "claimed": "sending",
}


async def show_all(request: web.Request) -> web.Response:
    """List announcements, with where each went."""
    query = query_of(request, m.AnnouncementQuery)
    found = await request.app[PARTS].store.read(announced.listed, query.wanted())
    return page(
        request, "announcements.html", found=found, query=query, more=more(request), tones=TONES, said=WORDS
    )


async def show(request: web.Request) -> web.Response:
    """Show one announcement with every channel's text."""
    found = await request.app[PARTS].store.read(announced.get, request.match_info["id"])
    whys = await waiting(request, found)
    return page(request, "announcement.html", each=found, whys=whys, tones=TONES, said=WORDS)


async def waiting(request: web.Request, *lines: AnnouncementLine) -> Mapping[str, str]:
    """Return why what was not sent yet waits, by its row."""
    rows = [one.outbox for line in lines for one in line.deliveries if one.outbox and not one.at]
    return await delivery_pages.sentences(request, rows)


async def post_by_hand(request: web.Request) -> web.Response:
    """Take a person's word that they have posted a text."""
    await our_form(request)
    id_, channel = request.match_info["id"], request.match_info["channel"]
    await posted(request.app[PARTS], request[PRINCIPAL].name, id_, channel)
    return go(f"/noc/announcements/{id_}", "posted")


async def posted(parts: Parts, actor: str, announcement: str, channel: str) -> None:
    """Say that a person has posted a text where no program can."""
    await parts.store.write(announced.posted, announcement, channel, now=parts.clock(), actor=actor)
    await audit(parts, actor, "announcement.posted", announcement, channel=channel)


def add_announcements(api: Api) -> None:
    """Declare what was announced, and that a person has posted a text."""

    @api.route("GET", "/api/v1/announcements")
    async def list_announcements(
        request: web.Request, params: m.AnnouncementQuery
    ) -> Listing[m.Announcement]:
        """List announcements, newest first, each with how every channel stands."""
        parts = request.app[PARTS]
        found = await parts.store.read(announced.listed, params.wanted())
        whys = await waiting(request, *found.items)
        return listing(request, found, lambda line: _announcement(line, whys))

    @api.route("GET", "/api/v1/announcements/{id}", errors=(404,))
    async def get_announcement(request: web.Request, params: i.ById) -> m.Announcement:
        """Read one announcement with every channel's text."""
        return await _one(request, params.id)

    @api.route("POST", "/api/v1/announcements/{id}/channels/{channel}/posted", errors=(404, 409))
    async def mark_posted(request: web.Request, params: m.ChannelOf) -> m.Announcement:
        """Say that a person has posted the text of a channel that no program can write to."""
        await posted(request.app[PARTS], request[PRINCIPAL].name, params.id, params.channel)
        return await _one(request, params.id)


async def _one(request: web.Request, id_: str) -> m.Announcement:
    found = await request.app[PARTS].store.read(announced.get, id_)
    return _announcement(found, await waiting(request, found))


def _announcement(line: AnnouncementLine, whys: Mapping[str, str]) -> m.Announcement:
    said = {name: getattr(line, name) for name in m.Announcement.model_fields if name != "channels"}
    return m.Announcement(**said, channels=[_channel(one, whys) for one in line.deliveries])


def _channel(one: DeliveryLine, whys: Mapping[str, str]) -> m.AnnouncementChannel:
    said = {
        name: getattr(one, name) for name in m.AnnouncementChannel.model_fields if name != "waits_because"
    }
    because = TO_COPY if one.state == "to_copy" else whys.get(one.outbox or "")
    return m.AnnouncementChannel(**said, waits_because=because)


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/announcements"): show_all,
    ("GET", "/noc/announcements/{id}"): show,
    ("POST", "/noc/announcements/{id}/channels/{channel}/posted"): post_by_hand,
}
