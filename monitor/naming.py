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
from monitor.domain.wording import Kind
from monitor.storage.storms import Found
from monitor.wordings import Wordings
from monitor.world import InForce, World

MAJORITY = 0.5  # of a group's members failing: more is critical, less is major
SHOWN_WITH = 0.1  # of the failing systems belong to a component: the problem is shown with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Puts into words and rows what a group's evidence says."""

    world: World
    new_id: Callable[[], str]
    announcer: Announcer
    wordings: Wordings

    def found(
        self,
        evidence: Evidence,
        members: Sequence[str],
        classes: Collection[tuple[str, str]],
        failing: Sequence[str],
        symptom: str,
        *,
        now: datetime,
    ) -> Found:
        """Return what is recorded of a storm: ``members`` are incidents of these ``classes``, ``failing`` are systems.

        ``symptom`` is what most of them are about.
        """
        in_force, id_ = self.world.in_force, f"inc_{self.new_id()}"
        problem = self._problem(evidence, failing, symptom, public=self._publishes(evidence.group, classes))
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

    def _problem(
        self, evidence: Evidence, failing: Sequence[str], symptom: str, *, public: bool
    ) -> GlobalProblem:
        share = evidence.failing / evidence.members
        about = self.wordings.of_group(evidence.group, evidence.failing, evidence.first)
        titled = self.wordings.say(symptom, Kind.TITLE, about)
        worded = self.wordings.say(symptom, Kind.INVESTIGATING, about)
        return GlobalProblem(
            title=titled.english,
            body=worded.english,
            titled=titled,
            worded=worded,
            impact=Impact.CRITICAL if share >= MAJORITY else Impact.MAJOR,
            components=self._components(failing),
            public=public,
        )

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
