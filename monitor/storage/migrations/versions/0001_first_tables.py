"""The first tables. Names of keys and constraints follow ``schema.NAMING``."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    _incidents()
    _contacts()
    _inboxes()
    _looking()
    _announcements()
    _people()


def _serial() -> sa.Column[int]:
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def _text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _at(name: str, *, nullable: bool = True) -> sa.Column[int]:
    """Make a column of microseconds since 1970 (``schema.Instant``)."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _incidents() -> None:
    """What was decided."""
    op.create_table(
        "incidents",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        _text("dedup_key", nullable=False),
        _text("status", nullable=False),
        _text("class"),
        _text("system"),
        _text("partner"),
        _text("component"),
        _text("title", nullable=False),
        _text("summary", nullable=False),
        _text("symptom", nullable=False),
        _text("source", nullable=False),
        _text("policy"),
        _text("policy_version"),
        sa.Column("needs_triage", sa.Boolean, nullable=False),
        sa.Column("is_global", sa.Boolean, nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        _text("public_state"),
        _text("impact"),
        _text("components", nullable=False),
        sa.Column("parent", sa.String(40), sa.ForeignKey("incidents.id")),
        _text("held_by"),
        _text("facts", nullable=False),
        _text("decision", nullable=False),
        _text("dossier", nullable=False),
        _at("opened_at", nullable=False),
        _at("since", nullable=False),
        _at("acknowledged_at"),
        _text("acknowledged_by"),
        _at("resolved_at"),
        _at("respond_by"),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index(op.f("ix_incidents_parent"), "incidents", ["parent"])
    op.create_index(op.f("ix_incidents_status_opened_at"), "incidents", ["status", "opened_at"])
    op.create_index(op.f("ix_incidents_system"), "incidents", ["system"])
    op.create_index(
        op.f("uq_incidents_open_dedup_key"),
        "incidents",
        ["dedup_key"],
        unique=True,
        sqlite_where=sa.text("status != 'resolved'"),
        postgresql_where=sa.text("status != 'resolved'"),
    )
    op.create_table(
        "findings",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), nullable=False),
        _text("origin", nullable=False),
        _text("source", nullable=False),
        _text("system"),
        _text("component"),
        _text("symptom", nullable=False),
        _text("class"),
        _text("summary", nullable=False),
        _text("facts", nullable=False),
        _at("since", nullable=False),
        _at("at", nullable=False),
        _at("recovered_at"),
    )
    op.create_index(op.f("ix_findings_incident"), "findings", ["incident"])
    op.create_index(op.f("ix_findings_origin_recovered_at"), "findings", ["origin", "recovered_at"])
    op.create_table(
        "events",
        _serial(),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id")),
        _at("at", nullable=False),
        _text("kind", nullable=False),
        _text("actor", nullable=False),
        _text("text", nullable=False),
        _text("data", nullable=False),
    )
    op.create_index(op.f("ix_events_incident"), "events", ["incident"])
    op.create_table(
        "clocks",
        _serial(),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), nullable=False),
        _text("name", nullable=False),
        _text("class", nullable=False),
        _at("started_at", nullable=False),
        _at("due"),
        _at("limit"),
        _at("warned_at"),
        _at("breached_at"),
        _at("met_at"),
        _at("cancelled_at"),
        sa.UniqueConstraint(
            "incident", "name", "started_at", name=op.f("uq_clocks_incident_name_started_at")
        ),
    )
    op.create_index(op.f("ix_clocks_incident"), "clocks", ["incident"])
    op.create_index(op.f("ix_clocks_met_at_due"), "clocks", ["met_at", "due"])


def _contacts() -> None:
    """What is owed to the outside, and every try at it."""
    op.create_table(
        "outbox",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id")),
        _text("kind", nullable=False),
        _text("channel", nullable=False),
        sa.Column("dedup", sa.Text, nullable=False, unique=True),
        _text("partner"),
        _text("contact"),
        _text("recipient"),
        _text("language", nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        _text("payload", nullable=False),
        _text("state", nullable=False),
        _text("reason", nullable=False),
        _at("created_at", nullable=False),
        _at("not_before", nullable=False),
        _at("not_after"),
        _at("lease_until"),
        sa.Column("lease_token", sa.String(40)),
        sa.Column("attempts", sa.Integer, nullable=False),
        _at("done_at"),
    )
    op.create_index(op.f("ix_outbox_incident"), "outbox", ["incident"])
    op.create_index(op.f("ix_outbox_state_not_before"), "outbox", ["state", "not_before"])
    op.create_table(
        "attempts",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("outbox", sa.String(40), sa.ForeignKey("outbox.id"), nullable=False),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id")),
        _text("channel", nullable=False),
        _text("driver", nullable=False),
        _text("contact"),
        _text("recipient"),
        _at("started_at", nullable=False),
        _at("ended_at"),
        _text("status", nullable=False),
        _text("result", nullable=False),
        _text("provider_id"),
        sa.Column("provider_seq", sa.Integer, nullable=False),
        _text("detail", nullable=False),
        _text("history", nullable=False),
    )
    op.create_index(op.f("ix_attempts_channel_result"), "attempts", ["channel", "result"])
    op.create_index(op.f("ix_attempts_incident"), "attempts", ["incident"])
    op.create_index(op.f("ix_attempts_outbox"), "attempts", ["outbox"])
    op.create_index(op.f("ix_attempts_provider_id"), "attempts", ["provider_id"])
    op.create_table(
        "tickets",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), nullable=False),
        _text("partner"),
        _text("driver", nullable=False),
        _text("reference", nullable=False),
        _text("url"),
        _text("status", nullable=False),
        _text("subject", nullable=False),
        _text("body", nullable=False),
        _text("language", nullable=False),
        _at("created_at", nullable=False),
        _at("closed_at"),
        sa.UniqueConstraint("incident", "partner", "driver", name=op.f("uq_tickets_incident_partner_driver")),
    )
    op.create_table(
        "ticket_notes",
        _serial(),
        sa.Column("ticket", sa.String(40), sa.ForeignKey("tickets.id"), nullable=False),
        _at("at", nullable=False),
        _text("author", nullable=False),
        _text("text", nullable=False),
        sa.Column("dedup", sa.Text, unique=True),
    )
    op.create_index(op.f("ix_ticket_notes_ticket"), "ticket_notes", ["ticket"])


def _inboxes() -> None:
    """What comes in."""
    op.create_table(
        "crashes",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        _text("key", nullable=False),
        _text("source", nullable=False),
        _text("token", nullable=False),
        _text("system"),
        _text("mapped_by"),
        _text("signature"),
        _text("group"),
        _text("message", nullable=False),
        _text("process"),
        _text("version"),
        _at("at", nullable=False),
        _at("received_at", nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("folded", sa.Boolean, nullable=False),
        _at("digested_at"),
        _text("outcome"),
        sa.UniqueConstraint("token", "key", name=op.f("uq_crashes_token_key")),
    )
    op.create_index(op.f("ix_crashes_digested_at"), "crashes", ["digested_at"])
    op.create_index(op.f("ix_crashes_system_group"), "crashes", ["system", "group"])
    op.create_index(op.f("ix_crashes_group_received_at"), "crashes", ["group", "received_at"])
    op.create_table(
        "crash_groups",
        sa.Column("id", sa.String(40), primary_key=True),
        _text("title", nullable=False),
        _text("grouped_by", nullable=False),
        _at("first_at", nullable=False),
        _at("last_at", nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "pings",
        _serial(),
        _text("uuid", nullable=False),
        _text("kind", nullable=False),
        sa.Column("exit_status", sa.Integer),
        _at("at", nullable=False),
        _text("detail", nullable=False),
    )
    op.create_index(op.f("ix_pings_uuid_at"), "pings", ["uuid", "at"])
    op.create_table(
        "heartbeats",
        sa.Column("uuid", sa.String(36), primary_key=True),
        _at("created_at", nullable=False),
        _at("last_success"),
        _at("last_failure"),
        _at("last_start"),
        sa.Column("exit_status", sa.Integer),
        _text("detail", nullable=False),
    )


def _looking() -> None:
    """Streaks, the ring of results, changes over time."""
    op.create_table(
        "check_states",
        sa.Column("check", sa.Text, primary_key=True),
        _text("verdict", nullable=False),
        _text("detail", nullable=False),
        _text("streak", nullable=False),
        _at("since", nullable=False),
        _at("looked_at"),
    )
    op.create_table(
        "results",
        _serial(),
        _text("check", nullable=False),
        _at("at", nullable=False),
        _text("verdict", nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        _text("detail", nullable=False),
    )
    op.create_index(op.f("ix_results_check_at"), "results", ["check", "at"])
    op.create_table(
        "component_states",
        _serial(),
        _text("component", nullable=False),
        _text("status", nullable=False),
        _at("from_at", nullable=False),
        _text("because", nullable=False),
    )
    op.create_index(
        op.f("ix_component_states_component_from_at"), "component_states", ["component", "from_at"]
    )


def _announcements() -> None:
    """What the public is told."""
    op.create_table(
        "maintenances",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        _text("title", nullable=False),
        _text("body", nullable=False),
        _text("status", nullable=False),
        _at("starts_at", nullable=False),
        _at("ends_at", nullable=False),
        _text("zone", nullable=False),
        _text("systems", nullable=False),
        _text("components", nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        _text("announced_by", nullable=False),
        _at("created_at", nullable=False),
        _at("updated_at", nullable=False),
        _at("completed_at"),
    )
    op.create_index(op.f("ix_maintenances_status_starts_at"), "maintenances", ["status", "starts_at"])
    op.create_table(
        "updates",
        _serial(),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id")),
        sa.Column("maintenance", sa.String(40), sa.ForeignKey("maintenances.id")),
        _text("status", nullable=False),
        _text("body", nullable=False),
        _text("actor", nullable=False),
        _at("at", nullable=False),
        _at("next_update_at"),
    )
    op.create_index(op.f("ix_updates_incident"), "updates", ["incident"])
    op.create_index(op.f("ix_updates_maintenance"), "updates", ["maintenance"])


def _people() -> None:
    """Who may."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        _text("password", nullable=False),
        _text("role", nullable=False),
        _at("created_at", nullable=False),
        _at("disabled_at"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id"), nullable=False),
        _text("csrf", nullable=False),
        _at("created_at", nullable=False),
        _at("seen_at", nullable=False),
        _at("expires_at", nullable=False),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(40), primary_key=True),
        _text("name", nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        _text("scopes", nullable=False),
        _text("system"),
        _text("kind", nullable=False),
        _at("created_at", nullable=False),
        _at("revoked_at"),
    )
    op.create_table(
        "audit",
        _serial(),
        _at("at", nullable=False),
        _text("actor", nullable=False),
        _text("action", nullable=False),
        _text("object", nullable=False),
        _text("data", nullable=False),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text, primary_key=True),
        _text("value", nullable=False),
    )
