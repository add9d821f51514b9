"""Zammad after its published contract, as the conformance suite sees it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from alerts.outcomes import Patience
from alerts.zammad import CLOSED, Zammad
from tests.alerts.tickets.ends import PATIENT, End, Seen
from tests.far_ends.zammad import TOKEN, FakeZammad

SECRET = hashlib.sha1(b"zammad").hexdigest()


class ZammadEnd(End):
    """An installation; its people work in its memory."""

    name = "zammad"
    queue, other_queue = "Support", "Aurora"
    priority = "3 high"

    def __init__(self, far: FakeZammad) -> None:
        super().__init__(far.url)
        self.far = far
        self.wrong_key = {"token": "another-token"}
        self.unknown_queue = {"group": "Nowhere"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> Zammad:
        settings = {
            "token": TOKEN,
            "group": self.queue,
            "groups": {"aurora": self.other_queue},
            "priorities": {"critical": self.priority},
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return Zammad(url or self.url, **{**settings, **changes})

    async def seen(self, reference: str) -> Seen:
        ticket, articles = self.far.tickets[int(reference)], self.far.articles[int(reference)]
        files = [one for article in articles for one in article["attachments"]]
        return Seen(
            subject=ticket["title"],
            body=articles[0]["body"],
            notes=tuple(article["body"] for article in articles[1:]),
            files=tuple((one["filename"], self.far.files[one["id"]]) for one in files),
            queue=ticket["group"],
            priority=ticket["priority"],
            closed=ticket["state"] in CLOSED,
        )

    async def count(self) -> int:
        return len(self.far.tickets)

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        # As its editor writes it.
        lines = f"<div>{text.replace('>', '&gt;')}</div>".replace("\n", "<br>")
        article = {"body": lines, "content_type": "text/html", "type": "note", "internal": not public}
        self.far.say(int(reference), article, "Nina Noc")

    async def close(self, reference: str) -> None:
        self.far.touch(int(reference), state="closed")

    async def delete(self, reference: str) -> None:
        del self.far.tickets[int(reference)]

    async def crowd(self, mark: str, size: int) -> None:
        for number in range(size):
            self.far.add(f"about {mark} {number}", [mark.upper(), f"{mark}-{number}"])

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        body = json.dumps({"ticket": {"id": int(reference), "updated_at": moment}}).encode()
        proof = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        return {"x-hub-signature": f"sha1={proof}", "x-zammad-delivery": "d-1"}, body
