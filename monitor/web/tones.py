"""How a class looks: a tone (which has a shape of its own) and a rank, by its own policy's order."""

from monitor.domain.policy import Policy

TONES = ("critical", "major", "minor", "standard")
NO_CLASS = 50  # what nobody classified stands below the urgent and above nothing


def tone_of(cls: str | None, policy: Policy | None) -> tuple[str, int]:
    """Return how a class looks and how urgent it is, by its own policy's order."""
    known = policy.classes.get(cls) if policy and cls else None
    if policy is None or known is None:
        return ("critical", 0) if cls == "critical" else ("neutral", NO_CLASS)
    ordered = sorted(policy.classes.values(), key=lambda each: each.urgency)
    place = ordered.index(known)
    if known.analyse_now:
        return "critical", place
    tones = TONES[-len(ordered) :] if len(ordered) < len(TONES) else TONES
    return tones[min(place, len(tones) - 1)], place
