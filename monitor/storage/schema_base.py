"""What every table is made of: naming of constraints, instants, and the columns that recur."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMING)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as whole microseconds since 1970: one form on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse naive times: they are a bug at their source."""
        if value is None:
            return None
        assert value.tzinfo is not None, "instants are aware"
        since = value.astimezone(UTC) - _EPOCH
        return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give back an aware time."""
        if value is None:
            return None
        seconds, micros = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def id_column() -> sa.Column[str]:
    """Make the key of a table that is found by an id of ours."""
    return sa.Column("id", sa.String(40), primary_key=True)


def serial() -> sa.Column[int]:
    """Make a counter: the order in which rows came."""
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def text(name: str, **kw: Any) -> sa.Column[str]:
    """Make a column of text."""
    return sa.Column(name, sa.Text, **kw)


def at(name: str, **kw: Any) -> sa.Column[datetime]:
    """Make a column of instants."""
    return sa.Column(name, Instant, **kw)


def incident(**kw: Any) -> sa.Column[str]:
    """Make a reference to an incident."""
    return sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), **kw)


def flag(name: str) -> sa.Column[bool]:
    """Make a column of yes or no."""
    return sa.Column(name, sa.Boolean, nullable=False, default=False)


def request(**kw: Any) -> sa.Column[str]:
    """Make a reference to a request."""
    return sa.Column("request", sa.String(40), sa.ForeignKey("requests.id"), **kw)
