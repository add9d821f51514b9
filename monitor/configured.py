"""From settings to what is in force: pure building, so that a reload is made whole or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from checks.base import Check, CheckType, LastPing, Target, Tools
from checks.dialling import host_of
from checks.egress import Egress, Stays
from checks.families import built
from checks.registry import options_of
from monitor.domain import people
from monitor.domain.announcing import Channel, Form, Kind
from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.errors import ConfigError
from monitor.look import Job, manner
from monitor.pace import retry_after
from monitor.settings import CheckSettings, Settings, load, shipped
from monitor.settings.escalating import unknown_escalations
from monitor.settings.licences import check_licences, unsaid_roles
from monitor.settings.policies import check_partners, load_policies
from monitor.settings.validation import did_you_mean
from monitor.vantages import LocalVantage
from monitor.world import InForce, Watched


async def _never_pinged(_uuid: str) -> LastPing:
    raise AssertionError("a check that is only being tried out is never run")


UNEQUIPPED = Tools(last_ping=_never_pinged)
"""What checks are built with to see whether they can be; they are not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A configuration that was found good: its settings, and what they put in force."""

    settings: Settings
    in_force: InForce


def read(
    path: Path,
    *,
    types: Mapping[str, CheckType],
    now: datetime,
    environ: Mapping[str, str] | None = None,
) -> Configured:
    """Read a configuration and its policies; ConfigError names every mistake in all of them."""
    problems: list[str] = []
    settings: Settings | None = None
    policies: Mapping[str, Policy] = {}
    try:
        settings = load(path, now=now, check_options=options_of(types), environ=environ)
    except ConfigError as error:
        problems.extend(error.problems)
    try:
        policies = load_policies([shipped("policies"), *(settings.policies if settings else ())])
    except ConfigError as error:
        problems.extend(error.problems)
    if settings is None or problems:
        raise ConfigError(problems)
    settings = replace(settings, inventory=_with_roles(settings, policies))
    problems.extend(misfits(settings, policies, types))
    if problems:
        raise ConfigError(problems)
    # Where things stand is told of mistakes, and there are none: of 100,000 checks that is many megabytes.
    settings = replace(settings, places={})
    stands = in_force(settings, policies)
    return Configured(settings=replace(settings, checks=tuple(stands.checks.values())), in_force=stands)


def misfits(
    settings: Settings, policies: Mapping[str, Policy], types: Mapping[str, CheckType]
) -> Sequence[str]:
    """Return what settings and policies say against each other, and targets that no check can look at."""
    found = []
    for partner, problem in check_partners(policies, settings.inventory.partners):
        place = settings.places.get(("partners", partner), "partners")
        found.append(f"{place}: {problem}")
    found.extend(check_licences(policies, settings))
    found.extend(_unknown_policies(settings, policies))
    found.extend(unknown_escalations(settings, policies))
    facts = frozenset[str]().union(*(policy.facts for policy in policies.values()))
    for rule in settings.alerts.meanings:
        place = settings.places.get(("alerts", "rules"), "alerts")
        found.extend(_unknown_facts(f"{place}: alerts.rules.{rule.name}", rule.facts, facts))
    for check in settings.checks:
        place = settings.places.get(("checks", check.name), "checks")
        found.extend(_unknown_facts(f"{place}: checks.{check.name}", check.facts, facts))
        try:
            built(types[check.type], target(check, settings.inventory), check.options, UNEQUIPPED)
        except ValueError as error:
            found.append(f"{place}: checks.{check.name}: {error}")
    found.extend(_second_looks(settings, policies, types))
    try:
        anchors(settings, types, UNEQUIPPED)
    except ValueError as error:
        found.append(f"{settings.places.get(('anchors', 'targets'), 'anchors')}: anchors.targets: {error}")
    return found


def _unknown_facts(where: str, stated: Iterable[str], facts: frozenset[str]) -> Iterator[str]:
    for name in sorted(set(stated) - facts):
        known = f"known are {', '.join(sorted(facts))}{did_you_mean(name, facts)}"
        yield f"{where}.facts.{name}: no policy knows this fact; {known}"


def _second_looks(
    settings: Settings, policies: Mapping[str, Policy], types: Mapping[str, CheckType]
) -> Iterator[str]:
    """Yield the classes that no policy has, and checks that are to be looked at from elsewhere and cannot."""
    known = {name for policy in policies.values() for name in policy.classes}
    place = settings.places.get(("second_look", "classes"), "second_look")
    for name in settings.second_look.classes:
        if name not in known:
            told = f"no policy has a class {name!r}; known are {', '.join(sorted(known))}{did_you_mean(name, known)}"
            yield f"{place}: second_look.classes: {told}"
    for check in settings.checks:
        kind = types[check.type]
        if check.second_look and isinstance(kind, Stays):
            place = settings.places.get(("checks", check.name), "checks")
            yield f"{place}: checks.{check.name}.second_look: not for type {check.type}: {kind.stays}"


def _unknown_policies(settings: Settings, policies: Mapping[str, Policy]) -> Iterator[str]:
    """Yield the policies that addresses for mail name and nobody knows."""
    place = settings.places.get(("mail_in", "addresses"), "mail_in")
    for one in settings.mail_in.addresses:
        if one.policy is not None and one.policy not in policies:
            known = f"known are {', '.join(sorted(policies))}{did_you_mean(one.policy, policies)}"
            yield f"{place}: mail_in.addresses: {one.address}: unknown policy {one.policy!r}; {known}"


def _with_roles(settings: Settings, policies: Mapping[str, Policy]) -> Inventory:
    """Give contacts whose role nobody said the one their policy has for them."""
    unsaid = unsaid_roles(settings)
    partners = {
        id_: people.with_roles(one, unsaid, policies[one.policy].registration.contacts)
        if one.policy in policies
        else one
        for id_, one in settings.inventory.partners.items()
    }
    return replace(settings.inventory, partners=partners)


def in_force(settings: Settings, policies: Mapping[str, Policy]) -> InForce:
    """Return what settings put in force."""
    inventory = settings.inventory
    of_system: dict[str, list[str]] = {}
    for check in settings.checks:
        if check.system:
            of_system.setdefault(check.system, []).append(check.name)
    checks = {check.name: _watched(check, inventory, of_system) for check in settings.checks}
    dependents: dict[str, list[str]] = {}
    for watched in checks.values():
        for parent in watched.parents:
            dependents.setdefault(parent, []).append(watched.name)
    by_component: dict[str, list[str]] = {}
    for watched in checks.values():
        if watched.component:
            by_component.setdefault(watched.component, []).append(watched.name)
    return InForce(
        inventory=inventory,
        policies=policies,
        house_policy=_house_policy(inventory, policies),
        checks=checks,
        by_component={component: tuple(names) for component, names in by_component.items()},
        dependents={parent: tuple(names) for parent, names in dependents.items()},
        roles=settings.crash.presumed_impacts,
        triage_timeout=settings.triage.timeout,
        channels=channels(settings),
        forward_to=settings.forward_to,
        correlation=settings.correlation,
        overrun=settings.overrun,
        public_texts=settings.public_texts,
        alert_rules=settings.alerts.meanings,
        flapping=settings.flapping.rules,
        second_look=settings.second_look,
        public_url=settings.service.public_url,
        service_name=settings.service.name,
        zone=settings.service.zone,
    )


def channels(settings: Settings) -> tuple[Channel, ...]:
    """Return where announcements go beside the status page."""
    language = settings.service.language
    mails = (
        Channel(id=address, name=address, form=Form.MAIL, language=language, to=address)
        for address in settings.page.announce_to
    )
    chats = (
        Channel(
            id=one.id,
            name=one.name or one.id,
            form=Form.COPY if one.url is None else Form.CHAT,
            kinds=frozenset(map(Kind, one.kinds)),
            language=one.language or language,
            limit=one.limit,
            to=one.name or one.id,
        )
        for one in settings.chat.channels
    )
    return (*mails, *chats)


def _house_policy(inventory: Inventory, policies: Mapping[str, Policy]) -> str:
    """Return the policy by which findings on our own components are classed: the first partner's."""
    return next((p.policy for p in inventory.partners.values()), next(iter(sorted(policies))))


def _watched(check: CheckSettings, inventory: Inventory, of_system: Mapping[str, Sequence[str]]) -> Watched:
    system = inventory.systems.get(check.system or "")
    theirs = [name for serial in (system.depends_on if system else ()) for name in of_system.get(serial, ())]
    component = check.component or (system.component if system else None)
    parents = tuple(dict.fromkeys((*check.depends_on, *theirs)))
    return replace(check, component=component, parents=parents) if component or parents else check


def target(check: CheckSettings, inventory: Inventory) -> Target:
    """Return what every check type is told of its check."""
    system = inventory.systems.get(check.system or "")
    return Target(
        name=check.name,
        target=check.target,
        timeout=check.timeout,
        every=check.every,
        symptom=check.symptom,
        serial=check.system,
        host=system.host if system else "",
    )


def jobs(settings: Settings, types: Mapping[str, CheckType], tools: Tools) -> list[Job]:
    """Return the scheduler's jobs."""
    return [_job(check, settings.inventory, types[check.type], tools) for check in settings.checks]


def _job(check: CheckSettings, inventory: Inventory, kind: CheckType, tools: Tools) -> Job:
    return Job(
        name=check.name,
        check=built(kind, target(check, inventory), check.options, tools),
        manner=manner(
            every=check.every,
            timeout=check.timeout,
            retry_every=retry_after(check.every),
            type=check.type,
            symptom=check.symptom or Symptom.UNREACHABLE,
            wanders=not isinstance(kind, Stays),
        ),
        host=host_of(check.target),
    )


def anchors(settings: Settings, types: Mapping[str, CheckType], tools: Tools) -> dict[str, Check]:
    """Return what looks at each anchor; ``ValueError`` for a target that nothing can look at."""
    made: dict[str, Check] = {}
    for name in settings.anchors.targets:
        kind = types["http" if name.startswith(("http://", "https://")) else "tcp"]
        about = Target(
            name="anchor", target=name, timeout=settings.anchors.timeout, every=settings.anchors.every
        )
        made[name] = kind.build(about, kind.options(), tools)
    return made


def vantages(
    settings: Settings, types: Mapping[str, CheckType], tools: Tools, clock: Callable[[], datetime]
) -> list[LocalVantage]:
    """Return the other places to look from."""
    looks_at = anchors(settings, types, tools)
    return [
        LocalVantage(
            id=one.id,
            name=one.name or one.id,
            egress=Egress(v4=one.v4, v6=one.v6, interface=one.interface),
            clock=clock,
            rules=settings.anchors,
            looks_at=looks_at,
        )
        for one in settings.vantages
    ]


def heartbeats(settings: Settings) -> list[str]:
    """Return the uuids that may ping."""
    return [str(check.options.uuid) for check in settings.checks if check.type == "heartbeat"]
