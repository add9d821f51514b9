"""What holds a verdict back, on record: when we could not see out ourselves, and what is seen from one place only."""

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

one_place_spells = sa.Table(
    "one_place_spells",
    metadata,
    id_column(),
    text("check", nullable=False),  # fails as seen from here, and is well as seen from elsewhere
    at("since", nullable=False),
    at("until"),
    at("alarmed_at"),  # our own people were told
    text("why", nullable=False, default=""),
    sa.Index(
        "uq_one_place_spells_check_open",
        "check",
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    ),
)
