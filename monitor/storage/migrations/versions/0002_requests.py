"""What customers ask and who they are: requests, people, licences, the ledger; clocks of requests and of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables of requests, and let what exists refer to them."""
    _people()
    _requests()
    _appointments()
    _ledger()
    _clocks()
    _references()


def _serial() -> sa.Column[int]:
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(40), nullable=False, unique=True)


def _text(name: str, *, nullable: bool = True, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, unique=unique)


def _at(name: str, *, nullable: bool = True) -> sa.Column[int]:
    """Make a column of microseconds since 1970 (``schema.Instant``)."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _request(*, nullable: bool = True) -> sa.Column[str]:
    return sa.Column("request", sa.String(40), sa.ForeignKey("requests.id"), nullable=nullable)


def _licence() -> sa.Column[str]:
    return sa.Column("licence", sa.String(100))


def _changed() -> tuple[sa.Column[int] | sa.Column[str], ...]:
    return (
        _at("created_at", nullable=False),
        _at("updated_at", nullable=False),
        _text("updated_by", nullable=False),
        _at("removed_at"),
    )


def _indexed(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _people() -> None:
    op.create_table(
        "licences",
        _serial(),
        sa.Column("id", sa.String(100), nullable=False, unique=True),
        _text("partner", nullable=False),
        _text("product", nullable=False),
        sa.Column("seats", sa.Integer, nullable=False),
        _text("account_id"),
        _text("plan"),
        _text("standing", nullable=False),
        *_changed(),
    )
    _indexed("licences", "partner")
    op.create_table(
        "registered_contacts",
        _serial(),
        sa.Column("id", sa.String(100), nullable=False, unique=True),
        _text("partner", nullable=False),
        _licence(),
        _text("name", nullable=False),
        _text("phone"),
        _text("email"),
        _text("languages", nullable=False),
        _text("role", nullable=False),
        _text("hours", nullable=False),
        sa.Column("always_reachable", sa.Boolean, nullable=False),
        sa.Column("english_ok", sa.Boolean),
        _text("account_id"),
        *_changed(),
    )
    _indexed("registered_contacts", "partner")
    _indexed("registered_contacts", "licence")
    op.create_table(
        "registered_systems",
        _serial(),
        sa.Column("serial", sa.String(200), nullable=False, unique=True),
        _text("partner", nullable=False),
        _licence(),
        _text("about", nullable=False),
        _text("technical", nullable=False),
        *_changed(),
    )
    _indexed("registered_systems", "partner")
    _indexed("registered_systems", "licence")


def _requests() -> None:
    op.create_table(
        "requests",
        _serial(),
        _id(),
        _text("dedup", unique=True),
        _text("policy", nullable=False),
        _text("policy_version", nullable=False),
        _text("policy_digest", nullable=False),
        _text("channel", nullable=False),
        _text("entered_by"),
        _text("partner"),
        _text("contact"),
        _text("email"),
        _text("system"),
        _text("class"),
        _text("clause", nullable=False),
        _text("status", nullable=False),
        _text("outcome"),
        _text("flagged"),
        _text("subject", nullable=False),
        _text("language", nullable=False),
        _text("visibility", nullable=False),
        _text("queue"),
        _text("assignee"),
        sa.Column("related", sa.String(40), sa.ForeignKey("requests.id")),
        _text("related_to"),
        _text("request", nullable=False),
        _text("judgement", nullable=False),
        sa.Column("charge", sa.Integer, nullable=False),
        _text("reply_key", nullable=False),
        sa.Column("needs_triage", sa.Boolean, nullable=False),
        _at("received_at", nullable=False),
        _at("responded_at"),
        _at("waiting_since"),
        _at("closed_at"),
        _text("closed_by"),
        sa.Column("version", sa.Integer, nullable=False),
    )
    _indexed("requests", "status", "received_at")
    for column in ("partner", "contact", "system"):
        _indexed("requests", column)
    op.create_table(
        "request_people",
        _serial(),
        _request(nullable=False),
        _text("role", nullable=False),
        _text("contact"),
        _text("email"),
        sa.UniqueConstraint("request", "contact"),
        sa.UniqueConstraint("request", "email"),
    )
    for column in ("request", "contact", "email"):
        _indexed("request_people", column)
    op.create_table(
        "request_messages",
        _serial(),
        _id(),
        _request(nullable=False),
        _text("dedup", unique=True),
        _at("at", nullable=False),
        _text("author", nullable=False),
        _text("side", nullable=False),
        sa.Column("internal", sa.Boolean, nullable=False),
        _text("channel", nullable=False),
        _text("text", nullable=False),
    )
    _indexed("request_messages", "request")
    op.create_table(
        "attachments",
        _serial(),
        _id(),
        _request(nullable=False),
        sa.Column("message", sa.String(40), sa.ForeignKey("request_messages.id")),
        _text("name", nullable=False),
        _text("media_type", nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary),
        _text("note", nullable=False),
        _at("at", nullable=False),
    )
    _indexed("attachments", "request")
    op.create_table(
        "secrets",
        _serial(),
        _id(),
        _request(nullable=False),
        _text("kind", nullable=False),
        _text("found_in", nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        _at("created_at", nullable=False),
        _at("wiped_at"),
    )
    _indexed("secrets", "request")


def _appointments() -> None:
    op.create_table(
        "appointments",
        _serial(),
        _id(),
        _request(nullable=False),
        _text("status", nullable=False),
        _text("technician"),
        _at("starts_at", nullable=False),
        _at("ends_at", nullable=False),
        _at("held_from"),
        _at("held_to"),
        sa.Column("sequence", sa.Integer, nullable=False),
        _at("created_at", nullable=False),
        _at("updated_at", nullable=False),
    )
    _indexed("appointments", "request")
    _indexed("appointments", "starts_at")


def _ledger() -> None:
    op.create_table(
        "ledger_entries",
        _serial(),
        _id(),
        _text("partner", nullable=False),
        _text("kind", nullable=False),
        _text("dedup", nullable=False, unique=True),
        _text("sent_as", unique=True),
        _request(),
        sa.Column("of", sa.String(40), sa.ForeignKey("ledger_entries.id")),
        _at("at", nullable=False),
        _text("actor", nullable=False),
        _text("text", nullable=False),
    )
    _indexed("ledger_entries", "request")
    _indexed("ledger_entries", "of")
    _indexed("ledger_entries", "partner", "at")
    op.create_table(
        "ledger_lines",
        _serial(),
        sa.Column("entry", sa.String(40), sa.ForeignKey("ledger_entries.id"), nullable=False),
        _text("partner", nullable=False),
        _text("account", nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    _indexed("ledger_lines", "entry")
    _indexed("ledger_lines", "partner", "account")


def _clocks() -> None:
    """Let a clock belong to a request instead of an incident, and begin twice at one moment if its class changed."""
    if op.get_bind().dialect.name == "sqlite":
        _copy_clocks()
    else:
        _alter_clocks()
    for owner in ("incident", "request"):
        op.create_index(
            op.f(f"uq_clocks_{owner}_standing"),
            "clocks",
            [owner, "name", "started_at"],
            unique=True,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )
    running = sa.text("met_at IS NULL AND cancelled_at IS NULL AND superseded_at IS NULL")
    op.create_index(
        op.f("ix_clocks_running"), "clocks", ["due"], sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "clock_pauses",
        _serial(),
        sa.Column("clock", sa.BigInteger, sa.ForeignKey("clocks.seq"), nullable=False),
        _at("from_at", nullable=False),
        _at("to_at"),
        _text("reason", nullable=False),
        _text("actor", nullable=False),
    )
    _indexed("clock_pauses", "clock")
    op.create_table(
        "policy_editions",
        sa.Column("digest", sa.String(64), primary_key=True),
        _text("name", nullable=False),
        _text("version", nullable=False),
        _text("text", nullable=False),
        _at("first_seen_at", nullable=False),
    )


def _copy_clocks() -> None:
    op.create_table(
        "clocks_anew",
        _serial(),
        sa.Column(
            "incident", sa.String(40), sa.ForeignKey("incidents.id", name="fk_clocks_incident_incidents")
        ),
        sa.Column("request", sa.String(40), sa.ForeignKey("requests.id", name="fk_clocks_request_requests")),
        _text("name", nullable=False),
        _text("party", nullable=False),
        _text("class", nullable=False),
        _text("promise", nullable=False),
        _at("started_at", nullable=False),
        _at("due"),
        _at("limit"),
        _at("warn_at"),
        _at("warned_at"),
        _at("breached_at"),
        _at("met_at"),
        _at("cancelled_at"),
        _at("superseded_at"),
    )
    kept = (
        'seq, incident, name, class, started_at, due, "limit", warned_at, breached_at, met_at, cancelled_at'
    )
    op.execute(f"INSERT INTO clocks_anew ({kept}, party, promise) SELECT {kept}, 'us', '{{}}' FROM clocks")  # noqa: S608 - no value of anybody's in it
    op.drop_table("clocks")
    op.rename_table("clocks_anew", "clocks")
    _indexed("clocks", "incident")
    _indexed("clocks", "request")


def _alter_clocks() -> None:
    op.alter_column("clocks", "incident", existing_type=sa.String(40), nullable=True)
    op.add_column("clocks", _request())
    _indexed("clocks", "request")
    for name, default in (("party", "us"), ("promise", "{}")):
        op.add_column("clocks", sa.Column(name, sa.Text, nullable=False, server_default=default))
        op.alter_column("clocks", name, server_default=None, existing_type=sa.Text, existing_nullable=False)
    op.add_column("clocks", _at("warn_at"))
    op.add_column("clocks", _at("superseded_at"))
    op.drop_constraint("uq_clocks_incident_name_started_at", "clocks")
    op.drop_index("ix_clocks_met_at_due", "clocks")


def _references() -> None:
    for table in ("events", "outbox", "attempts"):
        _refer_to_requests(table)
        _indexed(table, "request")
    _decisions_of_findings()
    op.add_column("incidents", _text("policy_digest"))
    op.add_column("maintenances", _text("partner"))
    op.add_column("maintenances", sa.Column("late", sa.Boolean))
    op.add_column("maintenances", sa.Column("major", sa.Boolean))
    op.add_column("users", _text("contact"))
    _indexed("users", "contact")
    op.add_column("tokens", _text("contact"))


def _decisions_of_findings() -> None:
    """Keep each finding's decision beside it; of those there are, the first of an incident has it in the timeline."""
    op.add_column("findings", _at("decided_at"))
    op.add_column("findings", _text("decision"))
    opened = "SELECT {} FROM events WHERE events.incident = findings.incident AND kind = 'incident.opened'"
    op.execute(
        f"UPDATE findings SET decided_at = ({opened.format('MIN(events.at)')}), "  # noqa: S608 - no word of it is from outside
        f"decision = ({opened.format('MIN(events.data)')}) "
        "WHERE seq IN (SELECT MIN(seq) FROM findings GROUP BY incident)"
    )


def _refer_to_requests(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":  # a reference can be added with its column, if without Alembic
        reference = f"CONSTRAINT fk_{table}_request_requests REFERENCES requests (id)"
        op.execute(f"ALTER TABLE {table} ADD COLUMN request VARCHAR(40) {reference}")
    else:
        op.add_column(table, _request())
