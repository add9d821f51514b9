"""``POST /upload``: systemd-journal-upload, of whose journal the crashes are kept.

    token -> entries as they come -> those of systemd-coredump on record -> 200

The uploader keeps its place in a file and sends again from there, so a refusal costs nothing but time; what came before it
is on record, and known again by its cursor. A journal has no bound: it is read as it comes, and none of it is held.
"""

import asyncio
from collections.abc import Iterable

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from monitor.domain.access import Token
from monitor.errors import RefusedError
from monitor.intake.body import MIB
from monitor.intake.coredumps import WANTED, crash_of_entry, is_coredump
from monitor.intake.inflate import Inflater, inflater
from monitor.intake.journal_export import Entry, JournalExport
from monitor.intake.keys import Intake, ingest_token

KIND = "application/vnd.fdo.journal"
_RATIO = 200
_SLICE = 16 * 1024
_TURN = 500  # entries
_JOURNAL_FILE = b"LPKSHHRH"


async def upload(intake: Intake, request: web.Request) -> web.Response:
    """Take a journal; 200 once its crashes are on record."""
    token = await ingest_token(intake, request)
    if request.content_type != KIND:
        raise RefusedError(415, "journal_expected", f"Send a journal in export format: Content-Type {KIND}.")
    reading = _Reading(intake, token, inflater(request.headers.get("Content-Encoding", "")))
    try:
        await reading.read(request)
    except (ClientError, HttpProcessingError) as error:
        raise RefusedError(400, "body_damaged", "The body's framing is damaged.") from error
    except TimeoutError:
        raise RefusedError(408, "body_too_slow", "The body did not go on arriving.") from None
    return web.Response(text="OK.\n")


def in_words(error: RefusedError) -> web.Response:
    """Say a refusal as systemd-journal-upload prints it."""
    headers = (
        {"WWW-Authenticate": 'Basic realm="tocsin"'}
        if error.status == web.HTTPUnauthorized.status_code
        else {}
    )
    return web.Response(status=error.status, text=f"{error.code}: {error}\n", headers=headers)


class _Reading:
    """One journal on its way in."""

    def __init__(self, intake: Intake, token: Token, inflating: Inflater | None) -> None:
        self._intake = intake
        self._token = token
        self._inflating = inflating
        if inflating and inflating.whole:
            raise RefusedError(
                415, "encoding_unsupported", "A journal may be sent as it is, or in gzip, deflate or zstd."
            )
        self._export = JournalExport(WANTED)
        self._first = b""
        self._plain = 0

    async def read(self, request: web.Request) -> None:
        while True:
            async with asyncio.timeout(self._intake.limits.idle):
                chunk = await request.content.readany()
            if not chunk:
                break
            for piece in self._inflating.feed(chunk) if self._inflating else (chunk,):
                await self._take(piece)
        if self._inflating and self._plain:
            self._inflating.finish()
        await self._record(self._export.finish())

    async def _take(self, piece: bytes) -> None:
        self._plain += len(piece)
        if self._inflating and self._plain > MIB and self._plain > _RATIO * self._inflating.consumed:
            raise RefusedError(413, "body_too_large", f"It may become at most {_RATIO} times its size.")
        if len(self._first) < len(_JOURNAL_FILE):
            self._first += piece[: len(_JOURNAL_FILE)]
            if self._first.startswith(_JOURNAL_FILE):
                raise RefusedError(
                    415,
                    "journal_file",
                    "This is a journal file; send its entries: systemd-journal-upload --file=FILE.",
                )
        for at in range(0, len(piece), _SLICE):  # a short line costs as much as a long one
            entries: list[Entry] = []
            try:
                async with self._intake.memory.turn:  # many journals at once are one step after the other
                    for entry in self._export.feed(piece[at : at + _SLICE]):
                        entries.append(entry)  # noqa: PERF402 - those before the damage count
                    await asyncio.sleep(0)
            except RefusedError:
                await self._record(entries)
                raise
            await self._record(entries)

    async def _record(self, entries: Iterable[Entry]) -> None:
        count = self._intake.metrics.crash_reports.labels
        discarded = count("journal", "discarded")
        for number, entry in enumerate(entries, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # others have their turn on the loop
            if not is_coredump(entry):
                discarded.inc()
                continue
            report = crash_of_entry(
                entry, id=self._intake.new_id(), now=self._intake.clock(), token_system=self._token.system
            )
            accepted = await self._intake.accept_crash(report, token=self._token.id)
            count("journal", "accepted" if accepted.new else "duplicate").inc()
