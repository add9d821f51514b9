"""The wall clock and new ids: what the wiring (and a command that is asked "as of now") hands to everybody else.

Nothing below the wiring imports this; everything takes ``now``, a clock or a maker of ids as an argument.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
NewId = Callable[[], str]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def system_clock() -> datetime:
    """Read the wall clock; nobody else does."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a ULID in lower case: 26 characters that sort by the millisecond they were made in."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
