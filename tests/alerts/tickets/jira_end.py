"""Jira after its published contract, Cloud and Data Center, as the conformance suite sees it."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from alerts import jira_texts
from alerts.jira import Jira
from alerts.outcomes import Patience
from tests.alerts.tickets.ends import PATIENT, End, Seen
from tests.far_ends.jira import TOKEN, USER, FakeJira

SECRET = hashlib.sha256(b"jira").hexdigest()


class JiraEnd(End):
    """A site; its people work in its memory."""

    queue, other_queue = "SUP", "AUR"
    priority = "Highest"
    references_that_are_none = ("../users/1", "SUP-1 OR 2", "", "12", "sup-1", "SUP-1?x=1")

    def __init__(self, far: FakeJira) -> None:
        super().__init__(far.url)
        self.far = far
        self.wrong_key = {"token": "another-token"}
        self.unknown_queue = {"project": "NOWHERE"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> Jira:
        settings = {
            "edition": "cloud" if self.far.cloud else "data-center",
            "user": USER if self.far.cloud else None,
            "token": TOKEN,
            "project": self.queue,
            "projects": {"aurora": self.other_queue},
            "priorities": {"critical": self.priority},
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return Jira(url or self.url, **{**settings, **changes})

    def _plain(self, body: Any) -> str:
        return jira_texts.from_adf(body) if self.far.cloud else jira_texts.from_wiki(body)

    async def seen(self, reference: str) -> Seen:
        issue = self.far.by_key(reference)
        fields = issue["fields"]
        return Seen(
            subject=fields["summary"],
            body=self._plain(fields["description"]),
            notes=tuple(self._plain(one["body"]) for one in fields["comment"]),
            files=tuple((one["filename"], self.far.files[one["id"]]) for one in fields["attachment"]),
            queue=reference.partition("-")[0],
            priority=fields["priority"]["name"],
            closed=fields["status"]["statusCategory"]["key"] == "done",
        )

    async def count(self) -> int:
        return len(self.far.issues)

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        body: Any = text
        if self.far.cloud:
            # As its editor writes it: a paragraph for each part, a mark on a word.
            body = jira_texts.adf(text)
        self.far.say(reference, body, "Nina Noc", public=public)

    async def close(self, reference: str) -> None:
        self.far.move(reference, "Done")

    async def delete(self, reference: str) -> None:
        del self.far.issues[int(self.far.by_key(reference)["id"])]

    async def crowd(self, mark: str, size: int) -> None:
        for number in range(size):
            labels = [f"{mark}-{number}", mark.upper()]
            self.far.add("SUP", summary=f"about {mark}", labels=labels, description="")
        self.far.reindex()

    async def settle(self) -> None:
        self.far.reindex()

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        key = reference if "-" in reference else f"SUP-{reference}"
        said = {
            "timestamp": int(at.timestamp() * 1000),
            "webhookEvent": "comment_created",
            "issue": {"key": key},
        }
        body = json.dumps(said).encode()
        proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"x-hub-signature": f"sha256={proof}"}, body
