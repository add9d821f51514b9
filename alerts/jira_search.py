"""Searching in Jira: by JQL, and past what the search of its Cloud does not know yet.

The search of Jira Cloud lags by seconds to minutes. Issues are numbered one after the other in their project and can
be read by number at once, so those behind the newest one that the search knows are read themselves.
"""

from collections.abc import Sequence
from typing import Any

from alerts import ticketing_http as http

AHEAD = 50
"""How many numbers behind the newest issue that a search knows are looked at."""


class JiraSearch:
    """What can be found in the projects of one Jira."""

    def __init__(self, api: http.Api, *, cloud: bool, projects: Sequence[str]) -> None:
        """Keep where to ask, and in which projects our issues are."""
        self._api, self._cloud, self._projects = api, cloud, tuple(projects)

    async def by(
        self, jql: str, *, most: int = http.MOST_PAGES, size: int = http.PAGE
    ) -> list[dict[str, Any]]:
        """Return the issues that match, page by page, with their labels."""
        query = [("jql", jql), ("fields", "labels,status")]
        if not self._cloud:
            return await self._api.every("search", query, of="issues", turn=numbered)
        found: list[dict[str, Any]] = []
        further: list[tuple[str, str]] = []
        for _ in range(most):
            answer = await self._api.get("search/jql", [*query, ("maxResults", str(size)), *further])
            found += http.items(answer, answer.document().get("issues"))
            if not (token := answer.document().get("nextPageToken")):
                break
            further = [("nextPageToken", str(token))]
        return found

    async def unindexed(self) -> list[dict[str, Any]]:
        """Return the issues that a search may not know yet, with their labels."""
        if not self._cloud:
            return []
        keys: list[str] = []
        for project in self._projects:
            newest = await self.by(f'project = "{project}" ORDER BY created DESC', most=1, size=1)
            last = int(str(newest[0].get("key")).rpartition("-")[2]) if newest else 0
            keys += [f"{project}-{number}" for number in range(last + 1, last + 1 + AHEAD)]
        found: list[dict[str, Any]] = []
        for start in range(0, len(keys), http.PAGE):
            wanted = {"issueIdsOrKeys": keys[start : start + http.PAGE], "fields": ["labels", "status"]}
            answer = await self._api.ask("issue/bulkfetch", wanted)
            found += http.items(answer, answer.document().get("issues"))
        return found


def numbered(page: int) -> list[tuple[str, str]]:
    """Ask for one page of a list."""
    return [("startAt", str(page * http.PAGE)), ("maxResults", str(http.PAGE))]
