"""Where a request goes when its queue is long and the requester agreed to be served elsewhere (mission P2)."""

from dataclasses import dataclass

from monitor.domain.registration import Overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The queue a request goes to, and why where it is not the one it came for."""

    queue: str | None
    reason: str = ""


def route(
    overflow: Overflow | None, queue: str | None, *, backlog: int, said: object, always: bool | None
) -> Route:
    """Return the queue for a request: its own, or the wider one if that is long and the requester agreed.

    ``backlog`` is how many requests are open in the queue; ``said`` is the field of this request, ``always``
    what the contact agreed to once and for all (the request's own word counts more).
    """
    if overflow is None or queue is None or queue == overflow.to or backlog <= overflow.backlog:
        return Route(queue=queue)
    long = f"{backlog} requests are open in {queue}, more than {overflow.backlog}"
    if not agreed(overflow, said, always):
        word = "nobody has said" if said in (None, "") and always is None else "no"
        return Route(
            queue=queue,
            reason=f"{long}; it stays there: {overflow.agreed_in}: {word} (section {overflow.clause})",
        )
    return Route(
        queue=overflow.to,
        reason=f"{long}; sent to {overflow.to}, as the requester agreed (section {overflow.clause})",
    )


def agreed(overflow: Overflow, said: object, always: bool | None) -> bool:
    """Whether the requester agreed: the request's own word, else what they agreed to once and for all."""
    if isinstance(said, bool):
        return said
    if isinstance(said, str) and said.strip():
        return said.strip().casefold() in overflow.words
    return always is True
