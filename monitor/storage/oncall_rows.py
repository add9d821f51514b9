"""The overrides of the rota that stand."""

import sqlalchemy as sa

from monitor.domain.rota import Shift
from monitor.storage.schema_oncall import overrides


def standing(c: sa.Connection) -> tuple[Shift, ...]:
    """Return the overrides that were not taken back, in the order they were made."""
    rows = c.execute(sa.select(overrides).where(overrides.c.removed_at.is_(None)).order_by(overrides.c.seq))
    return tuple(
        Shift(
            id=row.id,
            rotation=row.rotation,
            engineer=row.engineer,
            start=row.starts_at,
            end=row.ends_at,
            by=row.made_by,
            note=row.note,
        )
        for row in rows
    )
