"""What holds a verdict back, on record: the times in which we could not see out ourselves."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, id_column, metadata, text

blind_spells = sa.Table(
    "blind_spells",
    metadata,
    id_column(),
    text("who", nullable=False),  # the machine that could not
    at("since", nullable=False),
    at("until"),
    at("alarmed_at"),  # our own people were told
    text("why", nullable=False, default=""),
    sa.Index(
        "uq_blind_spells_who_open",
        "who",
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    ),
)
