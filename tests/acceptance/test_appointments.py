"""An appointment from triage to its charge: offered within what is promised, invited by mail, moved, held, paid once."""

import base64
import json
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from aiohttp.test_utils import TestClient, TestServer

from monitor.appointing import Appointing
from monitor.domain.appointments import AppointmentStatus
from monitor.domain.ledger import Stamp
from monitor.domain.request_life import Outcome
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import ledger, people
from tests.acceptance.desks import DESK, a_filing
from tests.acceptance.world import MovableClock, a_world
from tests.factories import an_id

TEN_IN_NEW_YORK = datetime(2026, 11, 24, 15, 7, tzinfo=UTC)
"""Seven past ten on a Tuesday; the museum's desk opens at eight, Thursday is Thanksgiving and no holiday of the policy."""
NEXT_DAY = datetime(2026, 11, 25, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(
        tmp_path, database_url, clock=MovableClock(TEN_IN_NEW_YORK), configuration=DESK
    ) as made:
        yield made


def at_work(world) -> Appointing:
    return Appointing(desk=world.service.desk)


async def triaged(world):
    """File what the museum asks and let triage say appointment; return the request's id."""
    fields = {"message": "We want to move to the new version.", "subject": "Upgrade"}
    filed = await world.service.desk.file(a_filing(contact="mia", fields=fields))
    await world.service.casework.triage(filed.id, Outcome.APPOINTMENT, actor="nadia")
    return filed.id


async def invitations(world):
    """Return the calendar entries that were mailed, in order."""
    rows = [json.loads(row["payload"]) for row in await world.rows("outbox") if row["kind"] == "answer"]
    found = [base64.b64decode(row["calendar"]) for row in rows if row.get("calendar")]
    calendars = [icalendar.Calendar.from_ical(each) for each in found]
    return [(str(each["METHOD"]), each.walk("VEVENT")[0]) for each in calendars]


async def has(world):
    return await world.service.store.read(ledger.balance, "museum")


async def test_h1_h2_h4_an_appointment_from_triage_to_its_charge(world):
    stamp = Stamp(id=f"led_{an_id()}", partner="museum", at=world.clock())
    await world.service.store.write(ledger.purchase, stamp, 20, reference="INV-1")
    request = await triaged(world)
    slots = await at_work(world).slots(request, technician="tomas")
    assert slots[0].start == datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
    assert slots[-1].start == datetime(2026, 11, 26, 15, tzinfo=UTC)

    made = await at_work(world).book(request, NEXT_DAY, actor="nadia", technician="tomas")
    assert NEXT_DAY not in [slot.start for slot in await at_work(world).slots(request, technician="tomas")]
    moved = await at_work(world).move(request, made.id, NEXT_DAY + HOUR, actor="nadia")
    world.clock.now = NEXT_DAY + 4 * HOUR
    for _ in range(2):  # told twice
        held = await at_work(world).hold(
            request, made.id, NEXT_DAY + HOUR, NEXT_DAY + HOUR + timedelta(minutes=91), actor="tomas"
        )
    assert (moved.sequence, held.status) == (1, AppointmentStatus.HELD)
    assert (
        await has(world) == 20 - 4
    )  # two for the first hour, one for each half hour begun: 31 minutes are two

    (first, booked), (second, again) = await invitations(world)
    assert (first, second, booked["UID"]) == ("REQUEST", "REQUEST", again["UID"])
    assert (booked["SEQUENCE"], again["SEQUENCE"]) == (0, 1)
    assert again.decoded("DTSTART") == NEXT_DAY + HOUR
    assert again["DTSTART"].params["TZID"] == "America/New_York"
    assert (str(again["ATTENDEE"]), again["ATTENDEE"].params["CN"]) == (
        "mailto:mia@museum.example",
        "Mia Stone",
    )
    (row,) = await world.rows("requests")
    assert (row["charge"], row["outcome"]) == (4, "appointment")
    told = [row["kind"] for row in await world.rows("events", request=request)]
    assert told.count("appointment.held") == told.count("request.charged") == 1
    assert [kind for kind in told if kind.startswith("appointment")] == [
        "appointment.booked", "appointment.moved", "appointment.held"]  # fmt: skip


async def test_h1_calling_off_cancels_the_calendar_entry_and_costs_nothing(world):
    request = await triaged(world)
    made = await at_work(world).book(request, NEXT_DAY, actor="nadia")
    for _ in range(2):
        await at_work(world).cancel(request, made.id, actor="nadia")
    (_, booked), (method, off) = await invitations(world)
    assert (method, off["STATUS"], off["SEQUENCE"], off["UID"]) == ("CANCEL", "CANCELLED", 1, booked["UID"])
    assert await has(world) == 0
    served = icalendar.Calendar.from_ical(await at_work(world).ics(request))
    assert served["METHOD"] == "CANCEL"


async def test_h1_a_request_is_not_closed_while_somebody_is_expected(world):
    request = await triaged(world)
    made = await at_work(world).book(request, NEXT_DAY, actor="nadia", technician="tomas")
    with pytest.raises(ConflictError, match="there is an appointment at 2026-11-25"):
        await world.service.casework.close(request, actor="nadia")
    await at_work(world).cancel(request, made.id, actor="nadia")
    assert (await world.service.casework.close(request, actor="nadia")).status == "closed"


async def test_h1_an_appointment_is_of_its_own_request_only(world):
    request, other = await triaged(world), await triaged(world)
    made = await at_work(world).book(request, NEXT_DAY, actor="nadia")
    for move in (
        at_work(world).cancel(other, made.id, actor="nadia"),
        at_work(world).move(other, made.id, NEXT_DAY + HOUR, actor="nadia"),
        at_work(world).hold(other, made.id, NEXT_DAY, NEXT_DAY + HOUR, actor="nadia"),
    ):
        with pytest.raises(NotFoundError, match="of this request"):
            await move
    assert await at_work(world).ics(other) is None


async def test_h1_nothing_is_booked_in_the_past_or_for_a_request_that_is_over(world):
    request = await triaged(world)
    with pytest.raises(ConflictError, match="a time to come"):
        await at_work(world).book(request, TEN_IN_NEW_YORK - HOUR, actor="nadia")
    await world.service.casework.close(request, actor="nadia")
    with pytest.raises(ConflictError, match="nothing to meet about"):
        await at_work(world).book(request, NEXT_DAY, actor="nadia")
    assert await world.rows("appointments") == []


async def test_h2_after_the_promised_days_nothing_is_offered_any_more(world):
    request = await triaged(world)
    world.clock.now = TEN_IN_NEW_YORK + timedelta(days=3)
    assert await at_work(world).slots(request) == ()


async def test_h1_a_policy_that_serves_nothing_by_appointment_says_so(world):
    filed = await world.service.desk.file(a_filing(symptom="degraded"))
    with pytest.raises(ConflictError, match="policy wildix serves nothing by appointment"):
        await at_work(world).book(filed.id, NEXT_DAY, actor="nadia")


# over REST -----------------------------------------------------------------------------------------------


@pytest.fixture
async def rest(world):
    """Ask as one of ours, as the requester's program, or as a stranger's."""
    people_of = {"nadia": (["operate"], None), "mia": (["read"], "mia"), "giulia": (["read"], "giulia")}
    for name, (scopes, contact) in people_of.items():
        await world.service.store.write(
            people.create_token, id=name, name=name, secret=f"secret-of-{name}", scopes=scopes,
            now=world.clock(), contact=contact,
        )  # fmt: skip
    async with TestClient(TestServer(world.service.web)) as client:

        async def ask(who, method, path, **kw):
            headers = {"Authorization": f"Bearer secret-of-{who}"}
            answer = await client.request(method, f"/api/v1/requests/{path}", headers=headers, **kw)
            is_json = "json" in answer.content_type
            return answer.status, await answer.json(content_type=None) if is_json else await answer.read()

        yield ask


async def test_h1_appointments_over_rest(world, rest):
    request = await triaged(world)
    assert (await rest("mia", "GET", f"{request}/appointment.ics"))[0] == 404
    _, slots = await rest("nadia", "GET", f"{request}/slots?technician=tomas&minutes=90")
    offered = slots["items"][3]
    body = {"starts_at": offered["start"], "minutes": 90, "technician": "tomas"}
    status, made = await rest("nadia", "POST", f"{request}/appointments", json=body)
    assert (status, made["starts_at"], made["ends_at"]) == (201, offered["start"], offered["end"])
    assert (await rest("nadia", "POST", f"{request}/appointments", json=body))[0] == 409
    one = f"{request}/appointments/{made['id']}"
    status, moved = await rest(
        "nadia", "POST", f"{one}/move", json={"starts_at": "2026-11-25T10:00:00-05:00"}
    )
    assert (status, moved["sequence"], moved["ends_at"]) == (200, 1, "2026-11-25T16:30:00Z")
    world.clock.now = NEXT_DAY + 4 * HOUR
    times = {"held_from": "2026-11-25T15:00:00Z", "held_to": "2026-11-25T15:20:00Z"}
    assert (await rest("nadia", "POST", f"{one}/held", json=times))[1]["status"] == "held"
    assert (await rest("nadia", "POST", f"{one}/cancel"))[0] == 409
    assert await has(world) == -2
    _, listed = await rest("mia", "GET", f"{request}/appointments")
    assert [each["id"] for each in listed["items"]] == [made["id"]]


async def test_h1_the_requester_fetches_the_calendar_entry_and_nobody_elses_customer_does(world, rest):
    request = await triaged(world)
    await at_work(world).book(request, NEXT_DAY, actor="nadia")
    for known in (request, "R-00001"):
        status, content = await rest("mia", "GET", f"{known}/appointment.ics")
        assert (status, content.startswith(b"BEGIN:VCALENDAR")) == (200, True)
        for path in ("appointment.ics", "appointments"):
            assert (await rest("giulia", "GET", f"{known}/{path}"))[0] == 404


async def test_h1_customers_make_no_appointments_themselves(world, rest):
    request = await triaged(world)
    body = {"starts_at": "2026-11-25T15:00:00Z"}
    assert (await rest("mia", "POST", f"{request}/appointments", json=body))[0] in (403, 404)
    assert (await rest("mia", "GET", f"{request}/slots"))[0] in (403, 404)
    assert await world.rows("appointments") == []
