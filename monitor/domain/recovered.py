"""Who failed a while ago and is well again: in the order in which systems recover there is no evidence of whose fault it was.

    well again -> kept with when it had begun to fail -> counted with those who still fail -> forgotten, or failing again

Of a cloud that drops calls some carrier's systems are the last to recover. That the others are well by then does not make
it the carrier's fault: they had failed with it.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from datetime import datetime

from monitor.domain.evidence import Group
from monitor.domain.groups import Lists

_MANY = 1_000  # kept before the oldest are looked for again


class Recovered:
    """Counts in every group who began to fail since a moment and is well again; one entry for each system, its latest."""

    def __init__(self, groups_of: Callable[[str], Sequence[Group]]) -> None:
        """Know nobody yet; ``groups_of`` tells a system's groups as they are now."""
        self._groups_of = groups_of
        self._filed: dict[str, tuple[datetime, Sequence[Group]]] = {}
        self._lists: Lists = {}
        self._room = _MANY

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._filed)

    @property
    def is_full(self) -> bool:
        """Whether it is time to forget the oldest."""
        return len(self._filed) > self._room

    def note(self, serial: str, since: datetime) -> None:
        """Keep a system that had begun to fail then, and is well now."""
        self.forget(serial)
        groups = self._groups_of(serial)
        self._filed[serial] = (since, groups)
        for group in groups:
            insort(self._lists.setdefault(group, []), (since, serial))

    def forget(self, serial: str) -> None:
        """Forget a system: it fails again, or it is too long ago."""
        since, groups = self._filed.pop(serial, (None, ()))
        for group in groups if since is not None else ():
            entries = self._lists[group]
            del entries[bisect_left(entries, (since, serial))]
            if not entries:
                del self._lists[group]

    def forget_before(self, moment: datetime) -> None:
        """Forget who had begun to fail before a moment."""
        for serial in [serial for serial, (since, _) in self._filed.items() if since < moment]:
            self.forget(serial)
        self._room = 2 * len(self._filed) + _MANY

    def file_again(self) -> None:
        """Follow the inventory: who there is, and in which groups."""
        kept, self._filed, self._lists = self._filed, {}, {}
        for serial, (since, _) in kept.items():
            self.note(serial, since)

    def begun(self, group: Group, since: datetime) -> int:
        """Return how many of a group began to fail then or later and are well again."""
        entries = self._lists.get(group, ())
        return len(entries) - bisect_left(entries, (since, ""))
