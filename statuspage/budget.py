"""How much a page may weigh, and what is left out, level by level, where it would be more. Pure.

The names, states, words and figures of all services always stay; what goes are links from bars to their days, then bars
that one does not see before opening a group, then all bars; in figures and words everything is at another address.
"""

from collections.abc import Sequence

from monitor.domain.day_columns import Piece
from statuspage.views import Board, Group

BUDGET = 59_500  # bytes of a page; what would be larger is told with less detail, level by level
LEVELS = 5
FULL, DRAWN, NONE = "full", "drawn", "none"
DETAIL: Sequence[tuple[str, str, str]] = (
    (FULL, FULL, FULL),
    (FULL, DRAWN, DRAWN),
    (FULL, DRAWN, NONE),
    (FULL, NONE, NONE),
    (DRAWN, NONE, NONE),
    (NONE, NONE, NONE),
)
"""By level: bars of the lines that one sees, of folded groups, and of the lines in those. What is only drawn looks the
same, but its days are no links and say nothing."""
DAYS_TOLD = (90, 12, 6, 3, 1, 0)
"""By level: so many days that were not well, of each component in /uptime."""
STRIPS_TOLD = (1000, 8, 5, 3, 2, 1)
"""By level: so many components a day that are told minute by minute in a month."""


def stacks(
    board: Board, seen: str = FULL, folded: str = FULL, inside: str = FULL
) -> dict[tuple[Piece, ...], int]:
    """Number the different stacks that a day with a link can be: each is drawn once and referred to."""
    charts = [group.bars for group in board.groups if not _is_open(group) and folded == FULL]
    for group in board.groups:
        if (seen if _is_open(group) else inside) == FULL:
            charts += [line.bars for line in group.lines]
    days = [column.pieces for chart in charts for column in chart.columns if not column.blank]
    return {pieces: number for number, pieces in enumerate(dict.fromkeys(days))}


def is_linked(board: Board, seen: str, folded: str, inside: str) -> bool:
    """Whether some bars have days that are links."""
    opened = {_is_open(group) for group in board.groups}
    return (True in opened and seen == FULL) or (False in opened and FULL in (folded, inside))


def _is_open(group: Group) -> bool:
    return group.open or group.name is None
