"""Who may see which request: one condition, and every question about requests is asked through it (mission P5).

    ours (from NOC on)                       everything: they do the work
    a customer's person, policy ``partner``  what anybody of the same partner asked
    ... ``requester_only``                   what they asked themselves, or were copied on
    anybody else                             nothing

By the contact's id alone: an address can be changed by whoever owns it, an id cannot.
"""

import sqlalchemy as sa

from monitor.domain.access import Viewer
from monitor.storage.schema_requests import request_people, requests

PARTNER = "partner"


def visible(viewer: Viewer) -> sa.ColumnElement[bool]:
    """Return the condition under which a row of ``requests`` exists for a viewer."""
    if viewer.staff:
        return sa.true()
    if viewer.contact is None:
        return sa.false()
    takes_part = sa.exists().where(
        request_people.c.request == requests.c.id, request_people.c.contact == viewer.contact
    )
    of_the_partner = sa.and_(
        requests.c.visibility == PARTNER,
        requests.c.partner == viewer.partner,
        requests.c.partner.is_not(None),
    )
    return sa.or_(takes_part, of_the_partner)
