"""The REST API's lists of what we look after, from the configuration in force: no database but for states.

Sorted by id, and the page goes on after an id, so that a reload between two pages loses nothing.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from aiohttp import web

from monitor.domain import policy as policies
from monitor.domain.access import Viewer
from monitor.domain.inventory import Contact, Partner
from monitor.errors import NotFoundError
from monitor.storage import lists
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web.api import next_path, of
from monitor.web.auth import viewer
from monitor.web.checks_now import checks_now
from monitor.web.openapi import Api

M = TypeVar("M", bound=m.Out)


def add_inventory(api: Api) -> None:
    """Declare the inventory's lists."""

    @api.route("GET", "/api/v1/systems")
    async def list_systems(request: web.Request, params: i.SystemQuery) -> m.Listing[m.System]:
        """List the systems we look after."""
        who = viewer(request)
        listed = (one for one in of(request).inventory().systems.values() if sees(who, one.partner))
        systems = map(m.System.model_validate, listed)
        return paged(request, params, systems, lambda system: system.serial)

    @api.route("GET", "/api/v1/systems/{serial}", errors=(404,))
    async def get_system(request: web.Request, params: i.BySerial) -> m.System:
        """Read one system."""
        found = _found(of(request).inventory().systems.get(params.serial))
        return m.System.model_validate(_found(found if sees(viewer(request), found.partner) else None))

    @api.route("GET", "/api/v1/partners")
    async def list_partners(request: web.Request, params: i.PartnerQuery) -> m.Listing[m.Partner]:
        """List partners and customers."""
        partners = map(m.Partner.model_validate, of(request).inventory().partners.values())
        return paged(request, params, partners, lambda partner: partner.id)

    @api.route("GET", "/api/v1/partners/{id}", errors=(404,))
    async def get_partner(request: web.Request, params: i.ById) -> m.Partner:
        """Read one partner."""
        return m.Partner.model_validate(_found(of(request).inventory().partners.get(params.id)))

    @api.route("GET", "/api/v1/contacts")
    async def list_contacts(request: web.Request, params: i.ContactQuery) -> m.Listing[m.Contact]:
        """List the people at our partners."""
        return paged(request, params, _contacts(request), lambda contact: contact.id)

    @api.route("GET", "/api/v1/checks")
    async def list_checks(request: web.Request, params: i.CheckQuery) -> m.Listing[m.Check]:
        """List the checks, what they say, when they last looked and will look next."""
        seen = await of(request).store.read(lists.check_lines)
        checks = map(m.Check.model_validate, checks_now(of(request), seen))
        return paged(request, params, checks, lambda check: check.name)

    @api.route("GET", "/api/v1/components")
    async def list_components(request: web.Request, params: i.ComponentQuery) -> m.Listing[m.Component]:
        """List the lines of the status page."""
        return paged(request, params, await _components(request), lambda component: component.id)

    @api.route("GET", "/api/v1/policies")
    async def list_policies(request: web.Request, params: i.Inventory) -> m.Listing[m.Policy]:
        """List the SLA documents in force."""
        return paged(
            request, params, map(_policy, of(request).policies().values()), lambda policy: policy.name
        )

    @api.route("GET", "/api/v1/policies/{name}", errors=(404,))
    async def get_policy(request: web.Request, params: i.ByName) -> m.Policy:
        """Read one SLA document: its classes, rules and readings."""
        return _policy(_found(of(request).policies().get(params.name)))


T = TypeVar("T")


def _found(thing: T | None) -> T:
    if thing is None:
        raise NotFoundError("There is nothing of this name.")
    return thing


def paged(
    request: web.Request, params: i.Inventory, items: Iterable[M], key: Callable[[M], str]
) -> m.Listing[M]:
    """Return a page of an inventory list, in the order of its keys."""
    equal = params.equal()
    wanted = (item for item in items if all(getattr(item, name) == value for name, value in equal.items()))
    after = params.after
    ordered = sorted((item for item in wanted if after is None or key(item) > after), key=key)
    shown = ordered[: params.limit]
    return m.Listing(
        items=shown, next=next_path(request, key(shown[-1])) if len(ordered) > params.limit else None
    )


def sees(who: Viewer, partner: str) -> bool:
    """Whether somebody sees what belongs to a partner: our own people, and the partner's."""
    return who.staff or partner == who.partner


def _contacts(request: web.Request) -> Iterable[m.Contact]:
    who = viewer(request)
    for partner in of(request).inventory().partners.values():
        if sees(who, partner.id):
            yield from (a_contact(partner, contact) for contact in partner.contacts)


def a_contact(partner: Partner, contact: Contact) -> m.Contact:
    """Return a person as the API gives it."""
    return m.Contact(
        id=contact.id,
        partner=partner.id,
        name=contact.name,
        phone=contact.phone,
        email=contact.email,
        languages=contact.languages,
        role=contact.role,
        hours=contact.hours,
        licence=contact.licence,
        always_reachable=contact.always_reachable,
        english_ok=contact.english_ok,
        account_id=contact.account_id,
    )


async def _components(request: web.Request) -> list[m.Component]:
    statuses = await of(request).store.read(lists.component_statuses)
    components: list[m.Component] = []
    for component in of(request).inventory().components.values():
        status, since = statuses.get(component.id, ("unknown", None))
        components.append(
            m.Component(
                id=component.id,
                name=component.name,
                group=component.group,
                region=component.region,
                description=component.description,
                status=status,
                since=since,
            )
        )
    return components


def _policy(policy: policies.Policy) -> m.Policy:
    return m.Policy(
        name=policy.name,
        title=policy.title,
        version=policy.version,
        language=policy.language,
        calendars=sorted(policy.calendars),
        plans=policy.plans,
        classes=sorted(map(m.PolicyClass.model_validate, policy.classes.values()), key=lambda c: c.urgency),
        rules=[m.PolicyRule.model_validate(rule) for rule in policy.rules],
        exclusions=[m.PolicyRule.model_validate(each) for each in policy.exclusions],
        assumptions=[m.PolicyAssumption.model_validate(each) for each in policy.assumptions],
    )
