"""What is kept beside crash reports: their memory dumps, what was told of groups, which version fixed them, what was lost."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, metadata, serial, text

crash_dumps = sa.Table(
    "crash_dumps",
    metadata,
    serial(),
    sa.Column("crash", sa.String(40), sa.ForeignKey("crashes.id"), nullable=False, unique=True),
    text("name", nullable=False, default=""),  # the sender's file name
    text("digest", nullable=False),  # SHA-256 of the dump as it was sent
    sa.Column("size", sa.BigInteger, nullable=False),  # of the dump as it was sent
    text("coding", nullable=False),  # of ``content``: zlib, or as_sent when the sender had it compressed
    sa.Column("content", sa.LargeBinary),  # None when it was let go: folded in a storm, or too old
    at("received_at", nullable=False),
    at("read_at"),  # None: it waits to be read, and its report with it
    sa.Index("ix_crash_dumps_read_at", "read_at"),
)

crash_trends = sa.Table(  # what was told of a group: that it came with a release, or spikes
    "crash_trends",
    metadata,
    serial(),
    text("group", nullable=False),
    text("kind", nullable=False),  # release spike
    text("version", nullable=False, default=""),
    text("words", nullable=False),
    sa.Column("systems", sa.Integer, nullable=False),
    sa.Column("partners", sa.Integer, nullable=False),
    at("found_at", nullable=False),
    sa.Index("ix_crash_trends_group", "group"),
)

crash_fixes = (
    sa.Table(  # a person's word that a version fixed a group; the one that is not withdrawn is in force
        "crash_fixes",
        metadata,
        serial(),
        text("group", nullable=False),
        text("version", nullable=False),
        text("said_by", nullable=False),
        at("said_at", nullable=False),
        text("note", nullable=False, default=""),
        at("withdrawn_at"),
        at("regressed_at"),
        text("regressed_in", nullable=False, default=""),
        text("regressed_on"),
        sa.Index("ix_crash_fixes_group", "group"),
    )
)

crash_losses = sa.Table(  # what clients say they threw away before it reached us
    "crash_losses",
    metadata,
    serial(),
    text("token", nullable=False),  # the DSN that said so
    text("reason", nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    at("first_at", nullable=False),
    at("last_at", nullable=False),
    sa.UniqueConstraint("token", "reason"),
)
