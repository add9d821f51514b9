r"""``POST /submit``: crash reporters of Mozilla's kind.

    key or token -> bounded body -> annotations and dump on record -> 200 CrashID=bp-<uuid>\n

The annotations are fields of the form, or one JSON object named ``extra``. A report without a dump is one, too. A refusal
is said as these reporters know it: ``Discarded=<why>``.
"""

from contextlib import AsyncExitStack
from hashlib import sha256
from uuid import UUID

from aiohttp import web

from monitor.domain.access import Token
from monitor.errors import RefusedError
from monitor.intake.body import read_body
from monitor.intake.envelope import event_id
from monitor.intake.keys import Intake, dsn_token, ingest_token, sentry_key
from monitor.intake.minidumps import dump_of, recorded
from monitor.intake.uploads import read_upload

SOURCE = "submit"
_WORDS = ("mozcrashreason", "abortmessage", "javastacktrace")  # what says why, the best first
_SECONDS = 11  # digits
_PRIVATE = frozenset({"email", "url", "telemetryenvironment"})


async def submit(intake: Intake, request: web.Request) -> web.Response:
    """Take a report with its dump, if it has one."""
    token = await _token(intake, request)
    async with AsyncExitStack() as kept:
        async with read_body(request, intake.limits.dump, intake.memory) as body:
            upload = await read_upload(request.headers.get("Content-Type", ""), body)
            if upload.dump and upload.dump.start == upload.dump.end:
                upload.dump = None
            if upload.dump is None and not upload.fields:
                raise RefusedError(400, "no_annotations", "There is neither a dump nor a word in the body.")
            said = {name.lower(): value for name, value in upload.fields.items()}
            upload.fields = {
                name: value for name, value in upload.fields.items() if name.lower() not in _PRIVATE
            }
            upload.event = {**_event(said), **upload.event}
            key = event_id(said.get("uuid")) or ("" if upload.dump else sha256(body).hexdigest()[:32])
            dump = await dump_of(intake, upload, body, kept)
        key, new = await recorded(
            intake, request, upload, dump, token=token.id, system=token.system, key=key, source=SOURCE
        )
    intake.metrics.crash_reports.labels(SOURCE, "accepted" if new else "duplicate").inc()
    return web.Response(text=f"CrashID=bp-{UUID(hex=key)}\n", content_type="text/plain")


def discarded(error: RefusedError) -> web.Response:
    """Say a refusal as these reporters read it."""
    return web.Response(status=error.status, text=f"Discarded={error.code}\n")


async def _token(intake: Intake, request: web.Request) -> Token:
    key = sentry_key(request)
    return await dsn_token(intake, key) if key else await ingest_token(intake, request)


def _event(said: dict[str, str]) -> dict[str, object]:
    """Return the annotations that an event has words for."""
    words = next((said[name] for name in _WORDS if said.get(name, "").strip()), "")
    time = said.get("crashtime", "")
    event: dict[str, object] = {"message": words, "environment": said.get("releasechannel")}
    return {**event, "timestamp": int(time)} if time.isdecimal() and len(time) <= _SECONDS else event
