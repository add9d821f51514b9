"""Why a contact that is owed has not been made yet: a word for programs, a sentence for people, and until when."""

from enum import StrEnum


class Waits(StrEnum):
    """What a row of the outbox waits for. Whoever makes a row wait names one of these beside the sentence."""

    RETRY = "retry"  # it was tried and is tried again
    CONTACT_CAP = "contact_cap"  # its contact was called often enough for now
    COUNTRY_CAP = "country_cap"  # its country was called often enough today
    BUDGET = "budget"  # the day's calls are used up; a ticket was opened instead
    RATE = "rate"  # its provider takes so many a second, and others go before it
    PROVIDER_DOWN = "provider_down"  # its provider is away
    TRIAGE = "triage"  # the on-call engineer is asked first
    MAINTENANCE = "maintenance"  # planned work covers what it is about
    FLAPPING = "flapping"  # what it is about comes and goes: until it is steady
    DEPENDENCY = "dependency"  # what it depends on is down
    GLOBAL_PROBLEM = "global_problem"  # it stands under a global problem
    ESCALATION_STEP = "escalation_step"  # an earlier step of its escalation has its time first
    BUNDLE = "bundle"  # others are being gathered, to go out as one
    STATUS_PAGE = "status_page"  # the public page tells of a global problem before its partners are
    SCHEDULED = "scheduled"  # it is for later by its nature: a reminder
    QUEUE = "queue"  # it is due, and others go before it
    DOUBT = "doubt"  # it may have been made: the provider is being asked
