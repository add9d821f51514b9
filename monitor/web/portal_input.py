"""A form of the portal as it comes in: fields and files, bounded, its token checked before any file is read.

multipart -> text fields (each bounded) -> token -> files (each bounded, what is too large is let go by) -> Form
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from monitor.domain.sealing import Attached
from monitor.storage.people import Session
from monitor.web import auth
from monitor.web.problems import ProblemError

LARGEST_FILE = 10 * 1024 * 1024
LARGEST_FORM = 64 * 1024 * 1024
MOST_FILES = 10
MOST_FIELDS = 200
LONGEST_FIELD = 100_000
MOST_TEXT = 500_000
FILES = "attachments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was typed, what was attached, and what is wrong with either, by field."""

    values: Mapping[str, str]
    files: tuple[Attached, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    several: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return what was typed into a field, without the blanks around it."""
        return self.values.get(name, "").strip()

    def all(self, name: str) -> tuple[str, ...]:
        """Return everything that was chosen under one name."""
        return tuple(value for each, value in self.several if each == name)


async def read_form(request: web.Request) -> Form:
    """Read a form of ours; 403 for one that is not from this session, 413 for one that is too large."""
    session = request[auth.PRINCIPAL].session
    assert session is not None, "the guard lets only people into pages"
    if request.content_type == "multipart/form-data":
        return await _parts(request, session)
    sent = await request.post()
    values = {name: value for name, value in sent.items() if isinstance(value, str)}
    _is_ours(session, values)
    several = tuple((name, _plain(value)) for name, value in sent.items() if isinstance(value, str))
    return Form(values=dict(several), several=several)


def _is_ours(session: Session, values: Mapping[str, str]) -> None:
    if len(values) > MOST_FIELDS or not auth.form_is_ours(session, values.get("csrf", "")):
        raise ProblemError(403, "The form is not from this session.", detail="Load the page again.")


async def _parts(request: web.Request, session: Session) -> Form:
    """Read a form with files; the token stands before them."""
    values: dict[str, str] = {}
    files: list[Attached] = []
    several: list[tuple[str, str]] = []
    faults: dict[str, str] = {}
    budget = LARGEST_FORM
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ProblemError(400, "The form cannot be read.")
        is_file = part.filename is not None
        if is_file:
            _is_ours(session, values)
        limit = LARGEST_FILE if is_file else 4 * LONGEST_FIELD
        content, size = await _bounded(part, limit, budget)
        budget -= size
        if not is_file:
            values[part.name] = _plain(content.decode(errors="replace"))
            several.append((part.name, values[part.name]))
            if size > limit or len(values[part.name]) > LONGEST_FIELD:
                faults[part.name] = f"This is too long: at most {LONGEST_FIELD} characters."
                values[part.name] = values[part.name][:LONGEST_FIELD]
        elif part.filename and size:
            fault = _file_fault(part.filename, size, len(files))
            faults.update({FILES: fault} if fault else {})
            if not fault:
                files.append(_attached(part, content))
        if len(values) > MOST_FIELDS or sum(map(len, values.values())) > MOST_TEXT:
            raise ProblemError(413, "The form is too large.", detail="Write less, or attach it as a file.")
    _is_ours(session, values)
    return Form(values=values, files=tuple(files), faults=faults, several=tuple(several))


async def _bounded(part: BodyPartReader, limit: int, budget: int) -> tuple[bytes, int]:
    """Return a part's content (nothing of what is over the limit) and its size."""
    content, size = bytearray(), 0
    while chunk := await part.read_chunk(64 * 1024):
        size += len(chunk)
        if size > budget:
            raise ProblemError(
                413, "The form is too large.", detail="Attach less, or send it in two messages."
            )
        if size <= limit:
            content += chunk
    return bytes(content) if size <= limit else b"", size


def _file_fault(name: str, size: int, so_far: int) -> str | None:
    if size > LARGEST_FILE:
        return f"{name[:100]} is larger than {LARGEST_FILE // 2**20} MiB."
    return f"At most {MOST_FILES} files." if so_far >= MOST_FILES else None


def _attached(part: BodyPartReader, content: bytes) -> Attached:
    name = (part.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    kind = part.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip()
    return Attached(name=_line(name)[:200] or "file", media_type=_line(kind)[:100], content=content)


def _line(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\x00", "")
