"""Who may what, written by hand beside ``monitor.web.rules`` and never derived from it: one line for each route.

A new route gets its line here, under the audience that the documentation names (docs/noc.md, docs/partner.md,
docs/api.md). ``test_matrix`` tries every line as everybody, and fails for a route without one.
"""

from dataclasses import dataclass

CONSOLE = ("viewer", "noc", "lead", "admin")
TOKENS = ("token ingest", "token read", "token operate", "token admin")
EVERYBODY = ("nobody", "partner-contact", "partner-admin", *CONSOLE, *TOKENS, "partner's token")


@dataclass(frozen=True)
class Audience:
    """Who gets in; ``own`` things of a partner's: whose is foreign is told that there is no such thing."""

    who: frozenset[str]
    own: bool = False
    hidden: bool = False  # who may not is told so, too, where one thing is asked for


def _audience(*who: str, own: bool = False, hidden: bool = False) -> Audience:
    assert set(who) <= set(EVERYBODY), who
    return Audience(frozenset(who), own, hidden)


READ, OPERATE, ADMIN = ("token read", "token admin"), ("token operate", "token admin"), ("token admin",)
BOTH = ("partner-contact", "partner-admin")
AUDIENCES = {
    "everybody": _audience(*EVERYBODY),
    "api read": _audience(*CONSOLE, *READ),
    "api operate": _audience(*CONSOLE[1:], *OPERATE),
    "api admin": _audience(*CONSOLE[3:], *ADMIN),
    "theirs, known": _audience(*BOTH, "partner's token", *CONSOLE, *READ, own=True),
    "theirs": _audience(*BOTH, "partner's token", *CONSOLE[1:], *OPERATE, own=True, hidden=True),
    "theirs, themselves": _audience(*BOTH, "partner's token", *CONSOLE[1:], *OPERATE, own=True, hidden=True),
    "theirs, kept up": _audience(
        "partner-admin", "partner's token", *CONSOLE[1:], *OPERATE, own=True, hidden=True
    ),
    "customers', ours to work on": _audience(*CONSOLE[1:], *OPERATE, hidden=True),
    "customers', for leads": _audience(*CONSOLE[2:], *ADMIN, hidden=True),
    "console, from viewer": _audience(*CONSOLE),
    "console, from noc": _audience(*CONSOLE[1:]),
    "console, from lead": _audience(*CONSOLE[2:]),
    "console, from admin": _audience(*CONSOLE[3:]),
    "doors of their own": _audience(*EVERYBODY),  # secrets and signatures that their own tests try
    "portal": _audience(*BOTH, own=True, hidden=True),
    "portal, themselves": _audience(*BOTH, own=True, hidden=True),
    "portal, kept up": _audience("partner-admin", own=True, hidden=True),
}

TABLE = """
[everybody]
GET /oncall/{secret}.ics
GET /noc/login/provider
GET /portal/login/provider
GET /noc/login/provider/back
GET /noc/login/code
POST /noc/login/code
GET /noc/join/{token}
POST /noc/join/{token}
GET /portal/login/code
POST /portal/login/code
GET /portal/join/{token}
POST /portal/join/{token}
GET /livez
GET /readyz
GET /healthz
GET /metrics
GET /api/openapi.json
GET /api/docs
GET /ack/{token}
POST /ack/{token}
GET /noc/display/{secret}
GET /noc/display/{secret}/board
GET /noc/display/{secret}/live
GET /noc/login
POST /noc/login
GET /noc/static/{name}
GET /portal/login
POST /portal/login
GET /portal/link
POST /portal/link
GET /portal/language/{code}
GET /portal/link/{token}
POST /portal/link/{token}
[api read]
GET /api/v1/incidents
GET /api/v1/incidents/{id}
GET /api/v1/incidents/{id}/decision
GET /api/v1/incidents/{id}/events
GET /api/v1/incidents/{id}/clocks
GET /api/v1/incidents/{id}/updates
GET /api/v1/oncall
GET /api/v1/oncall/overrides
GET /api/v1/findings
GET /api/v1/tickets
GET /api/v1/tickets/{id}
GET /api/v1/calls
GET /api/v1/crashes
GET /api/v1/alerts
GET /api/v1/crash-trends
GET /api/v1/crash-groups
GET /api/v1/crash-groups/{group}
GET /api/v1/crash-losses
GET /api/v1/events
GET /api/v1/deliveries
GET /api/v1/deliveries/{id}
GET /api/v1/outbox
GET /api/v1/partners
GET /api/v1/partners/{id}
GET /api/v1/checks
GET /api/v1/checks/{name}/results
GET /api/v1/checks/{name}/uptime
GET /api/v1/components/{id}/uptime
GET /api/v1/components
GET /api/v1/policies
GET /api/v1/policies/{name}
GET /api/v1/reports/sla
GET /api/v1/announcements
GET /api/v1/announcements/{id}
[api operate]
POST /api/v1/incidents/{id}/acknowledge
POST /api/v1/incidents/{id}/resolve
POST /api/v1/incidents/{id}/detach
POST /api/v1/incidents/{id}/attach
POST /api/v1/incidents/{id}/overrule
POST /api/v1/incidents/{id}/renew
GET /api/v1/incidents/{id}/reachable
POST /api/v1/incidents/{id}/call
POST /api/v1/incidents/{id}/escalate
POST /api/v1/incidents/{id}/ticket
POST /api/v1/incidents/{id}/hand-over
POST /api/v1/oncall/overrides
DELETE /api/v1/oncall/overrides/{id}
POST /api/v1/incidents/{id}/notes
POST /api/v1/incidents/{id}/waits
POST /api/v1/incidents/{id}/clocks/{name}/meet
POST /api/v1/incidents/global
POST /api/v1/incidents/{id}/updates
POST /api/v1/tickets/{id}/notes
POST /api/v1/tickets/{id}/files
POST /api/v1/tickets/{id}/follow-up
POST /api/v1/tickets/{id}/sync
POST /api/v1/alerts/{id}/assign
POST /api/v1/crash-groups/{group}/fixed
DELETE /api/v1/crash-groups/{group}/fixed
POST /api/v1/deliveries/{id}/retry
POST /api/v1/outbox/{id}/retry
POST /api/v1/licences
PATCH /api/v1/licences/{id}
GET /api/v1/reports/sla/clocks
POST /api/v1/ledger/{id}/purchases
POST /api/v1/ledger/{id}/refunds
POST /api/v1/announcements/{id}/channels/{channel}/posted
[api admin]
POST /api/v1/config/reload

[theirs, known]
GET /api/v1/systems
GET /api/v1/systems/{serial}
GET /api/v1/systems/{serial}/uptime
GET /api/v1/contacts
GET /api/v1/contacts/{id}
GET /api/v1/licences
GET /api/v1/licences/{id}
GET /api/v1/maintenance
GET /api/v1/maintenance/{id}
GET /api/v1/maintenance-series
GET /api/v1/maintenance-series/{id}
GET /api/v1/ledger/{id}
GET /api/v1/ledger/{id}/statements
[theirs]
GET /api/v1/requests
POST /api/v1/requests
GET /api/v1/requests/{id}
GET /api/v1/requests/{id}/messages
POST /api/v1/requests/{id}/messages
GET /api/v1/requests/{id}/attachments
GET /api/v1/requests/{id}/attachments/{attachment}
POST /api/v1/requests/{id}/attachments
GET /api/v1/requests/{id}/judgement
GET /api/v1/requests/{id}/clocks
GET /api/v1/requests/{id}/appointments
GET /api/v1/requests/{id}/appointment.ics
[theirs, themselves]
PATCH /api/v1/contacts/{id}
DELETE /api/v1/contacts/{id}
[theirs, kept up]
POST /api/v1/systems
PATCH /api/v1/systems/{serial}
POST /api/v1/contacts
POST /api/v1/licences/{id}/hand-over
POST /api/v1/maintenance
POST /api/v1/maintenance/{id}/cancel
POST /api/v1/maintenance/{id}/complete
POST /api/v1/maintenance/{id}/move
POST /api/v1/maintenance-series/{id}/cancel
[customers', ours to work on]
GET /api/v1/requests/{id}/events
GET /api/v1/requests/{id}/slots
POST /api/v1/requests/{id}/appointments
POST /api/v1/requests/{id}/appointments/{appointment}/move
POST /api/v1/requests/{id}/appointments/{appointment}/cancel
POST /api/v1/requests/{id}/appointments/{appointment}/held
POST /api/v1/requests/{id}/take
POST /api/v1/requests/{id}/triage
POST /api/v1/requests/{id}/class
POST /api/v1/requests/{id}/resume
POST /api/v1/requests/{id}/close
POST /api/v1/requests/{id}/pass-on
POST /api/v1/requests/{id}/duties/{duty}/done
POST /api/v1/requests/{id}/flag
GET /api/v1/requests/{id}/credentials
GET /noc/requests
GET /noc/requests.csv
GET /noc/requests/new
POST /noc/requests
GET /noc/requests/{id}
GET /noc/requests/{id}/attachments/{attachment}
POST /noc/requests/{id}/take
POST /noc/requests/{id}/reply
POST /noc/requests/{id}/resume
POST /noc/requests/{id}/triage
POST /noc/requests/{id}/class
POST /noc/requests/{id}/close
POST /noc/requests/{id}/pass-on
POST /noc/requests/{id}/flag
POST /noc/requests/{id}/complete
POST /noc/requests/{id}/duties/{duty}/done
POST /noc/requests/{id}/appointments
POST /noc/requests/{id}/appointments/{appointment}/move
POST /noc/requests/{id}/appointments/{appointment}/cancel
POST /noc/requests/{id}/appointments/{appointment}/held
[customers', for leads]
POST /api/v1/requests/{id}/credentials/{credential}/read
GET /noc/crashes/{group}/dumps/{report}
POST /noc/requests/{id}/credentials/{credential}/read
[console, from viewer]
GET /noc/maintenance/{id}
GET /noc/maintenance/{id}/systems.csv
GET /noc/policies
GET /noc/policies/{name}
GET /noc/account
POST /noc/account/password
POST /noc/account/second-step
POST /noc/account/second-step/confirm
POST /noc/account/second-step/codes
POST /noc/account/second-step/off
POST /noc/account/sessions/end
POST /noc/logout
GET /noc
GET /noc/
GET /noc/board
GET /noc/wall
GET /noc/wall/board
GET /noc/queue.csv
GET /noc/live
GET /noc/incidents
GET /noc/incidents/{id}
GET /noc/maintenance
GET /noc/maintenance.csv
GET /noc/maintenance.ics
GET /noc/announcements
GET /noc/announcements/{id}
GET /noc/systems
GET /noc/systems.csv
GET /noc/incidents.csv
GET /noc/problems
GET /noc/problems.csv
GET /noc/problems/{id}
GET /noc/problems/{id}/systems.csv
GET /noc/systems/{serial}
GET /noc/checks
GET /noc/checks/{name}
GET /noc/crashes
GET /noc/crashes/{group}
GET /noc/alerts
GET /noc/outbox
GET /noc/deliveries
GET /noc/deliveries/{id}
GET /noc/tickets
GET /noc/tickets/{id}
GET /noc/oncall
GET /noc/oncall.csv
GET /noc/urgent
GET /noc/partners
GET /noc/partners.csv
GET /noc/partners/{id}
GET /noc/checks.csv
GET /noc/crashes.csv
GET /noc/alerts.csv
GET /noc/outbox.csv
GET /noc/deliveries.csv
GET /noc/tickets.csv
GET /noc/announcements.csv
POST /noc/oncall/addresses
POST /noc/oncall/addresses/{id}/end
[console, from noc]
POST /noc/maintenance/{id}/move
POST /noc/maintenance/{id}/move/preview
GET /noc/maintenance/{id}/cancel
GET /noc/maintenance/{id}/complete
GET /noc/maintenance-series/{id}/cancel
POST /noc/maintenance/preview
POST /noc/maintenance/systems.csv
POST /noc/incidents/{id}/acknowledge
POST /noc/incidents/{id}/resolve
GET /noc/incidents/{id}/resolve
GET /noc/incidents/{id}/call
POST /noc/incidents/{id}/call
GET /noc/incidents/{id}/escalate
POST /noc/incidents/{id}/escalate
GET /noc/incidents/{id}/ticket
POST /noc/incidents/{id}/ticket
POST /noc/incidents/{id}/detach
POST /noc/incidents/{id}/attach
POST /noc/incidents/{id}/members
POST /noc/incidents/{id}/overrule
POST /noc/incidents/{id}/notes
POST /noc/incidents/{id}/waits
POST /noc/incidents/{id}/clocks/{name}/meet
POST /noc/incidents/{id}/updates
POST /noc/outbox/{id}/retry
GET /noc/global/new
POST /noc/global
POST /noc/problems/{id}/systems
POST /noc/problems/{id}/merge
POST /noc/problems/{id}/words
POST /noc/problems/{id}/words/{name}/correct
POST /noc/problems/{id}/withdraw
GET /noc/maintenance/new
POST /noc/maintenance
POST /noc/maintenance/{id}/cancel
POST /noc/maintenance/{id}/complete
POST /noc/maintenance-series/{id}/cancel
POST /noc/announcements/{id}/channels/{channel}/posted
POST /noc/crashes/{group}/fixed
POST /noc/crashes/{group}/reopen
POST /noc/alerts/{id}/assign
POST /noc/tickets/{id}/notes
POST /noc/tickets/{id}/follow-up
POST /noc/tickets/{id}/sync
POST /noc/oncall/overrides
POST /noc/oncall/overrides/{id}/remove
GET /noc/oncall/hand-over
POST /noc/oncall/hand-over
POST /noc/incidents/{id}/renew
[console, from lead]
GET /noc/displays
POST /noc/displays
POST /noc/displays/{id}/end
GET /noc/audit.csv
GET /noc/audit
GET /noc/reports/sla
GET /noc/reports/sla/clocks
GET /noc/reports/sla/clocks.csv
[console, from admin]
GET /noc/users
POST /noc/users
POST /noc/users/{id}/link
POST /noc/users/{id}/role
POST /noc/users/{id}/lock
POST /noc/users/{id}/sessions/end
POST /noc/users/{id}/second-step/reset
POST /noc/config/reload
[doors of their own]
POST /api/v1/alerts/cloudevents
POST /api/v1/tickets/hooks/{driver}
POST /api/v1/crashes
POST /api/v1/checks/{name}/results
POST /api/v1/alerts/enqueue
POST /api/v1/alertmanager/webhook
[portal]
GET /portal/account
POST /portal/account/password
POST /portal/account/second-step
POST /portal/account/second-step/confirm
POST /portal/account/second-step/codes
POST /portal/account/second-step/off
POST /portal/account/sessions/end
GET /portal/news
POST /portal/news
POST /portal/news/{id}/end
GET /portal/systems
GET /portal/systems/{serial}
GET /portal/cases
GET /portal/cases/{id}
POST /portal/cases/{id}/acknowledge
POST /portal/cases/{id}/reply
POST /portal/logout
GET /portal
GET /portal/
GET /portal/requests
GET /portal/requests/new
POST /portal/requests
GET /portal/requests/{id}
POST /portal/requests/{id}/messages
GET /portal/requests/{id}/attachments/{attachment}
GET /portal/requests/{id}/appointments/{appointment}.ics
GET /portal/contacts
GET /portal/licences
GET /portal/maintenance
GET /portal/ledger
GET /portal/ledger.csv
[portal, themselves]
GET /portal/contacts/{id}
POST /portal/contacts/{id}
POST /portal/contacts/{id}/remove
[portal, kept up]
POST /portal/maintenance/preview
GET /portal/users
POST /portal/users
POST /portal/users/{id}/link
POST /portal/users/{id}/role
POST /portal/users/{id}/lock
POST /portal/users/{id}/sessions/end
POST /portal/users/{id}/second-step/reset
GET /portal/systems/new
POST /portal/systems
GET /portal/systems/{serial}/edit
POST /portal/systems/{serial}
POST /portal/contacts
GET /portal/contacts/new
POST /portal/contacts/{id}/in-charge
POST /portal/maintenance
POST /portal/maintenance/{id}/cancel
POST /portal/maintenance-series/{id}/cancel
"""


def rows(text: str = TABLE) -> dict[tuple[str, str], str]:
    """Return the audience of each route."""
    found: dict[tuple[str, str], str] = {}
    audience = ""
    for line in text.split("\n"):
        if line.startswith("["):
            audience = line.strip("[]")
        elif line.strip():
            method, _, path = line.partition(" ")
            assert (method, path) not in found, f"{line} stands twice"
            found[method, path] = audience
    return found
