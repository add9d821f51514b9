"""What the board says of ticket systems: one that cannot be read, tickets that others closed or removed."""

from collections.abc import Iterator

from monitor.storage.ticket_sync import Standing
from monitor.web.board import Caution

SHOWN = 5


def ticket_cautions(standing: Standing) -> Iterator[Caution]:
    """Yield what a shift must know of tickets before it believes the board."""
    for driver, since, trouble in standing.failing:
        text = f"Since {since:%Y-%m-%d %H:%M} UTC: {trouble}. What is written there is not known here."
        yield Caution(tone="bad", title=f"The tickets in {driver} cannot be read", text=text)
    if standing.closed:
        incident, _ = standing.closed[0]
        shown = ", ".join(reference for _, reference in standing.closed[:SHOWN])
        more = " and more" if len(standing.closed) > SHOWN else ""
        text = f"Ticket {shown}{more}: closed or removed in their own system while the incident goes on. Decide what is to be done."
        yield Caution(
            tone="warn", title="Tickets were closed by others", text=text, path=f"/noc/incidents/{incident}"
        )
