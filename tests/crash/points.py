"""Every named failpoint of the service, and the story in which it is passed.

A failpoint that is in the sources and not here fails the suite (``test_points.py``), and so does one that no story
passes: whoever adds a point says here by which story it is reached, and lets that story reach it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("monitor", "checks", "alerts", "statuspage")

OUTAGE = (
    "store.before_commit",
    "store.after_commit",
    "finding.before_record",
    "finding.after_record",
    "recovery.before_record",
    "recovery.after_record",
    "crash.before_record",
    "crash.after_record",
    "outbox.after_claim",
    "ticket.before_search",
    "ticket.before_open",
    "ticket.after_open",
    "ticket.before_resolve",
    "ticket.after_resolve",
    "call.before_place",
    "call.after_place",
    "call.before_event",
    "call.after_event",
    "call.before_lookup",
    "call.after_lookup",
    "settle.after_adopt",
    "contact.before_failure",
)
PEOPLE = (
    "request.before_record",
    "request.after_record",
    "casework.after_record",
    "acknowledge.before_record",
    "acknowledge.after_record",
    "resolve.before_record",
    "resolve.after_record",
    "wait.before_record",
    "wait.after_record",
    "resume.before_record",
    "resume.after_record",
    "declare.before_record",
    "declare.after_record",
    "update.before_record",
    "update.after_record",
    "plan.before_record",
    "plan.after_record",
    "retry.before_record",
    "retry.after_record",
    "mail.before_send",
    "mail.after_send",
    "chat.before_send",
    "chat.after_send",
    "ticket.before_read",
    "ticket.before_comment",
    "ticket.after_comment",
    "ticket.before_attach",
    "ticket.after_attach",
    "sync.before_changed",
    "sync.after_changed",
    "sync.before_read",
    "sync.after_read",
    "sync.before_record",
    "sync.after_record",
)
STORM = ("storm.before_record", "storm.after_record", "storm.before_tell", "storm.after_tell")
ALERTS = ("alert.before_record", "alert.after_record")
DUMPS = ("dump.after_read",)
STORY_OF = {
    **dict.fromkeys(OUTAGE, "outage"),
    **dict.fromkeys(PEOPLE, "people"),
    **dict.fromkeys(STORM, "storm"),
    **dict.fromkeys(ALERTS, "outage"),
    **dict.fromkeys(DUMPS, "dump"),
}
POINTS = tuple(STORY_OF)
COMMITS = {"outage": 40, "people": 65}
"""How many commits a story makes, about."""
OFTEN = frozenset(
    {
        "finding.before_record",
        "finding.after_record",
        "crash.before_record",
        "crash.after_record",
        "outbox.after_claim",
        "ticket.before_search",
        "ticket.before_open",
        "ticket.after_open",
        "call.before_place",
        "call.after_place",
        "call.before_event",
        "call.after_event",
        "alert.before_record",
        "alert.after_record",
        "casework.after_record",
        "update.before_record",
        "update.after_record",
        "mail.before_send",
        "mail.after_send",
    }
)
"""Points that are passed at least twice in their story."""


def found(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield every failpoint in the sources, with its place."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            text = path.read_text()
            if "failpoint(" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and _name(node.func).endswith("failpoint") and node.args:
                    given = node.args[0]
                    place = f"{path.relative_to(root)}:{node.lineno}"
                    assert isinstance(given, ast.Constant), f"{place}: a failpoint's name is written out"
                    yield str(given.value), place


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
