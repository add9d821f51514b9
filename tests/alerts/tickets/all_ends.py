"""Every ticket system by its driver's name; a real one is started once, a stand-in for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.alerts.tickets.ends import SECRET, End
from tests.alerts.tickets.jira_end import JiraEnd
from tests.alerts.tickets.redmine_end import RedmineEnd
from tests.alerts.tickets.request_tracker_end import RequestTrackerEnd
from tests.alerts.tickets.servicenow_end import ServiceNowEnd
from tests.alerts.tickets.webhook_end import WebhookEnd
from tests.alerts.tickets.zammad_end import ZammadEnd
from tests.alerts.tickets.zendesk_end import ZendeskEnd
from tests.far_ends.jira import FakeJira
from tests.far_ends.servicenow import FakeServiceNow
from tests.far_ends.webhook import a_receiver
from tests.far_ends.zammad import FakeZammad
from tests.far_ends.zendesk import FakeZendesk

ENDS = (
    "request-tracker",
    "redmine",
    "jira",
    "jira-data-center",
    "servicenow",
    "zammad",
    "zendesk",
    "webhook",
)
BRIEFLY = frozenset({"request-tracker", "redmine", "jira-data-center"})
"""Gone through with one variation of each test: real ones are slow, and ``jira`` has the same driver."""


@asynccontextmanager
async def an_end(name: str, request: pytest.FixtureRequest) -> AsyncIterator[End]:
    """Give one, ready to take tickets."""
    match name:
        case "request-tracker":
            yield RequestTrackerEnd(request.getfixturevalue("tracker"))
        case "redmine":
            yield RedmineEnd(request.getfixturevalue("running_redmine"))
        case "jira" | "jira-data-center":
            async with FakeJira(cloud=name == "jira").open() as jira:
                yield JiraEnd(jira)
        case "servicenow":
            async with FakeServiceNow().open() as servicenow:
                yield ServiceNowEnd(servicenow)
        case "zammad":
            async with FakeZammad().open() as zammad:
                yield ZammadEnd(zammad)
        case "webhook":
            async with a_receiver(SECRET) as receiver:
                yield WebhookEnd(receiver)
        case "zendesk":
            async with FakeZendesk().open() as zendesk:
                yield ZendeskEnd(zendesk)
        case _:
            raise AssertionError(f"no far end for {name}")
