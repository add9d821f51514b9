"""What is taken back of what the public was told: a word corrected, a problem withdrawn; on record with who and why."""

from hashlib import sha256

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announcements, events, schema
from monitor.storage.by_hand import Word
from monitor.storage.schema_storms import storms

incidents, updates = schema.incidents, schema.updates


def correct(c: sa.Connection, problem: str, update: str, body: str, was: str, word: Word) -> None:
    """Correct a word that was said; ConflictError where it is not any more what was read (``was`` tells it)."""
    which = (updates.c.id == update, updates.c.incident == problem)
    row = c.execute(sa.select(updates.c.body).where(*which).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("There is no such word.")
    if sha256(row.body.encode()).hexdigest()[:16] != was:
        raise ConflictError("Somebody has corrected it meanwhile: read it again.")
    if row.body == body:
        raise ConflictError("That is what it says already.")
    c.execute(sa.update(updates).where(*which).values(body=body, wording=None))
    data = {"update": update, "was": row.body, "is": body}
    events.record(c, problem, word.now, "word.corrected", actor=word.actor, text=body, data=data)


def withdraw(c: sa.Connection, problem: str, word: Word) -> None:
    """Take a problem off the public page; one that a person had declared holds nothing any more."""
    row = c.execute(
        sa.select(incidents.c.is_global, incidents.c.public, incidents.c.status)
        .where(incidents.c.id == problem)
        .with_for_update()
    ).one_or_none()
    if row is None or not row.is_global:
        raise NotFoundError("There is no such global problem.")
    if not row.public:
        raise ConflictError("It is not on the public page.")
    c.execute(sa.update(incidents).where(incidents.c.id == problem).values(public=False))
    found = c.scalar(sa.select(sa.exists().where(storms.c.incident == problem)))
    if not found and row.status != Status.RESOLVED:  # a draft of a person explains nothing
        announcements.release_held(c, problem, word.now)
    events.record(c, problem, word.now, "global.withdrawn", actor=word.actor, text=word.reason)
