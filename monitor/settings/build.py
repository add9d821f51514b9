"""Makes the domain's values of the checked models: partners, systems, checks, and who is on call.

Everything here has been read without a mistake; what can still be wrong (a gap in the rota, a driver
without its account) comes back as problems with their places.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from sys import intern
from types import MappingProxyType

from pydantic import BaseModel

from monitor.domain.escalation import Patience
from monitor.domain.findings import FactValue, Thresholds
from monitor.domain.inventory import (
    Acknowledging,
    Component,
    Contact,
    Engineer,
    Inventory,
    Licence,
    OnCall,
    Partner,
    Period,
    System,
)
from monitor.settings import (
    accounts_section,
    escalating,
    maintenance_section,
    models,
    nodes,
    page_misfits,
    rota,
    sip_sections,
    ticket_misfits,
    wording_section,
)
from monitor.settings.facts import FactsIn
from monitor.settings.nodes import Document, Problem
from monitor.settings.sections import CheckDefaults, CheckSettings
from monitor.settings.values import phone_region

_NONE_STATED: Mapping[str, FactValue] = MappingProxyType({})
Options = Mapping[int, BaseModel | Mapping[str, object]]
"""The options of each check, by its number in the list."""


def _copy(text: str) -> str:
    """Return the text anew: one that was read lies among all else that was, and would keep that memory."""
    return text.encode(errors="surrogatepass").decode(errors="surrogatepass")


def inventory(root: models.Root, on_call: OnCall) -> Inventory:
    """Return everything we look after, by its id."""
    return Inventory(
        partners={one.id: partner(one) for one in root.partners},
        systems={made.serial: made for made in map(system, root.systems)},
        components={one.id: component(one) for one in root.components},
        on_call=on_call,
        licences={one.id: licence(one) for one in root.licences},
        escalations=escalating.escalations(root),
        patience=_patience(root),
    )


def partner(given: models.PartnerIn) -> Partner:
    """Make a partner."""
    return Partner(
        id=given.id,
        name=given.name or given.id,
        policy=given.policy,
        tier=given.tier,
        country=given.country,
        language=given.language,
        plan=given.plan,
        assigned_to=given.assigned_to,
        contract_from=given.contract_from,
        contacts=tuple(contact(one) for one in given.contacts),
        escalation=given.escalation,
    )


def contact(given: models.ContactIn) -> Contact:
    """Make a contact."""
    return Contact(
        id=given.id,
        name=given.name,
        phone=given.phone,
        email=given.email,
        languages=given.languages,
        role=given.role,
        hours=given.hours,
        licence=given.licence,
        # Whoever is said to be there always is the one to call at night; whoever says nothing is not.
        always_reachable=given.always_reachable
        or ("hours" in given.model_fields_set and given.hours == models.ALWAYS),
        english_ok=given.english_ok,
        account_id=given.account_id,
    )


def licence(given: models.LicenceIn) -> Licence:
    """Make a licence, with what it stands for by name."""
    standing: dict[str, bool | Period] = dict(given.standing)
    if given.subscription is not None:
        standing["subscription"] = Period(start=given.subscription.start, end=given.subscription.end)
    if given.nda is not None:
        standing["nda"] = given.nda
    return Licence(
        id=given.id,
        partner=given.partner,
        product=given.product or "",
        seats=given.seats,
        account_id=given.account_id,
        plan=given.plan,
        standing=standing,
    )


def system(given: models.SystemIn) -> System:
    """Make a system."""
    serial = _copy(given.serial)
    return System(
        serial=serial,
        partner=intern(given.partner),
        name=_copy(given.name) if given.name else serial,
        host=_copy(given.host or ""),
        country=given.country,
        carrier=given.carrier,
        cloud=given.cloud,
        region=given.region,
        version=given.version,
        component=given.component and intern(given.component),
        licence=given.licence,
        machine_id=given.machine_id,
        tags=dict(given.tags),
        technical=dict(given.technical),
        depends_on=given.depends_on,
    )


def component(given: models.ComponentIn) -> Component:
    """Make a component."""
    return Component(
        id=given.id, name=given.name, group=given.group, region=given.region, description=given.description
    )


def engineer(given: models.EngineerIn) -> Engineer:
    """Make an engineer."""
    return Engineer(
        id=given.id,
        name=given.name,
        phone=given.phone,
        email=given.email,
        language=given.language,
        user=given.user,
        zone=given.zone,
    )


def checks(
    given: Sequence[models.CheckIn], options: Options, defaults: CheckDefaults
) -> tuple[CheckSettings, ...]:
    """Make the checks, filling in what they leave to the defaults."""
    shared: dict[str, str] = {}  # one text for all checks of a system

    def one_of(text: str) -> str:
        return shared.get(text) or shared.setdefault(text, _copy(text))

    return tuple(_check(one, options[number], defaults, one_of) for number, one in enumerate(given))


def _check(
    given: models.CheckIn,
    options: BaseModel | Mapping[str, object],
    defaults: CheckDefaults,
    one_of: Callable[[str], str],
) -> CheckSettings:
    every = given.every or defaults.every
    return CheckSettings(
        name=_copy(given.name),
        type=intern(given.type),
        system=given.system and one_of(given.system),
        component=given.component and intern(given.component),
        target=_copy(given.target or ""),
        every=every,
        timeout=given.timeout or min(defaults.timeout, every),
        thresholds=_thresholds(given, options, defaults),
        symptom=given.symptom,
        facts=_facts(given.facts),
        options=options,
        anchored=given.anchored,
        depends_on=given.depends_on,
        second_look=given.second_look,
    )


def _thresholds(
    given: models.CheckIn, options: BaseModel | Mapping[str, object], defaults: CheckDefaults
) -> Thresholds:
    """Return how many looks it takes to believe; one where a look is as good as ten (a heartbeat's record)."""
    sure = getattr(options, "one_look_is_enough", False)
    return _looks_in_a_row(
        given.down_after or (1 if sure else defaults.down_after),
        given.up_after or (1 if sure else defaults.up_after),
    )


@cache
def _looks_in_a_row(down: int, up: int) -> Thresholds:
    """Return the same ones for all checks that have the same: there may be 100,000."""
    return Thresholds(down_after=down, up_after=up)


def _facts(given: FactsIn) -> Mapping[str, FactValue]:
    stated: dict[str, FactValue] = given.model_dump(exclude_unset=True)
    return stated or _NONE_STATED


def on_call(
    given: models.OnCallIn, zone: str, now: datetime, document: Document
) -> tuple[OnCall, list[Problem]]:
    """Make the rota, and tell where nobody would be paged."""
    rotations = rota.rotations(given, zone)
    made = OnCall(
        engineers={one.id: engineer(one) for one in given.engineers},
        rotations=rotations,
        shifts=rota.shifts(given, zone),
        overrides=rota.overrides(given, rotations, zone),
        fallback=given.fallback,
        escalation=given.escalation,
        acknowledging=Acknowledging(
            expires=_unless_never(given.acknowledgement.expires),
            classes={name: _unless_never(one) for name, one in given.acknowledgement.classes.items()},
            remind=given.acknowledgement.remind,
        ),
        hand_over=given.hand_over == "automatic",
    )
    return made, list(_rota_problems(given, made, now, document))


def _unless_never(given: float | str) -> float | None:
    return None if isinstance(given, str) else given


def _rota_problems(
    given: models.OnCallIn, made: OnCall, now: datetime, document: Document
) -> Iterator[Problem]:
    for path, shift in _shifts(given):
        if shift.end <= shift.start:
            yield document.problem((*path, "to"), "must be later than 'from'")
    if not given.engineers:
        return
    for name, start, end in rota.gaps(made, now):
        where = f" by rotation {name!r}" if len(made.names) > 1 else ""
        span = f"nobody is on call{where} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        yield document.problem(("on_call",), f"{span}; name a fallback or extend the rotation", at_key=True)


def _shifts(given: models.OnCallIn) -> Iterator[tuple[nodes.Path, models.ShiftIn]]:
    for number, override in enumerate(given.overrides):
        yield ("on_call", "overrides", number), override
    for shift in given.rotation.shifts if given.rotation else ():
        yield (
            ("on_call", "rotation", "shifts", given.rotation.shifts.index(shift) if given.rotation else 0),
            shift,
        )
    for number, one in enumerate(given.rotations):
        for place, shift in enumerate(one.shifts):
            yield ("on_call", "rotations", number, "shifts", place), shift


def sense(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield what does not go together within the sections."""
    for rule in (
        _drivers,
        _mail,
        _timing,
        _anchors,
        _flapping,
        _maintenance,
        _texts,
        _regions,
        _trackers,
        ticket_misfits.misfits,
        page_misfits.misfits,
        _accounts,
        escalating.problems,
    ):
        yield from rule(root, document)


def _accounts(root: models.Root, document: Document) -> Iterator[Problem]:
    has_key = root.secrets.key is not None
    for place, told in accounts_section.misfits(root.accounts, root.service.public_url, has_key=has_key):
        yield document.problem(place, told)


def _drivers(root: models.Root, document: Document) -> Iterator[Problem]:
    if root.phone.driver == "twilio":
        if root.phone.twilio is None:
            yield document.problem(("phone", "driver"), "driver 'twilio' needs the section phone.twilio")
        if root.phone.sender is None:
            yield document.problem(
                ("phone", "driver"), "driver 'twilio' needs phone.from, the number to call from"
            )
        if not (root.phone.callback_url or root.service.public_url):
            told = "driver 'twilio' needs phone.callback_url or service.public_url to report to"
            yield document.problem(("phone", "driver"), told)
    if root.phone.driver == "sip":
        for path, told in sip_sections.misfits(root.phone.sip, root.phone.sender):
            yield document.problem(("phone", *path), told)


def _trackers(root: models.Root, document: Document) -> Iterator[Problem]:
    tracker = root.tickets.request_tracker
    if tracker and tracker.token is None and (tracker.user is None or tracker.password is None):
        yield document.problem(
            ("tickets", "request_tracker"), "needs a token, or user and password", at_key=True
        )


def _mail(root: models.Root, document: Document) -> Iterator[Problem]:
    if root.mail.host and root.mail.sender is None:
        yield document.problem(("mail", "host"), "mail needs mail.from, the address we write from")
    if (root.mail.user is None) != (root.mail.password is None):
        yield document.problem(("mail",), "user and password belong together", at_key=True)
    if root.mail.password and root.mail.security == "none":
        yield document.problem(("mail", "security"), "a password is not sent over an unsecured connection")


def _timing(root: models.Root, document: Document) -> Iterator[Problem]:
    if root.checks_defaults.timeout > root.checks_defaults.every:
        yield document.problem(("checks_defaults", "timeout"), "must not be longer than 'every'")
    for number, one in enumerate(root.checks):
        if one.timeout and one.timeout > (one.every or root.checks_defaults.every):
            yield document.problem(("checks", number, "timeout"), "must not be longer than 'every'")


def _anchors(root: models.Root, document: Document) -> Iterator[Problem]:
    given = root.anchors
    if given.targets and given.quorum > len(given.targets):
        told = f"must not be more than there are targets ({len(given.targets)})"
        yield document.problem(("anchors", "quorum"), told)


def _flapping(root: models.Root, document: Document) -> Iterator[Problem]:
    if root.flapping.low > root.flapping.high:
        yield document.problem(("flapping", "low"), "must not be above 'high'")


def _maintenance(root: models.Root, document: Document) -> Iterator[Problem]:
    systems, components = {one.serial for one in root.systems}, {one.id for one in root.components}
    for path, told in maintenance_section.misfits(root.maintenance, root.service.zone, systems, components):
        yield document.problem(path, told)


def _texts(root: models.Root, document: Document) -> Iterator[Problem]:
    for path, told in wording_section.misfits(root.public_texts):
        yield document.problem(path, told)


def _regions(root: models.Root, document: Document) -> Iterator[Problem]:
    for path, number in _numbers(root):
        region = phone_region(number)
        if root.contact.regions and region not in root.contact.regions:
            allowed = ", ".join(root.contact.regions)
            yield document.problem(
                path, f"is a number of {region or 'no country'}; contact.regions allows {allowed}"
            )


def _numbers(root: models.Root) -> Iterator[tuple[nodes.Path, str]]:
    for number, one in enumerate(root.partners):
        for person, given in enumerate(one.contacts):
            if given.phone:
                yield ("partners", number, "contacts", person, "phone"), given.phone
    for number, paged in enumerate(root.on_call.engineers):
        if paged.phone:
            yield ("on_call", "engineers", number, "phone"), paged.phone


def policy_paths(root: models.Root, document: Document) -> tuple[tuple[Path, ...], list[Problem]]:
    """Return the extra policies, seen from the file that names each, and those that are not there."""
    paths: list[Path] = []
    problems: list[Problem] = []
    for number, name in enumerate(root.policies):
        at: nodes.Path = ("policies", number) if document.node(("policies", number)) else ("policies",)
        file = document.nearest(at)[1].file
        path = Path(file).parent / name
        paths.append(path)
        if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for names that are too long
            problems.append(document.problem(at, f"there is no file or folder {document.written(at)!r}"))
    return tuple(paths), problems


def _patience(root: models.Root) -> Patience:
    """Return how often and how far apart a partner's contacts are called where no escalation says."""
    said = root.contact.retries.phone
    return Patience(
        attempts=said.attempts or root.contact.attempts, pauses=said.delays or root.contact.retry_delays
    )
