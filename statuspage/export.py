"""The public site as plain files, for ``tocsin status export DIR``: a page that outlives its service.

The same documents as served, with relative links, so that they work from ``file://``, from any web
server and from any folder of it; paths and file names agree (``/history`` is ``history/index.html``).
"""

import os
import tempfile
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from statuspage.links import SAFE, beside, file_of
from statuspage.pages import PublicPages
from statuspage.render import Renderer


def write_static(pages: PublicPages, folder: Path) -> list[Path]:
    """Write the record last refreshed into the folder and return the files; the front page comes last.

    Each file is replaced in one step, so a web server never sees half of one. Pages of problems that
    were written before stay.
    """
    return StaticCopy(pages, folder).renew()


@dataclass(slots=True)
class StaticCopy:
    """A folder that holds the site as files, and is renewed by what changed."""

    pages: PublicPages
    folder: Path
    _renderer: Renderer = field(default_factory=lambda: Renderer(live=False, link_from=beside))
    _held: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def renew(self) -> list[Path]:
        """Write what is not in the folder as it should be, the front page last, and return those files."""
        documents = self.pages.documents(self._renderer)
        written = []
        for path in sorted(documents, key=lambda path: path == "/"):
            file, body = self.folder / file_of(path), documents[path].body
            digest = blake2b(body, digest_size=16).digest()
            if not all(SAFE.fullmatch(part) for part in file.relative_to(self.folder).parts):
                continue
            if self._held.get(path) != digest or not file.exists():
                replace_file(file, body)
                self._held[path] = digest
                written.append(file)
        return written


def replace_file(file: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(body)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
