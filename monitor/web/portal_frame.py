"""What every page of the portal knows: who looks, whose person it is, under which policy, and what their watch shows.

A page that goes wrong is a page, too: here nothing may be missing for whoever is not logged in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.answers import field_label
from monitor.domain.access import Viewer
from monitor.domain.filing import language_of
from monitor.domain.inventory import Contact, Partner, System
from monitor.domain.people import Permission
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Request, calendar_of, served_by
from monitor.domain.request_rules import FIELDS, RequestRules
from monitor.domain.wording import NAMES
from monitor.tongues import ENGLISH, Tongue
from monitor.web.auth import PRINCIPAL, nothing_there, viewer
from monitor.web.parts import PARTS, Parts
from monitor.web.portal_tongue import COOKIE, chosen
from monitor.web.portal_words import case_state, percent, seen, symptom
from monitor.web.render import page
from monitor.web.rules import Own, role_suffices


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """The customer's person who looks at a page."""

    viewer: Viewer
    contact: Contact
    partner: Partner
    policy: Policy
    language: str
    zone: ZoneInfo
    manages: bool
    tongue: Tongue = ENGLISH

    def label(self, name: str) -> str:
        """Return how a field is called in this person's language."""
        return field_label(name, self.language, labels=labels_of(self.policy.requests))

    @property
    def may_ask_here(self) -> bool:
        """Whether the policy takes requests in the portal at all."""
        rules = self.policy.requests
        return rules.unlisted is None or "portal" in rules.channels

    def day(self, at: datetime) -> str:
        """Say a day as this person's calendar shows it."""
        return self.tongue.short_day(self.local(at))

    def local(self, at: datetime) -> datetime:
        """Return an instant as this person's clock shows it."""
        return at.astimezone(self.zone)

    def written(self, at: datetime | None) -> str:
        """Say an instant for this person: the weekday, the day, and the time on their clock."""
        if at is None:
            return "\N{EN DASH}"
        return self.tongue.moment(self.local(at))


def who_looks(request: web.Request) -> Self:
    """Return who looks at a page that the guard let them see."""
    parts, who = request.app[PARTS], viewer(request)
    found = parts.inventory().person(who.contact or "")
    if found is None:
        raise nothing_there()
    partner, contact = found
    policy = parts.policies()[partner.policy]
    language = language_of(policy, contact, partner, None)
    return Self(
        viewer=who,
        contact=contact,
        partner=partner,
        policy=policy,
        language=language,
        tongue=_tongue(request, language),
        zone=zone_of(parts, policy, partner),
        manages=manages(request),
    )


def manages(request: web.Request) -> bool:
    """Whether whoever looks keeps up what is their partner's, or only what is their own."""
    session = request[PRINCIPAL].session
    return session is not None and role_suffices(session.user.role, Own.PORTAL_ADMIN)


def by_log_in(me: Self, permission: Permission) -> Permission:
    """Return what somebody may: as the policy says of the contact, if their log-in is one that manages."""
    if me.manages or not permission.allowed:
        return permission
    return Permission(
        allowed=False, clause="", reason="your log-in is a partner-contact's: ask a partner-admin of yours"
    )


def _tongue(request: web.Request, known: str = "") -> Tongue:
    """Return the language of whoever asks; ``known`` is the one on record of them."""
    return chosen(request.cookies.get(COOKIE, ""), request.headers.get("Accept-Language", ""), known)


def own_systems(parts: Parts, me: Self) -> tuple[System, ...]:
    """Return the systems of whoever looks, by serial."""
    systems = parts.inventory().systems.values()
    return tuple(sorted((s for s in systems if s.partner == me.partner.id), key=lambda s: s.serial))


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """Which partners are served through somebody's partner; ``directly``: that partner itself is."""

    partners: frozenset[str]
    directly: bool


def through(parts: Parts, me: Self) -> Through:
    """Return the partner of whoever looks, and those that are served through it."""
    inventory = parts.inventory()
    found = {me.partner.id}
    directly = True
    for other in inventory.partners.values():
        if other.policy == me.policy.name:
            served = served_by(me.policy, Request(channel="portal", partner=other.id), inventory)
            if served is not None and served.partner.id == me.partner.id:
                found.add(other.id)
            elif other.id == me.partner.id:
                directly = False
    return Through(partners=frozenset(found), directly=directly)


def zone_of(parts: Parts, policy: Policy, partner: Partner) -> ZoneInfo:
    """Return the zone on a partner's wall: its country's, if it has one only, else that of its support hours."""
    served = served_by(policy, Request(channel="portal", partner=partner.id), parts.inventory())
    hours = calendar_of(policy, served).zone
    zones = zones_by_country().get(partner.country or "", ())
    return ZoneInfo(zones[0]) if len(zones) == 1 and hours.key not in zones else hours


@cache
def zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """Return the time zones of every country, as the tz database lists them."""
    found: dict[str, tuple[str, ...]] = {}
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found


def labels_of(rules: RequestRules) -> dict[str, str]:
    """Return what the policy calls the fields that only it has: the first word it gives for each."""
    own: dict[str, str] = {}
    for word, name in rules.labels.items():
        if name not in FIELDS:
            own.setdefault(name, word[:1].upper() + word[1:])
    return own


def portal_page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """Render a page of the portal."""
    me = _somebody(request)
    tongue = me.tongue if me else _tongue(request)
    written = me.written if me else _in_utc
    zone = me.zone.key if me else "UTC"
    return page(
        request,
        f"portal/{template}",
        status=status,
        me=me,
        written=written,
        zone=zone,
        _=tongue.html,
        lang=tongue.code,
        languages=NAMES,
        case_state=case_state,
        symptom=symptom,
        seen=seen,
        percent=percent,
        **context,
    )


def _somebody(request: web.Request) -> Self | None:
    """Return who looks, if anybody known does; an error page is for everybody."""
    principal = request.get(PRINCIPAL)
    if principal is None or principal.contact is None:
        return None
    known = request.app[PARTS].inventory().person(principal.contact)
    return who_looks(request) if known and known[0].policy in request.app[PARTS].policies() else None


def _in_utc(at: datetime | None) -> str:
    return "\N{EN DASH}" if at is None else f"{at.astimezone(UTC):%d %b %Y, %H:%M} UTC"
