"""Feeds that people subscribe to: Atom, RSS and a calendar of planned work. Pure.

Ids are ``tag:`` URIs (RFC 4151) and never change; ``updated`` is the newest word, so that a reader
shows an incident again with every update. Times in the calendar are UTC, which needs no zone tables; what comes
again is by its zone's wall, with the zone's table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import icalendar
from markupsafe import Markup, escape

from monitor.domain.recurrence import instant, wall_of
from monitor.storage.public import PublicSeries, PublicUpdate
from statuspage import links
from statuspage.bars import lowered
from statuspage.states import STATES
from statuspage.tongues import ENGLISH, Tongue
from statuspage.views import Board, Told, Work
from statuspage.when import between, moment, utc_text

ATOM_NS = "http://www.w3.org/2005/Atom"
NEWEST = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a feed."""

    tag: str
    url: str
    title: str
    published: datetime
    updated: datetime
    html: str


@dataclass(frozen=True, slots=True)
class Speaks:
    """The language of a feed, and the first part of its addresses, empty for those without one."""

    tongue: Tongue = ENGLISH
    code: str = ""

    def at(self, board: Board, path: str) -> str:
        """Return an address of the site in this language."""
        return board.site.url + links.in_language(self.code, path)

    def state(self, name: str) -> str:
        """Say a state within a sentence."""
        said = self.tongue.say(STATES[name][0]) if name in STATES else name.replace("_", " ")
        return lowered(said, self.tongue)

    def affects(self, names: Iterable[str]) -> str:
        """Say what it bears on."""
        return f"{self.tongue.say('Affects')}: {'; '.join(names)}"


def entries(board: Board, speaks: Speaks) -> list[Entry]:
    """Return problems and works as items, the newest word first."""
    spoken: list[tuple[datetime, Told | Work]] = [(_told_at(told), told) for told in board.problems]
    spoken += [(_work_at(work), work) for work in board.works]
    newest = sorted(spoken, key=lambda pair: pair[0], reverse=True)[:NEWEST]
    return [_entry(board, speaks, subject, at) for at, subject in newest]


def _told_at(told: Told) -> datetime:
    """Return when the last word on a problem was said."""
    said = [update.at for update in told.problem.updates[:1]]
    return max([told.problem.opened_at, *said, *([told.ended] if told.ended else [])])


def _work_at(work: Work) -> datetime:
    """Return when the last word on a work was said."""
    return max([work.maintenance.updated_at, *(update.at for update in work.maintenance.updates[:1])])


def _entry(board: Board, speaks: Speaks, subject: Told | Work, updated: datetime) -> Entry:
    if isinstance(subject, Told):
        return _of_problem(board, speaks, subject, updated)
    return _of_work(board, speaks, subject, updated)


def _of_problem(board: Board, speaks: Speaks, told: Told, updated: datetime) -> Entry:
    problem = told.problem
    return Entry(
        _tag(board, problem.opened_at, f"incident/{problem.id}"),
        speaks.at(board, links.problem_path(problem.id)),
        f"{problem.title} ({speaks.state(problem.state)})",
        problem.opened_at,
        updated,
        _affects(speaks, told.names) + _words(board, speaks, problem.updates),
    )


def _of_work(board: Board, speaks: Speaks, work: Work, updated: datetime) -> Entry:
    plan = work.maintenance
    span = between(plan.starts_at, plan.ends_at, board.site.tz, speaks.tongue)
    lead = Markup("<p><strong>{}</strong></p><p>{}</p>").format(span, plan.body)
    return Entry(
        _tag(board, plan.created_at, f"maintenance/{plan.id}"),
        speaks.at(board, links.work_path(plan.id)),
        f"{speaks.tongue.say('Maintenance')}: {plan.title} ({speaks.state(work.status)})",
        plan.created_at,
        updated,
        lead + _affects(speaks, work.names) + _words(board, speaks, plan.updates),
    )


def _tag(board: Board, born: datetime, name: str) -> str:
    host = urlsplit(board.site.url).hostname or "localhost"
    return f"tag:{host},{born.astimezone(UTC):%Y-%m-%d}:{name}"


def _affects(speaks: Speaks, names: tuple[str, ...]) -> Markup:
    return Markup("<p>{}</p>").format(speaks.affects(names)) if names else Markup()


def _words(board: Board, speaks: Speaks, updates: Iterable[PublicUpdate]) -> Markup:
    """Write the updates as escaped paragraphs."""
    paragraph = Markup("<p><strong>{}</strong>, {}<br/>{}</p>")
    lines = Markup("<br/>")
    return Markup().join(
        paragraph.format(
            _capital(speaks.state(update.status)),
            moment(update.at, board.site.tz, speaks.tongue),
            lines.join(escape(line) for line in update.body.split("\n")),
        )
        for update in updates
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def atom(board: Board, speaks: Speaks) -> bytes:
    """Write the Atom feed (RFC 4287)."""
    site = board.site
    feed = ET.Element("feed", {"xmlns": ATOM_NS, "xml:lang": speaks.tongue.code})
    _add(feed, "id", _tag(board, site.since, f"feed/{speaks.code}" if speaks.code else "feed"))
    _add(feed, "title", site.title)
    _add(feed, "updated", utc_text(board.changed_at))
    author = ET.SubElement(feed, "author")
    _add(author, "name", site.title)
    ET.SubElement(
        feed, "link", {"rel": "self", "type": "application/atom+xml", "href": speaks.at(board, "/feed.atom")}
    )
    ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": speaks.at(board, "/")})
    for entry in entries(board, speaks):
        item = ET.SubElement(feed, "entry")
        _add(item, "id", entry.tag)
        _add(item, "title", entry.title)
        _add(item, "published", utc_text(entry.published))
        _add(item, "updated", utc_text(entry.updated))
        ET.SubElement(item, "link", {"rel": "alternate", "type": "text/html", "href": entry.url})
        _add(item, "content", entry.html).set("type", "html")
    return _xml(feed)


def rss(board: Board, speaks: Speaks) -> bytes:
    """Write the RSS 2.0 feed."""
    site = board.site
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": ATOM_NS})
    channel = ET.SubElement(root, "channel")
    _add(channel, "title", site.title)
    _add(channel, "link", speaks.at(board, "/"))
    about = speaks.tongue.say("Every problem and every planned work, again with each update.")
    _add(channel, "description", site.description or about)
    _add(channel, "language", speaks.tongue.code)
    _add(channel, "lastBuildDate", format_datetime(board.changed_at.astimezone(UTC), usegmt=True))
    self_link = {"rel": "self", "type": "application/rss+xml", "href": speaks.at(board, "/feed.rss")}
    ET.SubElement(channel, "atom:link", self_link)
    for entry in entries(board, speaks):
        item = ET.SubElement(channel, "item")
        _add(item, "title", entry.title)
        _add(item, "link", entry.url)
        _add(item, "guid", entry.tag).set("isPermaLink", "false")
        _add(item, "pubDate", format_datetime(entry.updated.astimezone(UTC), usegmt=True))
        _add(item, "description", entry.html)
    return _xml(root)


def ics(board: Board, works: Iterable[Work], speaks: Speaks, *, whole: bool = False) -> bytes:
    """Write works as a calendar (RFC 5545); a cancelled one stays in it as cancelled.

    The ``whole`` calendar has what comes again by its rule; that of one time has that time.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Tocsin//status page//EN")
    calendar.add("version", "2.0")
    name = lowered(speaks.tongue.say("Planned maintenance"), speaks.tongue)
    calendar.add("x-wr-calname", f"{board.site.title}: {name}")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    known = {one.id: one for one in board.series}
    many = list(works)
    for one in known.values() if whole else ():
        calendar.add_component(_series(board, one, many))
    for work in many:
        one_of = known.get(work.maintenance.series or "") if whole else None
        if one_of is None:
            calendar.add_component(_event(board, speaks, work))
        elif work.status != "cancelled" and _is_moved(work, one_of):
            calendar.add_component(_moved(board, speaks, work, one_of))
    if whole and known:
        first = min(one.first for one in known.values()).date()
        calendar.add_missing_timezones(first_date=first, last_date=first.replace(year=first.year + 12, day=1))
    written: bytes = calendar.to_ical()
    return written


def _series(board: Board, one: PublicSeries, works: Iterable[Work]) -> icalendar.Event:
    """Write work that comes again, with its rule and the times left out or called off.

    A time that does not exist in its zone is given once more as an instant, for RFC 5545 lets calendars leave it out.
    """
    event, zone = icalendar.Event(), ZoneInfo(one.zone)
    mine = [work for work in works if work.maintenance.series == one.id]
    event.add("uid", _uid(board, one.id))
    event.add("dtstamp", one.updated_at.astimezone(UTC))
    event.add(
        "last-modified", max([one.updated_at, *(w.maintenance.updated_at for w in mine)]).astimezone(UTC)
    )
    event.add("dtstart", one.first.replace(tzinfo=zone))
    event.add("duration", one.lasts)
    event.add("rrule", icalendar.vRecur.from_ical(_until_in_utc(one)))
    off = [work.maintenance.nth for work in mine if work.status == "cancelled" and work.maintenance.nth]
    for wall in sorted({*one.left_out, *(datetime.fromisoformat(nth) for nth in off)}):
        event.add("exdate", wall.replace(tzinfo=zone))
    for work in mine:
        wall = datetime.fromisoformat(work.maintenance.nth or "")
        if work.status != "cancelled" and wall_of(instant(wall, one.zone), one.zone) != wall:
            event.add("rdate", instant(wall, one.zone))
    event.add("summary", one.title)
    event.add("description", one.body)
    event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event


def _until_in_utc(one: PublicSeries) -> str:
    """Return the rule with its end as an instant, as RFC 5545 wants it beside a zone."""
    parts = dict(part.split("=", 1) for part in one.rule.split(";"))
    if "UNTIL" in parts:
        wall = datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall time
        parts["UNTIL"] = f"{instant(wall, one.zone):%Y%m%dT%H%M%SZ}"
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _is_moved(work: Work, one: PublicSeries) -> bool:
    plan = work.maintenance
    begins = instant(datetime.fromisoformat(plan.nth or ""), one.zone)
    return (plan.starts_at, plan.ends_at) != (begins, begins + one.lasts)


def _moved(board: Board, speaks: Speaks, work: Work, one: PublicSeries) -> icalendar.Event:
    """Write one time of a series that was moved: it stands for the time by the rule."""
    event = _event(board, speaks, work)
    event["uid"] = icalendar.vText(_uid(board, one.id))
    wall = datetime.fromisoformat(work.maintenance.nth or "")
    event.add("recurrence-id", wall.replace(tzinfo=ZoneInfo(one.zone)))
    return event


def _uid(board: Board, id_: str) -> str:
    return f"{id_}@{urlsplit(board.site.url).hostname or 'localhost'}"


def _event(board: Board, speaks: Speaks, work: Work) -> icalendar.Event:
    plan, host = work.maintenance, urlsplit(board.site.url).hostname or "localhost"
    event = icalendar.Event()
    event.add("uid", f"{plan.id}@{host}")
    event.add("dtstamp", plan.updated_at.astimezone(UTC))
    event.add("last-modified", plan.updated_at.astimezone(UTC))
    event.add("sequence", len(plan.updates))
    event.add("dtstart", plan.starts_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtend", plan.ends_at.astimezone(UTC).replace(microsecond=0))
    event.add("summary", plan.title)
    affects = f"\n\n{speaks.affects(work.names)}" if work.names else ""
    event.add("description", plan.body + affects)
    event.add("url", speaks.at(board, links.work_path(plan.id)))
    event.add("status", "CANCELLED" if work.status == "cancelled" else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, name)
    child.text = text
    return child


def _xml(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
