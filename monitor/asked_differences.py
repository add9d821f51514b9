"""What two editions of a policy mean for people: ``tocsin policy diff``, as functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from monitor.asked import QuestionError, meant
from monitor.asked_words import label, section, words
from monitor.domain.decisions import Decision, rfc3339
from monitor.domain.policy import Policy
from monitor.domain.policy_differences import Difference, Kind, differences
from monitor.domain.policy_effect import Effect, Example, effect
from monitor.domain.policy_effect_requests import RequestEffect, RequestExample, request_effect
from monitor.domain.request_rules import Case
from monitor.domain.requests import Judgement
from monitor.settings.policies import load_policy
from monitor.settings.policy_models import IMPACTS

FILES = (".yaml", ".yml")
SECTIONS = {
    "name": "Document",
    "title": "Document",
    "version": "Document",
    "language": "Document",
    "calendars": "Support hours",
    "choices": "Who is served by which calendar",
    "classes": "Classes of service, most urgent first",
    "rules": "Rules, in order",
    "exclusions": "Exclusions",
    "presumptions": "Facts presumed where unknown",
    "eligibility": "Who is served",
    "promises": "Goals",
    "contact": "Who is contacted how",
    "pausing": "What clocks stand still for",
    "waits": "What may be waited for",
    "plans": "Plans",
    "facts": "Facts",
    "triage_timeout": "Triage",
    "assumptions": "Assumptions",
    "lines": "Inbound lines",
}
DATES_SHOWN = 6


def chosen(name: str, policies: Mapping[str, Policy]) -> tuple[Policy, str]:
    """Return the policy that a file or a name stands for, and where it is from."""
    if name.endswith(FILES) or "/" in name or (name not in policies and Path(name).is_file()):
        return load_policy(Path(name)), name
    if name not in policies:
        known = ", ".join(sorted(policies))
        raise QuestionError(
            f"policy: {name!r} is neither a file nor a policy; known are {known}{meant(name, list(policies))}"
        )
    return policies[name], "in force"


def diff(old: tuple[Policy, str], new: tuple[Policy, str], now: datetime) -> dict[str, Any]:
    """Return everything that differs between two editions, and what would be decided otherwise."""
    found = differences(old[0], new[0], now.date())
    decided = effect(old[0], new[0], now, {"impact": IMPACTS}) if found else Effect()
    judged = request_effect(old[0], new[0], now) if found else RequestEffect()
    return {
        "old": _edition(*old),
        "new": _edition(*new),
        "same": not found,
        "written_differently": old[0].digest != new[0].digest,
        "differences": [_as_json(each) for each in found],
        "effect": _effect(decided),
        "requests": _request_effect(judged),
    }


def _edition(policy: Policy, place: str) -> dict[str, Any]:
    return {"policy": policy.name, "version": policy.version, "title": policy.title, "from": place}


def _as_json(of: Difference) -> dict[str, Any]:
    return {
        "section": of.section,
        "name": of.name,
        "kind": str(of.kind),
        "what": of.what,
        "old": _value(of, of.old),
        "new": _value(of, of.new),
        "says": says(of),
    }


def _value(of: Difference, value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _said(of, value)


def says(of: Difference) -> str:
    """Say one difference as a line."""
    name = of.name or (label(of.section.rpartition(".")[2]) if not of.what else "")
    said = _change(of)
    return f"{name}: {said}" if name else said


def _change(of: Difference) -> str:
    match of.kind:
        case Kind.MOVED:
            return f"now in place {of.new}, was in place {of.old}"
        case Kind.REWORDED:
            return "written differently, with the same meaning"
        case Kind.ADDED:
            return "new" + _whole(of, of.new, ": ")
        case Kind.REMOVED:
            return "no longer there" + _whole(of, of.old, ", was: ")
        case Kind.CHANGED:
            return _changed(of)


def _changed(of: Difference) -> str:
    kind, _, day = of.what.partition(" ")
    if kind == "holiday":
        return f"{day} is {'now' if of.new else 'no longer'} a public holiday"
    what = f"{label(of.what)}: " if of.what else ""
    now, was = _said(of, of.new), _said(of, of.old)
    if isinstance(of.new, str) and " " in now + was:
        return f"{what}“{now}”, was “{was}”"
    return f"{what}{now}, was {was}"


def _whole(of: Difference, value: object, before: str) -> str:
    """Say a whole entry after what became of it; nothing where its name says all."""
    bare = isinstance(value, Mapping) and value.get("") is True
    return "" if bare else before + _said(of, value)


def _said(of: Difference, value: object) -> str:
    if isinstance(value, Mapping) and set(value) == {""}:
        value = value[""]
    if of.section in ("requests.required", "requests.wanted") and isinstance(value, tuple):
        return "; ".join(_asked_for(*asked) for asked in value)
    if of.what == "outside_hours":
        return "any class" if value is None else words(value).replace("none", "no class")
    if value is None and of.section == "calendars" and of.what.startswith("date"):
        return "a day like others"
    return words(value, of.what or of.section)


def _asked_for(choice: Sequence[str], case: Case, clause: str) -> str:
    one_of = f"one of {', '.join(choice)}, " if choice else ""
    return f"{one_of}in {words(case)}{section(clause)}"


# the effect --------------------------------------------------------------------------------------------------


def _effect(of: Effect) -> dict[str, Any]:
    return {
        "decisions": of.tried,
        "differ": of.differ,
        "by_aspect": dict(of.by_aspect),
        "cited_otherwise": of.cited_otherwise,
        "one_in": of.one_in,
        "examples": [_example(each) for each in of.examples],
    }


def _example(of: Example) -> dict[str, Any]:
    return {
        "symptom": str(of.symptom),
        "facts": dict(of.facts),
        "place": of.place,
        "tier": of.world.tier,
        "plan": of.world.plan,
        "country": of.world.country,
        "at": rfc3339(of.moment.at),
        "hours": of.moment.hours,
        "alike": of.alike,
        "old": _decision(of.old),
        "new": _decision(of.new),
    }


def _decision(of: Decision | None) -> dict[str, Any] | None:
    if of is None:
        return None
    return {
        "class": of.cls,
        "rule": of.rule,
        "clause": of.clause,
        "respond_by": rfc3339(of.respond_by),
        "limit": rfc3339(of.limit),
        "needs_triage": of.needs_triage,
        "contact": [f"{c.channel} to {c.partner} in {c.language}" for c in of.contact],
    }


def _request_effect(of: RequestEffect) -> dict[str, Any]:
    return {
        "requests": of.tried,
        "differ": of.differ,
        "by_aspect": of.by_aspect,
        "examples": [_request_example(each) for each in of.examples],
    }


def _request_example(of: RequestExample) -> dict[str, Any]:
    return {
        "channel": of.request.channel,
        "class": of.request.priority,
        "ticket": of.request.ticket_state,
        "form": "whole" if len(of.request.fields) > 1 else "empty",
        "tier": of.world.tier,
        "plan": of.world.plan,
        "country": of.world.country,
        "at": rfc3339(of.moment.at),
        "hours": of.moment.hours,
        "alike": of.alike,
        "old": _judgement(of.old),
        "new": _judgement(of.new),
    }


def _judgement(of: Judgement) -> dict[str, Any]:
    return {
        "accepted": of.accepted,
        "clause": of.clause,
        "class": of.cls,
        "missing": list(of.missing),
        "duties": [{"duty": d.duty, "due": rfc3339(d.due)} for d in of.duties],
        "charge": of.charge.incidents,
        "visibility": of.visibility,
        "forward_to": list(of.forward_to),
    }


# for a person ------------------------------------------------------------------------------------------------


def told(answer: Mapping[str, Any]) -> str:
    """Say the differences for a person: by section, then what would be decided otherwise."""
    lines = [
        f"{which}  {of['policy']} {of['version']}: {of['title']} ({of['from']})"
        for which, of in (("old", answer["old"]), ("new", answer["new"]))
    ]
    if answer["same"]:
        written = " (but in how it is written)" if answer["written_differently"] else ""
        return "\n".join([*lines, "", f"no difference{written}"])
    title = ""
    for of in _holidays_together(answer["differences"]):
        if _title(of["section"]) != title:
            title = _title(of["section"])
            lines += ["", title]
        lines.append(f"  - {of['says']}")
    return "\n".join([*lines, "", *_told_effect(answer["effect"], answer["requests"])])


def _title(name: str) -> str:
    part, _, below = name.partition(".")
    if below:
        return f"{label(part).capitalize()}: {label(below)}"
    return SECTIONS.get(part, label(part).capitalize())


def _holidays_together(given: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put a calendar's public holidays that came or went into one line each."""
    found: list[Mapping[str, Any]] = []
    places: dict[tuple[str, bool], int] = {}
    days: dict[tuple[str, bool], list[str]] = {}
    for of in given:
        kind, _, day = of["what"].partition(" ")
        if kind != "holiday":
            found.append(of)
            continue
        key = (of["name"], of["new"])
        if key not in places:
            places[key] = len(found)
            found.append(of)
        days.setdefault(key, []).append(day)
    for key, place in places.items():
        found[place] = {**found[place], "says": _days_off(key, days[key])}
    return found


def _days_off(key: tuple[str, bool], days: Sequence[str]) -> str:
    name, now = key
    shown = ", ".join(f"{date.fromisoformat(day):%a %Y-%m-%d}" for day in days[:DATES_SHOWN])
    more = f" and {len(days) - DATES_SHOWN} more" if len(days) > DATES_SHOWN else ""
    count = f"{len(days)} day{'s' if len(days) != 1 else ''}"
    became = "public holidays now" if now else "public holidays no longer"
    return f"{name}: {count} of the next two years are {became}: {shown}{more}"


def _told_effect(decided: Mapping[str, Any], judged: Mapping[str, Any]) -> list[str]:
    sample = f", one combination of facts in {decided['one_in']}" if decided["one_in"] > 1 else ""
    lines = [
        "Effect on findings",
        f"  of {decided['decisions']:,} decisions tried{sample}, {_share(decided, decided['decisions'])}",
    ]
    if decided["cited_otherwise"]:
        lines.append(f"  {decided['cited_otherwise']:,} more are the same, but by another rule or section")
    for each in decided["examples"]:
        lines += ["", *_example_lines(_situation(each), each, _outcome)]
    lines += [
        "",
        "Effect on requests",
        f"  of {judged['requests']:,} requests tried, {_share(judged, judged['requests'])}",
    ]
    for each in judged["examples"]:
        lines += ["", *_example_lines(_asking(each), each, _answered)]
    return lines


def _share(of: Mapping[str, Any], tried: int) -> str:
    share = f" ({100 * of['differ'] / tried:.1f} %)" if tried else ""
    aspects = ", ".join(f"{name} {count:,}" for name, count in of["by_aspect"].items())
    return f"{of['differ']:,} differ{share}" + (f": {aspects}" if aspects else "")


def _example_lines(
    situation: str, of: Mapping[str, Any], outcome: Callable[[Mapping[str, Any] | None], str]
) -> list[str]:
    like = f"   ({of['alike']:,} like it)" if of["alike"] > 1 else ""
    return [f"  {situation}{like}", *(f"    {which}  {outcome(of[which])}" for which in ("old", "new"))]


def _situation(of: Mapping[str, Any]) -> str:
    facts = [f"{name} {_fact(value)}" for name, value in of["facts"].items() if value is not None]
    return ", ".join([of["symptom"], *(facts or ["nothing else known"]), of["place"], *_who(of)])


def _who(of: Mapping[str, Any]) -> list[str]:
    who = [f"{what} {of[what]}" for what in ("tier", "plan", "country") if of[what] is not None]
    return [*who, f"{of['hours']} ({of['at']})"]


def _asking(of: Mapping[str, Any]) -> str:
    cls = f"class {of['class']}" if of["class"] else "no class"
    ticket = f"on a ticket that is {of['ticket']}" if of["ticket"] else "without a ticket"
    return ", ".join([of["channel"], cls, ticket, f"{of['form']} form", *_who(of)])


def _answered(of: Mapping[str, Any] | None) -> str:
    assert of is not None, "every request is answered"
    said = [f"{'taken' if of['accepted'] else 'not taken'} (section {of['clause']})"]
    if of["class"]:
        said.append(f"class {of['class']}")
    if of["missing"]:
        said.append(f"missing {' '.join(of['missing'])}")
    said += [f"{d['duty']} by {d['due'] or 'no time'}" for d in of["duties"]]
    if of["charge"]:
        said.append(f"charge {of['charge']}")
    return ", ".join(
        [*said, f"seen by {of['visibility']}", *(f"forwarded to {to}" for to in of["forward_to"])]
    )


def _fact(value: object) -> str:
    return "unknown" if value is None else str(value).lower()


def _outcome(of: Mapping[str, Any] | None) -> str:
    if of is None:
        return "cannot be decided: this edition serves no such tier, plan or country"
    due = of["respond_by"] or "no time is promised"
    limit = f", at the latest {of['limit']}" if of["limit"] else ""
    triage = ", needs triage" if of["needs_triage"] else ""
    contact = ", then ".join(of["contact"]) or "nobody is contacted"
    return f"{of['class']} (rule {of['rule']}, section {of['clause']}), respond by {due}{limit}, {contact}{triage}"
