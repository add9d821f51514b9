"""Who may do what: the one table of every route of this package. What is not in it cannot be served.

A route under ``/api/v1`` names a token's scope (a person's role gives scopes too); a page of the console
names the least role. ``None`` is open to everybody. The table is the documentation, the guard and the
source of the test that tries every route as everybody.
"""

from collections.abc import Mapping
from enum import StrEnum

from monitor.storage.people import Role, Scope


class Own(StrEnum):
    """What belongs to customers: each person of theirs gets what is theirs, our own people what they look after.

    Which of it is whose is decided where it is read (``monitor.storage.visibility``); who may not is told that there
    is no such thing.
    """

    KNOWN = "own:known"
    READ = "own:read"
    WRITE = "own:write"
    STAFF = "own:staff"  # what our own people do with it, and no customer
    LEAD = "own:lead"
    SELF = "own:self"  # of a partner-contact, what they are themselves; of a partner-admin, also their colleagues
    MANAGE = "own:manage"  # what a partner-admin keeps up for their partner
    PORTAL = "portal"  # pages for customers' people alone
    PORTAL_SELF = "portal:self"
    PORTAL_ADMIN = "portal:admin"


PORTAL_PAGES = frozenset({Own.PORTAL, Own.PORTAL_SELF, Own.PORTAL_ADMIN})
THEMSELVES = frozenset({Own.SELF, Own.PORTAL_SELF})
_CONTACT = frozenset({Own.KNOWN, Own.READ, Own.WRITE, Own.PORTAL}) | THEMSELVES
FOR_PARTNERS: Mapping[Role, frozenset[Own]] = {
    Role.PARTNER_CONTACT: _CONTACT,
    Role.PARTNER_ADMIN: _CONTACT | {Own.MANAGE, Own.PORTAL_ADMIN},
}
"""What a partner's people may, by their role; within it the policy's own rules hold (``monitor.domain.people``)."""
FOR_THEIR_PROGRAMS = FOR_PARTNERS[Role.PARTNER_ADMIN] - PORTAL_PAGES
"""What a token that speaks for a contact may: it is made by us, by hand, and never opens a page."""
OURS: Mapping[Own, tuple[Role, Scope]] = {
    Own.KNOWN: (Role.VIEWER, Scope.READ),
    Own.READ: (Role.NOC, Scope.OPERATE),
    Own.WRITE: (Role.NOC, Scope.OPERATE),
    Own.SELF: (Role.NOC, Scope.OPERATE),
    Own.MANAGE: (Role.NOC, Scope.OPERATE),
    Own.STAFF: (Role.NOC, Scope.OPERATE),
    Own.LEAD: (Role.LEAD, Scope.ADMIN),
}
"""From which role, and with which scope, our own people and programs get at what belongs to customers."""
Need = Role | Scope | Own | None
RANK: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}
SCOPES_OF_ROLE: Mapping[Role, frozenset[Scope]] = {
    Role.PARTNER_CONTACT: frozenset(),
    Role.PARTNER_ADMIN: frozenset(),
    Role.VIEWER: frozenset({Scope.READ}),
    Role.NOC: frozenset({Scope.READ, Scope.OPERATE}),
    Role.LEAD: frozenset({Scope.READ, Scope.OPERATE}),
    Role.ADMIN: frozenset({Scope.READ, Scope.OPERATE, Scope.ADMIN}),
}

RULES: Mapping[tuple[str, str], Need] = {
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/healthz"): None,
    ("GET", "/metrics"): None,  # has a token of its own, if one is set
    ("GET", "/api/openapi.json"): None,
    ("GET", "/api/docs"): None,
    # signed links: the token is the right
    ("GET", "/ack/{token}"): None,
    ("POST", "/ack/{token}"): None,
    # REST
    ("GET", "/api/v1/incidents"): Scope.READ,
    ("GET", "/api/v1/incidents/{id}"): Scope.READ,
    ("GET", "/api/v1/incidents/{id}/decision"): Scope.READ,
    ("GET", "/api/v1/incidents/{id}/events"): Scope.READ,
    ("GET", "/api/v1/incidents/{id}/clocks"): Scope.READ,
    ("GET", "/api/v1/incidents/{id}/updates"): Scope.READ,
    ("POST", "/api/v1/incidents/{id}/acknowledge"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/resolve"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/detach"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/attach"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/overrule"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/renew"): Scope.OPERATE,
    ("GET", "/api/v1/incidents/{id}/reachable"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/call"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/escalate"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/ticket"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/hand-over"): Scope.OPERATE,
    ("GET", "/api/v1/oncall"): Scope.READ,
    ("GET", "/api/v1/oncall/overrides"): Scope.READ,
    ("POST", "/api/v1/oncall/overrides"): Scope.OPERATE,
    ("DELETE", "/api/v1/oncall/overrides/{id}"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/notes"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/waits"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/clocks/{name}/meet"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/global"): Scope.OPERATE,
    ("POST", "/api/v1/incidents/{id}/updates"): Scope.OPERATE,
    ("GET", "/api/v1/findings"): Scope.READ,
    ("GET", "/api/v1/tickets"): Scope.READ,
    ("GET", "/api/v1/tickets/{id}"): Scope.READ,
    ("POST", "/api/v1/tickets/{id}/notes"): Scope.OPERATE,
    ("POST", "/api/v1/tickets/{id}/files"): Scope.OPERATE,
    ("POST", "/api/v1/tickets/{id}/follow-up"): Scope.OPERATE,
    ("POST", "/api/v1/tickets/{id}/sync"): Scope.OPERATE,
    ("GET", "/api/v1/calls"): Scope.READ,
    ("GET", "/api/v1/crashes"): Scope.READ,
    ("GET", "/api/v1/alerts"): Scope.READ,
    ("POST", "/api/v1/alerts/{id}/assign"): Scope.OPERATE,
    ("GET", "/api/v1/crash-trends"): Scope.READ,
    ("GET", "/api/v1/crash-groups"): Scope.READ,
    ("GET", "/api/v1/crash-groups/{group}"): Scope.READ,
    ("POST", "/api/v1/crash-groups/{group}/fixed"): Scope.OPERATE,
    ("DELETE", "/api/v1/crash-groups/{group}/fixed"): Scope.OPERATE,
    ("GET", "/api/v1/crash-losses"): Scope.READ,
    ("GET", "/api/v1/events"): Scope.READ,
    ("GET", "/api/v1/deliveries"): Scope.READ,
    ("GET", "/api/v1/deliveries/{id}"): Scope.READ,
    ("POST", "/api/v1/deliveries/{id}/retry"): Scope.OPERATE,
    ("GET", "/api/v1/outbox"): Scope.READ,
    ("POST", "/api/v1/outbox/{id}/retry"): Scope.OPERATE,
    ("GET", "/api/v1/systems"): Own.KNOWN,
    ("GET", "/api/v1/systems/{serial}"): Own.KNOWN,
    ("GET", "/api/v1/systems/{serial}/uptime"): Own.KNOWN,
    ("POST", "/api/v1/systems"): Own.MANAGE,
    ("PATCH", "/api/v1/systems/{serial}"): Own.MANAGE,
    ("GET", "/api/v1/partners"): Scope.READ,
    ("GET", "/api/v1/partners/{id}"): Scope.READ,
    ("GET", "/api/v1/contacts"): Own.KNOWN,
    ("POST", "/api/v1/contacts"): Own.MANAGE,
    ("GET", "/api/v1/contacts/{id}"): Own.KNOWN,
    ("PATCH", "/api/v1/contacts/{id}"): Own.SELF,
    ("DELETE", "/api/v1/contacts/{id}"): Own.SELF,
    ("GET", "/api/v1/licences"): Own.KNOWN,
    ("POST", "/api/v1/licences"): Scope.OPERATE,
    ("GET", "/api/v1/licences/{id}"): Own.KNOWN,
    ("PATCH", "/api/v1/licences/{id}"): Scope.OPERATE,
    ("POST", "/api/v1/licences/{id}/hand-over"): Own.MANAGE,
    ("GET", "/api/v1/checks"): Scope.READ,
    ("GET", "/api/v1/checks/{name}/results"): Scope.READ,
    ("GET", "/api/v1/checks/{name}/uptime"): Scope.READ,
    ("GET", "/api/v1/components/{id}/uptime"): Scope.READ,
    ("GET", "/api/v1/components"): Scope.READ,
    ("GET", "/api/v1/policies"): Scope.READ,
    ("GET", "/api/v1/policies/{name}"): Scope.READ,
    ("GET", "/api/v1/maintenance"): Own.KNOWN,
    ("GET", "/api/v1/maintenance/{id}"): Own.KNOWN,
    ("POST", "/api/v1/maintenance"): Own.MANAGE,
    ("POST", "/api/v1/maintenance/{id}/cancel"): Own.MANAGE,
    ("POST", "/api/v1/maintenance/{id}/complete"): Own.MANAGE,
    ("POST", "/api/v1/maintenance/{id}/move"): Own.MANAGE,
    ("GET", "/api/v1/maintenance-series"): Own.KNOWN,
    ("GET", "/api/v1/maintenance-series/{id}"): Own.KNOWN,
    ("POST", "/api/v1/maintenance-series/{id}/cancel"): Own.MANAGE,
    ("GET", "/api/v1/reports/sla"): Scope.READ,  # counts only
    # names requests, also those that only their requester may see
    ("GET", "/api/v1/reports/sla/clocks"): Scope.OPERATE,
    ("GET", "/api/v1/ledger/{id}"): Own.KNOWN,
    ("GET", "/api/v1/ledger/{id}/statements"): Own.KNOWN,
    ("POST", "/api/v1/ledger/{id}/purchases"): Scope.OPERATE,
    ("POST", "/api/v1/ledger/{id}/refunds"): Scope.OPERATE,
    ("GET", "/api/v1/announcements"): Scope.READ,
    ("GET", "/api/v1/announcements/{id}"): Scope.READ,
    ("POST", "/api/v1/announcements/{id}/channels/{channel}/posted"): Scope.OPERATE,
    ("POST", "/api/v1/config/reload"): Scope.ADMIN,
    ("GET", "/api/v1/requests"): Own.READ,
    ("POST", "/api/v1/requests"): Own.WRITE,
    ("GET", "/api/v1/requests/{id}"): Own.READ,
    ("GET", "/api/v1/requests/{id}/messages"): Own.READ,
    ("POST", "/api/v1/requests/{id}/messages"): Own.WRITE,
    ("GET", "/api/v1/requests/{id}/attachments"): Own.READ,
    ("GET", "/api/v1/requests/{id}/attachments/{attachment}"): Own.READ,
    ("POST", "/api/v1/requests/{id}/attachments"): Own.WRITE,
    ("GET", "/api/v1/requests/{id}/events"): Own.STAFF,
    ("GET", "/api/v1/requests/{id}/judgement"): Own.READ,
    ("GET", "/api/v1/requests/{id}/clocks"): Own.READ,
    ("GET", "/api/v1/requests/{id}/appointments"): Own.READ,
    ("GET", "/api/v1/requests/{id}/appointment.ics"): Own.READ,
    ("GET", "/api/v1/requests/{id}/slots"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/appointments"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/appointments/{appointment}/move"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/appointments/{appointment}/cancel"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/appointments/{appointment}/held"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/take"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/triage"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/class"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/resume"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/close"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/pass-on"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/duties/{duty}/done"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/flag"): Own.STAFF,
    ("GET", "/api/v1/requests/{id}/credentials"): Own.STAFF,
    ("POST", "/api/v1/requests/{id}/credentials/{credential}/read"): Own.LEAD,
    # the console
    ("GET", "/noc/login"): None,
    ("POST", "/noc/login"): None,
    ("GET", "/noc/static/{name}"): None,
    ("POST", "/noc/logout"): Role.VIEWER,
    ("GET", "/noc"): Role.VIEWER,
    ("GET", "/noc/"): Role.VIEWER,
    ("GET", "/noc/board"): Role.VIEWER,
    ("GET", "/noc/wall"): Role.VIEWER,
    ("GET", "/noc/wall/board"): Role.VIEWER,
    ("GET", "/noc/queue.csv"): Role.VIEWER,
    ("GET", "/noc/urgent"): Role.VIEWER,
    ("GET", "/noc/displays"): Role.LEAD,
    ("POST", "/noc/displays"): Role.LEAD,
    ("POST", "/noc/displays/{id}/end"): Role.LEAD,
    (
        "GET",
        "/noc/display/{secret}",
    ): None,  # a display on a wall: it has no session, and its address ends when a lead says so
    ("GET", "/noc/display/{secret}/board"): None,
    ("GET", "/noc/display/{secret}/live"): None,
    ("GET", "/noc/live"): Role.VIEWER,
    ("GET", "/noc/incidents"): Role.VIEWER,
    ("GET", "/noc/incidents/{id}"): Role.VIEWER,
    ("POST", "/noc/incidents/{id}/acknowledge"): Role.NOC,
    ("POST", "/noc/incidents/{id}/resolve"): Role.NOC,
    ("GET", "/noc/incidents/{id}/resolve"): Role.NOC,
    ("GET", "/noc/incidents/{id}/call"): Role.NOC,
    ("POST", "/noc/incidents/{id}/call"): Role.NOC,
    ("GET", "/noc/incidents/{id}/escalate"): Role.NOC,
    ("POST", "/noc/incidents/{id}/escalate"): Role.NOC,
    ("GET", "/noc/incidents/{id}/ticket"): Role.NOC,
    ("POST", "/noc/incidents/{id}/ticket"): Role.NOC,
    ("POST", "/noc/incidents/{id}/detach"): Role.NOC,
    ("POST", "/noc/incidents/{id}/attach"): Role.NOC,
    ("POST", "/noc/incidents/{id}/members"): Role.NOC,
    ("POST", "/noc/incidents/{id}/overrule"): Role.NOC,
    ("POST", "/noc/incidents/{id}/notes"): Role.NOC,
    ("POST", "/noc/incidents/{id}/waits"): Role.NOC,
    ("POST", "/noc/incidents/{id}/clocks/{name}/meet"): Role.NOC,
    ("POST", "/noc/incidents/{id}/updates"): Role.NOC,
    ("POST", "/noc/outbox/{id}/retry"): Role.NOC,
    ("GET", "/noc/global/new"): Role.NOC,
    ("GET", "/noc/problems"): Role.VIEWER,
    ("GET", "/noc/problems.csv"): Role.VIEWER,
    ("GET", "/noc/problems/{id}"): Role.VIEWER,
    ("GET", "/noc/problems/{id}/systems.csv"): Role.VIEWER,
    ("POST", "/noc/problems/{id}/systems"): Role.NOC,
    ("POST", "/noc/problems/{id}/merge"): Role.NOC,
    ("POST", "/noc/problems/{id}/words"): Role.NOC,
    ("POST", "/noc/problems/{id}/words/{name}/correct"): Role.NOC,
    ("POST", "/noc/problems/{id}/withdraw"): Role.NOC,
    ("POST", "/noc/global"): Role.NOC,
    ("GET", "/noc/maintenance"): Role.VIEWER,
    ("GET", "/noc/maintenance.csv"): Role.VIEWER,
    ("GET", "/noc/maintenance.ics"): Role.VIEWER,
    ("GET", "/noc/maintenance/new"): Role.NOC,
    ("POST", "/noc/maintenance"): Role.NOC,
    ("POST", "/noc/maintenance/preview"): Role.NOC,
    ("POST", "/noc/maintenance/systems.csv"): Role.NOC,
    ("GET", "/noc/maintenance/{id}"): Role.VIEWER,
    ("GET", "/noc/maintenance/{id}/systems.csv"): Role.VIEWER,
    ("POST", "/noc/maintenance/{id}/move"): Role.NOC,
    ("POST", "/noc/maintenance/{id}/move/preview"): Role.NOC,
    ("GET", "/noc/maintenance/{id}/cancel"): Role.NOC,
    ("GET", "/noc/maintenance/{id}/complete"): Role.NOC,
    ("GET", "/noc/maintenance-series/{id}/cancel"): Role.NOC,
    ("POST", "/noc/maintenance/{id}/cancel"): Role.NOC,
    ("POST", "/noc/maintenance/{id}/complete"): Role.NOC,
    ("POST", "/noc/maintenance-series/{id}/cancel"): Role.NOC,
    ("GET", "/noc/announcements.csv"): Role.VIEWER,
    ("GET", "/noc/announcements"): Role.VIEWER,
    ("GET", "/noc/announcements/{id}"): Role.VIEWER,
    ("POST", "/noc/announcements/{id}/channels/{channel}/posted"): Role.NOC,
    ("GET", "/noc/systems"): Role.VIEWER,
    ("GET", "/noc/systems.csv"): Role.VIEWER,
    ("GET", "/noc/incidents.csv"): Role.VIEWER,
    ("GET", "/noc/systems/{serial}"): Role.VIEWER,
    ("GET", "/noc/checks.csv"): Role.VIEWER,
    ("GET", "/noc/checks"): Role.VIEWER,
    ("GET", "/noc/checks/{name}"): Role.VIEWER,
    ("GET", "/noc/crashes.csv"): Role.VIEWER,
    ("GET", "/noc/crashes"): Role.VIEWER,
    ("GET", "/noc/crashes/{group}"): Role.VIEWER,
    ("POST", "/noc/crashes/{group}/fixed"): Role.NOC,
    ("POST", "/noc/crashes/{group}/reopen"): Role.NOC,
    ("GET", "/noc/crashes/{group}/dumps/{report}"): Own.LEAD,  # what was in customers' memory
    ("GET", "/noc/alerts.csv"): Role.VIEWER,
    ("GET", "/noc/alerts"): Role.VIEWER,
    ("POST", "/noc/alerts/{id}/assign"): Role.NOC,
    ("GET", "/noc/outbox.csv"): Role.VIEWER,
    ("GET", "/noc/outbox"): Role.VIEWER,
    ("POST", "/noc/tickets/{id}/notes"): Role.NOC,
    ("POST", "/noc/tickets/{id}/follow-up"): Role.NOC,
    ("POST", "/noc/tickets/{id}/sync"): Role.NOC,
    ("GET", "/noc/deliveries.csv"): Role.VIEWER,
    ("GET", "/noc/deliveries"): Role.VIEWER,
    ("GET", "/noc/deliveries/{id}"): Role.VIEWER,
    ("GET", "/noc/tickets.csv"): Role.VIEWER,
    ("GET", "/noc/tickets"): Role.VIEWER,
    ("GET", "/noc/tickets/{id}"): Role.VIEWER,
    ("GET", "/noc/partners"): Role.VIEWER,
    ("GET", "/noc/partners.csv"): Role.VIEWER,
    ("GET", "/noc/partners/{id}"): Role.VIEWER,
    ("GET", "/noc/policies"): Role.VIEWER,
    ("GET", "/noc/policies/{name}"): Role.VIEWER,
    ("GET", "/noc/oncall"): Role.VIEWER,
    ("GET", "/noc/oncall.csv"): Role.VIEWER,
    ("POST", "/noc/oncall/overrides"): Role.NOC,
    ("POST", "/noc/oncall/addresses"): Role.VIEWER,
    ("POST", "/noc/oncall/addresses/{id}/end"): Role.VIEWER,
    ("GET", "/oncall/{secret}.ics"): None,  # whoever has the address: it is made for one person
    ("POST", "/noc/oncall/overrides/{id}/remove"): Role.NOC,
    ("GET", "/noc/oncall/hand-over"): Role.NOC,
    ("POST", "/noc/oncall/hand-over"): Role.NOC,
    ("POST", "/noc/incidents/{id}/renew"): Role.NOC,
    ("GET", "/noc/requests.csv"): Own.STAFF,
    ("GET", "/noc/requests"): Own.STAFF,
    ("GET", "/noc/requests/new"): Own.STAFF,
    ("POST", "/noc/requests"): Own.STAFF,
    ("GET", "/noc/requests/{id}"): Own.STAFF,
    ("GET", "/noc/requests/{id}/attachments/{attachment}"): Own.STAFF,
    ("POST", "/noc/requests/{id}/take"): Own.STAFF,
    ("POST", "/noc/requests/{id}/reply"): Own.STAFF,
    ("POST", "/noc/requests/{id}/resume"): Own.STAFF,
    ("POST", "/noc/requests/{id}/triage"): Own.STAFF,
    ("POST", "/noc/requests/{id}/class"): Own.STAFF,
    ("POST", "/noc/requests/{id}/close"): Own.STAFF,
    ("POST", "/noc/requests/{id}/pass-on"): Own.STAFF,
    ("POST", "/noc/requests/{id}/flag"): Own.STAFF,
    ("POST", "/noc/requests/{id}/complete"): Own.STAFF,
    ("POST", "/noc/requests/{id}/duties/{duty}/done"): Own.STAFF,
    ("POST", "/noc/requests/{id}/credentials/{credential}/read"): Own.LEAD,
    ("POST", "/noc/requests/{id}/appointments"): Own.STAFF,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/move"): Own.STAFF,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/cancel"): Own.STAFF,
    ("POST", "/noc/requests/{id}/appointments/{appointment}/held"): Own.STAFF,
    ("GET", "/noc/audit"): Role.LEAD,
    ("GET", "/noc/audit.csv"): Role.LEAD,
    ("GET", "/noc/reports/sla"): Role.LEAD,
    ("GET", "/noc/reports/sla/clocks.csv"): Role.LEAD,
    ("GET", "/noc/reports/sla/clocks"): Role.LEAD,
    ("POST", "/noc/config/reload"): Role.ADMIN,
    # accounts, at both faces
    ("GET", "/noc/login/provider"): None,
    ("GET", "/portal/login/provider"): None,
    ("GET", "/noc/login/provider/back"): None,  # what the provider sends back: good once, for one browser
    ("GET", "/noc/account"): Role.VIEWER,
    ("POST", "/noc/account/password"): Role.VIEWER,
    ("POST", "/noc/account/second-step"): Role.VIEWER,
    ("POST", "/noc/account/second-step/confirm"): Role.VIEWER,
    ("POST", "/noc/account/second-step/codes"): Role.VIEWER,
    ("POST", "/noc/account/second-step/off"): Role.VIEWER,
    ("POST", "/noc/account/sessions/end"): Role.VIEWER,
    ("GET", "/noc/users"): Role.ADMIN,
    ("POST", "/noc/users"): Role.ADMIN,
    ("POST", "/noc/users/{id}/link"): Role.ADMIN,
    ("POST", "/noc/users/{id}/role"): Role.ADMIN,
    ("POST", "/noc/users/{id}/lock"): Role.ADMIN,
    ("POST", "/noc/users/{id}/sessions/end"): Role.ADMIN,
    ("POST", "/noc/users/{id}/second-step/reset"): Role.ADMIN,
    ("GET", "/noc/login/code"): None,
    ("POST", "/noc/login/code"): None,
    ("GET", "/noc/join/{token}"): None,
    ("POST", "/noc/join/{token}"): None,
    ("GET", "/portal/account"): Own.PORTAL,
    ("POST", "/portal/account/password"): Own.PORTAL,
    ("POST", "/portal/account/second-step"): Own.PORTAL,
    ("POST", "/portal/account/second-step/confirm"): Own.PORTAL,
    ("POST", "/portal/account/second-step/codes"): Own.PORTAL,
    ("POST", "/portal/account/second-step/off"): Own.PORTAL,
    ("POST", "/portal/account/sessions/end"): Own.PORTAL,
    ("GET", "/portal/users"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users/{id}/link"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users/{id}/role"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users/{id}/lock"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users/{id}/sessions/end"): Own.PORTAL_ADMIN,
    ("POST", "/portal/users/{id}/second-step/reset"): Own.PORTAL_ADMIN,
    ("GET", "/portal/login/code"): None,
    ("POST", "/portal/login/code"): None,
    ("GET", "/portal/join/{token}"): None,
    ("POST", "/portal/join/{token}"): None,
    # the portal
    ("GET", "/portal/login"): None,
    ("POST", "/portal/login"): None,
    ("GET", "/portal/link"): None,
    ("POST", "/portal/link"): None,
    ("GET", "/portal/language/{code}"): None,
    ("GET", "/portal/link/{token}"): None,
    ("POST", "/portal/link/{token}"): None,
    ("POST", "/portal/logout"): Own.PORTAL,
    ("GET", "/portal"): Own.PORTAL,
    ("GET", "/portal/"): Own.PORTAL,
    ("GET", "/portal/news"): Own.PORTAL,
    ("POST", "/portal/news"): Own.PORTAL,
    ("POST", "/portal/news/{id}/end"): Own.PORTAL,
    ("GET", "/portal/systems"): Own.PORTAL,
    ("GET", "/portal/systems/{serial}"): Own.PORTAL,
    ("GET", "/portal/systems/new"): Own.PORTAL_ADMIN,
    ("POST", "/portal/systems"): Own.PORTAL_ADMIN,
    ("GET", "/portal/systems/{serial}/edit"): Own.PORTAL_ADMIN,
    ("POST", "/portal/systems/{serial}"): Own.PORTAL_ADMIN,
    ("GET", "/portal/cases"): Own.PORTAL,
    ("GET", "/portal/cases/{id}"): Own.PORTAL,
    ("POST", "/portal/cases/{id}/acknowledge"): Own.PORTAL,
    ("POST", "/portal/cases/{id}/reply"): Own.PORTAL,
    ("GET", "/portal/requests"): Own.PORTAL,
    ("GET", "/portal/requests/new"): Own.PORTAL,
    ("POST", "/portal/requests"): Own.PORTAL,
    ("GET", "/portal/requests/{id}"): Own.PORTAL,
    ("POST", "/portal/requests/{id}/messages"): Own.PORTAL,
    ("GET", "/portal/requests/{id}/attachments/{attachment}"): Own.PORTAL,
    ("GET", "/portal/requests/{id}/appointments/{appointment}.ics"): Own.PORTAL,
    ("GET", "/portal/contacts"): Own.PORTAL,
    ("POST", "/portal/contacts"): Own.PORTAL_ADMIN,
    ("GET", "/portal/contacts/new"): Own.PORTAL_ADMIN,
    ("GET", "/portal/contacts/{id}"): Own.PORTAL_SELF,
    ("POST", "/portal/contacts/{id}"): Own.PORTAL_SELF,
    ("POST", "/portal/contacts/{id}/remove"): Own.PORTAL_SELF,
    ("POST", "/portal/contacts/{id}/in-charge"): Own.PORTAL_ADMIN,
    ("GET", "/portal/licences"): Own.PORTAL,
    ("GET", "/portal/maintenance"): Own.PORTAL,
    ("POST", "/portal/maintenance"): Own.PORTAL_ADMIN,
    ("POST", "/portal/maintenance/preview"): Own.PORTAL_ADMIN,
    ("POST", "/portal/maintenance/{id}/cancel"): Own.PORTAL_ADMIN,
    ("POST", "/portal/maintenance-series/{id}/cancel"): Own.PORTAL_ADMIN,
    ("GET", "/portal/ledger"): Own.PORTAL,
    ("GET", "/portal/ledger.csv"): Own.PORTAL,
}


def scope_of(method: str, path: str) -> str | None:
    """Return the scope an API route needs; KeyError for a route that nobody thought about."""
    need = RULES[method, path]
    if isinstance(need, Own):
        return OURS[need][1] if need in OURS else None
    return need if isinstance(need, Scope) else None


def is_hidden(method: str, path: str) -> bool:
    """Whether to who may not see it a route's thing does not exist (404), instead of being forbidden."""
    return isinstance(RULES[method, path], Own) and RULES[method, path] is not Own.KNOWN and "{" in path


def role_suffices(role: Role, need: Need) -> bool:
    """Whether a person with this role may."""
    if isinstance(need, Own):
        if role in FOR_PARTNERS:
            return need in FOR_PARTNERS[role]
        return need in OURS and RANK[role] >= RANK[OURS[need][0]]
    if isinstance(need, Role):
        return RANK[role] >= RANK[need]
    return need is None or need in SCOPES_OF_ROLE[role]


def scopes_suffice(scopes: frozenset[str], need: Need) -> bool:
    """Whether a token with these scopes may; a token never opens a page."""
    if need is None:
        return True
    if isinstance(need, Own):
        return need in OURS and bool(scopes & {OURS[need][1], Scope.ADMIN})
    admin_covers = need in (Scope.READ, Scope.OPERATE) and Scope.ADMIN in scopes
    return isinstance(need, Scope) and (need in scopes or admin_covers)
