"""Global problems that we found ourselves: the group they stand for, and where they are."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, flag, metadata, text

storms = sa.Table(
    "storms",
    metadata,
    sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
    text("dimension", nullable=False),  # cloud component region carrier version fleet
    text("value", nullable=False),
    text("evidence", nullable=False, default="{}"),
    at("found_at", nullable=False),
    at("tells_from"),  # partners are told from then on, published or not; None: when it is published
    at("unshown_at"),  # the status page did not show it in time: partners were told all the same
    at("well_at"),  # its systems are well again since then
)

bundled = sa.Table(  # a call that is not made because another one names its incident, too
    "bundled",
    metadata,
    sa.Column("row", sa.String(40), sa.ForeignKey("outbox.id"), primary_key=True),
    sa.Column("lead", sa.String(40), sa.ForeignKey("outbox.id"), nullable=False, index=True),
)

taken_out = sa.Table(  # a person says that an incident, or its system, does not belong to a problem
    "taken_out",
    metadata,
    sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("problem", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True, index=True),
    text("system"),
    text("actor", nullable=False),
    text("reason", nullable=False),
    at("at", nullable=False),
)

overruled = sa.Table(  # a person says that a fact is not what the evidence of many says
    "overruled",
    metadata,
    sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("fact", sa.String(100), primary_key=True),
    flag("value"),
    text("actor", nullable=False),
    text("reason", nullable=False),
    at("at", nullable=False),
)
