"""Tickets in a real Request Tracker 5 that others write in and close, and what we read of that."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts.base import Attachment
from alerts.marks import marked
from alerts.request_tracker import RequestTracker
from monitor.errors import DeliveryError
from tests.alerts.test_request_tracker import a_driver, a_ticket, contents, seen
from tests.far_ends.request_tracker import Tracker

OURS = "out_01kb3m6t5v9c4q8z7y2x1w0r"


async def opened(tracker: Tracker, mark: str, **settings) -> tuple[RequestTracker, str]:
    driver = a_driver(tracker, clock=lambda: datetime.now(UTC), **settings)
    return driver, (await driver.open(a_ticket(mark))).reference


def agent_writes(tracker: Tracker, reference: str, text: str, *, how="correspond", **more) -> None:
    document = {"Content": text, "ContentType": "text/plain", **more}
    seen(tracker, f"ticket/{reference}/{how}", method="POST", document=document)


def agent_sets(tracker: Tracker, reference: str, **fields) -> None:
    seen(tracker, f"ticket/{reference}", method="PUT", document=fields)


def history(tracker: Tracker, reference: str) -> list[str]:
    """Return every status a ticket had, as its history tells it."""
    entries = seen(tracker, f"ticket/{reference}/history?fields=Type,NewValue&per_page=100")["items"]
    return [entry["NewValue"] for entry in entries if entry["Type"] == "Status"]


async def test_what_an_agent_wrote_comes_back_as_news_and_ours_as_an_echo(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-NOTES")
    await driver.comment(number, marked("We are looking into it.", OURS))
    agent_writes(tracker, number, "Grüße, welche Leitung?")
    agent_writes(tracker, number, "the customer sounds cross", how="comment")
    now = await driver.read(number)
    assert now is not None
    assert [(note.text, note.public, note.ours) for note in now.notes] == [
        (marked("We are looking into it.", OURS), True, True),
        ("Grüße, welche Leitung?", True, False),
        ("the customer sounds cross", False, False),
    ]
    assert (now.status, now.closed, now.reference) == ("open", False, number)
    assert all(note.at and note.author and note.id.isdigit() for note in now.notes)


async def test_what_is_written_in_its_web_pages_is_html_and_is_read_as_text(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-HTML")
    html = "<p>Is it <b>up</b>?</p><script>alert(1)</script><ul><li>line 1</li><li>line 2 &amp; 3</li></ul>"
    agent_writes(tracker, number, html, ContentType="text/html")
    (note,) = (await driver.read(number)).notes
    assert note.text == "Is it up?\n\nline 1\n\nline 2 & 3"


async def test_files_that_others_attached_are_named_and_a_long_text_is_left_where_it_is(
    tracker: Tracker,
) -> None:
    driver, number = await opened(tracker, "01J-SYNC-LONG")
    file = {"FileName": "trace.pcap", "FileType": "application/octet-stream", "FileContent": "AAAA" * 90_000}
    agent_writes(tracker, number, "here is the trace", Attachments=[file])
    agent_writes(tracker, number, "x" * 200_000)
    first, second = (await driver.read(number)).notes
    assert first.text == "here is the trace\n[files: trace.pcap]"
    assert second.text == "[too long to be shown here: read it in Request Tracker]"


async def test_of_very_many_notes_the_newest_are_read(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-MANY")
    assert (await driver.read(number)).notes == ()
    for count in range(12):
        agent_writes(tracker, number, f"note {count}")
    notes = (await driver.read(number)).notes
    assert [note.text for note in notes] == [f"note {count}" for count in range(12)]


async def test_its_version_changes_with_the_ticket_and_with_nothing_else(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-VERSION")
    first, again = await driver.read(number), await driver.read(number)
    agent_sets(tracker, number, Priority=7)
    assert first.version == again.version
    assert (await driver.read(number)).version not in (None, first.version)


@pytest.mark.parametrize("status", ["resolved", "rejected"])
async def test_a_ticket_that_an_agent_closed_is_closed_and_stays_so(tracker: Tracker, status: str) -> None:
    driver, number = await opened(tracker, f"01J-SYNC-CLOSED-{status}")
    agent_sets(tracker, number, Status=status)
    now = await driver.read(number)
    assert (now.status, now.closed) == (status, True)
    for write in (driver.comment(number, marked("?", OURS)), driver.attach(number, a_file())):
        with pytest.raises(DeliveryError, match="a closed ticket stays closed") as refused:
            await write
        assert refused.value.permanent
    await driver.resolve(number, marked("Over.", OURS))
    assert history(tracker, number) == [status], "nothing opened it, nothing closed it again"


@pytest.mark.parametrize("how", ["deleted", "merged"])
async def test_a_ticket_that_is_gone_is_told_as_gone(tracker: Tracker, how: str) -> None:
    driver, number = await opened(tracker, f"01J-SYNC-GONE-{how}")
    _, other = await opened(tracker, f"01J-SYNC-OTHER-{how}")
    if how == "deleted":
        agent_sets(tracker, number, Status="deleted")
    else:
        agent_sets(tracker, number, MergeInto=other)
    before = len(contents(tracker, other))
    assert await driver.read(number) is None
    assert await driver.read("99999") is None
    for write in (driver.comment(number, "?"), driver.resolve(number, "?"), driver.attach(number, a_file())):
        with pytest.raises(DeliveryError, match="deleted or merged into another") as refused:
            await write
        assert refused.value.permanent
    assert len(contents(tracker, other)) == before, "nothing was written into the ticket it was merged into"


async def test_an_address_that_leads_nowhere_makes_no_ticket_gone(tracker: Tracker) -> None:
    _, number = await opened(tracker, "01J-SYNC-ELSEWHERE")
    with pytest.raises(DeliveryError) as refused:
        await a_driver(tracker, base="/elsewhere").read(number)
    assert refused.value.refused


async def test_it_is_closed_only_as_it_was_seen(tracker: Tracker) -> None:
    """Somebody writes between our look and our closing: it is not closed over their words."""
    driver, number = await opened(tracker, "01J-SYNC-412")
    correspond = driver._correspond

    async def and_the_agent_too(reference, message) -> None:
        await correspond(reference, message)
        stands, driver._must_stand = driver._must_stand, None

        async def stands_then_changes(reference):
            standing = await stands(reference)
            agent_writes(tracker, number, "No, still down!")
            return standing

        driver._must_stand = stands_then_changes

    driver._correspond = and_the_agent_too
    with pytest.raises(DeliveryError, match="somebody changed the ticket meanwhile") as lost:
        await driver.resolve(number, marked("Over.", OURS))
    assert (lost.value.permanent, lost.value.ambiguous, lost.value.refused) == (False, False, False)
    fresh = a_driver(tracker)
    now = await fresh.read(number)
    assert (now.closed, [note.ours for note in now.notes]) == (False, [True, False])
    await fresh.resolve(number, "")
    assert [note.text for note in (await fresh.read(number)).notes] == [note.text for note in now.notes]
    assert history(tracker, number)[-1] == "resolved"


async def test_two_that_close_at_once_leave_it_closed(tracker: Tracker) -> None:
    """Request Tracker looks at the ETag before its transaction, not in it: two may both be let in, and do no harm."""
    driver, number = await opened(tracker, "01J-SYNC-TWICE")
    other = a_driver(tracker)
    done = await asyncio.gather(driver.resolve(number, ""), other.resolve(number, ""), return_exceptions=True)
    assert all(end is None or (isinstance(end, DeliveryError) and not end.permanent) for end in done)
    assert set(history(tracker, number)) == {"resolved"}


async def test_what_changed_is_asked_for_whatever_zone_its_user_lives_in(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-CHANGED")
    other = {"Queue": "General", "Subject": "not ours", "Content": "?", "ContentType": "text/plain"}
    theirs = str(seen(tracker, "ticket", method="POST", document=other)["id"])
    now = datetime.now(UTC)
    recent = await driver.changed(now)
    assert number in recent
    assert theirs not in recent
    assert len(recent) == len(set(recent))
    ahead = a_driver(tracker, clock=lambda: now - timedelta(days=1))
    assert await ahead.changed(now - timedelta(days=1, minutes=-2)) is not None
    assert await a_driver(tracker).changed(now) is None, "without a clock each must be read"


async def test_what_changed_long_ago_is_not_told(tracker: Tracker) -> None:
    """Asked as of an hour from now, with two minutes' overlap, nothing has changed."""
    _, number = await opened(tracker, "01J-SYNC-LONG-AGO")
    await asyncio.sleep(2.1)
    later = a_driver(tracker, clock=lambda: datetime.now(UTC))
    assert number in await later.changed(datetime.now(UTC) + timedelta(minutes=1))
    assert number not in await later.changed(datetime.now(UTC) + timedelta(seconds=119))


async def test_what_changed_is_found_by_its_tag_where_there_is_no_field(tracker: Tracker) -> None:
    for settings in ({"custom_field": None, "queue": "General"}, {"custom_field": "NobodyMadeThis"}):
        driver, number = await opened(tracker, f"01J-SYNC-NOFIELD-{len(settings)}", **settings)
        assert number in await driver.changed(datetime.now(UTC))


def a_file(name: str = "report.txt", content: bytes = b"signal 11 in sipd\n") -> Attachment:
    return Attachment(name=name, media_type="text/plain", content=content, mark=OURS)


async def test_a_file_is_attached_once_and_known_as_ours(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-FILE")
    for _ in range(2):
        await driver.attach(number, a_file())
    await driver.attach(number, a_file(content=b"another\n"))
    files = [
        (part["Filename"], int(part["ContentLength"]))
        for part in seen(tracker, f"ticket/{number}/attachments?fields=Filename,ContentLength&per_page=100")[
            "items"
        ]
        if part["Filename"]
    ]
    assert sorted(set(files)) == [("report.txt", 8), ("report.txt", 18)]
    assert sum(note.ours for note in (await driver.read(number)).notes) == 1


async def test_a_new_ticket_refers_to_the_closed_one_it_follows(tracker: Tracker) -> None:
    driver, number = await opened(tracker, "01J-SYNC-FIRST")
    agent_sets(tracker, number, Status="resolved")
    second = await driver.open(a_ticket("01J-SYNC-FIRST.2", follows=number))
    links = seen(tracker, f"ticket/{second.reference}")["_hyperlinks"]
    assert [link["id"] for link in links if link["ref"] == "refers-to"] == [number]
    assert (await driver.find("01J-SYNC-FIRST.2")).reference == second.reference
    assert (await driver.find("01J-SYNC-FIRST")).reference == number


KEY = "a key that both of us know"


def signature(body: bytes, key: str = KEY) -> dict[str, str]:
    return {"x-tocsin-signature": "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param({"ticket": 17}, ("17",), id="a ticket"),
        pytest.param({"ticket": "17"}, ("17",), id="a ticket as text"),
        pytest.param({"ticket": "../1"}, (), id="no number"),
        pytest.param({"ticket": "9" * 40}, (), id="a number nobody has"),
        pytest.param([17], (), id="a list"),
        pytest.param({}, (), id="nothing"),
    ],
)
def test_a_signed_hook_says_which_ticket(body: object, told: tuple[str, ...]) -> None:
    driver, sent = (
        RequestTracker("http://127.0.0.1:9", token="t", webhook_secret=KEY),
        json.dumps(body).encode(),
    )
    assert driver.received(signature(sent), sent) == told


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        pytest.param(KEY, {}, id="no signature"),
        pytest.param(KEY, signature(b"{}", "another key"), id="another's key"),
        pytest.param(KEY, signature(b'{"ticket": 1}'), id="of another body"),
        pytest.param(None, signature(b"{}"), id="no key is configured"),
    ],
)
def test_a_hook_that_is_not_signed_by_the_shared_key_is_refused(key: str | None, headers: dict) -> None:
    with pytest.raises(PermissionError):
        RequestTracker("http://127.0.0.1:9", token="t", webhook_secret=key).received(headers, b"{}")


def test_a_signed_hook_that_is_no_json_says_nothing() -> None:
    body = b"[" * 100_000
    assert (
        RequestTracker("http://127.0.0.1:9", token="t", webhook_secret=KEY).received(signature(body), body)
        == ()
    )
