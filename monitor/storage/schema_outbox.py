"""What the outbox knows of its far ends: how each provider stands, and whose turn it is."""

import sqlalchemy as sa

from monitor.storage.schema_base import at as _at
from monitor.storage.schema_base import metadata
from monitor.storage.schema_base import text as _text

providers = sa.Table(  # the far end behind a channel: phone, ticket, mail, ...
    "providers",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    _at("free_at"),  # its rate's own clock: the next send is theoretically due then
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # in a row that say it is away
    sa.Column("probes", sa.Integer, nullable=False, default=0),  # since it is away
    _at("down_since"),
    _at("probe_at"),  # when the next row may try it
    _at("alarmed_at"),  # our own people were told
    _text("why", nullable=False, default=""),
)

turns = (
    sa.Table(  # when each partner was served last, as a counter: nobody waits behind another's five hundred
        "outbox_turns",
        metadata,
        sa.Column("partner", sa.Text, primary_key=True),
        sa.Column("served", sa.BigInteger, nullable=False),
    )
)
