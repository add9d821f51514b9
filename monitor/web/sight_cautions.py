"""What the board says of our own sight: that we are cut off, that anchors do not answer."""

from collections.abc import Collection, Iterator, Sequence

from monitor.metrics import Metrics
from monitor.storage.blindness import Spell
from monitor.storage.one_place import OnePlace
from monitor.web.board import Caution


def sight_cautions(spells: Sequence[Spell], metrics: Metrics) -> Iterator[Caution]:
    """Yield what a shift must know of our own sight before it believes the board."""
    for spell in spells:
        text = (
            f"Since {spell.since:%Y-%m-%d %H:%M} UTC ({spell.who}): {spell.why}. "
            "Looks that fail are not believed, and nobody is contacted about them: what they would say is unknown."
        )
        yield Caution(
            tone="bad", title="We cannot see out ourselves", text=text, path="/noc/checks?state=unknown"
        )
    sample = metrics.registry.get_sample_value
    of, answering = int(sample("tocsin_anchors") or 0), int(sample("tocsin_anchors_answering") or 0)
    if answering < of and not spells:
        text = f"{answering} of {of} answer. We still see out; look whether those that do not are well."
        yield Caution(tone="warn", title="Reference targets do not answer", text=text)


def vantage_cautions(spells: Sequence[OnePlace], blind: Collection[str]) -> Iterator[Caution]:
    """Yield what is seen from one place only, and the vantages that cannot look."""
    if spells:
        first = spells[0]
        named = ", ".join(one.check for one in spells[:_MOST_NAMED])
        more = f" and {len(spells) - _MOST_NAMED} more" if len(spells) > _MOST_NAMED else ""
        text = (
            f"{named}{more}, since {first.since:%Y-%m-%d %H:%M} UTC: {first.why}. No customer is contacted about that; "
            "look at our own way there."
        )
        yield Caution(tone="warn", title="Seen from one place only", text=text, path="/noc/checks")
    if blind:
        text = f"{'; '.join(sorted(blind))}. Second looks from there count neither way: what fails here is believed as before."
        yield Caution(tone="warn", title="A vantage cannot see out", text=text)


_MOST_NAMED = 5
