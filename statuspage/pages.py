"""The public site in memory: rendered when something changes, served as bytes.

    load() -> board.build -> Renderer -> {path: Page(bytes, packed bytes, ETag)}      requests only look up

A request costs a dictionary look-up: no database, no template, no compression. If a refresh fails the
last good pages stay; but their age is watched, so old pages are never served as if they were fresh.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import brotli

from monitor.storage.public import PublicRecord
from statuspage.board import build
from statuspage.render import Document, Renderer
from statuspage.views import Board, Site

Load = Callable[[], Awaitable[PublicRecord]]
Clock = Callable[[], datetime]
LEAST_PACKED = 512  # below this compression gains nothing
BROTLI_QUALITY = 5  # as quick as gzip here, and a sixth smaller; the best would be another sixth, for thirty times the work


@dataclass(frozen=True, slots=True)
class Page:
    """One path's answer, ready to be sent."""

    type: str
    body: bytes
    packed: Mapping[str, bytes]
    """The same, by the content coding it is in."""
    etag: str

    def tag(self, coding: str) -> str:
        """Return the ETag of a form: another representation needs another strong tag."""
        return f'{self.etag[:-1]}-{coding}"' if coding else self.etag


@dataclass(slots=True, init=False)
class PublicPages:
    """Every fixed path of the public site, pre-rendered.

    ``load`` reads the record, ``clock`` tells now, ``freshness`` (optional) tells when the engine last
    completed a cycle: the newer of it and the record's newest look is what the page calls its data.
    """

    site: Site
    _load: Load
    _clock: Clock
    _freshness: Callable[[], datetime | None]
    _renderer: Renderer
    _pages: Mapping[str, Page]
    _record: PublicRecord
    _built_at: datetime | None
    _shown: frozenset[str]
    _spoken: tuple[str, ...]
    _turn: asyncio.Lock

    def __init__(
        self, load: Load, clock: Clock, site: Site, *, freshness: Callable[[], datetime | None] | None = None
    ) -> None:
        """Hold nothing yet: await :meth:`refresh` before serving."""
        self.site = site
        self._load, self._clock = load, clock
        self._freshness = freshness or (lambda: None)
        self._renderer = Renderer()
        self._pages = {}
        self._record = PublicRecord()
        self._built_at = None
        self._shown = frozenset()
        self._spoken = ()
        self._turn = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the record and render what changed, off the loop; one refresh at a time.

        Raises what ``load`` raises, but first renders the last record again as of now, so that the
        pages tell their own age while the database is away.
        """
        async with self._turn:
            try:
                self._record = await self._load()
            finally:
                await self._render()

    async def speak(self, code: str) -> None:
        """Have the pages in one of the site's languages from now on; rendered when somebody first wants it."""
        if code in self._spoken or code not in self.site.languages:
            return
        async with self._turn:
            if code not in self._spoken:
                self._spoken = (*self._spoken, code)
                await self._render()

    async def _render(self) -> None:
        now, record = self._clock(), self._record
        self._pages = await asyncio.to_thread(lambda: self._packed(self.board(now)))
        self._built_at = now
        self._shown = frozenset(one.id for one in record.problems if one.resolved_at is None)

    def board(self, now: datetime) -> Board:
        """Return the board of the record last read, as of now."""
        looks = [at for at in (self._record.looked_at, self._freshness()) if at is not None]
        return build(replace(self._record, looked_at=max(looks, default=None)), self.site, now)

    def get(self, path: str) -> Page | None:
        """Return what a path answers; None when there is nothing."""
        return self._pages.get(path)

    def paths(self) -> tuple[str, ...]:
        """Return every path there is."""
        return tuple(self._pages)

    @property
    def shows(self) -> frozenset[str]:
        """Return which problems that are not over the pages show, as they were rendered last."""
        return self._shown

    @property
    def age(self) -> timedelta | None:
        """How long ago the pages were rendered; None before the first time (readiness, a gauge)."""
        return self._clock() - self._built_at if self._built_at else None

    def documents(self, renderer: Renderer) -> dict[str, Document]:
        """Render the record last read with another way of linking (the static export)."""
        return renderer.site(self.board(self._clock()))

    def _packed(self, board: Board) -> dict[str, Page]:
        """Render and compress; a document that is the same object as before keeps its page."""
        spoken = [code for code in self._spoken if code in board.site.languages]
        documents = self._renderer.site(board, spoken)
        return {path: self._page(path, document) for path, document in documents.items()}

    def _page(self, path: str, document: Document) -> Page:
        before = self._pages.get(path)
        if before is not None and before.body == document.body:
            return before
        return packed(document)


def packed(document: Document) -> Page:
    """Compress a document and give it a strong ETag."""
    etag = f'"{hashlib.sha256(document.body).hexdigest()[:20]}"'
    small: dict[str, bytes] = {}
    if len(document.body) >= LEAST_PACKED:
        small["br"] = brotli.compress(document.body, quality=BROTLI_QUALITY)
        small["gzip"] = gzip.compress(document.body, 6, mtime=0)
    return Page(document.type, document.body, small, etag)
