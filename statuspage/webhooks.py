"""What a subscriber's webhook is sent: Statuspage's webhook notification, as far as our record goes.

    {"meta": ..., "page": ..., "incident": ..., "components": ...}        a word on a problem, or on planned work
    {"meta": ..., "page": ..., "component_update": ..., "component": ...} a component that is not as it was
    {"meta": ..., "page": ..., "subscription": {"confirm": ...}}          the first message, which asks back

Ids are those of ``/api/v2``; page and components are as that interface tells them at that moment. docs/status-page.md
has every key, and what differs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from monitor.storage.subscriptions import Said, Word
from monitor.storage.webhooks import Change
from statuspage import links
from statuspage.rollup import DEGRADED, UNKNOWN
from statuspage.v2 import short_id

_OVER = ("resolved", "completed", "cancelled", "postmortem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Writes messages; ``read`` returns a file of ``/api/v2`` by its path, ``url`` is what links to the page begin with."""

    read: Callable[[str], bytes | None]
    url: str

    def asking(self, *, id_: str, at: datetime, confirm: str, selectors: Iterable[str]) -> str:
        """Return the first message: who reads it can confirm."""
        return _text(
            {
                "meta": self._meta(id_, "subscription.confirmation", at),
                "page": self._page(),
                "subscription": {"confirm": confirm, "about": list(selectors)},
            }
        )

    def told(self, word: Word, *, id_: str, at: datetime, unsubscribe: str) -> str:
        """Return the message that tells a word."""
        kind = "incident" if word.incident else "maintenance"
        ours = word.incident or word.maintenance or ""
        page = self._page()
        path = links.problem_path(ours) if word.incident else links.work_path(ours)
        of = short_id(kind, ours)
        watched = [one.at for one in word.said if one.state == "monitoring"]
        ended = [one.at for one in word.said if one.state in _OVER]
        incident = {
            "id": of,
            "name": word.title,
            "status": word.state,
            "impact": word.impact,
            "created_at": _moment(word.begun),
            "started_at": _moment(word.starts_at or word.begun),
            "updated_at": _moment(word.at),
            "monitoring_at": _moment(min(watched, default=None)),
            "resolved_at": _moment(min(ended, default=None)),
            "scheduled_for": _moment(word.starts_at),
            "scheduled_until": _moment(word.ends_at),
            "shortlink": f"{self.url.rstrip('/')}{path}",
            "page_id": page.get("id"),
            "incident_updates": [_update(one, of) for one in word.said],
            "components": self._components(word.components),
        }
        meta = self._meta(id_, f"{kind}.updated", at) | {"unsubscribe": unsubscribe}
        return _text({"meta": meta, "page": page, "incident": incident})

    def changed(self, change: Change, name: str, *, id_: str, at: datetime, unsubscribe: str) -> str:
        """Return the message that tells a component's change; empty where nothing of it is seen in public."""
        old, new = (DEGRADED if status == UNKNOWN else status for status in (change.old, change.new))
        if old == new:
            return ""
        of = short_id("component", change.component)
        component = {"id": of, "name": name, "status": new, "updated_at": _moment(change.at)}
        update = {
            "id": short_id("update", change.id),
            "component_id": of,
            "old_status": old,
            "new_status": new,
            "created_at": _moment(change.at),
        }
        meta = self._meta(id_, "component.updated", at) | {"unsubscribe": unsubscribe}
        return _text({"meta": meta, "page": self._page(), "component_update": update, "component": component})

    def _meta(self, id_: str, kind: str, at: datetime) -> dict[str, Any]:
        about = f"{self.url.rstrip('/')}/subscribe"
        return {"id": id_, "type": kind, "generated_at": _moment(at), "documentation": about}

    def _page(self) -> dict[str, Any]:
        """Return the page as Statuspage's notifications have it, with its name and address besides."""
        found = self._file("status")
        page, status = found.get("page", {}), found.get("status", {})
        return {
            "id": page.get("id"),
            "name": page.get("name"),
            "url": page.get("url"),
            "status_indicator": status.get("indicator"),
            "status_description": status.get("description"),
        }

    def _components(self, ids: Iterable[str]) -> list[Any]:
        wanted = {short_id("component", id_) for id_ in ids}
        keys = ("id", "name", "status", "created_at", "updated_at")
        return [
            {key: one.get(key) for key in keys}
            for one in self._file("components").get("components", ())
            if one["id"] in wanted
        ]

    def _file(self, name: str) -> dict[str, Any]:
        body = self.read(f"/api/v2/{name}.json")
        found = orjson.loads(body) if body else {}
        return found if isinstance(found, dict) else {}


def _moment(at: datetime | None) -> str | None:
    """Write an instant as ``/api/v2`` does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def _update(said: Said, of: str) -> dict[str, Any]:
    at = _moment(said.at)
    return {
        "id": short_id("update", said.id),
        "incident_id": of,
        "status": said.state,
        "body": said.body,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
    }


def _text(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document).decode()
