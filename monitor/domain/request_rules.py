"""What a policy asks of a request, as values: channels, fields, duties, charges, scope, who may see it.

They are read from the ``requests:`` section of a policy file and judged by ``monitor.domain.requests``.
Everything carries the clause it comes from. No vendor is named here.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.findings import Symptom

FIELDS = (
    "subject", "message", "system", "contact_name", "contact_phone", "contact_email", "company", "account_id",
    "description", "related_case", "product", "product_version", "service_pack", "inquiry_type", "priority",
    "reproduction", "steps", "screenshots", "question", "resources_consulted", "contact_24x7", "english_ok",
    "address", "software_version", "firmware_versions", "diagnostics", "traces", "apps",
)  # fmt: skip
"""The fields every request may have (contract); a policy may declare more."""

CHANNELS = ("portal", "api", "phone", "email", "chat", "social")
STANDINGS = ("subscription", "nda")
"""What may be known of a customer's contract; a policy may declare more."""


def plain(text: str) -> str:
    """Fold words so that they can be compared: no capitals, no punctuation, one space between words."""
    return " ".join(re.findall(r"\w+", text.replace("_", " ").casefold()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuff:
    """What is answered to a request that is not taken, and the clause that says so."""

    clause: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRule:
    """When a channel may be used.

    ``outside_hours`` None means at any hour; else only these classes may use it outside support hours.
    ``queues`` names the queue (an address) by the country of the partner. ``plans`` and ``tiers``, where there are
    any, are those that have the channel.
    """

    clause: str
    needs_ticket: bool = False
    outside_hours: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    refusal: str = ""
    note: str = ""
    queues: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Which requests a rule is about; what is left empty is not asked.

    ``mentions`` are words looked for in a field, without regard to case; with no words it has to be given.
    ``inquiry_types`` are plain (see ``plain``). ``hours`` is inside, outside or any; ``plans`` and ``tiers`` are those
    of whoever is served and of whoever asks. What ``exempt`` describes is not the case after all.
    """

    channels: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    symptoms: frozenset[Symptom] = frozenset()
    inquiry_types: frozenset[str] = frozenset()
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    existing_ticket: bool | None = None
    hours: str = "any"
    plans: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    exempt: "Case | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Fields that a request must have: all of ``fields``, or with ``any_of`` at least one of them."""

    fields: tuple[str, ...]
    clause: str
    any_of: bool = False
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """What the customer has to do: ``elapsed`` seconds after the request, or ``notice`` before planned work.

    Where nobody says when the work begins, a ``notice`` runs from the request on: the earliest start it allows.
    With neither it has no due. ``when_missed`` says whether the case is flagged for an engineer to decide.
    A message on the request by one of the channels ``done_by`` fulfils it.
    """

    duty: str
    clause: str
    says: str = ""
    case: Case = field(default_factory=Case)
    elapsed: float | None = None
    notice: float | None = None
    when_missed: str = "flag"
    done_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRule:
    """What a class costs: ``incidents`` for the first ``covers`` seconds, ``step`` for each ``each`` begun."""

    cls: str
    clause: str
    incidents: int
    because: str
    covers: float = 0.0
    step: int = 0
    each: float = 0.0

    def amount(self, seconds: float | None) -> int:
        """Count the incidents of a service that took so long (None: not longer than what is covered)."""
        if seconds is None or not self.each or seconds <= self.covers:
            return self.incidents
        return self.incidents + self.step * math.ceil((seconds - self.covers) / self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentRule:
    """Which class is served by appointment, how long one is by default, and at which steps (seconds) one may begin."""

    cls: str
    clause: str
    length: float
    step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepaid:
    """Incidents that are paid for beforehand.

    Each contract year has ``months``; when one ends, up to ``rollover`` unused incidents go on and the rest expires
    (None: nothing ever does).
    """

    clause: str
    rollover: int | None = None
    months: int = 0
    serves_without_credit: bool = True
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRule:
    """What is not support: answered with the clause, and where to turn instead."""

    name: str
    clause: str
    answer: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRule:
    """Which releases are covered: the newest of ``releases`` and ``before`` older ones; none listed, none checked."""

    name: str
    clause: str
    answer: str
    said_in: str
    before: int
    releases: tuple[str, ...] = ()
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRule:
    """What the customer must have; ``standing`` is a name such as ``subscription``."""

    standing: str
    clause: str
    refusal: str
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the requester is asked in return."""

    question: str
    clause: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """What is passed on: to whom, the standing that forbids it, and whether without anybody deciding it."""

    name: str
    to: str
    clause: str
    unless: str | None = None
    at_once: bool = False
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallRule:
    """Which requests go to our engineer on call; ``hours`` is inside, outside or any."""

    clause: str
    hours: str = "outside"
    case: Case = field(default_factory=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Who may see a request: ``partner`` (everybody of the partner) or ``requester_only``."""

    rule: str = "partner"
    clause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLanguages:
    """The languages in which requests are taken; ``consent`` is a field in which a word of ``no`` declines them all."""

    accepted: frozenset[str]
    clause: str
    refusal: str
    consent: str | None = None
    no: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """The whole section. Without it a policy takes any request by any channel and asks for nothing.

    ``unlisted`` answers a channel that the policy does not name (None: it may be used); ``closed`` a reply to
    a closed ticket (None: it is a new request). ``class_by`` says in which order the class is taken from the
    policy's ``rules`` (where a symptom is known) and from the ``requester``'s own priority; ``class_otherwise``
    is the class where neither says one (None: it has none yet). ``priorities`` and ``symptoms`` are by plain words.
    """

    clause: str | None = None
    channels: Mapping[str, ChannelRule] = field(default_factory=dict[str, ChannelRule])
    unlisted: Rebuff | None = None
    closed: Rebuff | None = None
    follow_up_complete: bool = False
    class_by: tuple[str, ...] = ("rules", "requester")
    class_otherwise: str | None = None
    priorities: Mapping[str, str] = field(default_factory=dict[str, str])
    symptoms: Mapping[str, Symptom] = field(default_factory=dict[str, Symptom])
    required: tuple[Requirement, ...] = ()
    wanted: tuple[Requirement, ...] = ()
    duties: tuple[DutyRule, ...] = ()
    charges: Mapping[str, ChargeRule] = field(default_factory=dict[str, ChargeRule])
    appointments: AppointmentRule | None = None
    prepaid: Prepaid | None = None
    entitlement: tuple[EntitlementRule, ...] = ()
    scope: tuple[ScopeRule, ...] = ()
    versions: tuple[VersionRule, ...] = ()
    asks: tuple[Ask, ...] = ()
    forwarding: tuple[Forwarding, ...] = ()
    on_call: tuple[OnCallRule, ...] = ()
    visibility: Visibility = field(default_factory=Visibility)
    languages: RequestLanguages | None = None
    credentials: Rebuff | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: frozenset[str] = frozenset(FIELDS)
    standings: frozenset[str] = frozenset(STANDINGS)
