"""Every table, and nothing else. Times are UTC; JSON is text written by us (``decision``, ``data``).

Deduplication is the database's work: partial unique indexes, never a read before a write in Python.

    findings, crashes, pings   what came in (crashes and pings are their own durable inboxes)
    incidents, events, clocks  what was decided; events are append-only, the timeline is their order
    outbox, attempts           what is owed to the outside, and every try at it
    tickets, ticket_notes      the built-in ticket store, and the mirror of remote ones
    updates, maintenances      what the public is told
    check_states, results, component_states   looking: streaks, a capped ring, changes over time
    users, sessions, tokens, audit            who may
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMING)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as whole microseconds since 1970: one form on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse naive times: they are a bug at their source."""
        if value is None:
            return None
        assert value.tzinfo is not None, "instants are aware"
        since = value.astimezone(UTC) - _EPOCH
        return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware time."""
        if value is None:
            return None
        seconds, micros = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(40), primary_key=True)


def _serial() -> sa.Column[int]:
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def _text(name: str, **kw: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, **kw)


def _at(name: str, **kw: Any) -> sa.Column[datetime]:
    return sa.Column(name, Instant, **kw)


def _incident(**kw: Any) -> sa.Column[str]:
    return sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), **kw)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, default=False)


incidents = sa.Table(
    "incidents",
    metadata,
    _serial(),
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
    _flag("needs_triage"),
    _flag("is_global"),
    _flag("public"),
    _text("public_state"),
    _text("impact"),  # of a global problem: minor, major, critical
    _text("components", nullable=False, default="[]"),  # of a global problem: JSON list of component ids
    sa.Column("parent", sa.String(40), sa.ForeignKey("incidents.id")),
    _text("held_by"),  # why nobody is contacted: a maintenance's id, a global problem's id
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
)

findings = sa.Table(
    "findings",
    metadata,
    _serial(),
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
    sa.Index("ix_findings_origin_recovered_at", "origin", "recovered_at"),
)

events = sa.Table(
    "events",
    metadata,
    _serial(),
    _incident(index=True),
    _at("at", nullable=False),
    _text("kind", nullable=False),  # noun.verb: incident.opened, call.acknowledged
    _text("actor", nullable=False, default="tocsin"),
    _text("text", nullable=False, default=""),
    _text("data", nullable=False, default="{}"),
)

clocks = sa.Table(
    "clocks",
    metadata,
    _serial(),
    _incident(nullable=False, index=True),
    _text("name", nullable=False),  # response
    _text("class", nullable=False),
    _at("started_at", nullable=False),
    _at("due"),
    _at("limit"),
    _at("warned_at"),
    _at("breached_at"),
    _at("met_at"),
    _at("cancelled_at"),
    sa.UniqueConstraint("incident", "name", "started_at"),
    sa.Index("ix_clocks_met_at_due", "met_at", "due"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _incident(index=True),
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
    _at("created_at", nullable=False),
    _at("not_before", nullable=False),
    _at("not_after"),
    _at("lease_until"),
    sa.Column("lease_token", sa.String(40)),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    _at("done_at"),
    sa.Index("ix_outbox_state_not_before", "state", "not_before"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    _serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("outbox", sa.String(40), sa.ForeignKey("outbox.id"), nullable=False, index=True),
    _incident(index=True),
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
    sa.Index("ix_attempts_provider_id", "provider_id"),
    sa.Index("ix_attempts_channel_result", "channel", "result"),
)

tickets = sa.Table(
    "tickets",
    metadata,
    _serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _incident(nullable=False),
    _text("partner"),
    _text("driver", nullable=False),
    _text("reference", nullable=False),
    _text("url"),
    _text("status", nullable=False),  # open resolved closed
    _text("subject", nullable=False),
    _text("body", nullable=False, default=""),
    _text("language", nullable=False, default="en"),
    _at("created_at", nullable=False),
    _at("closed_at"),
    sa.UniqueConstraint("incident", "partner", "driver"),
)

ticket_notes = sa.Table(
    "ticket_notes",
    metadata,
    _serial(),
    sa.Column("ticket", sa.String(40), sa.ForeignKey("tickets.id"), nullable=False, index=True),
    _at("at", nullable=False),
    _text("author", nullable=False),
    _text("text", nullable=False),
    _text("dedup", unique=True),
)

crashes = sa.Table(
    "crashes",
    metadata,
    _serial(),
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
    _serial(),
    _text("uuid", nullable=False),
    _text("kind", nullable=False),  # success start fail log
    sa.Column("exit_status", sa.Integer),
    _at("at", nullable=False),
    _text("detail", nullable=False, default=""),
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

results = sa.Table(
    "results",
    metadata,
    _serial(),
    _text("check", nullable=False),
    _at("at", nullable=False),
    _text("verdict", nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    _text("detail", nullable=False, default=""),
    sa.Index("ix_results_check_at", "check", "at"),
)

component_states = sa.Table(
    "component_states",
    metadata,
    _serial(),
    _text("component", nullable=False),
    _text("status", nullable=False),
    _at("from_at", nullable=False),
    _text("because", nullable=False, default=""),
    sa.Index("ix_component_states_component_from_at", "component", "from_at"),
)

maintenances = sa.Table(
    "maintenances",
    metadata,
    _serial(),
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
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("completed_at"),
    sa.Index("ix_maintenances_status_starts_at", "status", "starts_at"),
)

updates = sa.Table(
    "updates",
    metadata,
    _serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), index=True),
    sa.Column("maintenance", sa.String(40), sa.ForeignKey("maintenances.id"), index=True),
    _text("status", nullable=False),
    _text("body", nullable=False),
    _text("actor", nullable=False, default="tocsin"),
    _at("at", nullable=False),
    _at("next_update_at"),
)

users = sa.Table(
    "users",
    metadata,
    _id(),
    _text("name", nullable=False, unique=True),
    _text("password", nullable=False),  # argon2id
    _text("role", nullable=False),
    _at("created_at", nullable=False),
    _at("disabled_at"),
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
)

tokens = sa.Table(
    "tokens",
    metadata,
    _id(),
    _text("name", nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    _text("scopes", nullable=False),  # space-separated: ingest read operate admin
    _text("system"),  # a token or DSN key of one system: trusted over what a report says
    _text("kind", nullable=False, default="api"),  # api, dsn
    _at("created_at", nullable=False),
    _at("revoked_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    _serial(),
    _at("at", nullable=False),
    _text("actor", nullable=False),
    _text("action", nullable=False),
    _text("object", nullable=False, default=""),
    _text("data", nullable=False, default="{}"),
)

facts_of_this_installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("value", nullable=False),
)
