"""The portal's page of what you are told by yourself: by mail to your own address, or by a webhook, of what touches your systems.

A mail goes to the address that is registered for you and no other; a webhook is asked back first, as on the status page.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from monitor.domain.subscriptions import host_of, is_webhook
from monitor.subscribing import Subscribing
from monitor.web import auth
from monitor.web.parts import PARTS
from monitor.web.portal_frame import portal_page, who_looks
from monitor.web.portal_input import read_form
from monitor.web.render import go

NEWS = web.AppKey("portal_news", Subscribing)
MOST = 10


def _news(request: web.Request) -> Subscribing | None:
    return request.app.get(NEWS)


async def page(request: web.Request) -> web.Response:
    """Show how you are told."""
    return await _page(request)


async def _page(request: web.Request, *, status: int = 200, fault: str = "", url: str = "") -> web.Response:
    me, news = who_looks(request), _news(request)
    found = await news.following(me.partner.id, me.contact.id) if news else []
    ways = [
        (
            one.id,
            host_of(one.address) if is_webhook(one.address) else one.address,
            is_webhook(one.address),
            ours,
        )
        for one, ours in found
    ]
    return portal_page(
        request,
        "news.html",
        status=status,
        ways=ways,
        by_mail=bool(news and news.by_mail),
        by_webhook=bool(news and news.webhooks),
        mailed=any(not hook for _, _, hook, _ in ways),
        fault=fault,
        url=url,
    )


async def follow(request: web.Request) -> web.Response:
    """Tell whoever asks by mail, or ask a webhook back."""
    me, news, parts = who_looks(request), _news(request), request.app[PARTS]
    form = await read_form(request)
    if news is None:
        raise auth.nothing_there()
    if len(await news.following(me.partner.id, me.contact.id)) >= MOST:
        return await _page(request, status=422, fault="These are as many as there can be. End one first.")
    if form.get("by") == "mail":
        if not await news.follow(me.partner.id, me.contact.id, me.contact.email or "", me.tongue.code):
            return await _page(request, status=422, fault="No mail address of yours is registered.")
        await auth.audit(parts, me.viewer.name, "news.follow", me.contact.id)
        return go("/portal/news", "news_follows")
    url = form.get("url")
    if not await news.follow_by_webhook(me.partner.id, me.contact.id, url):
        return await _page(request, status=422, fault="This is no address that we can post to: it begins with https://", url=url)  # fmt: skip
    await auth.audit(parts, me.viewer.name, "news.webhook", me.contact.id)
    return go("/portal/news", "news_asked")


async def unfollow(request: web.Request) -> web.Response:
    """End one of your ways of being told."""
    me, news, parts = who_looks(request), _news(request), request.app[PARTS]
    await read_form(request)
    if news is None or not await news.unfollow(me.partner.id, me.contact.id, request.match_info["id"]):
        raise auth.nothing_there()
    await auth.audit(parts, me.viewer.name, "news.end", me.contact.id)
    return go("/portal/news", "news_ended")


Action = Callable[[web.Request], Awaitable[web.Response]]
PAGES: dict[tuple[str, str], Action] = {
    ("GET", "/portal/news"): page,
    ("POST", "/portal/news"): follow,
    ("POST", "/portal/news/{id}/end"): unfollow,
}
