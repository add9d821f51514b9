"""What two editions of a policy say differently, section by section, as values; the words are another module's.

    Policy -> entries by section and name -> added, removed, changed (which property), moved (where order decides)

Every field of a policy is compared, also those added later: what no reader below knows is compared as it stands. Two
policies that are written differently and mean the same are told as that, never as equal. Public holidays are
compared day by day over a span, for a calendar can only be asked for its days.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import StrEnum

from monitor.domain.calendars import DAY, Calendar
from monitor.domain.policy import CalendarChoice, ContactPlan, Policy, Presumption, ServiceClass
from monitor.domain.request_rules import Requirement

HOLIDAYS_FOR_DAYS = 731
"""Public holidays are compared over the next two years."""

ELSEWHERE = "elsewhere"
"""The name under which the calendar for all other countries is compared."""

WRITING = ("digest", "text")
"""How a file is written, comments and all; not what it says."""

WITH_PARTS = ("requests", "registration")
"""Sections with parts of their own."""

IDENTITY = ("name", "duty", "cls", "standing", "question")
"""What an entry of a list is known by in both editions: the first of these that it has."""


class Kind(StrEnum):
    """What became of an entry from the old edition to the new."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    REWORDED = "reworded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs: ``name`` of the entry in its section, ``what`` the property (empty: the whole entry).

    For what is moved, ``old`` and ``new`` are the places, counted from 1.
    """

    section: str
    name: str
    kind: Kind
    what: str = ""
    old: object = None
    new: object = None


Entry = Mapping[str, object]
Entries = Mapping[str, Entry]


def differences(old: Policy, new: Policy, since: date) -> tuple[Difference, ...]:
    """Return everything that differs; public holidays from ``since`` on for two years."""
    found: list[Difference] = []
    for each in fields(Policy):
        if each.name in WRITING:
            continue
        before, after = getattr(old, each.name), getattr(new, each.name)
        if each.name == "calendars":
            found += _calendars(before, after, since)
        elif each.name in WITH_PARTS:
            for part in fields(before):
                name = f"{each.name}.{part.name}"
                found += _section(name, part.name, getattr(before, part.name), getattr(after, part.name))
        else:
            found += _section(each.name, each.name, before, after)
    return tuple(found)


def _section(section: str, field: str, old: object, new: object) -> list[Difference]:
    read = READERS.get(field, _entries)
    found = [*_compared(section, read(old), read(new))]
    if field in ORDERED:
        found += _moved(section, list(read(old)), list(read(new)))
    if not found and old != new:
        found.append(Difference(section=section, name="", kind=Kind.REWORDED, old=old, new=new))
    return found


def _compared(section: str, old: Entries, new: Entries) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield Difference(section=section, name=name, kind=Kind.REMOVED, old=old[name])
        elif name not in old:
            yield Difference(section=section, name=name, kind=Kind.ADDED, new=new[name])
        else:
            yield from _properties(section, name, old[name], new[name])


def _properties(section: str, name: str, old: Entry, new: Entry) -> Iterator[Difference]:
    for what in dict.fromkeys((*old, *new)):
        before, after = old.get(what), new.get(what)
        if before != after:
            yield Difference(section=section, name=name, kind=Kind.CHANGED, what=what, old=before, new=after)


def _moved(section: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Yield the fewest entries that, taken out, leave the others in one order."""
    common = [name for name in new if name in set(old)]
    places = [old.index(name) for name in common]
    staying = {common[i] for i in _longest_rising(places)}
    for name in common:
        if name not in staying:
            yield Difference(
                section=section, name=name, kind=Kind.MOVED, old=old.index(name) + 1, new=new.index(name) + 1
            )


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """Return the indices of a longest rising run of numbers, gaps allowed."""
    best: list[list[int]] = []
    for i, number in enumerate(numbers):
        before = max((run for run in best if numbers[run[-1]] < number), key=len, default=[])
        best.append([*before, i])
    return max(best, key=len, default=[])


def _entries(value: object) -> Entries:
    """Read a field as entries by name: a mapping by its keys, a list by what its entries are known by."""
    if isinstance(value, Mapping):
        return {_key(key): _entry(item) for key, item in value.items()}
    if isinstance(value, tuple) and value and all(is_dataclass(item) for item in value):
        return _named((_identity(item), _entry(item)) for item in value)
    return {"": _entry(value)}


def _named(given: Iterable[tuple[str, Entry]]) -> Entries:
    """Return entries by name; the second of a name is told apart by its number."""
    found: dict[str, Entry] = {}
    counts: dict[str, int] = {}
    for name, entry in given:
        counts[name] = counts.get(name, 0) + 1
        found[name if counts[name] == 1 else f"{name} ({counts[name]})"] = entry
    return found


def _key(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return ", ".join(str(part) for part in parts if part is not None)


def _entry(item: object) -> Entry:
    if is_dataclass(item) and type(item).__module__.startswith(_OURS) and len(fields(item)) > 1:
        return {each.name: getattr(item, each.name) for each in fields(item)}
    return {"": item}


_OURS = (
    "monitor.domain.policy",
    "monitor.domain.request_rules",
    "monitor.domain.registration",
    "monitor.domain.clocks",
)


def _identity(item: object) -> str:
    return next((str(getattr(item, name)) for name in IDENTITY if hasattr(item, name)), type(item).__name__)


# readers: sections whose entries are not those of the file ---------------------------------------------------


def _classes(value: Mapping[str, ServiceClass]) -> Entries:
    """Leave out the urgency: it is the order, and told as a move."""
    return {
        name: {what: v for what, v in _entry(item).items() if what not in ("name", "urgency")}
        for name, item in sorted(value.items(), key=lambda pair: pair[1].urgency)
    }


def _choices(value: Sequence[CalendarChoice]) -> Entries:
    """Read who is served by which calendar, by country."""
    found: dict[str, Entry] = {}
    for choice in value:
        for country in sorted(choice.countries) or [ELSEWHERE]:
            found.setdefault(country, {"": choice.calendar})
    return found


def _presumptions(value: Sequence[Presumption]) -> Entries:
    """Read what is presumed, by symptom; the first presumption of a fact counts."""
    found: dict[str, dict[str, object]] = {}
    for presumption in value:
        for symptom in sorted(presumption.symptoms):
            known = found.setdefault(str(symptom), {})
            for fact, given in presumption.facts.items():
                known.setdefault(fact, given)
    return found


def _contact(value: Mapping[str, ContactPlan]) -> Entries:
    return {
        f"{cls}, {hours} hours": {"": getattr(plan, hours)}
        for cls, plan in value.items()
        for hours in ("inside", "outside")
    }


def _lines(value: Sequence[Mapping[str, str]]) -> Entries:
    return _named((", ".join(f"{k} {v}" for k, v in line.items()), {"": True}) for line in value)


def _listed(value: Iterable[object]) -> Entries:
    """Read a set or list of words: each is there or is not."""
    return {str(word): {"": True} for word in value}


def _requirements(value: Sequence[Requirement]) -> Entries:
    """Read what is asked for by field: each time with the others of its choice, the case and the clause."""
    found: dict[str, list[object]] = {}
    for requirement in value:
        choice = requirement.fields if requirement.any_of else ()
        for name in requirement.fields:
            found.setdefault(name, []).append((choice, requirement.case, requirement.clause))
    return {name: {"": tuple(asked)} for name, asked in found.items()}


Reader = Callable[..., Entries]
READERS: Mapping[str, Reader] = {
    "classes": _classes,
    "choices": _choices,
    "presumptions": _presumptions,
    "contact": _contact,
    "lines": _lines,
    "plans": _listed,
    "facts": _listed,
    "waits": _listed,
    "fields": _listed,
    "standings": _listed,
    "required": _requirements,
    "wanted": _requirements,
}
ORDERED = frozenset({"classes", "rules", "exclusions", "plans", "duties", "scope", "versions", "asks"})
"""Sections whose order decides, or is how people are told."""


# calendars ---------------------------------------------------------------------------------------------------


def _calendars(old: Mapping[str, Calendar], new: Mapping[str, Calendar], since: date) -> Iterator[Difference]:
    yield from _compared(
        "calendars",
        {name: _hours(calendar) for name, calendar in old.items()},
        {name: _hours(calendar) for name, calendar in new.items()},
    )
    for name in old:
        if name in new:
            yield from _days_off(name, old[name], new[name], since)


def _hours(calendar: Calendar) -> Entry:
    """Read a calendar's own properties, and its dates with hours of their own."""
    plain = {
        each.name: getattr(calendar, each.name)
        for each in fields(calendar)
        if each.compare and each.name not in ("zone", "holidays", "weekly", "special", "yearly")
    }
    return (
        {"zone": calendar.zone.key}
        | {f"weekday {n}": openings for n, openings in enumerate(calendar.weekly)}
        | plain
        | {f"date {day}": openings for day, openings in calendar.special.items()}
        | {f"every {month:02}-{day:02}": openings for (month, day), openings in calendar.yearly.items()}
    )


def _days_off(name: str, old: Calendar, new: Calendar, since: date) -> Iterator[Difference]:
    """Yield the days that are a public holiday in one edition only."""
    day = since
    for _ in range(HOLIDAYS_FOR_DAYS):
        before, after = day in old.holidays, day in new.holidays
        if before != after:
            yield Difference(
                section="calendars",
                name=name,
                kind=Kind.CHANGED,
                what=f"holiday {day}",
                old=before,
                new=after,
            )
        day += DAY
