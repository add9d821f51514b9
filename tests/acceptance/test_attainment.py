"""The attainment report over a service's own record, against figures worked out by hand."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

from alerts.sandbox import Pickup
from monitor.sla_report import as_csv, as_json, as_text, sla_report
from monitor.storage.attainment import Wanted
from tests.acceptance.world import DANA, GIULIA, MARCO, NADIA

NOT_COUNTED = (
    "party",
    "partner",
    "policy",
    "class",
    "clock",
    "clocks",
    "timed",
    "median_seconds",
    "p95_seconds",
)


async def report(world, **wanted):
    until = wanted.pop("until", world.clock())
    return await sla_report(world.service.store, Wanted(until=until, **wanted))


def figures(made):
    """Return what is counted, by partner, class and clock; what is nought left out."""
    return {
        (line["partner"], line["class"], line["clock"]): {
            name: value for name, value in line.items() if value and name not in NOT_COUNTED
        }
        for line in as_json(made)["lines"]
    }


async def a_week(world):
    """Live through a Monday: two answered, one broken and taken late, one over by itself, one standing."""
    for number in (GIULIA, MARCO, NADIA):
        world.answers(number, Pickup.BUSY)
    # 10:03 critical; Giulia answers: met at once
    world.answers(GIULIA, Pickup.ANSWER)
    await world.fails("pbx-1-sip")
    await world.deliver()
    # nobody answers about the next one: due 10:36, taken by an engineer at 10:53
    world.answers(GIULIA, Pickup.BUSY)
    await world.fails("pbx-2-sip")
    opened = world.clock()
    await world.passes_time(minutes=47)
    late = await world.incident(system="PBX-2")
    await world.service.pipeline.acknowledge(late["id"], actor="nora")
    # a standard one is over before anybody took it
    await world.fails("pbx-3-few")
    await world.passes("pbx-3-few")
    # a critical one of the other partner, at five in the morning of theirs, stands unanswered
    world.answers(DANA, Pickup.BUSY)
    await world.fails("pbx-4-sip")
    await world.passes_time(minutes=10)
    return opened


async def test_the_figures_are_those_worked_out_by_hand(world):
    await a_week(world)
    made = await report(world)
    assert figures(made) == {
        ("aurora", "critical", "response"): {
            "promised": 2, "met_in_time": 1, "met_late": 1, "attainment_percent": 50.0,
        },
        ("aurora", "standard", "response"): {"promised": 1, "called_off": 1},
        ("birch", "critical", "response"): {"promised": 1, "running": 1},
    }  # fmt: skip

    (critical,) = [found for line, found in made.lines if (line.partner, line.cls) == ("aurora", "critical")]
    assert max(critical.seconds) == 47 * 60  # the late one: all of it in support hours

    # of what is asked only that is counted
    assert list(figures(await report(world, partner="birch"))) == [("birch", "critical", "response")]
    assert list(figures(await report(world, cls="standard"))) == [("aurora", "standard", "response")]
    assert figures(await report(world, clock="resolution")) == {}
    ten = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # the first was met before half past ten in Rome
    assert figures(await report(world, since=ten))[("aurora", "critical", "response")] == {
        "promised": 1,
        "met_late": 1,
    }
    early = await report(world, until=ten)
    assert figures(early) == {
        ("aurora", "critical", "response"): {
            "promised": 2, "met_in_time": 1, "running": 1, "attainment_percent": 100.0,
        },
    }  # fmt: skip

    # the CSV and the table for a terminal say the same
    rows = list(csv.DictReader(io.StringIO(as_csv(made))))
    assert [(row["partner"], row["class"], row["attainment_percent"]) for row in rows] == [
        ("aurora", "critical", "50.0"),
        ("aurora", "standard", ""),
        ("birch", "critical", ""),
    ]
    assert {row["record_clocks"] for row in rows} == {"4"}
    text = as_text(made)
    assert "50.00 %" in text
    assert text.splitlines()[-1].startswith("record: 4 clocks had begun, last event ")


async def test_every_figure_is_made_of_the_clocks_it_lists(world):
    opened = await a_week(world)
    made = as_json(await report(world, keep=True))
    clocks = {c["incident"]: c for line in made["lines"] for c in line["clocks"]}
    late = await world.incident(system="PBX-2")
    assert clocks[late["id"]] | {"id": 0} == {
        "id": 0,
        "incident": late["id"],
        "request": None,
        "outcome": "met_late",
        "started_at": f"{opened:%Y-%m-%dT%H:%M:%SZ}",
        "due": f"{opened + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}",
        "limit": None,
        "warned_at": clocks[late["id"]]["warned_at"],
        "met_at": f"{opened + timedelta(minutes=47):%Y-%m-%dT%H:%M:%SZ}",
        "called_off_at": None,
        "settled_at": f"{opened + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}",
        "paused": False,
    }
    for line in made["lines"]:
        assert len(line["clocks"]) == line["promised"]
        for outcome in ("met_in_time", "met_late", "running", "called_off"):
            assert sum(c["outcome"] == outcome for c in line["clocks"]) == line[outcome]


async def test_an_interval_that_is_over_gives_the_same_bytes_whatever_happens_later(world):
    await a_week(world)
    until = world.clock()
    before = await report(world, until=until)
    whole = await report(world, until=until, keep=True)
    await world.service.pipeline.acknowledge((await world.incident(system="PBX-4"))["id"], actor="nora")
    await world.fails("pbx-3-dead")
    await world.passes_time(minutes=600)
    after = await report(world, until=until)
    assert json.dumps(as_json(after)) == json.dumps(as_json(before))
    assert as_csv(after) == as_csv(before)
    assert as_csv(await report(world, until=until, keep=True)) == as_csv(whole)
    assert as_json(await report(world)) != as_json(before)


async def test_a_component_of_our_own_promises_nobody_anything_and_is_not_counted(world):
    await world.fails("portal-web")
    assert figures(await report(world)) == {}
