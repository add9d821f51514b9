"""Breakpad's and Crashpad's uploaders: ``POST /api/{project}/minidump/?sentry_key=KEY``.

    key -> bounded body -> parts, or the dump alone -> report and dump on record -> 200, the id as text

They send once: so what is no dump is taken, too, and said to be none when it is read, which is after the answer and in
another process (:mod:`monitor.dumps`). A file named ``<uuid>.dmp`` is known by that; another one by its bytes.
"""

import re
from contextlib import AsyncExitStack
from uuid import UUID

from aiohttp import web

from monitor.domain.dumps import Dump
from monitor.errors import RefusedError
from monitor.intake.body import Body, read_body
from monitor.intake.dump_fields import report_of
from monitor.intake.keys import Intake, dsn_token, sentry_key
from monitor.intake.packing import packed, with_dump
from monitor.intake.reports import WORD, clean
from monitor.intake.sentry import CORS
from monitor.intake.uploads import DUMP, FIELDS, Upload, read_upload

_ID_NAME = re.compile(
    r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32})\.dmp(?:\.\w{1,4})?"
)


async def minidump(intake: Intake, request: web.Request) -> web.Response:
    """Take a dump with what is said of it."""
    token = await dsn_token(intake, sentry_key(request))
    async with AsyncExitStack() as kept:
        async with read_body(request, intake.limits.dump, intake.memory) as body:
            upload = await read_upload(request.headers.get("Content-Type", ""), body)
            part = upload.dump
            if part is None or part.start == part.end:
                raise RefusedError(400, "dump_missing", f"There is no dump in the body (file {DUMP}).")
            dump = await dump_of(intake, upload, body, kept)
        key, new = await recorded(intake, request, upload, dump, token=token.id, system=token.system)
    intake.metrics.crash_reports.labels("minidump", "accepted" if new else "duplicate").inc()
    return web.Response(text=str(UUID(hex=key)), content_type="text/plain", headers=CORS)


async def dump_of(intake: Intake, upload: Upload, body: Body, kept: AsyncExitStack) -> Dump | None:
    """Return an upload's dump as it is kept; until ``kept`` is left it counts as on its way to the record."""
    part = upload.dump
    if part is None:
        return None
    name = clean(part.filename or "", WORD)
    await kept.enter_async_context(intake.memory.keep(part.end - part.start))
    return await packed(body, part.start, part.end, name, intake.limits.kept_dump)


async def recorded(
    intake: Intake,
    request: web.Request,
    upload: Upload,
    dump: Dump | None,
    *,
    token: str,
    system: str | None,
    key: str = "",
    source: str = "minidump",
) -> tuple[str, bool]:
    """Put an upload on record; return what it is known by (``key``, else its dump), and whether it is new."""
    key = key or (_key(dump.name, dump.digest) if dump else intake.new_id())
    report = report_of(
        {**dict(list(request.query.items())[:FIELDS]), **upload.fields},
        id=intake.new_id(),
        key=key,
        now=intake.clock(),
        token_system=system,
        attachments=tuple(upload.attachments),
        event=upload.event,
        source=source,
    )
    report, kept = with_dump(report, dump) if dump else (report, None)
    accepted = await intake.accept_crash(report, token=token, dump=kept)
    return key, accepted.new


def _key(name: str, digest: str) -> str:
    """Return by what a dump is known: the id that is its name, else its bytes."""
    named = _ID_NAME.fullmatch(name.replace("\\", "/").rpartition("/")[2])
    return named[1].replace("-", "").lower() if named else digest[:32]
