"""Whole stories against a real Request Tracker 5: what the service does there, and what people there do to it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from alerts.marks import without_mark
from monitor import wiring
from monitor.storage import ticket_sync
from monitor.ticket_desk import TicketDesk
from monitor.wiring import listening
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world
from tests.alerts.test_request_tracker import seen
from tests.far_ends.request_tracker import Tracker, perl

SECRET = "both of us know it, and nobody else"
LENA = "Lena"


class Killed(BaseException):
    """The process ended here."""


def killer(point: str | None):
    """Return a failpoint that ends everything, as a kill would, when ``point`` is passed first."""
    passed = []

    def failpoint(name: str) -> None:
        if name == point and not passed:
            passed.append(name)
            raise Killed

    return failpoint


def configuration(tracker: Tracker, **changes: str) -> str:
    given = {
        "url": tracker.url,
        "token": tracker.token,
        "queue": "Aurora",
        "webhook_secret": SECRET,
        **changes,
    }
    section = f"tickets: {{driver: request-tracker, request_tracker: {json.dumps(given)}}}"
    return CONFIGURATION.replace("tickets: {driver: builtin}", section) + CHECKS


@asynccontextmanager
async def a_service(tracker: Tracker, folder, database, *, clock=None, point=None, **changes):
    """Assemble a service whose tickets are in the tracker; assembling again over its record is a restart."""
    async with a_world(
        folder,
        database,
        clock=clock,
        configuration=configuration(tracker, **changes),
        failpoint=killer(point),
    ) as world:
        await world.service.delivery.settle(after_restart=True)
        yield world


def numbers(tracker: Tracker, incident: str) -> list[str]:
    """Return every ticket of an incident that is there, found without our own code."""
    query = f"query=Subject LIKE '{incident}'&fields=Subject&per_page=100".replace(" ", "%20").replace(
        "'", "%27"
    )
    return [item["id"] for item in seen(tracker, f"tickets?{query}")["items"]]


def agent(tracker: Tracker, number: str, text: str, *, how: str = "correspond") -> None:
    document = {"Content": text, "ContentType": "text/html" if text.startswith("<") else "text/plain"}
    seen(tracker, f"ticket/{number}/{how}", method="POST", document=document)


def statuses(tracker: Tracker, number: str) -> list[str]:
    entries = seen(tracker, f"ticket/{number}/history?fields=Type,NewValue&per_page=100")["items"]
    return [entry["NewValue"] for entry in entries if entry["Type"] == "Status"]


def said_by_us(tracker: Tracker, number: str) -> list[str]:
    texts = []
    for entry in seen(tracker, f"ticket/{number}/history?fields=Type&per_page=100")["items"]:
        if entry["Type"] == "Correspond":
            parts = seen(tracker, f"transaction/{entry['id']}/attachments?fields=Content")["items"]
            texts.extend(without_mark(part["Content"]) for part in parts if "(ref out_" in part["Content"])
    return texts


def desk(world) -> TicketDesk:
    pipeline = world.service.pipeline
    return TicketDesk(store=world.service.store, clock=world.clock, new_id=wiring.new_id, bell=pipeline.bell)


async def sync(world, minutes: float = 2) -> None:
    """Let our own time pass, and read what changed there; its own clock is the machine's."""
    world.clock.forward(minutes * 60)
    rows = await world.rows("tickets")
    await world.service.ticket_sync.received([row["reference"] for row in rows])
    await world.service.ticket_sync.once()


OPENING = ("ticket.before_search", "ticket.before_open", "ticket.after_open")
WRITING = ("ticket.before_comment", "ticket.after_comment")
CLOSING = ("ticket.before_resolve", "ticket.after_resolve")
READING = ("sync.after_read", "sync.after_record")


@pytest.mark.parametrize("point", [*OPENING, *WRITING, *CLOSING, *READING])
async def test_killed_at_any_step_there_is_one_ticket_and_each_word_in_it_once(
    tracker, tmp_path, sqlite_url, point
):
    clock = MovableClock()
    try:
        async with a_service(tracker, tmp_path, sqlite_url, clock=clock, point=point) as world:
            await _story(tracker, world)
    except* Killed:
        pass
    else:
        raise AssertionError(f"{point} was never passed")
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock) as world:
        clock.forward(180)  # whoever died has lost every lease by then
        number = await _story(tracker, world)
        (incident,) = await world.rows("incidents")
        assert numbers(tracker, incident["id"]) == [number]
        first, last = said_by_us(tracker, number)
        assert first == "We see it too."
        assert "Il problema è risolto" in last
        assert statuses(tracker, number)[-1] == "resolved"
        assert statuses(tracker, number).count("resolved") == 1
        (ticket,) = await world.rows("tickets")
        assert ticket["status"] == "resolved"
        notes = await world.rows("ticket_notes")
        assert [row["text"] for row in notes if row["kind"] == "public"] == ["Which carrier?"]
        assert len([row for row in notes if row["kind"] == "sent"]) == 2


async def _story(tracker: Tracker, world) -> str:
    """Open, write, be answered, resolve; whatever was done in an earlier life is not begun again."""
    if not await world.rows("incidents"):
        await world.fails("pbx-3-sip")
    await world.deliver()
    (ticket,) = await world.rows("tickets")
    if not [row for row in await world.rows("outbox") if row["kind"] == "ticket.comment"]:
        await desk(world).write(ticket["id"], "We see it too.", actor=LENA)
    await world.deliver()
    if not [text for text in _foreign(tracker, ticket["reference"]) if text == "Which carrier?"]:
        agent(tracker, ticket["reference"], "Which carrier?")
    await sync(world, minutes=3)
    if (await world.incident())["status"] != "resolved":
        await world.passes("pbx-3-sip")
    await world.deliver()
    await sync(world, minutes=3)
    return str(ticket["reference"])


def _foreign(tracker: Tracker, number: str) -> list[str]:
    found = seen(tracker, f"ticket/{number}/attachments?fields=Content&per_page=100")["items"]
    return [part["Content"] for part in found]


async def test_what_its_people_do_comes_back_and_nothing_is_opened_again(tracker, tmp_path, sqlite_url):
    async with a_service(tracker, tmp_path, sqlite_url) as world:
        await world.fails("pbx-1-sip")
        await world.deliver()
        (ticket,) = await world.rows("tickets")
        number = ticket["reference"]
        agent(tracker, number, "<p>Which <b>carrier</b> is it?</p>")
        await sync(world)
        seen(tracker, f"ticket/{number}", method="PUT", document={"Status": "rejected"})
        await sync(world)
        (ticket,) = await world.rows("tickets")
        assert (ticket["status"], ticket["remote_status"]) == ("closed", "rejected")
        assert [row["text"] for row in await world.rows("ticket_notes")] == ["Which carrier is it?"]
        kinds = await world.events(ticket["incident"])
        assert [kind for kind in kinds if kind.startswith("ticket.")] == [
            "ticket.opened",
            "ticket.answered",
            "ticket.closed",
        ]
        await world.fails("pbx-1-web")
        await world.deliver()
        _, second = await world.rows("tickets")
        assert second["follows"] == ticket["id"]
        assert second["reference"] != number
        await world.passes("pbx-1-sip")
        await world.passes("pbx-1-web")
        await world.deliver()
        assert statuses(tracker, number) == ["open", "rejected"], "closed stays closed"
        assert statuses(tracker, second["reference"])[-1] == "resolved"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"token": "1-14-wrong"}, "does not accept our token or password", id="a wrong key"),
        pytest.param({"queue": "Nowhere"}, "there is no such queue", id="an unknown queue"),
    ],
)
async def test_a_wrong_setting_is_a_clear_error_and_loses_nothing(
    tracker, tmp_path, sqlite_url, wrong, sentence
):
    clock = MovableClock()
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock, **wrong) as world:
        await world.fails("pbx-3-sip")
        await world.passes_time(minutes=15)
        (row,) = await world.rows("outbox", kind="ticket.open")
        assert row["state"] == "waiting"
        assert sentence in row["reason"]
        assert await world.rows("tickets") == []
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock) as world:
        await world.passes_time(minutes=20)
        (ticket,) = await world.rows("tickets")
        assert numbers(tracker, ticket["incident"]) == [ticket["reference"]]


async def test_a_key_that_is_taken_away_is_said_on_the_board_until_it_is_mended(
    tracker, tmp_path, sqlite_url
):
    clock = MovableClock()
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock) as world:
        await world.fails("pbx-3-sip")
        await world.deliver()
        (ticket,) = await world.rows("tickets")
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock, token="1-14-wrong") as world:
        agent(tracker, ticket["reference"], "anybody there?")
        await sync(world)
        ((_, _, trouble),) = (await world.service.store.read(ticket_sync.standing)).failing
        assert "does not accept our token" in trouble
        assert (await world.rows("tickets"))[0]["gone_at"] is None
    async with a_service(tracker, tmp_path, sqlite_url, clock=clock) as world:
        await sync(world, minutes=10)
        assert (await world.service.store.read(ticket_sync.standing)).failing == ()
        assert [row["text"] for row in await world.rows("ticket_notes")] == ["anybody there?"]


SCRIP = r"""
use RT -init;
my ($url, $key) = @ARGV;
my $code = <<'CODE';
use LWP::UserAgent; use Digest::SHA qw(hmac_sha256_hex);
my $body = '{"ticket": ' . $self->TicketObj->id . '}';
LWP::UserAgent->new(timeout => 5)->post('URL', 'Content-Type' => 'application/json',
    'X-Tocsin-Signature' => 'sha256=' . hmac_sha256_hex($body, 'KEY'), Content => $body);
return 1;
CODE
$code =~ s/URL/$url/; $code =~ s/KEY/$key/;
my $scrip = RT::Scrip->new(RT->SystemUser);
my ($ok, $said) = $scrip->Create(
    Queue => 'General', Description => 'ring Tocsin', Template => 'Blank',
    ScripCondition => 'On Transaction', ScripAction => 'User Defined',
    CustomPrepareCode => 'return 1;', CustomCommitCode => $code);
die $said unless $ok;
print "SCRIP=$ok\n";
"""


async def test_the_scrip_of_the_manual_rings_us(tracker, tmp_path, sqlite_url):
    async with (
        a_service(tracker, tmp_path, sqlite_url, queue="General") as world,
        listening(world.service, "127.0.0.1", 0) as port,
    ):
        await world.fails("pbx-3-sip")
        await world.deliver()
        (ticket,) = await world.rows("tickets")
        hook = f"http://127.0.0.1:{port}/api/v1/tickets/hooks/request-tracker"
        perl(tracker, SCRIP, hook, SECRET)
        await asyncio.to_thread(agent, tracker, ticket["reference"], "ring!")
        await world.service.ticket_sync.once()
        assert [row["text"] for row in await world.rows("ticket_notes")] == ["ring!"]
