"""The manual's receiver of signed messages, as the conformance suite sees it."""

import json
from datetime import datetime
from typing import Any

from alerts import signatures
from alerts.outcomes import Patience
from alerts.webhook import Webhook
from tests.alerts.tickets.ends import PATIENT, SECRET, End, Seen
from tests.far_ends.webhook import Receiver


class WebhookEnd(End):
    """A receiver; its people work in its memory."""

    name = "webhook"
    priority = "P1"
    any_priority = True
    dedups = True
    references_that_are_none = ("../users/1", "", "x" * 500)

    def __init__(self, far: Receiver) -> None:
        super().__init__(far.url)
        self.far = far
        self.tickets: dict[str, dict[str, Any]] = far.names["TICKETS"]
        self.wrong_key = {"secret": "another-secret"}
        self.unknown_queue = {"queue": "nowhere"}
        self.deaf = {"secret": ""}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> Webhook:
        settings = {
            "secret": SECRET,
            "queue": self.queue,
            "queues": {"aurora": self.other_queue},
            "priorities": {"critical": self.priority},
            "clock": self.clock,
            "patience": patience,
        }
        return Webhook(url or self.url, **{**settings, **changes})

    async def seen(self, reference: str) -> Seen:
        ticket = self.tickets[reference]
        return Seen(
            subject=ticket["subject"],
            body=ticket["body"],
            notes=tuple(note["text"] for note in ticket["notes"]),
            files=tuple(ticket["files"]),
            queue=ticket["queue"],
            priority=ticket["priority"] or "",
            closed=ticket["closed"],
        )

    async def count(self) -> int:
        return len(self.tickets)

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        self.far.names["say"](self.tickets[reference], "Nina Noc", text, public)

    async def close(self, reference: str) -> None:
        self.tickets[reference].update(status="closed", closed=True)

    async def delete(self, reference: str) -> None:
        del self.tickets[reference]

    async def crowd(self, mark: str, size: int) -> None:
        for number in range(size):
            message = {"type": "ticket.open", "mark": f"{mark}-{number}", "queue": "support", "subject": mark}
            self.far.names["do"](message)

    async def twin(self, mark: str) -> str:
        message = {"type": "ticket.open", "mark": mark, "queue": "support", "subject": "Fwd: again"}
        return self.far.names["do"](message)[1]["reference"]

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        body = json.dumps({"type": "ticket.changed", "reference": reference}).encode()
        return signatures.signed(secret, id_="msg_1", at=at, body=body), body
