"""Every mistake an operator can make is told with its place, its key and, where one is near, a suggestion."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from checks.base import Options
from monitor.errors import ConfigError
from monitor.settings import load_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Http(Options):
    """The keys of a made-up type."""

    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)


class Heartbeat(Options):
    """The keys of another."""

    uuid: str
    grace: float = 60


TYPES = {"http": Http, "heartbeat": Heartbeat}


def problems_of(text: str, environ: dict[str, str] | None = None) -> list[str]:
    try:
        load_text(text, "f.yaml", now=NOW, check_options=TYPES, environ=environ or {})
    except ConfigError as error:
        return list(error.problems)
    return []


P = "partners: [{id: a, policy: w}]\n"  # a partner everything else may refer to, in line 1
S = P + "systems: [{serial: s, partner: a}]\n"  # and its system, in line 2

BROKEN = [
    # the sections
    ("sevice: {}", "1:1: sevice: there is no such key; did you mean 'service'?"),
    ("Service: {}", "1:1: Service: there is no such key; did you mean 'service'?"),
    (
        "correlation: {attributes: [cloud], propose: [carier]}",
        (
            "1:45: correlation.propose: 'carier' is none of correlation.attributes "
            "(cloud, component, region, carrier, version, hardware, network, partner); did you mean 'carrier'?"
        ),
    ),
    (
        "page: {webhooks: true}\nservice: {public_url: https://a.example}",
        "1:18: page.webhooks: visitors' webhooks need secrets.key",
    ),
    (
        f"page: {{webhooks: true}}\nsecrets: {{key: {'A' * 43}=}}",
        "1:18: page.webhooks: visitors' webhooks need service.public_url",
    ),
    (
        "page: {webhooks_inside: [10.0.0.300]}",
        "1:26: page.webhooks_inside[0]: must be an address or a network such as 192.0.2.1 or 10.0.0.0/8",
    ),
    ("service: Tocsin", "1:10: service: must be a mapping (key: value)"),
    ("service: {nam: x}", "1:11: service.nam: there is no such key; did you mean 'name'?"),
    ("service: {name: ''}", "1:17: service.name: must not be empty"),
    (
        "service: {zone: EST}",
        "1:17: service.zone: 'EST' is an abbreviation, not a zone; use 'America/New_York' or a city near you",
    ),
    (
        "service: {zone: CET}",
        "1:17: service.zone: 'CET' is an abbreviation, not a zone; use 'Europe/Berlin' or a city near you",
    ),
    (
        "service: {zone: Rome}",
        "1:17: service.zone: 'Rome' is not an IANA zone such as 'Europe/Rome'; did you mean 'Europe/Rome'?",
    ),
    (
        "service: {zone: Europe/Rom}",
        "1:17: service.zone: 'Europe/Rom' is not an IANA zone such as 'Europe/Rome'; did you mean 'Europe/Rome'?",
    ),
    (
        "service: {zone: ../etc/passwd}",
        "1:17: service.zone: '../etc/passwd' is not an IANA zone such as 'Europe/Rome'",
    ),
    (
        "service: {language: english}",
        "1:21: service.language: 'english' is not a language tag such as 'it' or 'pt-BR'",
    ),
    (
        "service: {public_url: status.example.org}",
        "1:23: service.public_url: must be an address such as https://status.example.org",
    ),
    (
        "service: {public_url: 'https://u:p@h'}",
        "1:23: service.public_url: must not contain a user or password",
    ),
    (
        "database: mysql://u:geheim@h/x",
        "1:11: database: must be an address such as postgresql://user:password@host/name or sqlite:///path",
    ),
    ("listen: {port: 80800}", "1:16: listen.port: must be at most 65535"),
    ("listen: {port: eighty}", "1:16: listen.port: must be a whole number"),
    ("listen: {port: 80.5}", "1:16: listen.port: must be a whole number"),
    ("metrics: {token: short}", "1:18: metrics.token: must have at least 16 characters"),
    ("metrics: {token: ''}", "1:18: metrics.token: the secret is empty"),
    ("limits: {body_wire: 20 MBit}", "1:21: limits.body_wire: must be a size such as 200 KB or 20 MiB"),
    ("contact: {attempts: 0}", "1:21: contact.attempts: must be at least 1"),
    (
        "contact: {retry_delays: [5s, soon]}",
        "1:30: contact.retry_delays[1]: must be a duration such as 60s, 5m, 1h30m or 2d",
    ),
    (
        "contact: {retry_delays: [30m1h]}",
        "1:26: contact.retry_delays[0]: must name each unit once, the largest first, such as 1h30m",
    ),
    ("contact: {retry_delays: []}", "1:25: contact.retry_delays: must not be empty"),
    ("contact: {call_ring_time: -5}", "1:27: contact.call_ring_time: must not be negative"),
    (
        "contact: {regions: [IT, UK]}",
        "1:25: contact.regions[1]: 'UK' is not a two-letter ISO 3166 country code; did you mean 'GB'?",
    ),
    ("triage: {timeout: 1s}", "1:19: triage.timeout: must be at least 30"),
    ("checks_defaults: {every: 5s}", "1:18: checks_defaults.timeout: must not be longer than 'every'"),
    (
        "anchors: {quorum: 3, targets: ['a:1', 'b:2']}",
        "1:19: anchors.quorum: must not be more than there are targets (2)",
    ),
    (
        "vantages: [{id: b, source: [somewhere]}]",
        "1:29: vantages[0].source[0]: must be an address of this machine, such as 192.0.2.10 or 2001:db8::10",
    ),
    ("vantages: [{id: b}]", "1:12: vantages[0]: needs a source address or an interface of this machine"),
    (
        "vantages: [{id: b, source: [127.0.0.2, 127.0.0.3]}]",
        "1:12: vantages[0]: source has two addresses of one family; write them as two vantages",
    ),
    (
        "vantages: [{id: b, interface: eth1}, {id: b, interface: eth2}]",
        "1:43: vantages[1].id: a second vantage 'b'; the first is at f.yaml:1:17",
    ),
    ("second_look: {within: 1m}", "1:23: second_look.within: must be at most 10"),
    ("flapping: {high: 0.2, low: 0.3}", "1:28: flapping.low: must not be above 'high'"),
    (
        S + "checks: [{name: a, type: http, system: s, depends_on: [a]}]",
        "3:56: checks[0].depends_on[0]: it cannot depend on itself",
    ),
    (
        S + "checks: [{name: aa, type: http, system: s, depends_on: [ab]}]",
        "3:57: checks[0].depends_on[0]: there is no check 'ab'",
    ),
    (
        P + "systems: [{serial: s, partner: a, depends_on: [t]}]",
        "2:48: systems[0].depends_on[0]: there is no system 't'",
    ),
    ("anchors: {quorum: 0}", "1:19: anchors.quorum: must be at least 1"),
    ("checks_defaults: {down_after: 0}", "1:31: checks_defaults.down_after: must be at least 1"),
    (
        "phone: {driver: twillio}",
        "1:17: phone.driver: 'twillio' is not one of none, sandbox, sip, twilio; did you mean 'twilio'?",
    ),
    (
        "phone: {from: 0461 171511}",
        "1:15: phone.from: must be an international number: begin with + and the country code, such as +39 046 1171 5112",
    ),
    ("mail: {host: mail.example.org}", "1:14: mail.host: mail needs mail.from, the address we write from"),
    ("mail: {from: noc}", "1:14: mail.from: must be a mail address such as noc@example.org"),
    ("mail: {user: u}", "1:1: mail: user and password belong together"),
    (
        "mail: {user: u, password: p, security: none}",
        "1:40: mail.security: a password is not sent over an unsecured connection",
    ),
    (
        "tickets: {driver: request-tracker}",
        "1:19: tickets.driver: driver 'request-tracker' needs the section tickets.request_tracker",
    ),
    (
        "tickets: {request_tracker: {url: 'https://rt', queue: q}}",
        "1:11: tickets.request_tracker: needs a token, or user and password",
    ),
    (
        "tickets: {driver: redmine}",
        "1:19: tickets.driver: driver 'redmine' needs the section tickets.redmine",
    ),
    (
        "tickets: {driver: redmin}",
        "1:19: tickets.driver: 'redmin' is not one of builtin, request-tracker, redmine, jira, servicenow, zammad, zendesk, webhook; did you mean 'redmine'?",
    ),
    (
        "tickets: {redmine: {url: 'https://r', key: k, project: p, projects: {aurra: q}}}",
        "1:70: tickets.redmine.projects.aurra: there is no partner 'aurra'",
    ),
    (
        "tickets: {webhook: {url: 'https://w', secret: short}}",
        "1:47: tickets.webhook.secret: must have at least 16 characters",
    ),
    (
        "tickets: {servicenow: {url: 'https://s', user: u}}",
        "1:11: tickets.servicenow: needs user and password, or a token",
    ),
    (
        "tickets: {jira: {url: 'https://j', token: t, project: SUP}}",
        "1:11: tickets.jira: in the Cloud a token goes with a user, in a Data Center without one",
    ),
    (
        "tickets: {jira: {url: 'https://j', token: t, project: sup, user: a@b.example}}",
        "1:55: tickets.jira.project: must be a project's key: capital letters, digits and _, such as SUP",
    ),
    ("tickets: {redmine: {url: 'https://r', project: p}}", "1:20: tickets.redmine.key: this key is missing"),
    (
        "sentry: {projects: [{id: 1, key: abc}]}",
        "1:34: sentry.projects[0].key: must have at least 16 characters",
    ),
    (
        "crash: {presumed_impacts: {pbx: sever}}",
        "1:33: crash.presumed_impacts.pbx: 'sever' is not one of none, limited, restricted, severe; did you mean 'severe'?",
    ),
    (
        "page: {time_zone: MST}",
        "1:19: page.time_zone: 'MST' is an abbreviation, not a zone; use 'America/Denver' or a city near you",
    ),
    ("policies: [nowhere.yaml]", "1:12: policies[0]: there is no file or folder 'nowhere.yaml'"),
    (
        "import: {systems_csv: none.csv}",
        "1:23: import.systems_csv: the table cannot be read: No such file or directory",
    ),
    # partners and contacts
    ("partners: {}", "1:11: partners: must be a list"),
    ("partners: [aurora]", "1:12: partners[0]: must be a mapping (key: value)"),
    ("partners: [{id: a}]", "1:12: partners[0].policy: this key is missing"),
    (
        "partners: [{id: a b, policy: w}]",
        "1:17: partners[0].id: must be letters, digits and . _ : @ - only (at most 100), beginning with a letter or digit",
    ),
    (
        "partners: [{id: a, policy: w, teir: gold}]",
        "1:31: partners[0].teir: there is no such key; did you mean 'tier'?",
    ),
    (
        "partners: [{id: a, policy: w, country: Norway}]",
        "1:40: partners[0].country: 'Norway' is not a two-letter ISO 3166 country code; did you mean 'NO'?",
    ),
    (
        "partners: [{id: a, policy: w, country: false}]",
        "1:40: partners[0].country: must be text: put it in quotes, 'false'",
    ),
    (
        "partners: [{id: a, policy: w, country: it}]",
        "1:40: partners[0].country: 'it' is not a two-letter ISO 3166 country code; did you mean 'IT'?",
    ),
    (
        "partners: [{id: a, policy: w, language: IT}]",
        "1:41: partners[0].language: 'IT' is not a language tag such as 'it' or 'pt-BR'",
    ),
    (
        "partners: [{id: a, policy: w}, {id: a, policy: w}]",
        "1:37: partners[1].id: a second partner 'a'; the first is at f.yaml:1:17",
    ),
    (
        "partners: [{id: a, policy: w, assigned_to: b}]",
        "1:44: partners[0].assigned_to: there is no partner 'b'",
    ),
    (
        "partners: [{id: aurora, policy: w}, {id: b, policy: w, assigned_to: arora}]",
        "1:69: partners[1].assigned_to: there is no partner 'arora'; did you mean 'aurora'?",
    ),
    (
        "partners: [{id: a, policy: w, assigned_to: a}]",
        "1:44: partners[0].assigned_to: a partner cannot be assigned to itself",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x}]}]",
        "1:42: partners[0].contacts[0].name: this key is missing",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x, name: X, phone: '+39 1'}]}]",
        "1:66: partners[0].contacts[0].phone: is too short for a telephone number",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x, name: X, phone: '+999 123456'}]}]",
        "1:66: partners[0].contacts[0].phone: must begin with + and a country code that exists",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x, name: X, phone: '+1 614 484 1546 x7'}]}]",
        "1:66: partners[0].contacts[0].phone: must be a number that can be dialled without an extension",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x, name: X, phone: 3904611715112}]}]",
        "1:66: partners[0].contacts[0].phone: must be an international number: begin with + and the country code, such as +39 046 1171 5112",
    ),
    (
        "partners: [{id: a, policy: w, contacts: [{id: x, name: X, fone: '1'}]}]",
        "1:59: partners[0].contacts[0].fone: there is no such key; did you mean 'phone'?",
    ),
    (
        "contact: {regions: [FR]}\npartners: [{id: a, policy: w, contacts: [{id: x, name: X, phone: +3904611715112}]}]",
        "2:66: partners[0].contacts[0].phone: is a number of IT; contact.regions allows FR",
    ),
    (
        "partners:\n- {id: a, policy: w, contacts: [{id: x, name: X}]}\n- {id: b, policy: w, contacts: [{id: x, name: Y}]}",
        "3:38: partners[1].contacts[0].id: a second contact 'x'; the first is at f.yaml:2:38",
    ),
    # systems and components
    (P + "systems: [{serial: s}]", "2:11: systems[0].partner: this key is missing"),
    (P + "systems: [{serial: s/1, partner: a}]", "2:20: systems[0].serial: must not contain a slash"),
    (
        P + 'systems: [{serial: "s\\n1", partner: a}]',
        "2:20: systems[0].serial: must be one line without control characters",
    ),
    (P + "systems: [{serial: s, partner: b}]", "2:32: systems[0].partner: there is no partner 'b'"),
    (
        P + "systems: [{serial: s, partner: a, component: c}]",
        "2:46: systems[0].component: there is no component 'c'",
    ),
    (
        P + "systems: [{serial: s, partner: a, verison: '5'}]",
        "2:35: systems[0].verison: there is no such key; did you mean 'version'?",
    ),
    (
        P + "systems: [{serial: 1, partner: a}, {serial: '1', partner: a}]",
        "2:45: systems[1].serial: a second system '1'; the first is at f.yaml:2:20",
    ),
    (P + "systems: [{serial: s, partner: a, tags: {a: [1]}}]", "2:45: systems[0].tags.a: must be text"),
    (
        "components: [{id: c, name: C}, {id: c, name: D}]",
        "1:37: components[1].id: a second component 'c'; the first is at f.yaml:1:19",
    ),
    # checks
    (S + "checks: [{name: x, type: http}]", "3:10: checks[0]: a check needs a system or a component"),
    (
        S + "checks: [{name: x, type: htpp, system: s}]",
        "3:26: checks[0].type: 'htpp' is not one of heartbeat, http; did you mean 'http'?",
    ),
    (S + "checks: [{name: x, type: http, system: t}]", "3:40: checks[0].system: there is no system 't'"),
    (
        S + "checks: [{name: x, type: http, component: t}]",
        "3:43: checks[0].component: there is no component 't'",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, stauts: 200}]",
        "3:43: checks[0].stauts: there is no such key; did you mean 'status'?",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, evry: 5s}]",
        "3:43: checks[0].evry: there is no such key; did you mean 'every'?",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, status: fine}]",
        "3:51: checks[0].status: must be a whole number",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, headers: {a: 5}}]",
        "3:56: checks[0].headers.a: must be text: put it in quotes, '5'",
    ),
    (S + "checks: [{name: x, type: heartbeat, system: s}]", "3:10: checks[0].uuid: this key is missing"),
    (S + "checks: [{name: x, type: http, system: s, every: 0}]", "3:50: checks[0].every: must be at least 1"),
    (
        S + "checks: [{name: x, type: http, system: s, timeout: 2m}]",
        "3:52: checks[0].timeout: must not be longer than 'every'",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, down_after: 0}]",
        "3:55: checks[0].down_after: must be at least 1",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, symptom: unreachble}]",
        "3:52: checks[0].symptom: 'unreachble' is not one of call_drops, unreachable, portal_unreachable, degraded, crash, certificate_expiring, hardware_fault, internet_connectivity, operator_fault, nobody_can_log_on, planned_work, question, enhancement, other; did you mean 'unreachable'?",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, facts: {impact: huge}}]",
        "3:59: checks[0].facts.impact: 'huge' is not one of none, limited, restricted, severe",
    ),
    (
        S + "checks: [{name: x, type: http, system: s, facts: {workaround: none}}]",
        "3:63: checks[0].facts.workaround: must be true or false",
    ),
    (
        S + "checks: [{name: x, type: http, system: s}, {name: x, type: http, system: s}]",
        "3:51: checks[1].name: a second check 'x'; the first is at f.yaml:3:17",
    ),
    (
        S
        + "checks: [{name: x, type: heartbeat, system: s, uuid: u}, {name: y, type: heartbeat, system: s, uuid: u}]",
        "3:102: checks[1].uuid: a second heartbeat 'u'; the first is at f.yaml:3:54",
    ),
    # several rotations, escalations
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e, rotations: [{anchor: 2026-01-05T09:00, order: [e]}]}",
        "1:67: on_call.rotations[0]: needs a name",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e, rotations: [{name: a, anchor: 2026-01-05T09:00}]}",
        "1:67: on_call.rotations[0]: anchor and order belong together",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], rotations: [{name: a, anchor: 2026-01-05T09:00, order: [e]}, {name: b, anchor: 2026-12-05T09:00, order: [e]}]}",
        "1:1: on_call: nobody is on call by rotation 'b' from 2026-11-22 12:00 to 2026-12-05 09:00 UTC; name a fallback or extend the rotation",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e, overrides: [{engineer: e, rotation: nigth, from: 2026-12-01T00:00, to: 2026-12-02T00:00}]}",
        "1:91: on_call.overrides[0].rotation: there is no rotation 'nigth'",
    ),
    (
        "on_call: {engineers: [{id: e, name: E, phone: '+12025550143'}], rotation: {anchor: 2026-01-05T09:00, order: [e]}}\nescalations: [{name: x, steps: [{to: {engineer: e}}]}]",
        "2:15: escalations[0]: escalation 'x' can end with nobody; name a catch_all, or on_call.fallback for all of them",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e}\nescalations: [{name: x, steps: [{to: {engineer: e}}]}]",
        "2:15: escalations[0]: 'e', its catch-all, has neither phone nor email: it can end with nobody; give one",
    ),
    (
        "on_call: {engineers: [{id: e, name: E, phone: '+12025550143'}], fallback: e}\nescalations: [{name: x, steps: [{to: {engineer: e, role: r}}]}]",
        "2:38: escalations[0].steps[0].to: give exactly one of engineer, rotation, contact, role, contacts",
    ),
    (
        "on_call: {engineers: [{id: e, name: E, phone: '+12025550143'}], fallback: e}\nescalations: [{name: x, steps: []}]",
        "2:32: escalations[0].steps: must not be empty",
    ),
    (
        "on_call: {engineers: [{id: e, name: E, phone: '+12025550143'}], fallback: e, escalation: y}\nescalations: [{name: y, steps: [{to: {role: r}}]}]",
        "1:90: on_call.escalation: escalation 'y' is for partners' contacts; pages go to our own people",
    ),
    # on call
    (
        "on_call: {engineers: [{id: e, name: E}]}",
        "1:1: on_call: nobody is on call from 2026-11-22 12:00 to 2027-12-27 12:00 UTC; name a fallback or extend the rotation",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], rotation: {anchor: 2026-12-01T09:00, order: [e]}}",
        "1:1: on_call: nobody is on call from 2026-11-22 12:00 to 2026-12-01 09:00 UTC; name a fallback or extend the rotation",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], rotation: {anchor: monday, order: [e]}}",
        "1:61: on_call.rotation.anchor: must be a date and time such as 2026-01-05T09:00",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], rotation: {anchor: 5, order: [e]}}",
        "1:61: on_call.rotation.anchor: must be a date and time such as 2026-01-05T09:00",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], rotation: {anchor: 2026-01-05T09:00, order: []}}",
        "1:86: on_call.rotation.order: must not be empty",
    ),
    (
        "on_call: {engineers: [{id: mara, name: E}], rotation: {anchor: 2026-01-05T09:00, order: [mara, mraa]}}",
        "1:96: on_call.rotation.order[1]: there is no engineer 'mraa'; did you mean 'mara'?",
    ),
    ("on_call: {fallback: e}", "1:21: on_call.fallback: there is no engineer 'e'"),
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e, overrides: [{engineer: f, from: 2026-12-01T00:00, to: 2026-12-02T00:00}]}",
        "1:78: on_call.overrides[0].engineer: there is no engineer 'f'",
    ),
    (
        "on_call: {engineers: [{id: e, name: E}], fallback: e, overrides: [{engineer: e, from: 2026-12-02T00:00, to: 2026-12-01T00:00}]}",
        "1:109: on_call.overrides[0].to: must be later than 'from'",
    ),
    # the file as a whole
    ("- a", "1:1: the file must be a mapping (key: value)"),
    ("hello", "1:1: the file must be a mapping (key: value)"),
    ("page: {title: a}\npage: {title: b}", "2:1: duplicate key 'page' (first at line 1)"),
]


@pytest.mark.parametrize(("text", "problem"), BROKEN, ids=[problem for _, problem in BROKEN])
def test_a_mistake_is_told_once_with_its_place(text, problem):
    assert problems_of(text) == [f"f.yaml:{problem}"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    text = """\
partners:
  - {id: aurora, policy: w, contry: IT, assigned_to: brich}
  - {id: birch, policy: w, contacts: [{id: x, name: X, phone: 112}]}
systems:
  - {serial: s, partner: arora, version: [5]}
checks:
  - {name: c, type: htp, system: t, every: never}
servce: {}
"""
    assert problems_of(text) == [
        "f.yaml:2:29: partners[0].contry: there is no such key; did you mean 'country'?",
        "f.yaml:2:54: partners[0].assigned_to: there is no partner 'brich'; did you mean 'birch'?",
        (
            "f.yaml:3:63: partners[1].contacts[0].phone: must be an international number: begin with + and the"
            " country code, such as +39 046 1171 5112"
        ),
        "f.yaml:5:26: systems[0].partner: there is no partner 'arora'; did you mean 'aurora'?",
        "f.yaml:5:42: systems[0].version: must be text",
        "f.yaml:7:21: checks[0].type: 'htp' is not one of heartbeat, http; did you mean 'http'?",
        "f.yaml:7:34: checks[0].system: there is no system 't'",
        "f.yaml:7:44: checks[0].every: must be a duration such as 60s, 5m, 1h30m or 2d",
        "f.yaml:8:1: servce: there is no such key; did you mean 'service'?",
    ]


def test_a_driver_tells_all_it_needs():
    assert problems_of("phone: {driver: twilio}") == [
        "f.yaml:1:17: phone.driver: driver 'twilio' needs phone.callback_url or service.public_url to report to",
        "f.yaml:1:17: phone.driver: driver 'twilio' needs phone.from, the number to call from",
        "f.yaml:1:17: phone.driver: driver 'twilio' needs the section phone.twilio",
    ]


def test_a_hundred_thousand_wrong_entries_are_told_in_time_and_cut():
    rows = "".join(f"- {{serial: s{number}, partner: wrong-{number}}}\n" for number in range(20_000))
    found = problems_of(
        "partners:\n" + "".join(f"- {{id: p{n}, policy: w}}\n" for n in range(5_000)) + "systems:\n" + rows
    )
    assert len(found) == 1_001
    assert found[-1] == "… and 19,000 more"


LEAKS = [
    "database: ${env:SECRET}",
    "service: {zone: '${env:SECRET}'}",
    "service: {language: '${env:SECRET}'}",
    "phone: {driver: '${env:SECRET}'}",
    "partners: [{id: a, policy: w, assigned_to: '${env:SECRET}'}, {id: '${env:SECRET} ', policy: w}]",
    "partners: [{id: '${env:SECRET}', policy: w}, {id: '${env:SECRET}', policy: w}]",
    "partners: [{id: a, policy: w, country: '${env:SECRET}'}]",
    "policies: ['${env:SECRET}']",
    "import: {systems_csv: '${env:SECRET}'}",
    S + "checks: [{name: x, type: '${env:SECRET}', system: '${env:SECRET}'}]",
    S + "checks: [{name: x, type: http, system: s, symptom: '${env:SECRET}', status: '${env:SECRET}'}]",
]


@pytest.mark.parametrize("text", LEAKS)
def test_what_was_filled_in_is_never_shown_in_a_mistake(text):
    found = problems_of(text, {"SECRET": "hunter2hunter2"})
    assert found
    assert not any("hunter2" in problem for problem in found)


WORDS = st.sampled_from(
    ["partners", "systems", "id", "serial", "policy", "checks", "type", "http", "on_call", "rotation", "anchor", "zone",
     "Europe/Rome", "every", "5m", "import", "systems_csv", "contacts", "phone", "+3904611715112", "name", "a", "facts",
     "limits", "body_wire", "order", "engineers", "overrides", "from", "to", "2026-01-01T00:00", "0001-01-01T00:00+14:00", "sentry", "projects", "key", "tags", "", " ", "\x7f", "..", "/"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)
SECTIONS = st.sampled_from([
    "partners", "systems", "components", "checks", "on_call", "service", "phone", "mail", "tickets", "contact",
    "limits", "sentry", "crash", "page", "policies", "import", "triage", "database", "metrics", "checks_defaults",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(SECTIONS, VALUES, max_size=6))
def test_any_data_is_settings_or_a_config_error(data):
    import json

    problems_of(json.dumps(data))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_settings_or_a_config_error(text):
    problems_of(text)
