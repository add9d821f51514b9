"""Alerts that others sent us: each by its key, as it stands now; what became of earlier episodes is in the findings."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, flag, metadata, serial, text

alerts = sa.Table(
    "alerts",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    text("fingerprint", nullable=False),
    text("source", nullable=False),  # by which way it came in
    text("bound_to"),  # the only system its sender may speak for
    text("labels", nullable=False),  # JSON
    text("annotations", nullable=False),  # JSON
    text("url", nullable=False, default=""),
    text("standing", nullable=False),  # firing resolved expired
    at("starts_at", nullable=False),
    at("since", nullable=False),
    at("ends_at", nullable=False),
    flag("explicit"),
    at("ended_at"),
    at("updated_at", nullable=False),
    flag("todo"),  # what it means, or that it is over, is yet to be judged
    sa.Column("version", sa.Integer, nullable=False, default=1),
    text("rule"),
    text("system"),
    text("component"),
    text("symptom"),
    text("outcome"),  # incident id, unmapped, ignored, over
    text("because", nullable=False, default=""),
    text("assigned_by"),  # the person who said what it is about
    at("told_at"),  # our own people were told that nobody could map it: once, however often it comes
    sa.Index("ix_alerts_todo_seq", "todo", "seq"),
    sa.Index("ix_alerts_standing_ended_at", "standing", "ended_at"),
    sa.Index("ix_alerts_outcome", "outcome"),
)

passive_results = sa.Table(
    "passive_results",
    metadata,
    text("check", primary_key=True),
    text("verdict", nullable=False),
    at("at", nullable=False),  # when the sender looked
    at("received_at", nullable=False),
    text("detail", nullable=False),
    text("values", nullable=False),  # JSON
)
