"""What a policy file's shape cannot say: names that name nothing, cells that are missing, rules never reached."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

from monitor.domain.calendars import DAY, NoOpenMomentError
from monitor.domain.clocks import RESPONSE
from monitor.settings import policy_clocks, policy_registration, policy_request_names
from monitor.settings.policy_models import FACTS, IMPACTS, PolicyIn, When, calendar
from monitor.settings.validation import did_you_mean

SYSTEM_ATTRIBUTES = ("country", "carrier", "cloud", "region", "version", "partner", "name", "component")
Where = tuple[str | int, ...]


def misfits(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield what the shape cannot say: names that name nothing, cells that are missing."""
    classes = {c.name for c in given.classes}
    yield from _unknown_classes(given, classes)
    for i, choice in enumerate(given.calendar_for):
        if choice.calendar not in given.calendars:
            known = f"known are {', '.join(given.calendars)}{did_you_mean(choice.calendar, given.calendars)}"
            yield ("calendar_for", i, "calendar"), f"unknown calendar {choice.calendar!r}: {known}"
    yield from _never_open(given)
    yield from _twice(given)
    yield from _missing_cells(given, classes)
    yield from _misfit_order(given)
    yield from policy_clocks.misfits(given)
    for where, message in policy_request_names.misfits(given.requests, classes, given.plans):
        yield ("requests", *where), message
    yield from policy_registration.misfits(
        given.registration, given.overflow, given.requests, given.calendars
    )
    facts = FACTS | frozenset(given.facts)
    for part, rules in (("rules", given.rules), ("exclusions", given.exclusions)):
        for i, rule in enumerate(rules):
            yield from _misfit_condition(rule.when, facts, (part, i, "when"))
    yield from _misfit_given(given, facts)
    eligible = given.eligibility
    if not eligible.everyone and not eligible.direct:
        yield ("eligibility",), "name the direct tiers, or write `everyone: true`"


def _misfit_given(given: PolicyIn, facts: frozenset[str]) -> Iterator[tuple[Where, str]]:
    """Yield facts that are presumed, or settled by evidence, and do not exist or cannot be that."""
    for i, presumption in enumerate(given.presume):
        for name, value in presumption.facts.items():
            yield from _misfit_fact(name, [value], facts, ("presume", i, "facts", name))
    for i, evident in enumerate(given.evidence):
        for name, value in evident.facts.items():
            yield from _misfit_fact(name, [value], facts, ("evidence", i, "facts", name))


def _never_open(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield calendars that stay closed for too long: now, or before, during or after dates with hours of their own."""
    for name, hours in given.calendars.items():
        one = calendar(name, hours)
        for day in [date(2026, 1, 1), *_edges(one.special.keys() | _in_years(one.yearly))]:
            try:
                one.next_open(datetime(day.year, day.month, day.day, tzinfo=UTC))
            except NoOpenMomentError as error:
                yield ("calendars", name), f"{error} from {day}: give `hours` in which it opens"
                break


def _in_years(days: Iterable[tuple[int, int]]) -> set[date]:
    """Return days of every year as dates of two years: a run of them may go on over New Year."""
    return {date(year, *day) for year in (2027, 2028) for day in days if day != (2, 29) or year == 2028}  # noqa: PLR2004 - the leap year


def _edges(days: set[date]) -> list[date]:
    """Return the first date of every run of dates, and the first after it."""
    return sorted(
        {day for day in days if day - DAY not in days} | {d + DAY for d in days if d + DAY not in days}
    )


def _twice(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield what is said a second time: one of the two would silently not count."""
    named: list[tuple[Where, str]] = [
        (("classes", i), f"class {c.name}") for i, c in enumerate(given.classes)
    ]
    named += [(("plans", i), f"plan {plan}") for i, plan in enumerate(given.plans)]
    named += [(("rules", i), f"rule {r.name}") for i, r in enumerate(given.rules)]
    named += [(("exclusions", i), f"exclusion {e.name}") for i, e in enumerate(given.exclusions)]
    named += [
        (("goals", i), f"a goal for {_cell(g.cls, g.plan, g.clock)}") for i, g in enumerate(given.goals)
    ]
    for i, choice in enumerate(given.calendar_for):
        where: Where = ("calendar_for", i)
        named += [(where, f"country {country}") for country in choice.countries]
        named += [] if choice.countries else [(where, "a calendar for everywhere else")]
    for name, plan in given.contact.items():
        for hours, steps in (("inside", plan.inside), ("outside", plan.outside)):
            named += [
                (("contact", name, hours, i), f"{step.channel} {hours} hours for class {name}")
                for i, step in enumerate(steps)
            ]
    first: set[str] = set()
    for where, what in named:
        if what in first:
            yield where, f"{what} is given twice"
        first.add(what)


def _misfit_order(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    last = len(given.rules) - 1
    if given.rules[last].when != "always":
        yield ("rules", last), "the last rule must be met by everything: write `when: always`"
    for i, rule in enumerate(given.rules[:last]):
        if rule.when == "always":
            yield ("rules", i), f"rule {rule.name} is met by everything: the rules below it are never reached"


def _cell(cls: str, plan: str | None, clock: str = RESPONSE) -> str:
    return (
        f"class {cls}"
        + (f", plan {plan}" if plan else "")
        + (f", clock {clock}" if clock != RESPONSE else "")
    )


def _unknown_classes(given: PolicyIn, classes: set[str]) -> Iterator[tuple[Where, str]]:
    known = f"known are {', '.join(sorted(classes))}"
    named = [(("rules", i, "class"), rule.cls) for i, rule in enumerate(given.rules)]
    named += [(("exclusions", i, "class"), rule.cls) for i, rule in enumerate(given.exclusions)]
    named += [(("goals", i, "class"), goal.cls) for i, goal in enumerate(given.goals)]
    for where, name in named:
        if name not in classes:
            yield where, f"unknown class {name!r}: {known}{did_you_mean(name, classes)}"
    for name in given.contact:
        if name not in classes:
            yield ("contact", name), f"unknown class {name!r}: {known}"


def _missing_cells(given: PolicyIn, classes: set[str]) -> Iterator[tuple[Where, str]]:
    cells = {(g.cls, g.plan) for g in given.goals if g.clock == RESPONSE}
    for i, goal in enumerate(given.goals):
        if goal.plan is not None and goal.plan not in given.plans:
            yield (
                ("goals", i, "plan"),
                f"unknown plan {goal.plan!r}: known are {', '.join(given.plans) or 'none'}",
            )
    plans: list[str | None] = [*given.plans] or [None]
    for name in sorted(classes):
        for plan in plans:
            if (name, plan) not in cells and (name, None) not in cells:
                where = _cell(name, plan)
                yield ("goals",), f"no goal for {where}: write `none: <why>` if nothing is promised"
        if name not in given.contact:
            yield ("contact",), f"no contact plan for class {name}"


def _misfit_condition(when: When, facts: frozenset[str], where: Where) -> Iterator[tuple[Where, str]]:
    if isinstance(when, str):
        return
    if not when.model_fields_set:
        yield where, "an empty condition is met by everything: write `always` if that is meant"
    for name, values in (when.facts or {}).items():
        listed = values if isinstance(values, list) else [values]
        yield from _misfit_fact(name, listed, facts, (*where, "facts", name))
    for name in when.system or {}:
        if name not in SYSTEM_ATTRIBUTES:
            yield (
                (*where, "system", name),
                f"unknown attribute {name!r}: known are {', '.join(SYSTEM_ATTRIBUTES)}",
            )
    for key in ("all", "any"):
        for i, part in enumerate(getattr(when, key) or []):
            yield from _misfit_condition(part, facts, (*where, key, i))
    if when.not_ is not None:
        yield from _misfit_condition(when.not_, facts, (*where, "not"))


def _misfit_fact(
    name: str, values: Sequence[bool | str], facts: frozenset[str], where: Where
) -> Iterator[tuple[Where, str]]:
    if name not in facts:
        near = did_you_mean(name, sorted(facts))
        yield where, f"unknown fact {name!r}: known are {', '.join(sorted(facts))}{near}"
    elif name == "impact" and (wrong := [v for v in values if v not in IMPACTS]):
        yield where, f"impact cannot be {wrong[0]!r}: one of {', '.join(IMPACTS)}"
    elif name in FACTS - {"impact"} and (wrong := [v for v in values if not isinstance(v, bool)]):
        yield where, f"{name} cannot be {wrong[0]!r}: true or false"
