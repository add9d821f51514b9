"""Pre-approved texts as they are said: the operator's where the configuration has one, else ours, in every language.

class, stage, what it is about -> Wording (a text for each language of the page)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts import public_texts
from monitor.domain.evidence import Group
from monitor.domain.incidents import PublicState
from monitor.domain.wording import LANGUAGES, About, Kind, Wording, filled
from monitor.world import World

KINDS: Mapping[PublicState, Kind] = {
    PublicState.INVESTIGATING: Kind.INVESTIGATING,
    PublicState.IDENTIFIED: Kind.IDENTIFIED,
    PublicState.MONITORING: Kind.MONITORING,
    PublicState.RESOLVED: Kind.RESOLVED,
}
"""The text that belongs to a public state; a review is always written by somebody."""
COMPONENT = "component"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings:
    """Says the pre-approved texts in force."""

    world: World

    def say(self, cls: str, kind: Kind, about: About) -> Wording:
        """Return a text with what it is about put in, in every language."""
        ours = self.world.in_force.public_texts
        said = {
            language: filled(
                ours.get((cls, kind, language)) or public_texts.approved(cls, kind, language),
                about.values(language),
                title=kind is Kind.TITLE,
            )
            for language in LANGUAGES
        }
        return Wording(cls=cls, kind=kind, about=about, said=said)

    def of_group(self, group: Group, count: int, since: datetime) -> About:
        """Return what a group of systems is put in as."""
        name = " / ".join(self._name(one) for one in group.parts)
        return About(what=self._called(group), name=name, count=count, since=since)

    def of_components(self, ids: Iterable[str], otherwise: str, count: int, since: datetime) -> About:
        """Return what these lines of the status page are put in as; without any, what is said ``otherwise``."""
        known = self.world.in_force.inventory.components
        names = [known[id_].name for id_ in ids if id_ in known]
        name = ", ".join(names) or otherwise
        return About(what=dict.fromkeys(LANGUAGES, name), name=name, count=count, since=since)

    def _called(self, group: Group) -> Mapping[str, str]:
        """Call a group as the public knows it."""
        return {language: self._in(language, group) for language in LANGUAGES}

    def _in(self, language: str, group: Group) -> str:
        first, *rest = (self._part(language, one) for one in group.parts)
        return public_texts.both(first, rest[0], language) if rest else first

    def _part(self, language: str, one: Group) -> str:
        component = self.world.in_force.inventory.components.get(one.value)
        if component and one.dimension == COMPONENT:
            return component.name
        return public_texts.called(one.dimension, one.value, language)

    def _name(self, one: Group) -> str:
        component = self.world.in_force.inventory.components.get(one.value)
        return component.name if component and one.dimension == COMPONENT else one.value or str(one)
