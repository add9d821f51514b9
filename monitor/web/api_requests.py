"""The REST API's operations on requests: filed and read by whom they belong to, worked on by our own people.

Every read goes through ``storage.visibility``; what does not exist for the asker is a 404 in the words of what does not
exist at all. Commands take the id from a request that was found for the asker first.
"""

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from monitor.casework import Reply
from monitor.desk import FollowUp
from monitor.domain.access import Viewer
from monitor.domain.filing import Filed, Filing
from monitor.domain.request_life import Case
from monitor.domain.request_matter import Request
from monitor.domain.request_record import judgement_as_json
from monitor.domain.sealing import Attached
from monitor.storage import requests
from monitor.web import api_models as m
from monitor.web import request_commands as commands
from monitor.web import request_models as r
from monitor.web.api import actor, listing, of
from monitor.web.api_inputs import ById
from monitor.web.api_ledger import idempotency_key
from monitor.web.auth import audit, nothing_there, viewer
from monitor.web.openapi import Api
from monitor.web.problems import FieldError, ProblemError

LARGEST_FILE = 10 * 1024 * 1024
NOTHING_SAID = r.Said()


async def visible_case(request: web.Request, id_: str) -> Case:
    """Return the request of this id or reference if it exists for whoever asks; else 404."""
    case = await of(request).store.read(requests.find, viewer(request), id_)
    if case is None:
        raise nothing_there()
    return case


def add_requests(api: Api) -> None:
    """Declare what is read of requests."""

    @api.route("GET", "/api/v1/requests")
    async def list_requests(request: web.Request, params: r.RequestQuery) -> m.Listing[r.Request]:
        """List the requests that are yours to see, newest first."""
        page = await of(request).store.read(
            requests.listed, viewer(request), params.wanted(), words=params.q or ""
        )
        return listing(request, page, r.Request.model_validate)

    @api.route("GET", "/api/v1/requests/{id}", errors=(404,))
    async def get_request(request: web.Request, params: ById) -> r.Request:
        """Read one request, by its id or its number."""
        return r.Request.model_validate(await visible_case(request, params.id))

    @api.route("GET", "/api/v1/requests/{id}/judgement", errors=(404,))
    async def get_judgement(request: web.Request, params: ById) -> web.Response:
        """Read how a request was judged when it came: class, clause, duties, charge, reasons."""
        case = await visible_case(request, params.id)
        _, judgement, _ = await of(request).store.read(requests.record_of, case.id)
        return web.json_response(judgement)

    @api.route("GET", "/api/v1/requests/{id}/messages", errors=(404,))
    async def list_messages(request: web.Request, params: ById) -> m.Listing[r.Written]:
        """List what was written, oldest first."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(requests.messages, case.id, internal=viewer(request).staff)
        return m.Listing(items=[r.Written.model_validate(each) for each in found])

    @api.route("GET", "/api/v1/requests/{id}/attachments", errors=(404,))
    async def list_attachments(request: web.Request, params: ById) -> m.Listing[r.File]:
        """List the files of a request."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(requests.files, case.id)
        return m.Listing(items=[r.File.model_validate(each) for each in found])

    @api.route("GET", "/api/v1/requests/{id}/attachments/{attachment}", errors=(404,))
    async def get_attachment(request: web.Request, params: r.OneAttachment) -> web.Response:
        """Fetch a file of a request; browsers are told to save it, never to show it."""
        case = await visible_case(request, params.id)
        return await a_file(request, case, params.attachment)

    @api.route("GET", "/api/v1/requests/{id}/clocks", errors=(404,))
    async def list_request_clocks(request: web.Request, params: ById) -> m.Listing[r.Clock]:
        """List what is timed of a request: what is promised, and what its requester has to do."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(requests.clocks_of, case.id)
        return m.Listing(items=[r.Clock.model_validate(each) for each in found])

    @api.route("GET", "/api/v1/requests/{id}/events", errors=(404,))
    async def list_request_events(request: web.Request, params: ById) -> m.Listing[r.Happened]:
        """List everything that happened to a request, oldest first."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(requests.timeline, case.id)
        return m.Listing(
            items=[r.Happened(at=at, kind=kind, actor=actor, text=text) for at, kind, actor, text in found]
        )

    @api.route("GET", "/api/v1/requests/{id}/credentials", errors=(404,))
    async def list_credentials(request: web.Request, params: ById) -> m.Listing[r.Credential]:
        """List which credentials were found in a request, without them."""
        case = await visible_case(request, params.id)
        found = await of(request).store.read(requests.kept_apart, case.id)
        return m.Listing(items=[r.Credential.model_validate(each) for each in found])


def add_filing(api: Api) -> None:
    """Declare how requests are filed and written to."""

    @api.route("POST", "/api/v1/requests", status=201, errors=(404, 409))
    async def file_request(request: web.Request, body: r.NewRequest) -> r.Filed:
        """File a request; what is missing or stands against it is answered, and nothing is filed then."""
        filed = await of(request).desk.file(_filing(request, body))
        if filed.id is None:
            raise not_accepted(filed)
        await audit(of(request), actor(request), "request.file", filed.id)
        return as_filed(filed)

    @api.route("POST", "/api/v1/requests/{id}/messages", status=201, errors=(404, 409))
    async def add_message(request: web.Request, params: ById, body: r.NewMessage) -> r.Request:
        """Write on a request: the customer's side goes on with it, our side answers it."""
        case = await visible_case(request, params.id)
        files = tuple(_attached(each) for each in body.attachments)
        await write(request, case, body.text, body.fields, files, wait=body.wait, internal=body.internal)
        return r.Request.model_validate(await visible_case(request, case.id))

    @api.route("POST", "/api/v1/requests/{id}/attachments", status=201, errors=(404, 409, 413))
    async def add_attachment(request: web.Request, params: r.Upload) -> r.Request:
        """Attach a file: the body is its content, the Content-Type its kind, ``name`` its name."""
        case = await visible_case(request, params.id)
        content = await _upload(request)
        file = Attached(name=params.name, media_type=request.content_type, content=content)
        await write(request, case, "", {}, (file,))
        return r.Request.model_validate(await visible_case(request, case.id))


def add_casework(api: Api) -> None:
    """Declare what our own people do with requests."""

    @api.route("POST", "/api/v1/requests/{id}/take", errors=(404, 409))
    async def take_request(request: web.Request, params: ById) -> r.Request:
        """Make a request yours; nobody else is paged about it."""
        case = await visible_case(request, params.id)
        return _told(await commands.take(of(request), actor(request), case.id))

    @api.route("POST", "/api/v1/requests/{id}/triage", errors=(404, 409))
    async def triage_request(request: web.Request, params: ById, body: r.Triage) -> r.Request:
        """Say what triage made of it: answered (and closed), a ticket, or an appointment."""
        case = await visible_case(request, params.id)
        return _told(
            await commands.triage(
                of(request), actor(request), case.id, body.outcome, text=body.text, cls=body.cls
            ),
        )

    @api.route("POST", "/api/v1/requests/{id}/class", errors=(404, 409))
    async def reclass_request(request: web.Request, params: ById, body: r.NewClass) -> r.Request:
        """Give a request another class, with a reason; its clocks are counted again from its receipt."""
        case = await visible_case(request, params.id)
        return _told(await commands.reclass(of(request), actor(request), case.id, body.cls, why=body.why))

    @api.route("POST", "/api/v1/requests/{id}/resume", errors=(404, 409))
    async def resume_request(request: web.Request, params: ById) -> r.Request:
        """Go on although the customer has not written."""
        case = await visible_case(request, params.id)
        return _told(await commands.resume(of(request), actor(request), case.id))

    @api.route("POST", "/api/v1/requests/{id}/close", errors=(404, 409))
    async def close_request(request: web.Request, params: ById, body: r.Said = NOTHING_SAID) -> r.Request:
        """Close a request for good, with a last word to the requester."""
        case = await visible_case(request, params.id)
        return _told(await commands.close(of(request), actor(request), case.id, text=body.text))

    @api.route("POST", "/api/v1/requests/{id}/pass-on", errors=(404, 409))
    async def pass_on_request(request: web.Request, params: ById, body: r.PassOn) -> r.Request:
        """Pass a request on to whom the policy names, unless the requester's contract forbids it."""
        case = await visible_case(request, params.id)
        return _told(await commands.pass_on(of(request), actor(request), case.id, body.name))

    @api.route("POST", "/api/v1/requests/{id}/duties/{duty}/done", errors=(404, 409))
    async def duty_done(request: web.Request, params: r.OneDuty, body: r.Said = NOTHING_SAID) -> r.Request:
        """Put on record that the customer did what they had to."""
        case = await visible_case(request, params.id)
        return _told(
            await commands.duty_done(of(request), actor(request), case.id, params.duty, text=body.text)
        )

    @api.route("POST", "/api/v1/requests/{id}/flag", errors=(404, 409))
    async def settle_flag(request: web.Request, params: ById, body: r.Why) -> r.Request:
        """Put on record what was decided about what is flagged."""
        case = await visible_case(request, params.id)
        return _told(await commands.settle_flag(of(request), actor(request), case.id, text=body.reason))

    @api.route("POST", "/api/v1/requests/{id}/credentials/{credential}/read", errors=(404, 409))
    async def read_credential(request: web.Request, params: r.OneCredential, body: r.Why) -> r.Revealed:
        """Read a credential that was kept apart; who and why goes on record."""
        case = await visible_case(request, params.id)
        value = await commands.reveal(
            of(request), actor(request), case.id, params.credential, reason=body.reason
        )
        return r.Revealed(value=value)


async def write(
    request: web.Request,
    case: Case,
    text: str,
    fields: dict[str, r.Value],
    files: Sequence[Attached],
    *,
    wait: bool = False,
    internal: bool = False,
) -> None:
    """Write on a request as whoever asks: a customer's person goes on with it, one of ours answers."""
    who = viewer(request)
    if not text.strip() and not fields and not files:
        raise ProblemError(422, "There is nothing in the message.")
    if who.staff:
        reply = Reply(text=text, wait=wait, internal=internal, attachments=tuple(files), dedup=_key(request))
        await commands.reply(of(request), actor(request), case.id, reply)
    else:
        follow = FollowUp(
            text=text,
            fields=fields,
            attachments=tuple(files),
            author=_name_of(request, who),
            channel="portal" if request.path.startswith("/portal") else "api",
            contact=who.contact,
            dedup=_key(request),
        )
        await of(request).desk.follow_up(case.id, follow)
        await audit(of(request), actor(request), "request.write", case.id)


async def a_file(request: web.Request, case: Case, attachment: str) -> web.Response:
    """Return an attachment as something to be saved."""
    staff = viewer(request).staff
    found = await of(request).store.read(requests.content, case.id, attachment, internal=staff)
    if found is None:
        raise nothing_there()
    file, content = found
    return web.Response(
        body=content,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def not_accepted(filed: Filed) -> ProblemError:
    """Say why a request was not filed, each missing field with its place."""
    judgement = filed.judgement
    errors = [FieldError(pointer=f"/fields/{name}", detail="This is missing") for name in judgement.missing]
    errors += [FieldError(pointer="", detail=said) for said in judgement.objections]
    return ProblemError(422, "The request cannot be taken like this.", errors=errors)


def as_filed(filed: Filed) -> r.Filed:
    """Return what became of a request as the API gives it."""
    return r.Filed(
        id=filed.id,
        reference=filed.reference,
        status=filed.status,
        new=filed.new,
        follows_up=filed.follows_up,
        judgement=judgement_as_json(filed.judgement),
    )


def _filing(request: web.Request, body: r.NewRequest) -> Filing:
    """Read a body as a filing; a customer's person asks for nobody but themselves."""
    who = viewer(request)
    _known_names(request, who, body)
    asked = Request(
        channel=body.channel if who.staff else "api",
        partner=body.partner if who.staff else who.partner,
        contact=body.contact if who.staff else who.contact,
        system=body.system,
        priority=body.cls,
        existing_ticket=body.existing_ticket,
        fields=body.fields,
        symptom=body.symptom,
        facts=body.facts,
        language=body.language,
        planned_start=body.planned_start,
        takes=None if body.appointment_minutes is None else body.appointment_minutes * 60,
    )
    by_phone = who.staff and body.channel == "phone"
    return Filing(
        request=asked,
        policy=body.policy if who.staff else None,
        text=body.text,
        email=body.email if who.staff else None,
        name=_name_of(request, who) if not who.staff else "",
        copied=tuple(body.copied),
        attachments=tuple(_attached(each) for each in body.attachments),
        dedup=_key(request),
        entered_by=actor(request) if by_phone else None,
        strict=not by_phone,
    )


def _known_names(request: web.Request, who: Viewer, body: r.NewRequest) -> None:
    """Refuse ids that name nothing, where they may be told: a customer learns nothing of others by trying."""
    inventory, errors = of(request).inventory(), list[FieldError]()
    contacts = {contact.id for partner in inventory.partners.values() for contact in partner.contacts}
    if who.staff:
        for name, given, known in (
            ("partner", body.partner, set(inventory.partners)),
            ("contact", body.contact, contacts),
            ("policy", body.policy, set(of(request).policies())),
        ):
            if given and given not in known:
                errors.append(FieldError(pointer=f"/{name}", detail="There is nothing of this name"))
    if errors:
        raise ProblemError(422, "The request is not valid.", errors=errors)


def _name_of(request: web.Request, who: Viewer) -> str:
    partner = of(request).inventory().partners.get(who.partner or "")
    contacts = partner.contacts if partner else ()
    return next((each.name for each in contacts if each.id == who.contact), who.name)


def _attached(given: r.AttachmentIn) -> Attached:
    return Attached(name=given.name, media_type=given.media_type, content=given.content)


def _key(request: web.Request) -> str | None:
    """Return the sender's idempotency key, which is theirs alone; only its hash is kept, whatever stands in it."""
    key = idempotency_key(request)
    if key is None:
        return None
    whole = f"{actor(request)}\0{request.path}\0{key}"
    return "api:" + hashlib.sha256(whole.encode()).hexdigest()


def _told(case: Case) -> r.Request:
    return r.Request.model_validate(case)


async def _upload(request: web.Request) -> bytes:
    if (request.content_length or 0) > LARGEST_FILE:
        raise ProblemError(413, "The file is too large.")
    content = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > LARGEST_FILE:
            raise ProblemError(413, "The file is too large.")
    if not content:
        raise ProblemError(422, "The file is empty.")
    return bytes(content)
