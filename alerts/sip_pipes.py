"""How the SIP process speaks with its parent: orders on stdin, messages on a stdout of its own, complaints on stderr."""

import asyncio
import os
import sys


def complain(text: str) -> None:
    """Say what is wrong where the parent reads it into the log."""
    os.write(2, text.encode() + b"\n")


def private_stdout() -> int:
    """Keep stdout for ourselves: what the stack prints goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)
    return out


async def stdin_lines() -> asyncio.StreamReader:
    """Return what comes in on stdin, line by line."""
    reader = asyncio.StreamReader(limit=1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader
