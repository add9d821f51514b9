"""From settings to the desk: who takes requests in, who works on them, and where their answers come from."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from monitor.bell import Bell
from monitor.casework import Casework, Unseal
from monitor.clock import Clock, NewId
from monitor.desk import Desk, Seal
from monitor.desk_answers import Answers
from monitor.desk_known import Known, Planned
from monitor.domain.contacts import Obligation
from monitor.domain.letters import reply_address
from monitor.domain.policy import Policy
from monitor.domain.request_life import Case
from monitor.metrics import Metrics
from monitor.storage import editions
from monitor.storage.engine import Store
from monitor.storage.reminders import Reminded, Write
from monitor.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the desk is made with; ``seal`` and ``unseal`` keep credentials apart where a key is configured."""

    world: World
    store: Store
    clock: Clock
    new_id: NewId
    bell: Bell
    metrics: Metrics
    public_url: str | None = None
    reply_address: str | None = None
    seal: Seal = lambda _request, _kind, _value: None
    unseal: Unseal | None = None
    planned: Planned | None = None
    opens_tickets: Callable[[], bool] = lambda: False
    failpoint: Callable[[str], None] = lambda _name: None


def desk(parts: Parts) -> Desk:
    """Return the desk."""
    world = parts.world
    answers = Answers(
        new_id=parts.new_id,
        service=lambda: world.in_force.service_name,
        reply_to=lambda reference, key: reply_to(parts.reply_address, reference, key),
        portal=lambda reference: (
            f"{parts.public_url}/portal/requests/{reference}" if parts.public_url else None
        ),
        way_in=lambda: f"{parts.public_url}/portal/requests/new" if parts.public_url else None,
        urgent=lambda case: _is_urgent(world, case),
    )
    return Desk(
        world=world,
        store=parts.store,
        clock=parts.clock,
        new_id=parts.new_id,
        new_key=lambda: secrets.token_hex(12),
        bell=parts.bell,
        metrics=parts.metrics,
        answers=answers,
        edition_of=_edition_of(parts),
        seal=parts.seal,
        known=Known(world=world, store=parts.store, planned=parts.planned),
        opens_tickets=parts.opens_tickets,
        forward_to=lambda name: world.in_force.forward_to.get(name),  # noqa: PLW0108 - what is in force changes
        failpoint=parts.failpoint,
    )


def casework(desk: Desk, parts: Parts) -> Casework:
    """Return who works on what the desk took in."""
    return Casework(desk=desk, unseal=parts.unseal)


def reminders(desk: Desk) -> Write:
    """Return who writes the reminders of what customers have to do."""

    def write(reminded: Reminded, now: datetime) -> tuple[Obligation, ...]:
        in_force = desk.world.in_force
        policy = in_force.policies.get(reminded.case.policy)
        return desk.answers.reminder(reminded, policy, in_force.inventory, now)

    return write


def reply_to(address: str | None, reference: str, key: str) -> str | None:
    """Return the address that replies to a request go to: ours, with its number and key after a plus."""
    if address is None:
        return None
    return reply_address(address, reference, key)


def _is_urgent(world: World, case: Case) -> bool:
    policy = world.in_force.policies.get(case.policy)
    cls = policy.classes.get(case.cls or "") if policy else None
    return bool(cls and cls.analyse_now)


def _edition_of(parts: Parts) -> Callable[[Case], Awaitable[Policy]]:
    async def edition_of(case: Case) -> Policy:
        in_force = parts.world.in_force.policies.get(case.policy)
        if in_force is not None and in_force.digest == case.policy_digest:
            return in_force
        return await parts.store.read(editions.policy, case.policy_digest)

    return edition_of
