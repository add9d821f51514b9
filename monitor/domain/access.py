"""What a credential may do, and what became of something that was brought in with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A known credential. ``system`` binds it to one serial, which is then believed over any report."""

    id: str
    scopes: frozenset[str] = frozenset()
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Something on record: ``new`` is False for a repeated key, whose first ``id`` is given again.

    ``same`` is False when the key came before with a different body; nothing was recorded then.
    """

    id: str
    new: bool
    same: bool = True
