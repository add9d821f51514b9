"""The outbox on record, by concept; this module is its one address.

Life of a row: waiting -> claimed (leased, attempt's intent committed) -> sent (a call is in the air) -> done;
back to waiting for a retry; failed, cancelled or set_aside (a person must look) at its end.

    outbox_claims     what is due and still owed is leased, in its order
    outbox_outcomes   what became of an attempt
    outbox_doubt      attempts of whose end nothing is known
    outbox_backlog    how much is owed
"""

from monitor.storage.outbox_backlog import Backlog, backlog
from monitor.storage.outbox_claims import Chosen, Claimed, Terms, choose, claim
from monitor.storage.outbox_doubt import (
    adopt,
    ask_again,
    calls_beside,
    cut_short,
    doubt,
    in_doubt,
    placed_after_all,
)
from monitor.storage.outbox_outcomes import (
    Called,
    call_event,
    end_attempt,
    finish,
    give_up,
    is_alone,
    not_taken,
    placed,
    retry_by_hand,
    retry_later,
)
from monitor.storage.outbox_queue import something_is_due
from monitor.storage.outbox_rows import Due, InDoubt, due_of_attempt, has_phone

__all__ = [
    "Backlog",
    "Called",
    "Chosen",
    "Claimed",
    "Due",
    "InDoubt",
    "Terms",
    "adopt",
    "ask_again",
    "backlog",
    "call_event",
    "calls_beside",
    "choose",
    "claim",
    "cut_short",
    "doubt",
    "due_of_attempt",
    "end_attempt",
    "finish",
    "give_up",
    "has_phone",
    "in_doubt",
    "is_alone",
    "not_taken",
    "placed",
    "placed_after_all",
    "retry_by_hand",
    "retry_later",
    "something_is_due",
]
