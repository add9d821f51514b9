"""What a service recorded, decided again under another policy: by hand, and beside the running service."""

import asyncio
import csv
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.backtest import Backtest, Totals
from monitor.cli import main
from monitor.domain.findings import Source, Symptom
from monitor.domain.registered import RegisteredSystem
from monitor.settings.policies import load_policies
from monitor.storage import registry_rows, replay, schema
from monitor.storage.replay import Span
from tests.acceptance.world import a_world
from tests.factories import SATURDAY_NIGHT, a_finding

ROOT = Path(__file__).parents[2]
WILDIX = load_policies([ROOT / "config" / "policies"])["wildix"]


def edited(old, new):
    """Return the shipped policy with one thing said otherwise."""
    text = WILDIX.text
    assert old in text, old
    from monitor.settings.policies import edition

    return edition(text.replace(old, new, 1))


async def tried(world, policy, **span):
    """Return every outcome that is worth telling, and the totals."""
    in_force = world.service.pipeline.world.in_force
    test = Backtest(tried=policy, in_force=in_force.policies["wildix"], inventory=in_force.inventory)
    totals, told = Totals(), []
    until = span.pop("until", world.clock() + timedelta(days=365))
    async for outcome in test.outcomes(world.service.store, Span(policy="wildix", until=until, **span)):
        totals.add(outcome)
        if outcome.changes or outcome.unknowable:
            told.append(outcome)
    return told, totals


async def some_days(world):
    """Record an outage by day, one of our own, one by night, one under triage, one that joins another."""
    await world.fails("pbx-1-sip")
    await world.fails("pbx-1-web")  # joins it
    await world.fails("pbx-3-few")
    await world.fails("portal-web")
    world.clock.now = SATURDAY_NIGHT
    await world.fails("pbx-2-sip")
    judge = world.service.pipeline.judge
    await judge(
        a_finding("PBX-3", at=world.clock(), symptom=Symptom.CALL_DROPS, source=Source.ALERT, origin="a")
    )
    await judge(a_finding("PBX-4", at=world.clock() - timedelta(hours=9), symptom=Symptom.CRASH, origin="b"))
    await world.deliver()


def brief(outcome):
    return {change.what: (change.was, change.would_be) for change in outcome.changes}


async def test_under_the_policy_in_force_nothing_would_be_decided_otherwise(world):
    await some_days(world)
    told, totals = await tried(world, WILDIX)
    assert told == []
    assert (totals.tried["finding"], totals.differ["finding"]) == (len(await world.rows("findings")), 0)


async def test_every_decision_that_would_differ_is_listed_with_what_it_was_and_would_be(world):
    await some_days(world)
    told, totals = await tried(world, edited("support_time: 30m", "support_time: 1h"))
    at_ten = [o for o in told if o.at < SATURDAY_NIGHT]
    # 10:03 in Rome and 10:06, both within support hours: half an hour later
    assert [brief(o) for o in at_ten] == [
        {"respond_by": ("2026-11-23T09:33:00Z", "2026-11-23T10:03:00Z")},
        {"respond_by": ("2026-11-23T09:36:00Z", "2026-11-23T10:06:00Z")},
    ]
    # by night: half an hour and an hour after Monday's opening
    night = [brief(o) for o in told if o.at >= SATURDAY_NIGHT]
    assert night[0] == {"respond_by": ("2026-11-30T08:30:00Z", "2026-11-30T09:00:00Z")}
    assert totals.differ["finding"] == len(told)
    assert totals.by_what == {"respond_by": len(told)}
    assert not any(outcome.already for outcome in told)


async def test_class_and_channel_differ_where_a_rule_or_a_contact_plan_is_changed(world):
    await some_days(world)
    night = edited('{channel: phone, language: en, clause: "2.2"}\n      - {channel: ticket, clause: "4"}', '{channel: ticket, clause: "4"}')  # fmt: skip
    told, _ = await tried(world, night)
    outage = next(o for o in told if o.at >= SATURDAY_NIGHT)
    assert brief(outage) == {"contact": (["phone to aurora", "ticket to aurora"], ["ticket to aurora"])}

    rules = replace(WILDIX, rules=(*WILDIX.rules[:2], *WILDIX.rules[3:]))  # a cloud system is like any other
    told, _ = await tried(world, rules)
    by_day = brief(told[0])
    assert by_day["rule"] == ("cloud-unreachable", "business-severely-impacted")
    assert by_day["needs_triage"] == (False, True)
    assert by_day["contact"][1][0] == "page to noc"


async def test_a_rule_that_only_has_another_name_is_counted_apart(world):
    await some_days(world)
    renamed = replace(WILDIX, rules=tuple(replace(r, name=f"{r.name}-x") for r in WILDIX.rules))
    told, totals = await tried(world, renamed)
    assert {change.what for outcome in told for change in outcome.changes} == {"rule"}
    assert (totals.differ["finding"], totals.cited_otherwise["finding"]) == (0, len(told))


async def test_what_the_inventory_changed_is_not_laid_to_the_new_policy(world):
    await some_days(world)
    in_force = world.service.pipeline.world.in_force
    systems = {
        **in_force.inventory.systems,
        "PBX-1": replace(in_force.inventory.systems["PBX-1"], cloud=None),
    }
    del systems["PBX-2"]
    moved = replace(in_force.inventory, systems=systems)
    test = Backtest(tried=WILDIX, in_force=WILDIX, inventory=moved)
    span = Span(policy="wildix", until=world.clock() + timedelta(days=1))
    told = [o async for o in test.outcomes(world.service.store, span) if o.changes or o.unknowable]
    assert [(o.already, o.unknowable) for o in told] == [
        (True, None),
        (True, None),
        (False, "system PBX-2 is not in the inventory any more"),
    ]
    other = {
        **in_force.inventory.partners,
        "aurora": replace(in_force.inventory.partners["aurora"], policy="plm"),
    }
    test = Backtest(tried=WILDIX, in_force=WILDIX, inventory=replace(in_force.inventory, partners=other))
    told = [o async for o in test.outcomes(world.service.store, span) if o.unknowable]
    assert {o.unknowable for o in told} == {"partner aurora is under policy plm now"}


DAMAGE = {
    "facts that are cut off": {"facts": '{"impact": '},
    "facts that are a list": {"facts": "[]"},
    "a decision that is cut off": {"decision": '{"class": "crit'},
    "a decision that is text": {"decision": '"critical"'},
    "a decision of another shape": {"decision": '{"class": "critical", "contact": 7}'},
    "a symptom that nobody knows": {"symptom": "gremlins"},
    "a source that nobody knows": {"source": "hearsay"},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_row_is_told_and_the_others_are_tried(tmp_path, sqlite_url, damage):
    async with a_world(tmp_path, sqlite_url) as world:
        await world.fails("pbx-1-sip")
        await world.fails("pbx-2-sip")
        (first, _) = await world.rows("findings")

        def harm(c):
            table = schema.findings
            c.execute(sa.update(table).where(table.c.id == first["id"]).values(damage))

        await world.service.store.write(harm)
        told, totals = await tried(world, WILDIX)
        assert [(o.id, bool(o.unknowable)) for o in told] == [(first["id"], True)]
        assert (totals.tried["finding"], totals.unknowable["finding"]) == (2, 1)


async def test_of_a_finding_from_before_decisions_were_kept_the_class_is_compared(world):
    await world.fails("pbx-1-sip")
    await world.service.store.write(
        lambda c: c.execute(sa.update(schema.findings).values(decision=None, decided_at=None))
    )
    assert (await tried(world, WILDIX))[0] == []
    told, _ = await tried(world, replace(WILDIX, rules=WILDIX.rules[-1:]))
    assert [brief(o) for o in told] == [{"class": ("critical", "standard")}]


async def test_the_record_is_walked_a_page_at_a_time_and_only_the_interval(world):
    await some_days(world)
    pages = []
    read = world.service.store.read

    async def watched(fn, *args):
        found = await read(fn, *args)
        if fn in (replay.finding_page, replay.request_page):
            pages.append(len(found))
        return found

    world.service.store.read = watched
    _, totals = await tried(world, WILDIX, limit=2)
    assert max(pages) == 2
    assert sum(pages) == totals.tried["finding"] == 7
    _, totals = await tried(world, WILDIX, since=SATURDAY_NIGHT)
    assert totals.tried["finding"] == 3
    _, totals = await tried(world, WILDIX, until=SATURDAY_NIGHT)
    assert totals.tried["finding"] == 4


async def test_the_command_tells_it_as_text_json_and_csv_beside_the_running_service(
    tmp_path, sqlite_url, capsys
):
    async with a_world(tmp_path, sqlite_url) as world:
        await some_days(world)
        new = tmp_path / "next.yaml"
        new.write_text(WILDIX.text.replace("support_time: 30m", "support_time: 1h"))
        config = tmp_path / "site.yaml"
        config.write_text(f'database: "{sqlite_url}"\n' + world.path.read_text())
        command = ["policy", "backtest", str(new), "-c", str(config), "--until", "2026-11-24"]

        async def run(*more):
            status = await asyncio.to_thread(main, [*command, *more])
            return status, capsys.readouterr()

        status, said = await run()
        assert status == 0
        assert "  respond_by      2026-11-23T09:33:00Z  ->  2026-11-23T10:03:00Z" in said.out
        assert (
            "4 findings tried: 2 would be decided otherwise, 0 the same by another rule or section, 0 not known"
            in said.out
        )
        status, said = await run("--json")
        told = json.loads(said.out)
        assert (told["policy"], told["until"], told["inventory"]) == (
            "wildix",
            "2026-11-24T00:00:00Z",
            "as it is now in force",
        )
        assert told["totals"]["finding"] == {
            "tried": 4,
            "differ": 2,
            "cited_otherwise": 0,
            "already": 0,
            "unknowable": 0,
        }
        assert [d["changes"][0]["what"] for d in told["differences"]] == ["respond_by", "respond_by"]
        assert (await run("--json"))[1].out == said.out
        status, said = await run("--csv", str(tmp_path / "list.csv"))
        rows = list(csv.DictReader((tmp_path / "list.csv").read_text().splitlines()))
        assert [(row["what"], row["was"]) for row in rows] == [
            ("respond_by", "2026-11-23T09:33:00Z"),
            ("respond_by", "2026-11-23T09:36:00Z"),
        ]
        await world.service.store.write(
            registry_rows.save_system,
            RegisteredSystem(serial="PBX-1", partner="aurora", about={"cloud": None}),
            world.clock(),
            "giulia",
        )  # what was registered since is in force, too: the system is on the customer's premises now
        shipped = ["policy", "backtest", "wildix", "-c", str(config), "--until", "2026-11-24"]
        assert await asyncio.to_thread(main, shipped) == 0
        assert "of these, 2 differ under the policy in force, too" in capsys.readouterr().out
        status, said = await run("--json", "--csv", "x")
        assert (status, said.out) == (2, "")
        new.write_text(WILDIX.text.replace("policy: wildix", "policy: wildicks"))
        status, said = await run("--json")
        assert (status, said.out) == (1, "")
        assert "nothing on record was decided under a policy named 'wildicks'; there are wildix" in said.err


async def test_no_requests_and_no_findings_is_told(world):
    assert await world.service.store.read(replay.policies) == []
