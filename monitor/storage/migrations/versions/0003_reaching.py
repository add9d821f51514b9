"""Reaching people: why a contact waits, chains that run as they began, remote tickets, storms, announcements."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what the contact side keeps; each part below is one subject's."""
    _engine()
    _chains()
    _tickets()
    _storms()
    _announcements()


def _engine() -> None:
    """Why and until when a row of the outbox waits, and what caps are counted by."""
    op.add_column("outbox", sa.Column("waits", sa.Text))
    op.add_column("outbox", sa.Column("first", sa.Boolean))
    op.add_column("attempts", sa.Column("country", sa.Text))
    op.add_column("attempts", sa.Column("waited", sa.Float))
    op.add_column("attempts", sa.Column("waits", sa.Text))
    for columns in (["channel", "started_at"], ["recipient", "started_at"]):
        op.create_index(op.f(f"ix_attempts_{'_'.join(columns)}"), "attempts", columns)
    op.create_index(op.f("ix_outbox_recipient_state"), "outbox", ["recipient", "state"])
    op.create_index(
        op.f("ix_outbox_waiting"),
        "outbox",
        ["priority", "partner", "seq", "not_before", "attempts", "first", "channel", "recipient"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "providers",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("free_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("probes", sa.Integer, nullable=False),
        sa.Column("down_since", sa.BigInteger),
        sa.Column("probe_at", sa.BigInteger),
        sa.Column("alarmed_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_turns",
        sa.Column("partner", sa.Text, primary_key=True),
        sa.Column("served", sa.BigInteger, nullable=False),
    )
    op.execute(_NAME_WHAT_WAITS)


_NAME_WHAT_WAITS = """
    UPDATE outbox SET waits = CASE
        WHEN reason LIKE 'held: planned maintenance%' THEN 'maintenance'
        WHEN reason LIKE 'held:%' THEN 'global_problem'
        WHEN reason = 'waits for the on-call engineer''s word' THEN 'triage'
        WHEN attempts > 0 THEN 'retry'
    END WHERE state = 'waiting'
"""


def _chains() -> None:
    """Who owns an incident, and until when; who is on call instead of whom; which hand-overs have happened."""
    for name, kind in (("owner", sa.Text), ("owner_party", sa.Text)):
        op.add_column("incidents", sa.Column(name, kind))
    for name in ("holds_until", "reminded_at"):
        op.add_column("incidents", sa.Column(name, sa.BigInteger))
    for name in ("holds_until", "owner"):
        op.create_index(op.f(f"ix_incidents_{name}"), "incidents", [name])
    serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "on_call_overrides",
        sa.Column("seq", serial, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("rotation", sa.Text, nullable=False),
        sa.Column("engineer", sa.Text, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("removed_at", sa.BigInteger),
        sa.Column("removed_by", sa.Text),
        sa.UniqueConstraint("id", name=op.f("uq_on_call_overrides_id")),
    )
    op.create_table(
        "on_call_hand_overs",
        sa.Column("seq", serial, primary_key=True, autoincrement=True),
        sa.Column("rotation", sa.String(100), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("leaving", sa.Text, nullable=False),
        sa.Column("arriving", sa.Text, nullable=False),
        sa.Column("incidents", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("rotation", "at", name=op.f("uq_on_call_hand_overs_rotation_at")),
    )


def _tickets() -> None:
    """What is known of a remote ticket, and which of its notes were ours; a ticket may be a request's."""
    if op.get_bind().dialect.name == "sqlite":
        _copy_tickets()
    else:
        _alter_tickets()
    op.create_index("ix_tickets_driver_reference", "tickets", ["driver", "reference"])
    op.create_index("ix_tickets_driver_look_at", "tickets", ["driver", "look_at"])
    for column in ("incident", "request"):
        op.create_index(op.f(f"ix_tickets_{column}"), "tickets", [column])
    op.add_column("ticket_notes", sa.Column("kind", sa.Text))
    op.add_column("ticket_notes", sa.Column("remote_id", sa.Text))
    remote = ["ticket", "remote_id"]
    op.create_index("uq_ticket_notes_ticket_remote_id", "ticket_notes", remote, unique=True)
    op.create_table(
        "ticket_systems",
        sa.Column("driver", sa.String(40), primary_key=True),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("turn_at", sa.BigInteger, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("trouble", sa.Text, nullable=False),
    )


# The first ticket of an incident in a system carries the incident's id; were there more, they are told apart.
_MARK = (
    "CASE WHEN seq IN (SELECT MIN(t.seq) FROM tickets t GROUP BY t.incident, t.driver) "
    "THEN incident ELSE incident || '.' || seq END"
)
_KNOWN_OF_TICKETS = "seq, id, incident, partner, driver, reference, url, status, subject, body, language, created_at, closed_at"


def _new_of_tickets() -> tuple[sa.Column[str] | sa.Column[int], ...]:
    return (
        sa.Column("follows", sa.Text),
        sa.Column("remote_status", sa.Text),
        sa.Column("version", sa.Text),
        sa.Column("synced_at", sa.BigInteger),
        sa.Column("look_at", sa.BigInteger),
        sa.Column("gone_at", sa.BigInteger),
        sa.Column("trouble", sa.Text),
    )


def _copy_tickets() -> None:
    references = {
        column: sa.ForeignKey(f"{column}s.id", name=f"fk_tickets_{column}_{column}s")
        for column in ("incident", "request")
    }
    op.create_table(
        "tickets_anew",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("incident", sa.String(40), references["incident"]),
        sa.Column("request", sa.String(40), references["request"]),
        sa.Column("partner", sa.Text),
        sa.Column("driver", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        *_new_of_tickets(),
        sa.PrimaryKeyConstraint("seq", name="pk_tickets"),
        sa.UniqueConstraint("id", name="uq_tickets_id"),
        sa.UniqueConstraint("driver", "mark", name="uq_tickets_driver_mark"),
    )
    known = _KNOWN_OF_TICKETS
    op.execute(f"INSERT INTO tickets_anew ({known}, mark) SELECT {known}, {_MARK} FROM tickets")  # noqa: S608 - no word of it is from outside
    op.drop_table("tickets")
    op.rename_table("tickets_anew", "tickets")


def _alter_tickets() -> None:
    op.alter_column("tickets", "incident", existing_type=sa.String(40), nullable=True)
    request = sa.ForeignKey("requests.id", name="fk_tickets_request_requests")
    op.add_column("tickets", sa.Column("request", sa.String(40), request))
    op.add_column("tickets", sa.Column("mark", sa.Text))
    op.execute(f"UPDATE tickets SET mark = {_MARK}")  # noqa: S608 - no word of it is from outside
    op.alter_column("tickets", "mark", existing_type=sa.Text, nullable=False)
    for column in _new_of_tickets():
        op.add_column("tickets", column)
    op.drop_constraint("uq_tickets_incident_partner_driver", "tickets")
    op.create_unique_constraint("uq_tickets_driver_mark", "tickets", ["driver", "mark"])


def _storms() -> None:
    """Global problems that were found, and the contacts that speak for many incidents."""
    op.add_column("incidents", sa.Column("page_shown_at", sa.BigInteger))
    op.create_table(
        "storms",
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("dimension", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("tells_from", sa.BigInteger),
        sa.Column("unshown_at", sa.BigInteger),
        sa.Column("well_at", sa.BigInteger),
    )
    op.create_table(
        "bundled",
        sa.Column("row", sa.String(40), sa.ForeignKey("outbox.id"), primary_key=True),
        sa.Column("lead", sa.String(40), sa.ForeignKey("outbox.id"), nullable=False),
    )
    op.create_index("ix_bundled_lead", "bundled", ["lead"])


def _announcements() -> None:
    """What was announced, where, and what came of it."""
    serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "announcements",
        sa.Column("seq", serial, primary_key=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), index=True),
        sa.Column("maintenance", sa.String(40), sa.ForeignKey("maintenances.id"), index=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "announcement_deliveries",
        sa.Column("seq", serial, primary_key=True),
        sa.Column("announcement", sa.String(40), sa.ForeignKey("announcements.id"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("outbox", sa.String(40), sa.ForeignKey("outbox.id")),
        sa.Column("posted_at", sa.BigInteger),
        sa.Column("posted_by", sa.Text),
        sa.UniqueConstraint("announcement", "channel"),
    )
    op.create_table(
        "incident_mails",
        sa.Column("seq", serial, primary_key=True),
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), nullable=False, index=True),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("contact", sa.Text),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("dedup", sa.Text, nullable=False, unique=True),
        sa.Column("message_id", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
