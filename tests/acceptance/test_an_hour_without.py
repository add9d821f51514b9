"""Providers that are away for an hour: nothing lost, nothing doubled, nobody hammered, and our people told.

The real drivers of Request Tracker, Twilio and SMTP, over lines that are down in each of the ways there are.
"""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from monitor.storage import owing
from tests.acceptance.test_deliveries import a_mail
from tests.acceptance.without import NUMBERS, ON_CALL, FarEnds, Served, somebody
from tests.far_ends.line import Away

SLOW, DOWN = ("aurora", "birch", "elm"), ("aurora", "birch", "cedar", "dune")
MOST_ASKED = 75
"""Questions in an hour: one a minute, and a few to find out. Each row by itself would ask for more than a hundred tickets."""
SOON = timedelta(minutes=3)
SECOND = timedelta(seconds=1)


async def breaks(world: Served) -> None:
    """Let three systems be slow and four be down, and three mails be owed."""
    mails = [a_mail(f"mail {number}") for number in range(3)]
    await world.service.store.write(owing.owe, mails, world.clock())
    for name in SLOW:
        await world.fails(f"{name}-slow", times=1, symptom="degraded")
    for name in DOWN:
        await world.fails(f"{name}-down", times=1)


async def goes_on(world: Served) -> None:
    """Let one of each kind recover by itself, and one be taken by hand."""
    await world.passes("cedar-down", times=1)
    await world.passes("elm-slow", times=1, symptom="degraded")
    taken = await world.incident(system="dune-down")
    await world.service.pipeline.acknowledge(taken["id"], actor="nadia")


def asked(far: FarEnds, attempts: list[dict], away: Away) -> dict[str, int]:
    """Count what the far ends were asked; of a refused connection only our own record tells."""
    if away is not Away.REFUSED:
        return {"ticket": len(far.tickets.asked), "phone": len(far.phone.asked), "mail": len(far.mail.asked)}
    kind = {"ticket": "ticket", "mail": "mail", "phone": "phone"}
    found = dict.fromkeys(kind, 0)
    for each in attempts:
        by_mail = "@" in (each["recipient"] or "")
        found[kind.get(each["channel"], "mail" if by_mail else "phone")] += 1
    return found


async def explained(world: Served) -> None:
    """Every row that waits says that its provider is away, and until when; those in doubt say so."""
    lines = await world.waiting()
    assert lines
    assert {line.waits for line in lines} == {"provider_down"}
    assert all(line.until and line.until > world.clock() - SECOND for line in lines)
    for line in lines:
        assert "away since" in line.why or "next attempt at" in line.why
    claimed = await world.rows("outbox", state="claimed")
    assert {row["waits"] for row in claimed} <= {"doubt"}


async def is_as_owed(far: FarEnds, world: Served, returned: datetime) -> None:
    """Judge by what the far ends have, after the return."""
    incidents = {row["id"]: row for row in await world.rows("incidents")}
    opened = far.tickets_of()
    assert set(opened.values()) == {1}, "no ticket twice"
    assert {id_ for id_, row in incidents.items() if row["status"] != "resolved"} <= set(opened)
    for ticket in far.tracker.tickets:  # what was over before it was told is told to be over
        over = incidents[ticket.incident]["status"] == "resolved"
        assert (ticket.status == "resolved") == over, (ticket, incidents[ticket.incident]["system"])
    kinds = [incidents[ticket.incident]["class"] for ticket in far.tracker.tickets]
    assert kinds == sorted(kinds), "critical first"
    called = far.called()
    assert called.pop(ON_CALL, 0) <= 2, "the alarms about the two others, if the telephone is back first"
    assert called == {NUMBERS["aurora"]: 1, NUMBERS["birch"]: 1}, "nobody who is not needed, nobody twice"
    assert (
        incidents[(await world.incident(system="aurora-down"))["id"]]["acknowledged_by"]
        == "aurora-one by phone"
    )
    community = [id_ for address, id_ in far.mails.taken if address == "forum@example.org"]
    assert len(community) == len(set(community)) == 3
    states = {row["state"] for row in await world.rows("outbox")}
    assert states <= {"done", "cancelled"}, "nothing was given up, nothing waits"
    assert max(row["done_at"] for row in await world.rows("outbox")) - returned < SOON


def within_the_rate(far: FarEnds) -> None:
    """One ticket a second, one call a second: as the configuration says."""
    for line, what in ((far.tickets, b"POST /REST/2.0/ticket "), (far.phone, b"POST ")):
        times = [at for at, request in line.served if request.startswith(what)]
        assert len(times) > 1
        assert all(later - earlier >= SECOND for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    "away",
    [
        Away.SILENT,
        *(pytest.param(away, marks=pytest.mark.sampled(5)) for away in (Away.BUSY, Away.REFUSED, Away.PAGE)),
    ],
)
async def test_an_hour_without_anybody_loses_nothing_doubles_nothing_and_hammers_nobody(
    tmp_path, sqlite_url, away
):
    await an_hour(tmp_path, sqlite_url, away)


@pytest.mark.sampled(3, turns=True)
async def test_an_hour_without_anybody_is_the_same_on_postgresql(tmp_path, postgresql_url):
    await an_hour(tmp_path, postgresql_url, Away.ERROR)


async def an_hour(folder, database, away):
    async with somebody(folder, database) as far:
        async with far.service() as world:
            await far.go(away, world)
            await breaks(world)
            await world.passes_time(minutes=3)
            await world.passes_by_the_minute(12)
            await goes_on(world)
            await world.passes_by_the_minute(12)
        async with far.service() as world:  # a restart in the middle
            await world.passes_by_the_minute(23)
            await explained(world)
            attempts = await world.rows("attempts")
            counts = asked(far, attempts, away)
            assert max(counts.values()) <= MOST_ASKED, counts
            assert max(row["attempts"] for row in await world.rows("outbox")) <= 3, "it costs no attempts"
            assert (far.tickets_of(), far.called(), far.mails.taken) == ({}, {}, [])
            await far.go(None, world)
            returned = world.clock()
            await world.passes_time(minutes=5)
            await is_as_owed(far, world, returned)
            within_the_rate(far)
            took = max(row["done_at"] for row in await world.rows("outbox")) - returned
            print(f"{away.name}: asked in the hour {counts}, drained after {took.total_seconds():.0f} s")
