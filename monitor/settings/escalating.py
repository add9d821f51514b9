"""Makes escalations of what the configuration says, and refuses those that could end with nobody."""

from collections.abc import Iterator, Mapping

from monitor.domain.escalation import OURS, CatchAll, Escalation, Kind, PlannedStep, Whom
from monitor.domain.policy import Policy
from monitor.settings import models
from monitor.settings.nodes import Document, Path, Problem
from monitor.settings.sections import Settings
from monitor.settings.validation import did_you_mean


def escalations(root: models.Root) -> dict[str, Escalation]:
    """Return the escalations by name; our own people's have a catch-all, if need be the fallback."""
    return {one.name: _escalation(one, root.on_call.fallback) for one in root.escalations}


def _escalation(given: models.EscalationIn, fallback: str | None) -> Escalation:
    made = Escalation(
        name=given.name,
        steps=tuple(
            PlannedStep(to=tuple(_whom(one) for one in step.to), delay=step.delay) for step in given.steps
        ),
        repeat=given.repeat,
        pauses=given.pauses,
    )
    if not made.ours:
        return made
    last = given.catch_all or (models.CatchAllIn(engineer=fallback) if fallback else None)
    caught = CatchAll(engineer=last.engineer, times=last.times, every=last.every) if last else None
    return Escalation(
        name=made.name, steps=made.steps, repeat=made.repeat, pauses=made.pauses, catch_all=caught
    )


def _whom(given: models.WhomIn) -> Whom:
    kind = next(kind for kind in Kind if getattr(given, kind) is not None)
    return Whom(kind=kind, name=getattr(given, kind))


def problems(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with escalations, and with who refers to them."""
    made = escalations(root)
    for number, one in enumerate(root.escalations):
        yield from _misfits(one, made[one.name], ("escalations", number), root, document)
    if root.on_call.escalation in made and not made[root.on_call.escalation].ours:
        told = f"escalation {root.on_call.escalation!r} is for partners' contacts; pages go to our own people"
        yield document.problem(("on_call", "escalation"), told)
    for number, partner in enumerate(root.partners):
        named = made.get(partner.escalation or "")
        if named is not None:
            yield from _of_partner(named, partner, ("partners", number, "escalation"), document)
    yield from _rotations(root, document)


def _misfits(
    given: models.EscalationIn, made: Escalation, at: Path, root: models.Root, document: Document
) -> Iterator[Problem]:
    kinds = {whom.kind for step in made.steps for whom in step.to}
    if kinds & OURS and kinds - OURS:
        told = "our own people and a partner's do not go together; after the last of a partner's our own are paged anyway"
        yield document.problem((*at, "steps"), told, at_key=True)
        return
    if not made.ours:
        if given.catch_all is not None:
            told = "is for our own people; after the last of a partner's contacts they are paged anyway"
            yield document.problem((*at, "catch_all"), told, at_key=True)
        return
    if made.catch_all is None:
        told = f"escalation {given.name!r} can end with nobody; name a catch_all, or on_call.fallback for all of them"
        yield document.problem(at, told)
        return
    engineer = next((one for one in root.on_call.engineers if one.id == made.catch_all.engineer), None)
    if engineer is not None and not (engineer.phone or engineer.email):
        told = (
            f"{engineer.id!r}, its catch-all, has neither phone nor email: it can end with nobody; give one"
        )
        yield document.problem((*at, "catch_all") if given.catch_all else at, told)


def _of_partner(
    named: Escalation, partner: models.PartnerIn, at: Path, document: Document
) -> Iterator[Problem]:
    if named.ours:
        yield document.problem(
            at, f"escalation {named.name!r} is for our own people; calls go to the partner's"
        )
        return
    known = {one.id for one in partner.contacts}
    for whom in (whom for step in named.steps for whom in step.to):
        if whom.kind is Kind.CONTACT and whom.name not in known:
            hint = did_you_mean(whom.name, known)
            told = f"escalation {named.name!r} names contact {whom.name!r}, and {partner.id!r} has none such{hint}"
            yield document.problem(at, told)


def unknown_escalations(settings: Settings, policies: Mapping[str, Policy]) -> Iterator[str]:
    """Yield escalations that the policies of our partners name and the configuration does not have, or not for partners."""
    known = settings.inventory.escalations
    place = settings.places.get(("escalations",), settings.places.get(("partners",), "escalations"))
    for name in sorted({partner.policy for partner in settings.inventory.partners.values()} & set(policies)):
        for cls, plan in policies[name].contact.items():
            for step in (*plan.inside, *plan.outside):
                if step.escalation is not None and step.escalation not in known:
                    told = f"there is no escalation {step.escalation!r}{did_you_mean(step.escalation, known)}"
                    yield f"{place}: policy {name}: contact.{cls}: {told}"
                elif step.escalation is not None and known[step.escalation].ours:
                    told = f"escalation {step.escalation!r} is for our own people"
                    yield f"{place}: policy {name}: contact.{cls}: {told}"


def _rotations(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield rotations without a name where there are several, and names used twice."""
    seen = {root.on_call.rotation.name or "on-call"} if root.on_call.rotation else set[str]()
    for number, one in enumerate(root.on_call.rotations):
        at: Path = ("on_call", "rotations", number)
        if one.name is None:
            yield document.problem(at, "needs a name")
        elif one.name in seen:
            yield document.problem((*at, "name"), f"a second rotation {one.name!r}")
        seen.add(one.name or "")
    known = seen or {""}
    for path, name in _named(root):
        if name not in known:
            yield document.problem(path, f"there is no rotation {name!r}{did_you_mean(name, known)}")


def _named(root: models.Root) -> Iterator[tuple[Path, str]]:
    for number, override in enumerate(root.on_call.overrides):
        if override.rotation is not None:
            yield ("on_call", "overrides", number, "rotation"), override.rotation
    for number, escalation in enumerate(root.escalations):
        for place, step in enumerate(escalation.steps):
            for which, whom in enumerate(step.to):
                if whom.rotation is not None:
                    yield ("escalations", number, "steps", place, "to", which, "rotation"), whom.rotation
