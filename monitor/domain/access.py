"""What a credential may do, who looks at customers' things, and what became of something that was brought in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A known credential. ``system`` binds it to one serial, which is then believed over any report."""

    id: str
    scopes: frozenset[str] = frozenset()
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks at what customers own: one of ours (``staff``), or one person of a customer's, by the contact's id.

    A viewer who is neither sees nothing. What a viewer may see of requests is ``monitor.storage.visibility``.
    """

    name: str
    staff: bool = False
    contact: str | None = None
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Something on record: ``new`` is False for a repeated key, whose first ``id`` is given again.

    ``same`` is False when the key came before with a different body; nothing was recorded then.
    """

    id: str
    new: bool
    same: bool = True
