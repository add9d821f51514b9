"""Request Tracker, the real one, as the conformance suite sees it."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import pytest

from alerts.outcomes import Patience
from alerts.request_tracker import SIGNATURE, RequestTracker
from tests.alerts.tickets.ends import PATIENT, SECRET, End, Seen, asked
from tests.far_ends.request_tracker import Tracker

SHOWN = "fields=Subject,Status,Priority,Queue&fields[Queue]=Name"


class RequestTrackerEnd(End):
    """A running Request Tracker; its people work over its interface, as root."""

    name = "request-tracker"
    queue, other_queue = "General", "Aurora"
    priority = "90"
    any_priority = True
    many_notes = 12
    dated = False
    wakes_up = True

    def __init__(self, tracker: Tracker) -> None:
        super().__init__(tracker.url)
        self.tracker = tracker
        self.wrong_key = {"token": "1-99-" + "0" * 32}
        self.unknown_queue = {"queue": "Nowhere"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> RequestTracker:
        settings = {
            "token": self.tracker.token,
            "queue": self.queue,
            "queues": {"aurora": self.other_queue},
            "priorities": {"critical": 90},
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return RequestTracker(url or self.url, **{**settings, **changes})

    async def _asked(self, method: str, path: str, document: object = None) -> Any:
        headers = {"Authorization": f"token {self.tracker.token}"}
        return await asked(method, f"{self.url}/REST/2.0/{path}", headers=headers, document=document)

    async def seen(self, reference: str) -> Seen:
        ticket = await self._asked("GET", f"ticket/{reference}?{SHOWN}")
        texts: list[str] = []
        files: list[tuple[str, bytes]] = []
        history = await self._asked("GET", f"ticket/{reference}/history?fields=Type&per_page=100")
        for entry in history["items"]:
            if entry["Type"] not in {"Create", "Correspond", "Comment"}:
                continue
            wanted = "fields=Content,Filename,ContentType"
            parts = await self._asked("GET", f"transaction/{entry['id']}/attachments?{wanted}")
            for part in parts["items"]:
                if part.get("Filename"):
                    whole = await self._asked("GET", f"attachment/{part['id']}")
                    files.append((part["Filename"], base64.b64decode(whole["Content"])))
                elif part["ContentType"] == "text/plain" and part.get("Content"):
                    texts.append(part["Content"])
        return Seen(
            subject=ticket["Subject"],
            body=texts[0],
            notes=tuple(texts[1:]),
            files=tuple(files),
            queue=ticket["Queue"]["Name"],
            priority=str(ticket["Priority"]),
            closed=ticket["Status"] == "resolved",
        )

    async def count(self) -> int:
        return (await self._asked("GET", "tickets?query=id%3E0&per_page=1"))["total"]

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        how = "correspond" if public else "comment"
        document = {"Content": text, "ContentType": "text/plain"}
        await self._asked("POST", f"ticket/{reference}/{how}", document)

    async def close(self, reference: str) -> None:
        await self._asked("PUT", f"ticket/{reference}", {"Status": "resolved"})

    async def delete(self, reference: str) -> None:
        await self._asked("DELETE", f"ticket/{reference}")

    async def crowd(self, mark: str, size: int) -> None:
        if size > 20:
            pytest.skip("Request Tracker takes too long to make so many tickets")
        for number in range(size):
            subject = {"Subject": f"about [#{mark}], number {number}", "Queue": "General", "Content": "?"}
            await self._asked("POST", "ticket", {**subject, "ContentType": "text/plain"})

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        body = json.dumps({"ticket": int(reference)}).encode()
        proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {SIGNATURE: f"sha256={proof}"}, body
