"""Zendesk after its published contract, as the conformance suite sees it."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from alerts.outcomes import Patience
from alerts.zendesk import Zendesk
from tests.alerts.tickets.ends import PATIENT, End, Seen
from tests.far_ends.zendesk import CUSTOMER, GROUPS, NINA, TOKEN, USER, FakeZendesk

SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3RpbmdfYQ=="


class ZendeskEnd(End):
    """An account; its people work in its memory."""

    name = "zendesk"
    queue, other_queue = "Support", "Aurora"
    priority = "urgent"

    def __init__(self, far: FakeZendesk) -> None:
        super().__init__(far.url)
        self.far = far
        self.wrong_key = {"token": "another-token"}
        self.unknown_queue = {"group": "Nowhere"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> Zendesk:
        settings = {
            "user": USER,
            "token": TOKEN,
            "group": self.queue,
            "groups": {"aurora": self.other_queue},
            "priorities": {"critical": self.priority},
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return Zendesk(url or self.url, **{**settings, **changes})

    async def seen(self, reference: str) -> Seen:
        ticket, comments = self.far.tickets[int(reference)], self.far.comments[int(reference)]
        files = [one for comment in comments for one in comment["attachments"]]
        return Seen(
            subject=ticket["subject"],
            body=comments[0]["body"],
            notes=tuple(comment["body"] for comment in comments[1:]),
            files=tuple((one["file_name"], self.far.files[one["id"]]) for one in files),
            queue={id_: name for name, id_ in GROUPS.items()}[ticket["group_id"]],
            priority=ticket["priority"] or "",
            closed=ticket["status"] in ("solved", "closed"),
        )

    async def count(self) -> int:
        return len(self.far.tickets)

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        ticket = self.far.tickets[int(reference)]
        self.far.say(int(reference), text, author=CUSTOMER if public else NINA, public=public)
        if public and ticket["status"] == "solved":
            self.far.touch(int(reference), status="open")

    async def close(self, reference: str) -> None:
        self.far.touch(int(reference), status="solved", assignee_id=NINA)

    async def delete(self, reference: str) -> None:
        del self.far.tickets[int(reference)]

    async def crowd(self, mark: str, size: int) -> None:
        for number in range(size):
            id_ = self.far.next()
            self.far.comments[id_] = []
            self.far.tickets[id_] = {
                "id": id_,
                "external_id": f"{mark}-{number}",
                "subject": f"about {mark}",
                "status": "open",
                "tags": [],
                "priority": None,
                "group_id": None,
                "updated_at": self.far.now(),
            }

    async def settle(self) -> None:
        self.far.reindex()

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        body = json.dumps(
            {"type": "zen:event-type:ticket.comment_added", "detail": {"id": reference}}
        ).encode()
        moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        proof = hmac.new(secret.encode(), moment.encode() + body, hashlib.sha256).digest()
        return {
            "x-zendesk-webhook-signature": base64.b64encode(proof).decode(),
            "x-zendesk-webhook-signature-timestamp": moment,
            "x-zendesk-webhook-id": "01J",
        }, body
