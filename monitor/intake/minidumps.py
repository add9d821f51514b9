"""Breakpad's and Crashpad's uploaders: ``POST /api/{project}/minidump/?sentry_key=KEY``.

    key -> bounded body -> parts, or the dump alone -> report and dump on record -> 200, the id as text

They send once: so what is no dump is taken, too, and said to be none when it is read, which is after the answer and in
another process (:mod:`monitor.dumps`). A file named ``<uuid>.dmp`` is known by that; another one by its bytes.
"""

import re
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web

from monitor.errors import RefusedError
from monitor.intake.body import Body, read_body
from monitor.intake.dump_fields import report_of
from monitor.intake.keys import Intake, dsn_token, sentry_key
from monitor.intake.multipart import Part, boundary_of, parts_of
from monitor.intake.packing import MAGICS, packed, with_dump
from monitor.intake.reports import WORD, clean
from monitor.intake.sentry import CORS

FIELD = 64 * 1024
_FIELDS = 200
_DUMP = "upload_file_minidump"
_ID_NAME = re.compile(
    r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32})\.dmp(?:\.\w{1,4})?"
)


@dataclass(slots=True, kw_only=True)
class _Upload:
    """What a body brought: fields by name, names of the other files, and which part is the dump."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    attachments: list[str] = field(default_factory=list[str])
    dump: Part | None = None


async def minidump(intake: Intake, request: web.Request) -> web.Response:
    """Take a dump with what is said of it."""
    token = await dsn_token(intake, sentry_key(request))
    async with read_body(request, intake.limits.dump, intake.memory) as body:
        upload = _upload(request.headers.get("Content-Type", ""), body)
        part = upload.dump
        if part is None or part.start == part.end:
            raise RefusedError(400, "dump_missing", f"There is no dump in the body (file {_DUMP}).")
        fields = {**dict(list(request.query.items())[:_FIELDS]), **upload.fields}
        name = clean(part.filename or "", WORD)
        dump = await packed(body, part.start, part.end, name, intake.limits.kept_dump)
        key = _key(name, dump.digest)
        report = report_of(
            fields,
            id=intake.new_id(),
            key=key,
            now=intake.clock(),
            token_system=token.system,
            attachments=tuple(upload.attachments),
        )
        report, kept = with_dump(report, dump)
        accepted = await intake.accept_crash(report, token=token.id, dump=kept)
    intake.metrics.crash_reports.labels("minidump", "accepted" if accepted.new else "duplicate").inc()
    return web.Response(text=str(UUID(hex=key)), content_type="text/plain", headers=CORS)


def _upload(content_type: str, body: Body) -> _Upload:
    boundary = None if body[:4] in MAGICS else boundary_of(content_type, body)
    if boundary is None:
        return _Upload(dump=Part(name=_DUMP, filename="", start=0, end=len(body)))
    upload = _Upload()
    for part in parts_of(body, boundary):
        if part.filename is None and part.name != _DUMP:
            if len(upload.fields) < _FIELDS:
                text = bytes(body[part.start : min(part.end, part.start + FIELD)]).decode("utf-8", "replace")
                upload.fields.setdefault(part.name, text)
        elif _is_dump(part, body) and (upload.dump is None or part.name == _DUMP):
            upload.dump = part
        else:
            upload.attachments.append(clean(part.filename or part.name, WORD))
    return upload


def _is_dump(part: Part, body: Body) -> bool:
    if part.name == _DUMP or body[part.start : part.start + 4] in MAGICS:
        return True
    return bool(part.filename and part.filename.lower().endswith((".dmp", ".dmp.gz")))


def _key(name: str, digest: str) -> str:
    """Return by what a dump is known: the id that is its name, else its bytes."""
    named = _ID_NAME.fullmatch(name.replace("\\", "/").rpartition("/")[2])
    return named[1].replace("-", "").lower() if named else digest[:32]
