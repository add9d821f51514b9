"""What does not go together within ``tickets``."""

import dataclasses
from collections.abc import Iterator

from monitor.settings import models
from monitor.settings.nodes import Document, Problem

_BY_PARTNER = frozenset({"projects", "queues", "groups", "brands", "endpoints"})
"""Keys of the sections that are tables by partner."""


def misfits(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield a driver without its section, and partners that there are none of."""
    section = root.tickets.driver.replace("-", "_")
    if root.tickets.driver != "builtin" and getattr(root.tickets, section) is None:
        told = f"driver {root.tickets.driver!r} needs the section tickets.{section}"
        yield document.problem(("tickets", "driver"), told)
    jira = root.tickets.jira
    if jira and (jira.user is None) != (jira.edition == "data-center"):
        told = "in the Cloud a token goes with a user, in a Data Center without one"
        yield document.problem(("tickets", "jira"), told, at_key=True)
    now = root.tickets.servicenow
    if now and not now.token and not (now.user and now.password):
        yield document.problem(("tickets", "servicenow"), "needs user and password, or a token", at_key=True)
    yield from _strangers(root, document)


def _strangers(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield who is named in a section by partner and is no partner: their tickets would go elsewhere."""
    partners = {one.id for one in root.partners}
    for section in dataclasses.fields(root.tickets):
        given = getattr(root.tickets, section.name)
        for key in dataclasses.fields(given) if dataclasses.is_dataclass(given) else ():
            for partner in getattr(given, key.name) if key.name in _BY_PARTNER else ():
                if partner not in partners:
                    path = ("tickets", section.name, key.name, partner)
                    yield document.problem(path, f"there is no partner {partner!r}", at_key=True)
