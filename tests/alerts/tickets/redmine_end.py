"""Redmine, the real one, as the conformance suite sees it."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

import aiohttp

from alerts import signatures
from alerts.outcomes import Patience
from alerts.redmine import Redmine
from tests.alerts.tickets.ends import PATIENT, SECRET, End, Seen, asked
from tests.far_ends.redmine import Redmine as Running

CLOSED = 5


class RedmineEnd(End):
    """A running Redmine; its people work over its interface, as an administrator."""

    name = "redmine"
    priority = "Immediate"
    many_notes = 12

    def __init__(self, running: Running) -> None:
        super().__init__(running.url)
        self.running = running
        self.wrong_key = {"key": "x" * 40}
        self.unknown_queue = {"project": "nowhere"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> Redmine:
        settings = {
            "key": self.running.key,
            "project": self.queue,
            "projects": {"aurora": self.other_queue},
            "priorities": {"critical": self.priority},
            "custom_field": self.running.field,
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return Redmine(url or self.url, **{**settings, **changes})

    async def _asked(self, method: str, path: str, document: object = None) -> Any:
        headers = {"X-Redmine-API-Key": self.running.admin}
        return await asked(method, f"{self.url}/{path}", headers=headers, document=document)

    async def seen(self, reference: str) -> Seen:
        issue = (await self._asked("GET", f"issues/{reference}.json?include=journals,attachments"))["issue"]
        return Seen(
            subject=issue["subject"],
            body=issue["description"],
            notes=tuple(one["notes"] for one in issue["journals"] if one["notes"]),
            files=tuple(
                [(one["filename"], await self._file(one["content_url"])) for one in issue["attachments"]]
            ),
            queue=issue["project"]["name"].lower(),
            priority=issue["priority"]["name"],
            closed=issue["status"]["is_closed"],
        )

    async def _file(self, url: str) -> bytes:
        # Redmine builds the address from the Host of the request.
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"X-Redmine-API-Key": self.running.admin}) as answer,
        ):
            return await answer.read()

    async def count(self) -> int:
        return (await self._asked("GET", "issues.json?status_id=*&limit=1"))["total_count"]

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        notes = {"notes": text, "private_notes": not public}
        await self._asked("PUT", f"issues/{reference}.json", {"issue": notes})

    async def close(self, reference: str) -> None:
        await self._asked("PUT", f"issues/{reference}.json", {"issue": {"status_id": CLOSED}})

    async def delete(self, reference: str) -> None:
        await self._asked("DELETE", f"issues/{reference}.json")

    async def rename(self, reference: str, subject: str) -> None:
        await self._asked("PUT", f"issues/{reference}.json", {"issue": {"subject": subject}})

    async def crowd(self, mark: str, size: int) -> None:
        rows = [(f"about [#{mark}], number {number}",) for number in range(size)]
        with closing(sqlite3.connect(self.running.database, timeout=20)) as connection, connection:
            connection.executemany(
                "insert into issues(tracker_id,project_id,subject,description,status_id,priority_id,author_id,"
                "lock_version,created_on,updated_on,done_ratio,is_private,lft,rgt)"
                " values (1,1,?,'',1,2,52,0,'2020-01-01','2020-01-01',0,0,1,2)",
                rows,
            )
            connection.execute("update issues set root_id = id where root_id is null")

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        body = json.dumps({"payload": {"action": "updated", "issue": {"id": int(reference)}}}).encode()
        return signatures.signed(secret, id_="msg_1", at=at, body=body), body
