"""ServiceNow after its published contract, as the conformance suite sees it."""

import json
from datetime import datetime
from typing import Any

from alerts import signatures
from alerts.outcomes import Patience
from alerts.servicenow import CLOSED, ServiceNow
from tests.alerts.tickets.ends import PATIENT, SECRET, End, Seen
from tests.far_ends.servicenow import GROUPS, PASSWORD, USER, FakeServiceNow


class ServiceNowEnd(End):
    """An instance; its people work in its memory."""

    name = "servicenow"
    queue, other_queue = "Service Desk", "Aurora"
    priority = "1"
    any_priority = True
    references_that_are_none = ("../users/1", "INC0010001^ORnumber=INC0010002", "", "12", "inc0010001")

    def __init__(self, far: FakeServiceNow) -> None:
        super().__init__(far.url)
        self.far = far
        self.wrong_key = {"password": "another-password"}
        self.unknown_queue = {"group": "Nowhere"}
        self.deaf = {"webhook_secret": None}

    def driver(self, url: str | None = None, patience: Patience = PATIENT, **changes: Any) -> ServiceNow:
        settings = {
            "user": USER,
            "password": PASSWORD,
            "group": self.queue,
            "groups": {"aurora": self.other_queue},
            "priorities": {"critical": 1},
            "webhook_secret": SECRET,
            "clock": self.clock,
            "patience": patience,
        }
        return ServiceNow(url or self.url, **{**settings, **changes})

    async def seen(self, reference: str) -> Seen:
        row = self.far.incident(reference)
        journal = [one for one in self.far.tables["sys_journal_field"] if one["element_id"] == row["sys_id"]]
        files = [one for one in self.far.tables["attachment"] if one["table_sys_id"] == row["sys_id"]]
        return Seen(
            subject=row["short_description"],
            body=row["description"],
            notes=tuple(one["value"] for one in journal),
            files=tuple((one["file_name"], self.far.files[one["sys_id"]]) for one in files),
            queue={id_: name for name, id_ in GROUPS.items()}[row["assignment_group"]],
            priority=row["priority"],
            closed=row["state"] in CLOSED,
        )

    async def count(self) -> int:
        return len(self.far.tables["incident"])

    async def reply(self, reference: str, text: str, *, public: bool = True) -> None:
        element = "comments" if public else "work_notes"
        self.far.change(self.far.incident(reference), {element: text}, "nina.noc")

    async def close(self, reference: str) -> None:
        closing = {"state": "7", "close_code": "Duplicate", "close_notes": "seen"}
        self.far.change(self.far.incident(reference), closing, "nina.noc")

    async def delete(self, reference: str) -> None:
        self.far.tables["incident"].remove(self.far.incident(reference))

    async def crowd(self, mark: str, size: int) -> None:
        for number in range(size):
            self.far.add(
                short_description=f"about {mark} {number}", correlation_id=mark.upper(), description=""
            )

    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        number = reference if reference.startswith("INC") else f"INC000000{reference}"
        body = json.dumps({"number": number}).encode()
        return signatures.signed(secret, id_="msg_1", at=at, body=body), body
