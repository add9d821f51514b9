"""The policy explorer as an engineer uses it: a question in an address, an answer with its reasons, and nothing kept."""

import html
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.domain.decisions import decide
from monitor.domain.findings import Finding, Source, Symptom
from monitor.settings.policies import load_policies
from monitor.storage import editions
from monitor.storage.people import Role
from monitor.storage.schema import metadata
from monitor.web.calendar_weeks import WIDTH, days, holidays

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
WILDIX = POLICIES["wildix"]


@pytest.fixture
async def asked(world):
    world.policies = dict(POLICIES)
    await world.log_in(role=Role.VIEWER)

    async def ask(path, status=200):
        answer = await world.client.get(path)
        text = await answer.text()
        assert answer.status == status, text
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))

    return ask


async def test_the_answer_is_the_decision_with_its_clause_rule_deadline_and_who_is_told(world, asked):
    said = await asked(
        "/noc/policies/wildix?system=PBX-1001&symptom=call_drops&fact.operator_caused=false&fact.workaround=false&at=2026-11-24T10:00"
    )
    system = world.inventory.systems["PBX-1001"]
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)  # ten o'clock by the calendar of whoever is served
    finding = Finding(
        system=system.serial,
        symptom=Symptom.CALL_DROPS,
        source=Source.CHECK,
        summary="",
        since=at,
        at=at,
        facts={"operator_caused": False, "workaround": False},
    )
    decision = decide(WILDIX, finding, system, world.inventory, at)
    assert decision.cls == "critical"
    for words in (
        "Critical",
        f"Section {decision.clause}, rule {decision.rule}",
        "Tue 24 Nov 2026, 10:30",
        decision.contact[0].reason,
        "decides",
    ):
        assert words in said, words


async def test_an_unknown_fact_leaves_a_rule_undetermined_and_says_what_is_to_be_known(asked):
    said = await asked("/noc/policies/wildix?symptom=call_drops")
    assert "needs triage" in said
    assert "to be known: operator_caused" in said
    assert "needs triage" not in await asked(
        "/noc/policies/wildix?symptom=call_drops&fact.operator_caused=true&fact.impact=none&fact.workaround=true"
    )


async def test_a_plan_a_tier_and_a_country_are_supposed_and_another_policy_stands_beside(asked):
    said = await asked(
        "/noc/policies/plm?symptom=unreachable&fact.impact=severe&fact.workaround=false&with=wildix"
    )
    assert "Beside wildix" in said
    assert "differs" in said
    plans = POLICIES["plm"].plans
    answers = {
        plan: await asked(f"/noc/policies/plm?symptom=unreachable&plan={plan}&at=2026-11-24T10:00")
        for plan in plans
    }
    assert len(set(answers.values())) == len(plans)
    assert "America/New_York" in await asked(
        "/noc/policies/wildix?symptom=unreachable&country=US&at=2026-11-24T10:00"
    )


async def test_an_earlier_edition_is_compared_and_one_that_is_not_on_record_is_not(world, asked):
    await world.store.write(editions.keep, POLICIES.values(), world.now)
    said = await asked(f"/noc/policies/wildix?symptom=unreachable&with=edition:{WILDIX.digest}")
    assert "Beside wildix" in said
    assert "differs" not in said
    await asked("/noc/policies/wildix?with=edition:0000", 404)
    await asked("/noc/policies/wildix?with=nobody", 404)


@pytest.mark.parametrize(("query", "words"), [
    ("system=PBX-9", "There is no system PBX-9"),
    ("symptom=calldrops", "did you mean|unknown 'calldrops'"),
    ("at=yesterday", "is not ISO 8601"),
    ("fact.colour=red", "unknown fact"),
    ("fact.impact=huge", "is none of"),
    ("plan=gold", "has no plan"),
    ("colour=red", "Unknown: colour"),
])  # fmt: skip
async def test_what_cannot_be_tried_says_why_in_a_sentence(asked, query, words):
    assert re.search(words, await asked(f"/noc/policies/wildix?{query}", 422))


async def test_a_part_of_a_name_leads_to_the_systems_it_may_mean(asked):
    assert "Meant: PBX-1001" in await asked("/noc/policies/wildix?system=PBX-1", 422)


async def test_what_is_typed_is_shown_as_text(world, asked):
    await asked("/noc/policies")
    answer = await world.client.get("/noc/policies/wildix", params={"system": "<script>alert(1)</script>"})
    assert "<script>alert" not in await answer.text()
    assert (await world.client.get("/noc/policies/nobody")).status == 404


async def test_nothing_is_recorded(world, asked):
    def count(connection):
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
            if table.name != "sessions"
        }

    before = await world.store.read(count)
    for name in POLICIES:
        await asked(f"/noc/policies/{name}?symptom=unreachable")
    assert await world.store.read(count) == before


def test_a_day_on_which_the_clocks_change_is_drawn_as_long_as_it_is():
    week = days(WILDIX.calendars["emea"], datetime(2026, 10, 23, 22, tzinfo=UTC))
    assert [day.day for day in week] == [date(2026, 10, 24 + n) for n in range(7)]
    assert "25 hours" in week[1].special
    assert week[1].ticks[0] == round(WIDTH * 7 / 25, 1)
    assert week[0].ticks[0] == WIDTH / 4
    assert all(0 <= bar.x <= bar.x + bar.width <= WIDTH for day in week for bar in day.open)
    assert week[2].said == "open 09:00\N{EN DASH}18:00"


def test_holidays_of_the_coming_year_are_listed_with_why():
    for policy in POLICIES.values():
        for calendar in policy.calendars.values():
            for day, why in holidays(calendar, date(2026, 11, 26)):
                assert calendar.openings(day) != calendar.weekly[day.weekday()], (day, why)
