"""``redmine``: tickets as issues in Redmine through its REST interface.

    find     by the tag ``[#mark]`` at the end of the subject, or by a custom field
    open     POST issues, with both marks on it
    comment  PUT notes; Redmine takes a note on a closed issue, so whether it is closed is asked first
    resolve  PUT status and notes, one request, then look: what a role may not change is dropped without a word

Redmine ignores a filter that it does not know and then returns every issue there is. So every hit is
compared with the mark itself, and a custom field that filters nothing is not relied on.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from alerts import signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.marks import recognised
from alerts.outcomes import Answer, Patience
from monitor.errors import DeliveryError

_LONGEST_SUBJECT = 255
_LONGEST_TEXT = 60_000
_MEANINGS = {
    401: "Redmine does not accept our key",
    403: "Redmine does not let us do this: its interface is switched off, or our role may not",
    404: "Redmine has no such issue, or is not at this address",
}


class Redmine(http.HttpTickets):
    """A ``SyncedTickets``. ``projects`` are identifiers by partner, ``priorities`` names by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        project: str,
        projects: Mapping[str, str] | None = None,
        tracker: str | None = None,
        priorities: Mapping[str, str] | None = None,
        closed_status: str = "Closed",
        custom_field: int | None = None,
        webhook_secret: str | None = None,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "redmine",
    ) -> None:
        """Keep the settings; names of trackers, priorities and statuses are as Redmine shows them."""
        api = http.Api(
            base_url,
            headers={"X-Redmine-API-Key": key},
            meanings=_MEANINGS,
            home="users/current.json",
            patience=patience,
        )
        super().__init__(api, name=name, clock=clock, webhook_secret=webhook_secret)
        self._project, self._projects = project, dict(projects or {})
        self._tracker, self._priorities = tracker, dict(priorities or {})
        self._closed_status, self._field = closed_status, custom_field
        self._ids: dict[tuple[str, str], int] = {}

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest issue that carries our mark, closed ones included, or None."""
        by_subject = await self._hits(("subject", f"~[#{mark}]"))
        found = [one for one in by_subject if http.is_tagged(one.get("subject"), mark)]
        if self._field is not None:
            by_field = await self._hits((f"cf_{self._field}", mark))
            # One that does not have it means that nothing was filtered.
            found += by_field if all(self._field_of(one) == mark for one in by_field) else []
        return min((self._ref(None, one) for one in found), key=lambda ref: int(ref.reference), default=None)

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        project = self._projects.get(ticket.partner, self._project)
        document: dict[str, object] = {
            "project_id": project,
            "subject": http.tagged(ticket.subject, ticket.mark, _LONGEST_SUBJECT),
            "description": http.fit(ticket.body, _LONGEST_TEXT),
        }
        if self._field is not None:
            document["custom_fields"] = [{"id": self._field, "value": ticket.mark}]
        if self._tracker is not None:
            document["tracker_id"] = await self._id("trackers", self._tracker)
        if ticket.cls in self._priorities:
            document["priority_id"] = await self._id("issue_priorities", self._priorities[ticket.cls])
        try:
            answer = await self._api.write("POST", "issues.json", {"issue": document})
        except DeliveryError as error:
            if error.permanent and "Project cannot be blank" in str(error):
                raise http.not_set_up(
                    f"Redmine has no project {project!r}, or does not show it to us"
                ) from error
            raise
        return self._ref(answer, answer.document().get("issue"))

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that everybody who sees the issue sees; a closed issue takes none."""
        ref, _ = await self._issue(reference)
        http.must_be_open(ref)
        await self._put(reference, {"notes": http.fit(text, _LONGEST_TEXT)})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and close it; nothing is done to an issue that is closed already."""
        if (await self._issue(reference))[0].closed:
            return
        status = await self._id("issue_statuses", self._closed_status)
        await self._put(reference, {"status_id": status, "notes": http.fit(text, _LONGEST_TEXT)})
        now, _ = await self._issue(reference)
        if not now.closed:
            told = (
                f"issue {reference} is still {now.status}: our role may not set it to {self._closed_status}"
            )
            raise DeliveryError(told, permanent=True)

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file; one of the same name and size that is there already is not added again."""
        name = http.file_name(file)
        ref, issue = await self._issue(reference, "attachments")
        http.must_be_open(ref)
        if http.has(issue.get("attachments"), "filename", "filesize", file):
            return
        answer = await self._api.write(
            "POST",
            "uploads.json",
            query=[("filename", name)],
            content=file.content,
            headers={"Content-Type": "application/octet-stream"},
        )
        upload = {"token": http.part(answer.document(), "upload", "token"), "filename": name}
        await self._put(reference, {"uploads": [{**upload, "content_type": http.media_type(file)}]})

    async def read(self, reference: str) -> TicketNow | None:
        """Return an issue as it stands, or None: it is gone."""
        answer = await self._api.find(f"issues/{http.digits(reference)}.json", [("include", "journals")])
        if answer is None:
            return None
        issue = http.within(answer, "issue")
        ref = self._ref(answer, issue)
        notes = sorted(
            (_note(one) for one in http.items(answer, issue.get("journals"))), key=lambda note: int(note.id)
        )
        return TicketNow(
            reference=ref.reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{issue.get('updated_on')}/{len(notes)}",
            notes=recognised(note for note in notes if note.text),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which issues that we opened changed since then."""
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = await self._hits(("author_id", "me"), ("updated_on", f">={at}"))
        return tuple(http.number(None, one.get("id")) for one in found)

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check our signature (Redmine has none of its own) and return the issue that the message names."""
        signatures.verify_standard(self._secret, headers, body, now=self._clock())
        said = signatures.message(body)
        id_ = http.part(said, "issue", "id") or http.part(said, "payload", "issue", "id")
        return (str(id_),) if str(id_).isascii() and str(id_).isdigit() else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our key is taken (a public list would not tell) and all that we name is there."""
        user = http.within(await self._api.get("users/current.json"), "user")
        told = [f"the key is {clean(str(user.get('login')), 60)}'s"]
        for project in dict.fromkeys((self._project, *self._projects.values())):
            if await self._api.find(f"projects/{project}.json") is None:
                raise http.not_set_up(f"Redmine has no project {project!r}, or does not show it to us")
            told.append(f"project {project} is there")
        for kind, names in (
            ("trackers", [self._tracker] if self._tracker else []),
            ("issue_priorities", list(self._priorities.values())),
            ("issue_statuses", [self._closed_status]),
        ):
            for one in names:
                await self._id(kind, one)
        return (*told, f"{self._closed_status!r} closes an issue")

    async def _hits(self, *by: tuple[str, str]) -> list[dict[str, Any]]:
        """Search, closed ones included, the oldest first."""
        query = [*by, ("status_id", "*"), ("sort", "id:asc")]
        return await self._api.every("issues.json", query, of="issues", turn=_turn)

    def _field_of(self, issue: Mapping[str, Any]) -> object:
        fields = issue.get("custom_fields") or ()
        return next((one.get("value") for one in fields if http.part(one, "id") == self._field), None)

    async def _issue(self, reference: str, include: str = "") -> tuple[TicketRef, dict[str, Any]]:
        answer = await self._api.find(f"issues/{http.digits(reference)}.json", [("include", include)])
        if answer is None:
            raise http.gone_error("Redmine", reference)
        issue = http.within(answer, "issue")
        return self._ref(answer, issue), issue

    async def _put(self, reference: str, changes: Mapping[str, object]) -> None:
        await self._api.write("PUT", f"issues/{http.digits(reference)}.json", {"issue": changes})

    async def _id(self, kind: str, name: str) -> int:
        """Return the number of a tracker, priority or status; asked once."""
        if (kind, name) not in self._ids:
            path = f"enumerations/{kind}.json" if kind == "issue_priorities" else f"{kind}.json"
            answer = await self._api.get(path)
            named = {http.part(one, "name"): one for one in http.items(answer, answer.document().get(kind))}
            told = f"Redmine has no {name!r} among {', '.join(map(str, named))} ({kind})"
            if name not in named:
                raise http.not_set_up(told)
            if kind == "issue_statuses" and not named[name].get("is_closed"):
                raise http.not_set_up(
                    f"Redmine's status {name!r} closes nothing: take one that is marked as closed"
                )
            self._ids[kind, name] = int(http.number(answer, named[name].get("id")))
        return self._ids[kind, name]

    def _ref(self, answer: Answer | None, issue: object) -> TicketRef:
        reference = http.number(answer, http.part(issue, "id"))
        status = http.part(issue, "status")
        return TicketRef(
            reference=reference,
            status=clean(str(http.part(status, "name")), 40),
            closed=bool(http.part(status, "is_closed")),
            url=f"{self._api.url}/issues/{reference}",
        )


def _turn(page: int) -> list[tuple[str, str]]:
    return [("limit", str(http.PAGE)), ("offset", str(page * http.PAGE))]


def _note(journal: Mapping[str, Any]) -> TicketNote:
    return TicketNote(
        id=str(journal.get("id")),
        author=clean(str(http.part(journal, "user", "name")), 100),
        text=str(journal.get("notes") or "").replace("\r\n", "\n"),
        public=not journal.get("private_notes"),
        at=http.moment(journal.get("created_on")),
    )
