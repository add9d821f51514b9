"""Whether the configured ticket system would take our tickets: asked, with nothing created there.

configuration -> the driver alone, without record or web -> what it asks of the far end -> sentences
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from alerts.base import CheckedTickets
from monitor import drivers
from monitor.clock import system_clock
from monitor.commands import configuration, configuration_here
from monitor.errors import DeliveryError
from monitor.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a ticket system said of us: ``problem`` is empty if it would take our tickets."""

    driver: str
    told: tuple[str, ...] = ()
    problem: str = ""


def check(config: Path | None) -> Found:
    """Ask the configured ticket system."""
    return asyncio.run(asked(configuration(configuration_here(config)).settings))


async def asked(settings: Settings) -> Found:
    """Ask whether our key is taken and everything is there that the configuration names."""
    name = settings.tickets.driver
    if name == "builtin":
        return Found(driver=name, told=("tickets are kept here, in the NOC console: there is nobody to ask",))
    driver = drivers.remote_tickets(settings.tickets, system_clock)
    if not hasattr(driver, "check"):
        return Found(driver=name, problem="this driver cannot be asked beforehand")
    try:
        told = await cast("CheckedTickets", driver).check()
    except DeliveryError as error:
        return Found(driver=name, problem=str(error))
    return Found(driver=name, told=told)
