"""``jira``: tickets as issues in Jira, Cloud (REST 3) or Data Center (REST 2).

    find     by a label that is our mark. The search of Jira Cloud lags; so where it finds nothing, the issues
             behind the newest one it knows are read themselves, by their numbers
    open     POST issue, with the label
    comment  POST comment, after a look whether its status is of the category "done"
    resolve  POST comment, then the first transition that leads to a status of that category

Whatever a search finds is read again before it is believed: its status in the search may be old.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal

from alerts import jira_texts, signatures
from alerts import ticketing_http as http
from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.cleaning import clean
from alerts.jira_search import JiraSearch, numbered
from alerts.marks import recognised
from alerts.outcomes import Patience, basic, unreadable
from monitor.errors import DeliveryError

_LONGEST_LABEL = _LONGEST_SUBJECT = 255
_LABEL = "tocsin"
_LAG = timedelta(minutes=5)
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,60}-[0-9]{1,12}")
_SET_UP = re.compile(r"project|issue ?type|priority|labels", re.IGNORECASE)
_NEEDED = "CREATE_ISSUES,ADD_COMMENTS,TRANSITION_ISSUES,CREATE_ATTACHMENTS,BROWSE_PROJECTS"
_MEANINGS = {
    401: "Jira does not accept our token",
    403: "Jira does not let us do this, or asks for a captcha first",
    404: "Jira has no such issue, or is not at this address",
    409: "somebody changed the issue meanwhile",
}


class Jira(http.HttpTickets):
    """A ``SyncedTickets``. ``projects`` are keys by partner, ``priorities`` names by class of service."""

    def __init__(
        self,
        base_url: str,
        *,
        edition: Literal["cloud", "data-center"] = "cloud",
        user: str | None = None,
        token: str,
        project: str,
        projects: Mapping[str, str] | None = None,
        issue_type: str = "Task",
        priorities: Mapping[str, str] | None = None,
        closed_status: str | None = None,
        webhook_secret: str | None = None,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
        name: str = "jira",
    ) -> None:
        """Keep the settings: in the Cloud a user with an API token, in a Data Center a personal access token."""
        self._cloud = edition == "cloud"
        headers = basic(user, token) if user else {"Authorization": f"Bearer {token}"}
        self._web = base_url.rstrip("/")
        api = http.Api(
            f"{self._web}/rest/api/{3 if self._cloud else 2}",
            headers=headers,
            meanings=_MEANINGS,
            home="myself",
            again=frozenset({409}),
            patience=patience,
        )
        super().__init__(api, name=name, clock=clock, webhook_secret=webhook_secret)
        self._project, self._projects = project, dict(projects or {})
        self._keys = tuple(dict.fromkeys((project, *self._projects.values())))
        self._search = JiraSearch(api, cloud=self._cloud, projects=self._keys)
        self._type, self._priorities, self._closed_status = issue_type, dict(priorities or {}), closed_status

    async def find(self, mark: str) -> TicketRef | None:
        """Return the oldest issue that carries our mark, closed ones included, or None."""
        label = http.fitted(mark, _LONGEST_LABEL)
        hits = await self._search.by(f'labels = "{label}" ORDER BY created ASC')
        found = await self._oldest(hits, label)
        return found or await self._oldest(await self._search.unindexed(), label)

    async def _oldest(self, hits: list[dict[str, Any]], label: str) -> TicketRef | None:
        for hit in sorted(hits, key=lambda one: int(str(one.get("id")))):
            if label not in (http.part(hit, "fields", "labels") or ()):
                continue
            issue = await self._issue(str(hit.get("key")), "labels")
            if issue is not None and label in (http.part(issue, "fields", "labels") or ()):
                return self._ref(issue)
        return None

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        fields: dict[str, object] = {
            "project": {"key": self._projects.get(ticket.partner, self._project)},
            "issuetype": {"name": self._type},
            "summary": clean(ticket.subject, _LONGEST_SUBJECT),
            "description": self._written(ticket.body),
            "labels": [http.fitted(ticket.mark, _LONGEST_LABEL), _LABEL],
        }
        if ticket.cls in self._priorities:
            fields["priority"] = {"name": self._priorities[ticket.cls]}
        try:
            answer = await self._api.write("POST", "issue", {"fields": fields})
        except DeliveryError as error:
            if error.permanent and _SET_UP.search(str(error).partition(" answered ")[2]):
                told = f"Jira takes no issue of type {self._type!r} in project {http.part(fields, 'project', 'key')!r}"
                raise http.not_set_up(f"{told}: {error}") from error
            raise
        key = answer.document().get("key")
        if not _KEY.fullmatch(str(key)):
            raise unreadable(answer, "names no issue")
        issue = await self._issue(str(key))
        return self._ref(issue or answer.document())

    async def comment(self, reference: str, text: str) -> None:
        """Add a comment that everybody who sees the issue sees; a closed issue takes none."""
        http.must_be_open(self._ref(await self._must(reference)))
        await self._api.write("POST", f"issue/{_path(reference)}/comment", {"body": self._written(text)})

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and close it; nothing is done to an issue that is closed already."""
        ref = self._ref(await self._must(reference))
        if ref.closed:
            return
        transition = await self._transition(reference, ref.status)
        if text.strip():
            await self._api.write("POST", f"issue/{_path(reference)}/comment", {"body": self._written(text)})
        await self._api.write(
            "POST", f"issue/{_path(reference)}/transitions", {"transition": {"id": transition}}
        )

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file; one of the same name and size that is there already is not added again."""
        issue = await self._must(reference, "attachment")
        http.must_be_open(self._ref(issue))
        if http.has(http.part(issue, "fields", "attachment"), "filename", "size", file):
            return
        kind, content = http.multipart(file)
        headers = {"Content-Type": kind, "X-Atlassian-Token": "no-check"}
        await self._api.write(
            "POST", f"issue/{_path(reference)}/attachments", content=content, headers=headers
        )

    async def read(self, reference: str) -> TicketNow | None:
        """Return an issue as it stands, or None: it is gone."""
        issue = await self._issue(reference, "updated")
        if issue is None:
            return None
        ref = self._ref(issue)
        comments = await self._api.every(
            f"issue/{_path(reference)}/comment", [], of="comments", turn=numbered
        )
        comments.sort(key=lambda one: int(str(one.get("id"))))
        return TicketNow(
            reference=reference,
            status=ref.status,
            closed=ref.closed,
            version=f"{http.part(issue, 'fields', 'updated')}/{len(comments)}",
            notes=recognised(self._note(comment) for comment in comments),
            url=ref.url,
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which issues of ours changed since then, as far as the search has it; by age, whatever our zone there."""
        minutes = max(ceil((self._clock() - since + _LAG) / timedelta(minutes=1)), 1)
        hits = await self._search.by(f"labels = {_LABEL} AND updated >= -{minutes}m")
        return tuple(dict.fromkeys(str(hit.get("key")) for hit in hits))

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check Jira's signature and the moment in what it signed, and return the issue that the message names."""
        signatures.verify_hex(self._secret, headers.get("x-hub-signature", ""), body, algorithm="sha256")
        said = signatures.message(body)
        signatures.verify_age(signatures.epoch(said.get("timestamp"), thousandths=True), now=self._clock())
        key = str(http.part(said, "issue", "key"))
        return (key,) if _KEY.fullmatch(key) else ()

    async def check(self) -> tuple[str, ...]:
        """Ask whether our token is taken, our projects are there, and what we may do in them."""
        me = (await self._api.get("myself")).document()
        told = [f"the token is {clean(str(me.get('displayName') or me.get('name')), 100)}'s"]
        for key in self._keys:
            found = await self._api.find(f"project/{key}")
            if found is None:
                raise http.not_set_up(f"Jira has no project {key!r}, or does not show it to us")
            types = [http.part(one, "name") for one in http.items(found, found.document().get("issueTypes"))]
            if self._type not in types:
                raise http.not_set_up(
                    f"project {key} has no issue type {self._type!r} among {', '.join(map(str, types))}"
                )
            allowed = await self._api.get("mypermissions", [("projectKey", key), ("permissions", _NEEDED)])
            may = http.part(allowed.json(), "permissions") or {}
            missing = [one for one in _NEEDED.split(",") if http.part(may, one, "havePermission") is False]
            if missing:
                raise http.not_set_up(f"in project {key} we lack {', '.join(missing)}")
            told.append(f"project {key} is there, and we may open and close issues in it")
        return tuple(told)

    async def _issue(self, reference: str, also: str = "") -> dict[str, Any] | None:
        answer = await self._api.find(f"issue/{_path(reference)}", [("fields", f"status,{also}".rstrip(","))])
        return None if answer is None else answer.document()

    async def _must(self, reference: str, also: str = "") -> dict[str, Any]:
        issue = await self._issue(reference, also)
        if issue is None:
            raise http.gone_error("Jira", reference)
        return issue

    async def _transition(self, reference: str, status: str) -> str:
        answer = await self._api.get(f"issue/{_path(reference)}/transitions")
        for one in http.items(answer, answer.document().get("transitions")):
            wanted = self._closed_status in (None, http.part(one, "to", "name"))
            if wanted and http.part(one, "to", "statusCategory", "key") == "done":
                return str(one.get("id"))
        aim = self._closed_status or "a status of the category done"
        raise DeliveryError(
            f"no transition of issue {reference} leads from {status} to {aim}", permanent=True
        )

    def _written(self, said: str) -> object:
        return jira_texts.adf(said) if self._cloud else jira_texts.wiki(said)

    def _note(self, comment: Mapping[str, Any]) -> TicketNote:
        body = comment.get("body")
        return TicketNote(
            id=str(comment.get("id")),
            author=clean(str(http.part(comment, "author", "displayName")), 100),
            text=jira_texts.from_adf(body) if self._cloud else jira_texts.from_wiki(body),
            public=comment.get("jsdPublic") is not False and not comment.get("visibility"),
            at=http.moment(comment.get("created")),
        )

    def _ref(self, issue: object) -> TicketRef:
        key, status = str(http.part(issue, "key")), http.part(issue, "fields", "status")
        closed = http.part(status, "statusCategory", "key") == "done"
        name = clean(str(http.part(status, "name")), 40)
        return TicketRef(reference=key, status=name, url=f"{self._web}/browse/{key}", closed=closed)


def _path(reference: str) -> str:
    """Return a reference that is an issue's key; another is none of Jira's."""
    if not _KEY.fullmatch(reference):
        raise DeliveryError(f"{clean(reference, 40)!r} is not an issue's key", permanent=True)
    return reference
