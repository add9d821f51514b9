"""Who asked to hear what the status page posts, and which words subscribers were told already."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, id_column, metadata, text

subscriptions = sa.Table(  # one for each address; ended is gone: an address is nobody's to keep
    "subscriptions",
    metadata,
    id_column(),
    text("address", nullable=False, unique=True),
    text("wanted", nullable=False),  # selectors as asked for last; they count when they are confirmed
    text("selectors"),  # selectors in force; None: never confirmed
    text("language", nullable=False),
    at("asked_at", nullable=False),
    at("confirmed_at", index=True),
    sa.Column(
        "secret", sa.LargeBinary
    ),  # of a webhook: what signs its messages, sealed; None: never confirmed
    at("failing_since"),  # of a webhook: it has taken nothing since then
)

subscriber_news = sa.Table(  # a word that was handed to subscribers: an update's id
    "subscriber_news",
    metadata,
    sa.Column("news", sa.String(60), primary_key=True),
    at("told_at", nullable=False, index=True),
)
