"""Dumps as an attacker, a bad disk or a cut line would make them, from a real one; the same ones for the same seed."""

import random
from collections.abc import Iterator

_INTERESTING = (0, 1, 2, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x10000, 0x1000000)


def mutants(whole: bytes, *, count: int, seed: int) -> Iterator[bytes]:
    """Yield mutants: bits turned, numbers made extreme, pieces moved, cut, doubled; mostly where the structure is."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
            _mutate(data, rng)
        if rng.random() < 0.1:
            del data[rng.randrange(len(data)) :]
        yield bytes(data)


def _mutate(data: bytearray, rng: random.Random) -> None:
    if not data:
        return
    near = len(data) if rng.random() < 0.4 else min(len(data), 4096)
    at = rng.randrange(near)
    match rng.randrange(5):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            data[at] = rng.randrange(256)
        case 2:
            at -= at % 4
            data[at : at + 4] = rng.choice(_INTERESTING).to_bytes(4, "little")
        case 3:
            length = rng.choice((4, 8, 12, 48, 108))
            other = rng.randrange(len(data))
            data[at : at + length] = data[other : other + length]
        case _:
            at -= at % 4
            data[at : at + 4] = rng.randrange(len(data)).to_bytes(4, "little")
