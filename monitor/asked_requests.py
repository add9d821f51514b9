"""What is asked about requests without filing them: ``tocsin request check``, as functions."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from monitor.asked import QuestionError, instant, known_facts
from monitor.domain.decisions import rfc3339
from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Request, calendar_of, served_by
from monitor.domain.request_record import judgement_as_json
from monitor.domain.requests import judge
from monitor.domain.standing import standing_of
from monitor.settings.policy_requests import Channel
from monitor.world import InForce

Folded = BeforeValidator(lambda word: word.strip().casefold() if isinstance(word, str) else word)
Named = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
"""An id: a bare number is taken for the text it looks like."""
Nothing = BeforeValidator(lambda given: {} if given is None else given)


class RequestIn(BaseModel):
    """``REQUEST.json`` (contract); the keys after ``fields`` may be left out by everybody."""

    model_config = ConfigDict(extra="forbid")

    policy: str
    channel: Annotated[Channel, Folded]
    at: str | None = None
    partner: str | None = None
    contact: str | None = None
    system: str | None = None
    cls: str | None = Field(default=None, alias="class")
    existing_ticket: Named | None = None
    ticket_state: Annotated[Literal["open", "closed"] | None, Folded] = None
    fields: Annotated[dict[str, JsonValue], Nothing] = Field(default_factory=dict)
    symptom: Symptom | None = None
    facts: Annotated[dict[str, bool | str | None], Nothing] = Field(default_factory=dict)
    language: str | None = None
    planned_start: str | None = None
    appointment_minutes: float | None = Field(default=None, ge=0, le=1_000_000, allow_inf_nan=False)
    standing: Annotated[dict[str, bool | None], Nothing] = Field(default_factory=dict)
    credit: int | None = None


KEYS = [field.alias or name for name, field in RequestIn.model_fields.items()]


def read_request(text: str) -> RequestIn:
    """Read a request, or say everything that is wrong with it: where, what, and how to mend it."""
    try:
        return RequestIn.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise QuestionError("\n".join(dict.fromkeys(_problem(e) for e in found))) from error
    except RecursionError as error:
        raise QuestionError("request: nested too deeply") from error


def check(world: InForce, given: RequestIn, now: datetime) -> dict[str, Any]:
    """Judge a request as of its own moment (``now`` if it says none)."""
    policy = world.policies.get(given.policy)
    if policy is None:
        raise QuestionError(f"policy: unknown {given.policy!r}{_known(given.policy, world.policies)}")
    _check_names(policy, given, world.inventory)
    known_facts(policy, given.facts)
    try:
        return _judged(policy, given, world.inventory, now)
    except OverflowError as error:
        raise QuestionError("at or planned_start: so far from today that no calendar reaches it") from error


def _judged(policy: Policy, given: RequestIn, inventory: Inventory, now: datetime) -> dict[str, Any]:
    request = _request(given)
    calendar = calendar_of(policy, served_by(policy, request, inventory))
    at = instant(given.at, calendar, now)
    if given.planned_start is not None:
        start = _moment("planned_start", given.planned_start, calendar.zone)
        request = _request(given, start)
    request = replace(
        request, standing={**_standing(request, calendar.local_date(at), inventory), **given.standing}
    )
    return {**judgement_as_json(judge(policy, request, inventory, at)), **_heading(policy, at)}


def _standing(request: Request, on: date, inventory: Inventory) -> Mapping[str, bool | None]:
    """Return what the licences on record stand for, where the request does not say."""
    return standing_of(inventory, on, partner=request.partner, contact=request.contact, system=request.system)


def _request(given: RequestIn, planned_start: datetime | None = None) -> Request:
    minutes = given.appointment_minutes
    return Request(
        channel=given.channel,
        partner=given.partner,
        contact=given.contact,
        system=given.system,
        priority=given.cls,
        existing_ticket=given.existing_ticket,
        ticket_state=given.ticket_state,
        fields=given.fields,
        symptom=given.symptom,
        facts=given.facts,
        language=given.language,
        planned_start=planned_start,
        takes=None if minutes is None else minutes * 60,
        standing=given.standing,
        credit=given.credit,
    )


def _check_names(policy: Policy, given: RequestIn, inventory: Inventory) -> None:
    """Refuse names that name nothing; a serial is the requester's own word, and answered in the reasons."""
    contacts = {c.id: p for p in inventory.partners.values() for c in p.contacts}
    rules = policy.requests
    problems = [
        f"fields.{n}: unknown field{_known(n, rules.fields)}" for n in given.fields if n not in rules.fields
    ]
    problems += [
        f"standing.{n}: unknown standing{_known(n, rules.standings)}"
        for n in given.standing
        if n not in rules.standings
    ]
    for what, name, known in (
        ("partner", given.partner, inventory.partners),
        ("contact", given.contact, contacts),
    ):
        if name and name not in known:
            problems.append(f"{what}: unknown {name!r}{_known(name, known)}")
    problems += _misplaced(given, contacts)
    if problems:
        raise QuestionError("\n".join(problems))


def _misplaced(given: RequestIn, contacts: Mapping[str, Partner]) -> list[str]:
    found = contacts.get(given.contact or "")
    if found and given.partner and found.id != given.partner:
        return [f"contact: {given.contact!r} is a contact of partner {found.id!r}, not of {given.partner!r}"]
    return []


def _heading(policy: Policy, at: datetime) -> dict[str, Any]:
    return {"policy": policy.name, "policy_version": policy.version, "at": rfc3339(at)}


def told(judgement: Mapping[str, Any]) -> str:
    """Say a judgement for a person."""
    triage = "   (needs triage)" if judgement["needs_triage"] else ""
    lines = [
        f"accepted    {'yes' if judgement['accepted'] else 'no'}",
        f"policy      {judgement['policy']} {judgement['policy_version']}, section {judgement['clause']}",
        f"class       {judgement['class'] or 'none yet'}{triage}",
        f"channel     {'may be used' if judgement['channel_allowed'] else 'may not be used'}",
        f"missing     {', '.join(judgement['missing']) or 'nothing'}",
        f"charge      {judgement['charge']['incidents']}: {judgement['charge']['because']}",
    ]
    if judgement["duties"]:
        lines += [
            "duties",
            *(f"  - {d['duty']}   {d['due'] or 'no time is set'}" for d in judgement["duties"]),
        ]
    return "\n".join([*lines, "because", *(f"  - {reason}" for reason in judgement["reasons"])])


def _problem(error: Mapping[str, Any]) -> str:
    steps = [str(part) for part in error["loc"]]
    where = ".".join(steps) or "request"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key{_known(where, KEYS)}"
    if error["type"] == "missing":
        return f"{where}: this key is missing"
    if error["type"] == "model_type":
        return 'request: must be an object, such as {"policy": "...", "channel": "email", "fields": {}}'
    return f"{where}: {str(error['msg'])[:1].lower()}{str(error['msg'])[1:]}"


def _moment(where: str, text: str, zone: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise QuestionError(
            f"{where}: {text!r} is not ISO 8601, such as 2026-11-24T10:00:00+01:00"
        ) from error


def _known(name: str, known: Collection[str]) -> str:
    """Say what there is, and what was probably meant; of many only what is near."""
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    listed = f"; known are {', '.join(sorted(known))}" if len(known) <= 40 else ""  # noqa: PLR2004 - a line's worth
    return listed + (f"; did you mean {' or '.join(close)}?" if close else "")
