"""Python's collector of cycles, kept from holding up looks.

    start: put_off -> read, assemble -> settle (collect once, freeze what stays) -> every hour: settle again

It walks every object that is not frozen, and with 100,000 checks that is half a second in which nothing is looked at,
every other second if it is left alone. What makes cycles here (errors with their traces, requests, tasks) dies young: the
young are collected as ever, only more of them at a time; the old once an hour. The C library is told to hold little in
hand: a configuration of 100,000 checks is read and let go, and tables of as many grow by being copied.
"""

import asyncio
import contextlib
import ctypes
import gc

FIRST = 90.0
EVERY = 3600.0
_YOUNG = 10_000  # objects more than were let go: a second's worth of looks, some two milliseconds
_MIDDLE = 10  # collections of the young before those that survived are looked at again
_NEVER = 1_000_000
_ARENA_MAX = (
    -8
)  # of mallopt(3): threads share one heap; most of what they do is under one lock (Python's) anyway
_MMAP_THRESHOLD = -3  # of mallopt(3)
_LARGE = (
    256 * 1024
)  # bytes: what is as large goes back to the system when it is freed, as a table does that has grown


def put_off() -> None:
    """Collect nothing while a configuration is read and the parts are put together: nearly all of it stays."""
    gc.disable()
    _libc("mallopt", _MMAP_THRESHOLD, _LARGE)
    _libc("mallopt", _ARENA_MAX, 1)


def settle() -> None:
    """Collect everything once and leave what is there alone from now on; it still goes when nobody holds it."""
    gc.collect()
    _libc("malloc_trim", 0)
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    gc.enable()


def _libc(call: str, *arguments: int) -> None:
    """Ask the C library for something that only GNU's has."""
    with contextlib.suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), call)(*arguments)


async def run() -> None:
    """Settle again when all have been looked at once, and then every hour, until cancelled."""
    await asyncio.sleep(FIRST)
    while True:
        settle()
        await asyncio.sleep(EVERY)
