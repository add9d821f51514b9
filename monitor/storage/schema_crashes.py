"""The memory dumps that came with crash reports: kept beside their report, read once, let go in time."""

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
