"""The public site as plain files, for ``tocsin status export DIR``: a page that outlives its service.

The same documents as served, with relative links, so that they work from ``file://``, from any web
server and from any folder of it; paths and file names agree (``/history`` is ``history/index.html``).
"""

import os
import tempfile
from pathlib import Path

from statuspage.links import SAFE, beside, file_of
from statuspage.pages import PublicPages
from statuspage.render import Renderer


def write_static(pages: PublicPages, folder: Path) -> list[Path]:
    """Write the record last refreshed into the folder and return the files; the front page comes last.

    Each file is replaced in one step, so a web server never sees half of one. Pages of problems that
    were written before stay.
    """
    documents = pages.documents(Renderer(beside))
    written = []
    for path in sorted(documents, key=lambda path: path == "/"):
        file = folder / file_of(path)
        if all(SAFE.fullmatch(part) for part in file.relative_to(folder).parts):
            replace_file(file, documents[path].body)
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
