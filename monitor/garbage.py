"""Python's collector of cycles, kept from holding up looks.

    start: put_off -> read, assemble -> settle (collect once, freeze what stays) -> every hour: settle again

It walks every object that is not frozen, and with 100,000 checks that is half a second in which nothing is looked at,
every other second if it is left alone. What makes cycles here (errors with their traces, requests, tasks) dies young: the
young are collected as ever, only more of them at a time; the old once an hour.
"""

import asyncio
import gc

EVERY = 3600.0
_YOUNG = 10_000  # objects more than were let go: a second's worth of looks, some two milliseconds
_MIDDLE = 10  # collections of the young before those that survived are looked at again
_NEVER = 1_000_000


def put_off() -> None:
    """Collect nothing while a configuration is read and the parts are put together: nearly all of it stays."""
    gc.disable()


def settle() -> None:
    """Collect everything once and leave what is there alone from now on; it still goes when nobody holds it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    gc.enable()


async def run() -> None:
    """Settle again every hour, until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        settle()
