"""What a storm that is found becomes: one problem with its title, its evidence and its members, published at once or proposed.

evidence -> how the public calls it, which lines of the status page, published or a draft -> what is recorded in one transaction
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.announcing import Announcer
from monitor.domain.announcements import GlobalProblem, Impact
from monitor.domain.contacts import Obligation, page
from monitor.domain.decisions import NOC, page_entry
from monitor.domain.evidence import EVERYBODY, OWNER, Evidence, Group
from monitor.storage.storms import Found
from monitor.world import InForce, World

MAJORITY = 0.5  # of a group's members failing: more is critical, less is major
SHOWN_WITH = 0.1  # of the failing systems belong to a component: the problem is shown with it

BODY = "Many systems of {what} cannot be used as they should since {since:%H:%M} UTC. We are working on it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Puts into words and rows what a group's evidence says."""

    world: World
    new_id: Callable[[], str]
    announcer: Announcer

    def found(
        self,
        evidence: Evidence,
        members: Sequence[str],
        classes: Collection[tuple[str, str]],
        failing: Sequence[str],
        *,
        now: datetime,
    ) -> Found:
        """Return what is recorded of a storm: ``members`` are incidents of these ``classes``, ``failing`` are systems."""
        in_force, id_ = self.world.in_force, f"inc_{self.new_id()}"
        problem = self._problem(evidence, failing, public=self._publishes(evidence.group, classes))
        rules = in_force.correlation
        draft = not problem.public
        one_partners = any(
            part.dimension == OWNER for part in evidence.group.parts
        )  # nobody else would be told
        return Found(
            id=id_,
            update=f"upd_{self.new_id()}",
            problem=problem,
            evidence=evidence,
            members=members,
            tells_from=now + timedelta(seconds=rules.confirm_within if draft and not one_partners else 0),
            owed=(self._page(id_, problem, now),),
            announce=None
            if draft
            else self.announcer.compose(self.announcer.of_problem(id_, problem), now=now),
        )

    def _publishes(self, group: Group, classes: Collection[tuple[str, str]]) -> bool:
        """Whether the public hears of it at once: it is of our own making, and its most urgent class says so."""
        in_force, rules = self.world.in_force, self.world.in_force.correlation
        if group == EVERYBODY or any(part.dimension in rules.propose for part in group.parts):
            return False
        known = [one for one in classes if one[0] in in_force.policies]
        worst = min(known, key=lambda of: urgency(in_force, *of), default=None)
        cls = in_force.policies[worst[0]].classes.get(worst[1]) if worst else None
        return ((cls and cls.publish) or rules.publish) == "at_once"

    def _problem(self, evidence: Evidence, failing: Sequence[str], *, public: bool) -> GlobalProblem:
        group = evidence.group
        what = self._called(group)
        share = evidence.failing / evidence.members
        return GlobalProblem(
            title=f"{what[:1].upper()}{what[1:]}: many systems fail",
            body=BODY.format(what=what, since=evidence.first),
            impact=Impact.CRITICAL if share >= MAJORITY else Impact.MAJOR,
            components=self._components(failing),
            public=public,
        )

    def _called(self, group: Group) -> str:
        """Call a group as the public knows it."""
        component = self.world.in_force.inventory.components.get(group.value)
        return component.name if component and group.dimension == "component" else str(group)

    def _components(self, failing: Sequence[str]) -> tuple[str, ...]:
        """Return the lines of the status page that most of these systems belong to."""
        inventory = self.world.in_force.inventory
        counts: dict[str, int] = {}
        for serial in failing:
            component = inventory.systems[serial].component
            if component:
                counts[component] = counts.get(component, 0) + 1
        return tuple(sorted(name for name, count in counts.items() if count >= SHOWN_WITH * len(failing)))

    def _page(self, id_: str, problem: GlobalProblem, now: datetime) -> Obligation:
        """Let whoever is on call know, once: what was published, or what waits for their word."""
        reason = "a global problem was found" if problem.public else "a global problem is proposed"
        entry = page_entry(self.world.in_force.inventory, now, reason)
        return page(entry, id_=f"out_{self.new_id()}", dedup=f"{id_}|page|{NOC}", now=now, incident=id_)


def urgency(in_force: InForce, policy: str, cls: str) -> int:
    """Return how urgent a class of a policy is: 0 is the most."""
    classes = in_force.policies[policy].classes if policy in in_force.policies else {}
    return classes[cls].urgency if cls in classes else len(classes)
