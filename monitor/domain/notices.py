"""How far ahead customers announce work on their systems (mission E6): the notice that the policy's duties ask for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Whether an announcement came in time (None: the policy asks for nothing), by when, and the clause.

    ``asked`` is how long ahead, ``says`` what the document asks for, ``flagged`` whether a late one is marked for an engineer.
    """

    late: bool | None
    due: datetime | None = None
    clause: str = ""
    says: str = ""
    asked: timedelta | None = None
    flagged: bool = True

    def earliest(self, now: datetime) -> datetime | None:
        """Return from when on work that is announced at ``now`` is announced in time."""
        return now + self.asked if self.asked is not None else None


def notice(policy: Policy, starts_at: datetime, now: datetime) -> Notice:
    """Judge an announcement at ``now`` of work that starts at ``starts_at``; exactly as far ahead as asked is in time."""
    asked = [duty for duty in policy.requests.duties if duty.notice is not None]
    if not asked:
        return Notice(late=None)
    longest = max(asked, key=lambda duty: duty.notice or 0.0)
    ahead = timedelta(seconds=longest.notice or 0.0)
    due = starts_at - ahead
    return Notice(
        late=now > due,
        due=due,
        clause=longest.clause,
        says=longest.says,
        asked=ahead,
        flagged=longest.when_missed == "flag",
    )
