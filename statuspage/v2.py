"""The board in the shape of Statuspage's public API v2, for every program that already reads it.

The shape is exact (docs/status-page.md): enums are closed, so our *unknown* is told as
``degraded_performance`` (never as operational), cancelled works are left out, and ids are 12 lower-case
letters and digits made from ours. Times carry milliseconds; lists are newest first.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from monitor.storage.public import PublicUpdate
from statuspage import links
from statuspage.affected import Affected, affected
from statuspage.rollup import DEGRADED, UNKNOWN, worst
from statuspage.views import Board, Group, Line, Told, Work

NEWEST = 50
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def documents(board: Board) -> Mapping[str, bytes]:
    """Return every file of ``/api/v2/`` by its name."""
    page, status = _page(board), _status(board)
    parts = _components(board)
    by_id = {line.id: part for line, part in zip(board.lines, _leaves(board), strict=True)}
    problems = [
        _incident(board, told, by_id) for n, told in enumerate(board.problems) if told.open or n < NEWEST
    ]
    planned = [work for work in board.works if work.status != "cancelled"]
    works = [
        _maintenance(board, work, by_id)
        for n, work in enumerate(planned)
        if work.status != "completed" or n < NEWEST
    ]
    unresolved = [p for p in problems if p["status"] in ("investigating", "identified", "monitoring")]
    upcoming = [w for w in works if w["status"] == "scheduled"]
    active = [w for w in works if w["status"] in ("in_progress", "verifying")]
    ahead = [w for w in works if w["status"] != "completed"]
    bodies: dict[str, dict[str, Any]] = {
        "summary": {
            "components": parts,
            "incidents": unresolved,
            "scheduled_maintenances": ahead,
            "status": status,
        },
        "status": {"status": status},
        "components": {"components": parts},
        "incidents": {"incidents": problems[:NEWEST]},
        "incidents/unresolved": {"incidents": unresolved},
        "scheduled-maintenances": {"scheduled_maintenances": works[:NEWEST]},
        "scheduled-maintenances/upcoming": {"scheduled_maintenances": upcoming},
        "scheduled-maintenances/active": {"scheduled_maintenances": active},
    }
    return {f"{name}.json": orjson.dumps({"page": page} | body) for name, body in bodies.items()}


def short_id(kind: str, ours: str) -> str:
    """Return a stable id of 12 lower-case letters and digits."""
    number = int.from_bytes(hashlib.sha256(f"{kind}:{ours}".encode()).digest()[:12])
    letters = []
    for _ in range(12):
        number, digit = divmod(number, 36)
        letters.append(DIGITS[digit])
    return "".join(letters)


def _at(moment: datetime | None) -> str | None:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        if moment
        else None
    )


def _page_id(board: Board) -> str:
    return short_id("page", board.site.url)


def _page(board: Board) -> dict[str, Any]:
    site = board.site
    zone = "Etc/UTC" if site.zone == "UTC" else site.zone
    return {
        "id": _page_id(board),
        "name": site.title,
        "url": site.url,
        "time_zone": zone,
        "updated_at": _at(board.changed_at),
    }


def _status(board: Board) -> dict[str, str]:
    return {"indicator": board.summary.indicator, "description": board.summary.text}


# Components -------------------------------------------------------------------------------------------------


def _components(board: Board) -> list[dict[str, Any]]:
    """List groups, each followed by its leaves."""
    leaves = iter(_leaves(board))
    parts: list[dict[str, Any]] = []
    for position, group in enumerate(board.groups, start=1):
        own = [next(leaves) for _ in group.lines]
        if group.name is not None:
            parts.append(_group(board, group, position, [leaf["id"] for leaf in own]))
        parts.extend(own)
    return parts


def _leaves(board: Board) -> list[dict[str, Any]]:
    return [
        _leaf(board, line, position)
        for group in board.groups
        for position, line in enumerate(group.lines, start=1)
    ]


def _leaf(board: Board, line: Line, position: int) -> dict[str, Any]:
    return _component(board, "component", line.id, line.name, position) | {
        "status": _said(line.status),
        "created_at": _at(line.first_seen),
        "updated_at": _at(line.changed_at),
        "description": line.description or None,
        "start_date": line.first_seen.date().isoformat(),
        "group_id": short_id("group", line.group) if line.group else None,
    }


def _group(board: Board, group: Group, position: int, children: list[str]) -> dict[str, Any]:
    born = min(line.first_seen for line in group.lines)
    return _component(board, "group", group.lines[0].group or "", group.name or "", position) | {
        "status": _said(worst(line.status for line in group.lines)),
        "created_at": _at(born),
        "updated_at": _at(max(line.changed_at for line in group.lines)),
        "group": True,
        "components": children,
    }


def _component(board: Board, kind: str, ours: str, name: str, position: int) -> dict[str, Any]:
    return {
        "id": short_id(kind, ours),
        "name": name,
        "status": None,
        "created_at": None,
        "updated_at": None,
        "position": position,
        "description": None,
        "showcase": False,
        "start_date": None,
        "group_id": None,
        "page_id": _page_id(board),
        "group": False,
        "only_show_if_degraded": False,
    }


def _said(status: str) -> str:
    return DEGRADED if status == UNKNOWN else status


# Incidents and maintenances ---------------------------------------------------------------------------------


def _incident(board: Board, told: Told, parts: Mapping[str, Any]) -> dict[str, Any]:
    problem = told.problem
    id_ = short_id("incident", problem.id)
    bore_on = _bore_on(board, problem.components, problem.updates)
    updates = [_update(update, id_, bore_on.get(update.id, ())) for update in problem.updates]
    watched = [update.at for update in problem.updates if update.status == "monitoring"]
    newest = max([problem.opened_at, *(update.at for update in problem.updates)])
    return _happening(board, id_, problem.title, updates, _named(problem.components, parts)) | {
        "status": problem.state,
        "created_at": _at(problem.opened_at),
        "updated_at": _at(max(newest, told.ended or newest)),
        "monitoring_at": _at(min(watched)) if watched else None,
        "resolved_at": _at(told.ended),
        "impact": problem.impact,
        "shortlink": board.site.url + links.problem_path(problem.id),
        "started_at": _at(problem.opened_at),
    }


def _maintenance(board: Board, work: Work, parts: Mapping[str, Any]) -> dict[str, Any]:
    plan = work.maintenance
    id_ = short_id("maintenance", plan.id)
    bore_on = _bore_on(board, plan.components, plan.updates)
    updates = [
        _update(update, id_, bore_on.get(update.id, ()))
        for update in plan.updates
        if update.status != "cancelled"
    ]
    if not updates:
        first = PublicUpdate(
            id=f"{plan.id}:announced", status="scheduled", body=plan.body, at=plan.created_at
        )
        updates = [_update(first, id_)]
    return _happening(board, id_, plan.title, updates, _named(plan.components, parts)) | {
        "status": work.status,
        "created_at": _at(plan.created_at),
        "updated_at": _at(plan.updated_at),
        "resolved_at": _at(plan.completed_at),
        "impact": "maintenance",
        "shortlink": board.site.url + links.work_path(plan.id),
        "started_at": _at(plan.starts_at),
        "scheduled_for": _at(plan.starts_at),
        "scheduled_until": _at(plan.ends_at),
    }


def _happening(
    board: Board, id_: str, name: str, updates: list[dict[str, Any]], parts: list[Any]
) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "status": None,
        "created_at": None,
        "updated_at": None,
        "monitoring_at": None,
        "resolved_at": None,
        "impact": "none",
        "shortlink": None,
        "started_at": None,
        "page_id": _page_id(board),
        "incident_updates": updates,
        "components": parts,
        "reminder_intervals": None,
    }


def _named(ids: Iterable[str], parts: Mapping[str, Any]) -> list[Any]:
    return [parts[each] for each in ids if each in parts]


def _bore_on(
    board: Board, ids: Iterable[str], updates: Sequence[PublicUpdate]
) -> Mapping[str, Sequence[Affected]]:
    named = set(ids)
    return affected([line for line in board.lines if line.id in named], updates, board.now)


def _affected(one: Affected) -> dict[str, str]:
    """Name a component as Statuspage does, its group before it."""
    line = one.line
    return {
        "code": short_id("component", line.id),
        "name": f"{line.group} - {line.name}" if line.group else line.name,
        "old_status": _said(one.before),
        "new_status": _said(one.after),
    }


def _update(update: PublicUpdate, of: str, bore_on: Sequence[Affected] = ()) -> dict[str, Any]:
    at = _at(update.at)
    return {
        "id": short_id("update", update.id),
        "status": update.status,
        "body": update.body,
        "incident_id": of,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": [_affected(one) for one in bore_on] or None,
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }
