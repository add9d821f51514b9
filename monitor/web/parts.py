"""What the faces of this package are built from, handed in by wiring: seams only, nothing is made here.

The pipeline is seen through the protocol below, the store through two methods. Every command goes through
the pipeline; every page and list is a read.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from aiohttp import web

from monitor.announcing import Announcer
from monitor.auditing import Auditing
from monitor.bell import Bell
from monitor.casework import Casework
from monitor.desk import Desk
from monitor.domain.announcements import GlobalProblem, Maintenance, Shape
from monitor.domain.incidents import PublicState
from monitor.domain.inventory import Inventory
from monitor.domain.pacing import ContactRules
from monitor.domain.policy import Policy
from monitor.domain.wording import Wording
from monitor.history import History
from monitor.metrics import Metrics
from monitor.overruling import Overruling
from monitor.owning import Owning
from monitor.recurring import Recurring
from monitor.registering import Registering
from monitor.storage.clocks import Subject
from monitor.storage.public import PublicProblem

Preview = Callable[[PublicProblem], Mapping[str, str]]
"""Renders a problem's page as the public would see it, in each language of theirs."""
P = ParamSpec("P")
T = TypeVar("T")


class Store(Protocol):
    """Runs plain functions over a connection, off the loop, in one transaction each."""

    async def read(self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that only reads."""
        ...

    async def write(self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that writes; returns after the commit."""
        ...


class Pipeline(Protocol):
    """The commands people and programs give; all raise NotFoundError or ConflictError."""

    def blind_vantages(self) -> Sequence[str]:
        """Say which vantages do not see out, and why."""
        ...

    async def acknowledge(self, incident: str, *, actor: str, note: str = "") -> object:
        """Somebody has it."""
        ...

    async def resolve(self, incident: str, *, actor: str, note: str = "") -> object:
        """It is over."""
        ...

    async def note(self, incident: str, *, actor: str, text: str) -> object:
        """Write into the timeline."""
        ...

    async def wait(self, about: Subject, wait: str, *, actor: str) -> object:
        """Begin to wait for somebody."""
        ...

    async def wait_no_longer(self, about: Subject, wait: str, *, actor: str) -> object:
        """End a wait."""
        ...

    async def meet_clock(self, about: Subject, name: str, *, actor: str) -> object:
        """Say that a promise is kept, or a duty done."""
        ...

    async def declare_global(self, problem: GlobalProblem, *, actor: str) -> str:
        """Declare one problem over many systems; returns the incident's id."""
        ...

    async def update_global(
        self,
        incident: str,
        *,
        state: PublicState,
        body: str,
        actor: str,
        next_update_at: datetime | None = None,
        worded: Wording | None = None,
        after: str | None = None,
        shape: Shape | None = None,
    ) -> object:
        """Tell the public how it goes; ``worded``: a pre-approved text, ``after``: the last word that was read."""
        ...

    @property
    def announcer(self) -> Announcer:
        """Who composes announcements: asked what each channel would get."""
        ...

    async def plan_maintenance(
        self, maintenance: Maintenance, *, actor: str, tell_partners: bool = False
    ) -> str:
        """Put planned work on record, and tell the partners it concerns if wanted; returns its id."""
        ...

    async def cancel_maintenance(self, id: str, *, actor: str) -> object:  # noqa: A002 - the seam's own word
        """Call planned work off."""
        ...

    async def complete_maintenance(self, id: str, *, actor: str) -> object:  # noqa: A002
        """Say that the work is done, early or not."""
        ...

    async def retry(self, outbox_id: str, *, actor: str) -> object:
        """Try a failed contact again."""
        ...


class ConfiguredCheck(Protocol):
    """What a page shows of a check's settings."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> str:
        """Its type: http, sip, ..."""
        ...

    @property
    def system(self) -> str | None:
        """The serial it looks at, or None for something of our own."""
        ...

    @property
    def target(self) -> str:
        """Where it looks."""
        ...

    @property
    def every(self) -> float:
        """Seconds from one look to the next."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a face may use. ``policies`` and ``inventory`` are asked each time: they are reloaded."""

    store: Store
    pipeline: Pipeline
    registering: Registering
    inventory: Callable[[], Inventory]
    policies: Callable[[], Mapping[str, Policy]]
    checks: Callable[[], Sequence[ConfiguredCheck]]
    bell: Bell
    metrics: Metrics
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    reload: Callable[[], Awaitable[tuple[str, ...]]]
    health: Callable[[], Awaitable[Sequence[str]]]
    metrics_token: str | None
    service_name: str
    desk: Desk
    casework: Casework
    owning: Owning
    overruling: Overruling
    contact: Callable[[], ContactRules] = ContactRules
    history: History | None = None
    recurring: Recurring | None = None
    auditing: Auditing | None = None
    preview: Preview | None = None


PARTS = web.AppKey("console_parts", Parts)
