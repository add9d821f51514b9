"""The comments of a ticket in Zendesk, and who wrote them."""

from collections.abc import Sequence
from typing import Any

from alerts import ticketing_http as http
from alerts.base import TicketNote
from alerts.cleaning import clean
from alerts.marks import recognised

_MOST_NAMES = 100


async def comments_of(api: http.Api, reference: str) -> list[dict[str, Any]]:
    """Return every comment, the oldest first; the first is the text that the ticket was opened with."""
    path = f"tickets/{http.digits(reference)}/comments.json"
    return await api.every(path, [("sort_order", "asc")], of="comments", turn=turn)


async def notes_of(api: http.Api, comments: Sequence[dict[str, Any]]) -> tuple[TicketNote, ...]:
    """Return comments as notes, with their authors' names."""
    ids = list(dict.fromkeys(str(one.get("author_id")) for one in comments))[-_MOST_NAMES:]
    names: dict[str, str] = {}
    if ids:
        answer = await api.get("users/show_many.json", [("ids", ",".join(ids))])
        users = http.items(answer, http.part(answer.json(), "users"))
        names = {str(user.get("id")): clean(str(user.get("name")), 100) for user in users}
    return recognised(
        TicketNote(
            id=str(comment.get("id")),
            author=names.get(str(comment.get("author_id")), ""),
            text=str(comment.get("body") or ""),
            public=bool(comment.get("public")),
            at=http.moment(comment.get("created_at")),
        )
        for comment in comments
    )


def turn(page: int) -> list[tuple[str, str]]:
    """Ask for one page of a list."""
    return [("per_page", str(http.PAGE)), ("page", str(page + 1))]
