"""Whom a contact goes to next: every outcome, every end; against an oracle that walks the rounds one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import chains
from monitor.domain.escalation import (
    NOT_ME,
    Calls,
    CatchAll,
    Chain,
    Escalation,
    Kind,
    Lead,
    Outcome,
    Patience,
    Person,
    PlannedStep,
    Position,
    Step,
    Turn,
    Whom,
    as_json,
    begin,
    follow,
    from_json,
    position_as_json,
    position_from_json,
)
from monitor.domain.inventory import Contact, Engineer, OnCall
from monitor.domain.rota import Rotation, Shift

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
A, B, C = (Person(contact=name, to=f"+{n}", language="en", name=name) for n, name in enumerate("abc", 1))
NOBODY: tuple[Person, ...] = ()


def nobody(_rotation: str, _at: datetime) -> tuple[Person, ...]:
    return NOBODY


def a_chain(*people: Person, **other: object) -> Chain:
    return Chain(name="c", steps=tuple(Step(whom=(one,), label=one.name) for one in people), **other)


def after(
    chain: Chain, outcome: Outcome, position: Position | None = None, *, attempts: int = 1, who: str = "a"
):
    at = position or Position(since=NOW)
    return follow(chain, at, outcome, now=NOW, attempts=attempts, on_duty=nobody, who=who)


def seconds(found) -> float | None:
    return None if found.at is None else (found.at - NOW).total_seconds()


SAME_TWICE = {Outcome.NO_ANSWER: Lead(after=60, same=2)}
LATER = {Outcome.BUSY: Lead(after=30)}


@pytest.mark.parametrize(
    ("chain", "outcome", "position", "who", "at"),
    [
        pytest.param(a_chain(A, B), Outcome.BUSY, {}, "b", 0, id="busy: the next at once"),
        pytest.param(a_chain(A, B), Outcome.NO_KEY, {}, "b", 0, id="voicemail: the next at once"),
        pytest.param(a_chain(A, B, leads=LATER), Outcome.BUSY, {}, "b", 30, id="busy: the next after a delay"),
        pytest.param(a_chain(A, B, leads=LATER), Outcome.HUNG_UP, {}, "b", 0, id="the others still at once"),
        pytest.param(a_chain(A, B, leads=SAME_TWICE), Outcome.NO_ANSWER, {}, "a", 60, id="the same again"),
        pytest.param(a_chain(A, B, leads=SAME_TWICE), Outcome.NO_ANSWER, {"tries": 1}, "a", 60, id="and again"),
        pytest.param(a_chain(A, B, leads=SAME_TWICE), Outcome.NO_ANSWER, {"tries": 2}, "b", 0, id="then the next"),
        pytest.param(a_chain(A, B, leads=SAME_TWICE), Outcome.BUSY, {"tries": 1}, "b", 0, id="another end: the next"),
        pytest.param(a_chain(A, B, pauses=(60, 120)), Outcome.BUSY, {"step": 1}, "a", 60, id="round again after a pause"),
        pytest.param(a_chain(A, B, pauses=(60, 120)), Outcome.BUSY, {"step": 1, "round": 2}, "a", 120, id="a longer one"),
        pytest.param(a_chain(A, B, pauses=(60, 120)), Outcome.BUSY, {"step": 1, "round": 9}, "a", 120, id="the last repeats"),
        pytest.param(a_chain(A, B, rounds=1), Outcome.BUSY, {"step": 1}, None, None, id="once round, then the end"),
        pytest.param(a_chain(A, attempts=1), Outcome.BUSY, {}, None, None, id="the attempts are used up"),
        pytest.param(a_chain(A, A, B, pauses=(60,)), Outcome.REFUSED, {}, "b", 0, id="who refuses is not asked next"),
        pytest.param(a_chain(A, pauses=(60,)), Outcome.REFUSED, {}, "a", 60, id="unless there is nobody else"),
        pytest.param(Chain(name="c", steps=()), Outcome.BUSY, {}, None, None, id="no step at all"),
    ],
)  # fmt: skip
def test_what_an_end_leads_to(chain, outcome, position, who, at):
    found = after(chain, outcome, Position(since=NOW, **position))
    assert (found.people[0].contact if found.people else None, seconds(found)) == (who, at)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_steps_delay_is_waited_for_unless_it_was_refused(outcome):
    slow = Chain(name="c", steps=(Step(whom=(A,), delay=300), Step(whom=(B,))))
    started = Position(since=NOW - timedelta(seconds=100))
    assert seconds(after(slow, outcome, started)) == (0 if outcome in NOT_ME else 200)


def test_an_empty_step_is_left_out_at_once_and_named():
    steps = (
        Step(whom=(A,)),
        Step(whom=(Turn(rotation="night"),), delay=600, label="rotation night"),
        Step(whom=(B,)),
    )
    found = after(Chain(name="c", steps=steps), Outcome.NO_ANSWER)
    assert (found.people, seconds(found), found.skipped) == ((B,), 0, ("rotation night",))


def test_a_chain_of_empty_steps_ends_with_its_catch_all_and_not_in_a_circle():
    empty = Step(whom=(Turn(rotation="gone"),), label="rotation gone")
    chain = Chain(
        name="c", steps=(empty, empty), rounds=3, last=Step(whom=(C,)), last_times=2, last_every=300
    )
    first = begin(chain, NOW, nobody)
    assert (first.people, first.at, first.skipped) == ((C,), NOW, ("rotation gone",))
    again = after(chain, Outcome.NO_ANSWER, first.position)
    assert (again.people, seconds(again)) == ((C,), 300)
    assert after(chain, Outcome.NO_ANSWER, again.position).at is None


def test_whoever_is_on_call_is_asked_for_when_the_step_begins():
    engineers = {
        name: Engineer(id=name, name=name, phone=f"+{n}") for n, name in enumerate(("ada", "ben"), 1)
    }
    turn = NOW + timedelta(seconds=120)
    rota = OnCall(
        engineers=engineers,
        rotations=(Rotation(name="r"),),
        shifts=(
            Shift(engineer="ada", start=NOW - timedelta(days=1), end=turn),
            Shift(engineer="ben", start=turn, end=NOW + timedelta(days=1)),
        ),
    )
    chain = Chain(name="c", steps=(Step(whom=(Turn(rotation="r"),), delay=120),) * 2)
    first = begin(chain, NOW, chains.on_duty(rota))
    found = follow(
        chain, first.position, Outcome.BUSY, now=NOW, attempts=1, on_duty=chains.on_duty(rota), who="ada"
    )
    assert (first.people[0].contact, found.people[0].contact) == ("ada", "ben")


def test_several_at_once_are_each_named_once():
    both = Chain(name="c", steps=(Step(whom=(A, B, A, Person(contact="x", to=None, language="en"))),))
    assert begin(both, NOW, nobody).people == (A, B)


LEADS = st.dictionaries(
    st.sampled_from([one for one in Outcome if one is not Outcome.NOT_DIALLED]),
    st.builds(Lead, after=st.integers(0, 300).map(float), same=st.integers(0, 3)),
)
STEPS = st.lists(
    st.builds(
        Step,
        whom=st.lists(st.sampled_from([A, B, C]), max_size=2).map(tuple),
        delay=st.none() | st.integers(0, 600).map(float),
        label=st.sampled_from(["one", "two"]),
    ),
    max_size=4,
).map(tuple)
CHAINS = st.builds(
    Chain,
    name=st.just("c"),
    steps=STEPS,
    leads=LEADS,
    rounds=st.integers(1, 3),
    attempts=st.none() | st.integers(1, 9),
    pauses=st.lists(st.integers(0, 300).map(float), max_size=3).map(tuple),
    last=st.none() | st.just(Step(whom=(C,))),
    last_times=st.integers(1, 3),
    last_every=st.integers(0, 300).map(float),
)


@given(chain=CHAINS, outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=60, max_size=60))
def test_every_walk_ends_never_goes_back_in_time_and_leaves_nobody_out(chain, outcomes):
    now, found, made = NOW, begin(chain, NOW, nobody), []
    for attempts, outcome in enumerate(outcomes, 1):
        if found.at is None:
            break
        assert found.at >= now
        assert found.people
        made.append((found.position, found.people[0].contact))
        now = found.at
        found = follow(
            chain,
            found.position,
            outcome,
            now=now,
            attempts=attempts,
            on_duty=nobody,
            who=found.people[0].contact,
        )
    assert found.at is None, "it ends"
    places = [(p.last, p.round, p.step, p.tries) for p, _ in made]
    assert places == sorted(places), "rounds, steps and tries go forward only"
    if chain.attempts is None:
        there = {(p.round, p.step) for p, _ in made if not p.last}
        wanted = {
            (r, s) for r in range(1, chain.rounds + 1) for s, step in enumerate(chain.steps) if step.whom
        }
        refused = any(outcome in NOT_ME for outcome in outcomes[: len(made)])
        assert there == wanted or refused, "every step of every round was gone"
        assert sum(1 for p, _ in made if p.last and not p.tries) == (chain.last_times if chain.last else 0)


@given(
    chain=CHAINS,
    position=st.builds(Position, step=st.integers(0, 9), tries=st.integers(0, 9), since=st.just(NOW)),
)
def test_what_is_kept_is_what_it_was(chain, position):
    assert from_json(as_json(chain)) == chain
    assert position_from_json(position_as_json(position)) == position


# -- made of configuration ------------------------------------------------------------------------------

GIULIA = Contact(id="giulia", name="Giulia", phone="+391", role="administrative", languages=("it",))
MARCO = Contact(id="marco", name="Marco", phone="+392")
MAILED = Contact(id="mailed", name="Mailed", email="m@x.example", role="administrative")


def to(kind: Kind, name: str = "") -> Whom:
    return Whom(kind=kind, name=name)


@pytest.mark.parametrize(
    ("steps", "who"),
    [
        pytest.param([(to(Kind.CONTACTS),)], [["giulia"], ["marco"]], id="contacts in order, one after the other"),
        pytest.param([(to(Kind.CONTACT, "marco"),)], [["marco"]], id="one contact"),
        pytest.param([(to(Kind.CONTACT, "marco"), to(Kind.CONTACT, "giulia"))], [["marco", "giulia"]], id="at once"),
        pytest.param([(to(Kind.ROLE, "administrative"),)], [["giulia"]], id="a role: those with a number"),
        pytest.param([(to(Kind.ROLE, "nobody"),), (to(Kind.CONTACTS),)], [[], ["giulia"], ["marco"]], id="an empty step stays one"),
        pytest.param([(to(Kind.CONTACT, "mailed"),)], [[]], id="a contact without a number"),
    ],
)  # fmt: skip
def test_a_partners_escalation_becomes_steps(steps, who):
    made = chains.of_partner(
        Escalation(name="e", steps=tuple(PlannedStep(to=one) for one in steps)),
        Calls(),
        Patience(),
        in_order=(GIULIA, MARCO),
        listed=(GIULIA, MARCO, MAILED),
        language="it",
    )
    assert [[one.contact for one in step.whom] for step in made.steps] == who
    assert made.rounds == 1


def test_without_an_escalation_contacts_are_called_in_order_until_the_attempts_are_used_up():
    made = chains.of_partner(None, Calls(), Patience(), in_order=(MARCO, GIULIA), listed=(), language="it")
    assert [step.whom[0].contact for step in made.steps] == ["marco", "giulia"]
    assert (made.rounds, made.attempts, made.pauses) == (None, 6, (60.0, 120.0, 300.0))


def test_a_policys_rounds_and_pauses_stand_over_how_hard_is_tried_anyway():
    calls = Calls(rounds=2, pauses=(30.0,))
    made = chains.of_partner(None, calls, Patience(), in_order=(MARCO,), listed=(), language="it")
    assert (made.rounds, made.attempts, made.pauses) == (2, None, (30.0,))


def test_our_own_escalation_ends_with_its_catch_all():
    nadia = Engineer(id="nadia", name="Nadia", phone="+49")
    escalation = Escalation(
        name="e",
        steps=(PlannedStep(to=(to(Kind.ROTATION, "night"),), delay=120.0),),
        repeat=1,
        catch_all=CatchAll(engineer="nadia", times=3, every=60.0),
    )
    made = chains.of_ours(OnCall(engineers={"nadia": nadia}), escalation)
    assert made.steps == (Step(whom=(Turn(rotation="night"),), delay=120.0, label="rotation night"),)
    assert (made.rounds, made.last, made.last_times, made.last_every) == (
        2,
        Step(whom=(chains.one_of_ours(nadia),), label="engineer nadia"),
        3,
        60.0,
    )
