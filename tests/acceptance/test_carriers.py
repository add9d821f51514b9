"""W4, W6: one carrier's call drops are Standard because the evidence says so, and no true Critical is lost."""

import json

import pytest
import yaml

from monitor.domain.findings import Symptom, Verdict
from tests.acceptance.console import a_console
from tests.acceptance.storming import fall, seconds
from tests.acceptance.world import MovableClock, a_world
from tests.factories import MONDAY_AT_TEN, SATURDAY_NIGHT, a_finding

SYSTEMS, CARRIERS = 60, ("rara", "alfa", "beta", "gamma", "delta", "epsilon")
ENGINEER = "+498998765432"


def configuration(**check):
    """Sixty systems in one cloud, ten on each carrier, of three partners; each is called once a minute."""
    serials = [f"PBX-{n}" for n in range(SYSTEMS)]
    document = {
        "service": {"name": "Tocsin", "zone": "Europe/Rome", "public_url": "https://status.example.org"},
        "phone": {"driver": "sandbox", "from": "+390461171511"},
        "tickets": {"driver": "builtin"},
        "partners": [
            {"id": f"partner-{n}", "policy": "wildix", "tier": "gold", "country": "IT", "language": "it",
             "contacts": [{"id": f"anna-{n}", "name": "Anna", "phone": f"+39046190000{n}", "languages": ["it"], "hours": "always"}]}
            for n in range(3)
        ],
        "systems": [
            {"serial": serial, "partner": f"partner-{n % 3}", "country": "IT", "cloud": "eu-1", "carrier": CARRIERS[n % 6]}
            for n, serial in enumerate(serials)
        ],
        "on_call": {"engineers": [{"id": "nadia", "name": "Nadia Brandt", "phone": ENGINEER}], "fallback": "nadia"},
        "checks_defaults": {"every": "20s", "timeout": "5s", "down_after": 3, "up_after": 2},
        "checks": [
            {"name": check_of(n), "type": "tcp", "system": serial, "target": "127.0.0.1:9", "symptom": "call_drops", **check}
            for n, serial in enumerate(serials)
        ],
    }  # fmt: skip
    return str(yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))


def check_of(number):
    return f"call-{number}"


RARA = [check_of(n) for n in range(0, SYSTEMS, 6)]
EVERYONE = [check_of(n) for n in range(SYSTEMS)]


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=configuration()) as made:
        yield made


async def of_systems(world):
    return await world.rows("incidents", is_global=False)


@pytest.mark.parametrize("at", [MONDAY_AT_TEN, SATURDAY_NIGHT], ids=["in hours", "at night"])
async def test_w4_w6_one_carriers_call_drops_are_standard_by_evidence_and_nobody_is_called(
    tmp_path, sqlite_url, at
):
    async with a_world(tmp_path, sqlite_url, clock=MovableClock(at), configuration=configuration()) as world:
        await fall(world, RARA)
        await seconds(world, 15)
        await all_is_standard(world)


async def all_is_standard(world):
    incidents = await of_systems(world)
    assert len(incidents) == len(RARA)
    assert {row["class"] for row in incidents} == {"standard"}
    assert {row["needs_triage"] for row in incidents} == {False}
    assert [call for call in world.exchange.calls if call.number != ENGINEER] == []
    for row in incidents:
        decision = json.loads(row["decision"])
        assert json.loads(row["facts"])["operator_caused"] is True
        assert decision["settled"]["group"] == "carrier rara"
        assert decision["settled"]["table"][0]["failing_outside"] == 0
        assert "operator_caused is true by evidence" in decision["reasons"][0]
    (problem,) = await world.rows("incidents", is_global=True)
    assert (problem["title"], problem["public"]) == ("Carrier rara: calls drop", False)


async def test_w4_the_whole_cloud_is_not_the_carrier(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=configuration()) as world:
        await fall(world, EVERYONE)
        await seconds(world, 15)
        assert {row["class"] for row in await of_systems(world)} == {"critical"}
        (problem,) = await world.rows("incidents", is_global=True)
        assert problem["title"] == "Cloud eu-1: calls drop"


async def test_w4_a_fact_that_somebody_states_outranks_the_evidence(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=configuration(facts={"operator_caused": False})) as world:  # fmt: skip
        await fall(world, RARA)
        await seconds(world, 15)
        assert {row["class"] for row in await of_systems(world)} == {"critical"}


async def test_w4_evidence_that_is_refuted_is_taken_back_and_everybody_is_critical_again(world):
    await fall(world, RARA)
    await seconds(world, 15)
    assert {row["class"] for row in await of_systems(world)} == {"standard"}
    await fall(world, [check for check in EVERYONE if check not in RARA])
    await seconds(world, 15)
    incidents = await of_systems(world)
    assert {row["class"] for row in incidents} == {"critical"}
    assert not any("operator_caused" in json.loads(row["facts"]) for row in incidents)
    assert not any("settled" in json.loads(row["decision"]) for row in incidents)


async def test_what_an_engineer_took_before_the_evidence_was_there_keeps_its_class(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=configuration()) as world:
        await fall(world, RARA[:1])
        first = await world.incident(system="PBX-0")
        assert (first["class"], first["needs_triage"]) == ("critical", True)
        await world.service.pipeline.acknowledge(first["id"], actor="nadia")
        await fall(world, RARA[1:])
        await seconds(world, 15)
        classes = {row["system"]: row["class"] for row in await of_systems(world)}
        assert classes.pop("PBX-0") == "critical"
        assert set(classes.values()) == {"standard"}


async def test_the_evidence_is_known_again_after_a_restart(tmp_path, sqlite_url):
    clock = MovableClock()
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=configuration()) as world:
        await fall(world, RARA[:8])
        await seconds(world, 15)
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=configuration()) as world:
        told = a_finding(system="PBX-48", symptom=Symptom.CALL_DROPS, facts={}, origin="a caller", at=clock())
        await world.service.pipeline.judge(told)
        late = await world.incident(system="PBX-48")
        assert late["class"] == "standard"
        await seconds(world, 15)
        assert {row["class"] for row in await of_systems(world)} == {"standard"}


async def test_w4_whoever_is_last_to_recover_stays_critical_also_after_a_restart(tmp_path, database_url):
    others = [check for check in EVERYONE if check not in RARA]
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock, configuration=configuration()) as world:
        await fall(world, EVERYONE)
        await seconds(world, 10)
        await fall(world, others, verdict=Verdict.UP, looks=2)
        await seconds(world, 10)
        await all_of_rara_is_critical(world)
    async with a_world(tmp_path, database_url, clock=clock, configuration=configuration()) as world:
        await seconds(world, 10)
        await all_of_rara_is_critical(world)


async def all_of_rara_is_critical(world):
    open_ = [row for row in await of_systems(world) if row["status"] != "resolved"]
    assert len(open_) == len(RARA)
    assert {row["class"] for row in open_} == {"critical"}


async def test_the_page_and_the_api_show_the_evidence(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, at=MONDAY_AT_TEN, configuration=configuration()) as world:
        await fall(world, RARA)
        await seconds(world, 15)
        (one, *_) = await of_systems(world)
        (problem,) = await world.rows("incidents", is_global=True)
        nora = await world.at_the_console("nora")
        for row, rows in ((one, 6), (problem, 3)):
            page = await nora.get(f"/noc/incidents/{row['id']}")
            assert "Evidence" in page.text
            assert "carrier rara named" in page.text
            said = json.loads(row["decision"])
            assert len((said.get("settled") or said["correlation"])["table"]) == rows
        await fall(world, RARA[:4], verdict=Verdict.UP, looks=2)
        open_ = [row["system"] for row in await of_systems(world) if row["status"] != "resolved"]
        assert len(open_) == len(RARA) - 4, "each ends by itself"
