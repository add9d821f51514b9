"""Every table, and nothing else. Times are UTC; JSON is text written by us (``decision``, ``data``).

Deduplication is the database's work: partial unique indexes, never a read before a write in Python.

    findings, crashes, pings   what came in (crashes and pings are their own durable inboxes)
    incidents, events, clocks  what was decided; events are append-only, the timeline is their order
    outbox, attempts           what is owed to the outside, and every try at it (schema_outbox: its far ends)
    tickets, ticket_notes      the built-in ticket store, and the mirror of remote ones (schema_tickets)
    requests, people ...       what customers ask, who they are (schema_requests, schema_people, schema_ledger)
    alerts                     what others alert us to, as it stands (schema_alerts)
    updates, maintenances      what the public is told (schema_announced: where else; schema_subscribers: to whom)
    check_states, component_states            looking: streaks, changes over time
    check_changes, check_results, rollups     what was, over a year (schema_history)
    users, sessions, tokens, audit            who may (schema_accounts: second steps, links)
"""

import sqlalchemy as sa

from monitor.storage import (
    schema_accounts,
    schema_addresses,
    schema_alerts,
    schema_announced,
    schema_crashes,
    schema_history,
    schema_ledger,
    schema_oncall,
    schema_outbox,
    schema_people,
    schema_requests,
    schema_storms,
    schema_subscribers,
    schema_truth,
)
from monitor.storage.schema_base import Instant, id_column, metadata, serial
from monitor.storage.schema_base import at as _at
from monitor.storage.schema_base import flag as _flag
from monitor.storage.schema_base import incident as _incident
from monitor.storage.schema_base import request as _request
from monitor.storage.schema_base import text as _text
from monitor.storage.schema_tickets import ticket_notes, ticket_systems, tickets

__all__ = [
    "Instant",
    "metadata",
    "schema_accounts",
    "schema_addresses",
    "schema_alerts",
    "schema_announced",
    "schema_crashes",
    "schema_history",
    "schema_ledger",
    "schema_oncall",
    "schema_outbox",
    "schema_people",
    "schema_requests",
    "schema_storms",
    "schema_subscribers",
    "schema_truth",
    "ticket_notes",
    "ticket_systems",
    "tickets",
]

incidents = sa.Table(
    "incidents",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _text("dedup_key", nullable=False),
    _text("status", nullable=False),
    _text("class"),
    _text("system"),
    _text("partner"),  # the partner served through, who is contacted
    _text("component"),
    _text("title", nullable=False),
    _text("summary", nullable=False, default=""),
    _text("symptom", nullable=False),
    _text("source", nullable=False),
    _text("policy"),
    _text("policy_version"),
    _text("policy_digest"),  # the edition it is pinned to
    _flag("needs_triage"),
    _flag("is_global"),
    _flag("public"),
    _text("public_state"),
    _text("impact"),  # of a global problem: minor, major, critical
    _text("components", nullable=False, default="[]"),  # of a global problem: JSON list of component ids
    sa.Column("parent", sa.String(40), sa.ForeignKey("incidents.id")),
    _text(
        "held_by"
    ),  # why nobody is contacted: the id of a maintenance, a global problem, an incident it depends on
    _text("facts", nullable=False, default="{}"),
    _text("decision", nullable=False, default="{}"),
    _text("dossier", nullable=False, default="{}"),
    _at("opened_at", nullable=False),
    _at("since", nullable=False),
    _at("acknowledged_at"),
    _text("acknowledged_by"),
    _at("resolved_at"),
    _at("respond_by"),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    _text("owner"),  # who has it: an engineer, or the partner's contact who acknowledged
    _text("owner_party"),  # us, partner
    _at("holds_until"),  # when the acknowledgement runs out unless it is renewed
    _at("reminded_at"),
    sa.Index("ix_incidents_holds_until", "holds_until"),
    sa.Index("ix_incidents_owner", "owner"),
    _at("page_shown_at"),  # of a global problem: when the public page first showed it
    _text("wording"),  # of a global problem: its title as a pre-approved text, see updates.wording
    sa.Index(
        "uq_incidents_open_dedup_key",
        "dedup_key",
        unique=True,
        sqlite_where=sa.text("status != 'resolved'"),
        postgresql_where=sa.text("status != 'resolved'"),
    ),
    sa.Index("ix_incidents_status_opened_at", "status", "opened_at"),
    sa.Index("ix_incidents_system", "system"),
    sa.Index("ix_incidents_parent", "parent"),
    sa.Index(  # a few of very many: asked for every finding, by the public page and by the workbench
        "ix_incidents_global",
        "seq",
        sqlite_where=sa.text("is_global IS 1"),
        postgresql_where=sa.text("is_global IS true"),
    ),
    sa.Index("ix_incidents_partner", "partner", "seq"),  # a partner's cases, the newest first
)

findings = sa.Table(
    "findings",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _incident(nullable=False, index=True),
    _text("origin", nullable=False, default=""),
    _text("source", nullable=False),
    _text("system"),
    _text("component"),
    _text("symptom", nullable=False),
    _text("class"),
    _text("summary", nullable=False, default=""),
    _text("facts", nullable=False, default="{}"),
    _at("since", nullable=False),
    _at("at", nullable=False),
    _at("recovered_at"),
    _at("decided_at"),  # the moment the decision was taken for, and counts from
    _text("decision"),  # as it was taken; None for those joined before it was kept
    sa.Index("ix_findings_origin_recovered_at", "origin", "recovered_at"),
)

events = sa.Table(
    "events",
    metadata,
    serial(),
    _incident(index=True),
    _request(index=True),
    _at("at", nullable=False),
    _text("kind", nullable=False),  # noun.verb: incident.opened, call.acknowledged
    _text("actor", nullable=False, default="tocsin"),
    _text("text", nullable=False, default=""),
    _text("data", nullable=False, default="{}"),
)

RUNNING = "met_at IS NULL AND cancelled_at IS NULL AND superseded_at IS NULL"

clocks = sa.Table(  # a promise being timed: of an incident or of a request, by us or by the customer
    "clocks",
    metadata,
    serial(),
    _incident(index=True),
    _request(index=True),
    _text("name", nullable=False),  # response, resolution, ...; a customer's: the duty's name
    _text("party", nullable=False, default="us"),  # us, customer
    _text("class", nullable=False),
    _text("promise", nullable=False, default="{}"),  # goal, calendar, policy edition: how it is counted
    _at("started_at", nullable=False),
    _at("due"),
    _at("limit"),
    _at("warn_at"),
    _at("warned_at"),
    _at("breached_at"),
    _at("met_at"),
    _at("cancelled_at"),
    _at("superseded_at"),  # the class changed: another row counts on from the same beginning
    sa.Index(
        "uq_clocks_incident_standing",
        "incident",
        "name",
        "started_at",
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
    sa.Index(
        "uq_clocks_request_standing",
        "request",
        "name",
        "started_at",
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
    sa.Index(  # what the rounds ask for every second: few rows of very many
        "ix_clocks_running",
        "due",
        sqlite_where=sa.text(RUNNING),
        postgresql_where=sa.text(RUNNING),
    ),
)

clock_pauses = sa.Table(  # when a promise was not being timed, and why
    "clock_pauses",
    metadata,
    serial(),
    sa.Column("clock", sa.BigInteger, sa.ForeignKey("clocks.seq"), nullable=False, index=True),
    _at("from_at", nullable=False),
    _at("to_at"),
    _text("reason", nullable=False),
    _text("actor", nullable=False, default="tocsin"),
)

policy_editions = (
    sa.Table(  # every policy that was ever in force, word for word: what is filed is pinned to its own
        "policy_editions",
        metadata,
        sa.Column("digest", sa.String(64), primary_key=True),
        _text("name", nullable=False),
        _text("version", nullable=False),
        _text("text", nullable=False),
        _at("first_seen_at", nullable=False),
    )
)

WAITING = "state = 'waiting'"

outbox = sa.Table(
    "outbox",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _incident(index=True),
    _request(index=True),
    _text("kind", nullable=False),  # ticket.open ticket.comment ticket.resolve call mail page
    _text("channel", nullable=False),  # ticket phone mail page
    _text("dedup", nullable=False, unique=True),
    _text("partner"),
    _text("contact"),
    _text("recipient"),
    _text("language", nullable=False, default="en"),
    sa.Column("priority", sa.Integer, nullable=False, default=100),  # lower goes first
    _text("payload", nullable=False, default="{}"),
    _text("state", nullable=False, default="waiting"),  # waiting claimed sent done failed cancelled set_aside
    _text("reason", nullable=False, default=""),  # why it waits, failed or was cancelled
    _text("waits"),  # the same in a word, while it waits: monitor.domain.waiting
    sa.Column("first", sa.Boolean),  # the first contact with its partner about its matter
    _at("created_at", nullable=False),
    _at("not_before", nullable=False),
    _at("not_after"),
    _at("lease_until"),
    sa.Column("lease_token", sa.String(40)),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    _at("done_at"),
    sa.Index("ix_outbox_state_not_before", "state", "not_before"),
    sa.Index("ix_outbox_recipient_state", "recipient", "state"),
    sa.Index(  # all that the order of the queue is worked out from: monitor.storage.outbox_queue
        "ix_outbox_waiting",
        "priority",
        "partner",
        "seq",
        "not_before",
        "attempts",
        "first",
        "channel",
        "recipient",
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    ),
)

attempts = sa.Table(
    "attempts",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("outbox", sa.String(40), sa.ForeignKey("outbox.id"), nullable=False, index=True),
    _incident(index=True),
    _request(index=True),
    _text("channel", nullable=False),
    _text("driver", nullable=False),
    _text("contact"),
    _text("recipient"),
    _at("started_at", nullable=False),
    _at("ended_at"),
    _text("status", nullable=False, default="intent"),  # intent placed ringing answered ended
    _text("result", nullable=False, default="pending"),  # contract: call `result`, + delivered
    _text("provider_id"),
    sa.Column("provider_seq", sa.Integer, nullable=False, default=-1),
    _text("detail", nullable=False, default=""),
    _text("history", nullable=False, default="[]"),
    _text("country"),  # of the number that was called
    sa.Column("waited", sa.Float),  # seconds from when it was owed, or last tried, to this attempt
    _text("waits"),  # what it had waited for last
    sa.Index("ix_attempts_provider_id", "provider_id"),
    sa.Index("ix_attempts_channel_result", "channel", "result"),
    sa.Index("ix_attempts_channel_started_at", "channel", "started_at"),  # what caps are counted by
    sa.Index("ix_attempts_recipient_started_at", "recipient", "started_at"),
)

crashes = sa.Table(
    "crashes",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _text("key", nullable=False),  # the sender's idempotency key, or our id
    _text("source", nullable=False),  # json, sentry
    _text("token", nullable=False),  # which credential brought it: keys are unique within one
    _text("system"),
    _text("mapped_by"),
    _text("signature"),
    _text("group"),
    _text("message", nullable=False, default=""),
    _text("process"),
    _text("version"),
    _at("at", nullable=False),
    _at("received_at", nullable=False),
    sa.Column("payload", sa.LargeBinary),  # deflated JSON; None when folded in a storm
    _flag("folded"),
    _at("digested_at"),
    _text("outcome"),  # incident id, folded, unmapped
    sa.UniqueConstraint("token", "key"),
    sa.Index("ix_crashes_digested_at", "digested_at"),
    sa.Index("ix_crashes_system_group", "system", "group"),
    sa.Index("ix_crashes_group_received_at", "group", "received_at"),
)

crash_groups = sa.Table(
    "crash_groups",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),  # v1:<hash>
    _text("title", nullable=False),
    _text("grouped_by", nullable=False, default="[]"),
    _at("first_at", nullable=False),
    _at("last_at", nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
)

pings = sa.Table(
    "pings",
    metadata,
    serial(),
    _text("uuid", nullable=False),
    _text("kind", nullable=False),  # success start fail log
    sa.Column("exit_status", sa.Integer),
    _at("at", nullable=False),
    _text("detail", nullable=False, default=""),
    _text("run"),  # the sender's name of the run that it is of
    sa.Index("ix_pings_uuid_at", "uuid", "at"),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("uuid", sa.String(36), primary_key=True),
    _at("created_at", nullable=False),
    _at("last_success"),
    _at("last_failure"),
    _at("last_start"),
    sa.Column("exit_status", sa.Integer),
    _text("detail", nullable=False, default=""),
    _at("running_since"),  # the run that started last, until it ends
    _text("run"),
    sa.Column("duration_ms", sa.BigInteger),  # of the run that ended last
)

check_states = sa.Table(
    "check_states",
    metadata,
    sa.Column("check", sa.Text, primary_key=True),
    _text("verdict", nullable=False, default="unknown"),
    _text("detail", nullable=False, default=""),
    _text("streak", nullable=False, default="{}"),
    _at("since", nullable=False),
    _at("looked_at"),
)

component_states = sa.Table(
    "component_states",
    metadata,
    serial(),
    _text("component", nullable=False),
    _text("status", nullable=False),
    _at("from_at", nullable=False),
    _text("because", nullable=False, default=""),
    sa.Index("ix_component_states_component_from_at", "component", "from_at"),
)

maintenances = sa.Table(
    "maintenances",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _text("title", nullable=False),
    _text("body", nullable=False, default=""),
    _text(
        "status", nullable=False, default="scheduled"
    ),  # scheduled in_progress verifying completed cancelled
    _at("starts_at", nullable=False),
    _at("ends_at", nullable=False),
    _text("zone", nullable=False, default="UTC"),
    _text("systems", nullable=False, default="[]"),
    _text("components", nullable=False, default="[]"),
    _flag("public"),
    _text("announced_by", nullable=False, default=""),
    _text("partner"),  # the customer whose own work it is
    sa.Column("late", sa.Boolean),  # announced later than the customer's policy asks for
    sa.Column("major", sa.Boolean),
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("completed_at"),
    sa.Column(
        "series", sa.String(40)
    ),  # the series it is one of, and which: the wall time it has by the rule
    _text("nth"),
    _at("overrun_at"),  # when it was found that it does not end when it was to: what it covers still fails
    sa.Column("problem", sa.String(40)),  # the global problem that was opened for it then
    sa.Index("ix_maintenances_status_starts_at", "status", "starts_at"),
    sa.Index("uq_maintenances_series_nth", "series", "nth", unique=True),
)

updates = sa.Table(
    "updates",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), index=True),
    sa.Column("maintenance", sa.String(40), sa.ForeignKey("maintenances.id"), index=True),
    _text("status", nullable=False),
    _text("body", nullable=False),
    _text("actor", nullable=False, default="tocsin"),
    _at("at", nullable=False),
    _at("next_update_at"),
    _text("wording"),  # of a pre-approved text: which one, what was put in, and how it reads in each language
)

users = sa.Table(
    "users",
    metadata,
    id_column(),
    _text("name", nullable=False, unique=True),
    _text("password", nullable=False),  # argon2id
    _text("role", nullable=False),
    _text("contact", index=True),  # a customer's person: the contact they are
    _at("created_at", nullable=False),
    _at("disabled_at"),
    sa.Column("totp", sa.LargeBinary),  # the secret of its codes, sealed
    _at("totp_since"),  # None: the secret is not confirmed by a code yet
    sa.Column("totp_step", sa.BigInteger),  # of the newest code that was taken: no code is good twice
    _text("external", index=True, unique=True),  # who it is at the identity provider: "issuer subject"
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),  # sha256 of the cookie
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    _text("csrf", nullable=False),
    _at("created_at", nullable=False),
    _at("seen_at", nullable=False),
    _at("expires_at", nullable=False),
    _text("address"),
    _text("agent"),  # what the browser says of itself, shortened
    _text("way"),  # how its owner was known: password, code, provider
)

tokens = sa.Table(
    "tokens",
    metadata,
    id_column(),
    _text("name", nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    _text("scopes", nullable=False),  # space-separated: ingest read operate admin
    _text("system"),  # a token or DSN key of one system: trusted over what a report says
    _text("kind", nullable=False, default="api"),  # api, dsn
    _text("contact"),  # a customer's program: the contact it speaks for
    _at("created_at", nullable=False),
    _at("revoked_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    serial(),
    _at("at", nullable=False),
    _text("actor", nullable=False),
    _text("action", nullable=False),
    _text("object", nullable=False, default=""),
    _text("data", nullable=False, default="{}"),
    _text("hash"),  # of this row and of the one before it (domain.audit_chain); none: an older Tocsin's
    _text("seal"),  # of the hash, under the installation's key; none: written without it
)

facts_of_this_installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("value", nullable=False),
)
