"""What holds for every ticket system we have a driver for: one suite, whoever wrote the system."""

import secrets
from datetime import timedelta

import pytest

from alerts.base import Attachment, TicketNow
from alerts.marks import marked
from monitor.errors import DeliveryError
from tests.alerts.tickets.ends import QUICK, End, a_ticket, now
from tests.far_ends.faults import AFTER, BEFORE, RETRY_AFTER, Fault, Wire

ENORMOUS = "\n".join(f"frame {number}: 0xdeadbeef in pbx_main()" for number in range(2500))
"""About 100 kB, as a crash brings them."""

HOSTILE = (
    "<script>alert(1)</script> & <b>bold</b>",
    "*bold* _it_ {code} {noformat} [click|http://evil.example] !http://evil.example/x.png! @admin",
    "'; DROP TABLE tickets; -- \" \\ % _ ^ORpriority=1^NQactive=true",
    "😀 👩‍👩‍👧 Zürich Ελλάδα 電話 \u202e right to left",
    "${jndi:ldap://evil} {{7*7}} <%= 7*7 %> #{7*7} %0d%0aX: y",
)


def a_mark() -> str:
    return f"inc_{secrets.token_hex(10)}"


def a_note() -> str:
    return f"out_{secrets.token_hex(10)}"


def a_file(name: str = "trace.txt", content: bytes = b"INVITE sip:1001\r\n\x00\xff", **changes) -> Attachment:
    given = {"media_type": "application/octet-stream", "mark": a_note(), **changes}
    return Attachment(name=name, content=content, **given)


async def read(end: End, reference: str) -> TicketNow:
    found = await end.driver().read(reference)
    assert found is not None
    return found


# open, and find again ----------------------------------------------------------------------------------


async def test_a_ticket_that_was_opened_is_found_by_our_mark(end: End) -> None:
    mark = a_mark()
    assert await end.driver().find(mark) is None
    opened = await end.driver().open(a_ticket(mark))
    assert await end.driver().find(mark) == opened
    assert not opened.closed
    assert opened.status
    assert opened.url is not None
    assert opened.reference in opened.url or opened.url.startswith(end.url)


async def test_the_dossier_arrives_with_its_text_its_queue_and_its_priority(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark(), partner="aurora"))
    seen = await end.seen(opened.reference)
    assert "PBX-1001: no answer" in seen.subject
    assert "Was ist los: nicht erreichbar\n\nGrüße" in seen.body.replace("\r\n", "\n")
    assert (seen.queue, seen.priority, seen.notes) == (end.other_queue, end.priority, ())
    other = await end.seen((await end.driver().open(a_ticket(a_mark(), cls="standard"))).reference)
    assert other.queue == end.queue
    assert other.priority != end.priority


async def test_a_ticket_without_a_requestor_is_opened_all_the_same(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark(), requestor=None))
    assert (await end.seen(opened.reference)).subject


async def test_of_two_tickets_with_our_mark_the_oldest_is_ours(end: End) -> None:
    mark = a_mark()
    first = await end.driver().open(a_ticket(mark))
    assert first.reference != await end.twin(mark)
    found = await end.driver().find(mark)
    assert found is not None
    assert found.reference == first.reference


async def test_a_closed_ticket_is_found_too(end: End) -> None:
    mark = a_mark()
    opened = await end.driver().open(a_ticket(mark))
    await end.close(opened.reference)
    found = await end.driver().find(mark)
    assert found is not None
    assert (found.reference, found.closed) == (opened.reference, True)


async def test_a_ticket_that_speaks_of_anothers_mark_is_not_taken_for_that_one(end: End) -> None:
    mine, other = a_mark(), a_mark()
    text = f"see {other} and [#{other}], label {other}"
    await end.driver().open(a_ticket(mine, subject=text, body=f"{text}\n[#{other}]"))
    assert await end.driver().find(other) is None
    assert await end.driver().find(mine) is not None


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "mark",
    [
        "x' OR id > 0 --",
        "back\\slash",
        'dou"ble',
        "per%cent",
        "a^ORb=c^NQx",
        "pipe|pipe",
        "com,ma",
        "inc_Ü:a@b",
        "y" * 150,
    ],
    ids=lambda mark: mark[:12],
)
async def test_what_is_searched_for_cannot_leave_its_place(end: End, mark: str) -> None:
    mark = f"{mark}{secrets.token_hex(4)}"
    await end.driver().open(a_ticket(a_mark()))
    assert await end.driver().find(mark) is None
    opened = await end.driver().open(a_ticket(mark))
    found = await end.driver().find(mark)
    assert found is not None
    assert found.reference == opened.reference


async def test_wildcards_and_parts_of_a_mark_match_nothing(end: End) -> None:
    mark = a_mark()
    await end.driver().open(a_ticket(mark))
    for other in (
        mark[:-1],
        f"{mark}0",
        mark.upper(),
        f"{mark[:-1]}%",
        f"{mark[:-1]}_",
        "%",
        "*",
        f"{mark[:8]}*",
    ):
        assert await end.driver().find(other) is None, other


async def test_our_ticket_is_found_behind_more_others_than_one_page_holds(end: End) -> None:
    mark = a_mark()
    await end.crowd(mark, 230)
    opened = await end.driver().open(a_ticket(mark))
    found = await end.driver().find(mark)
    assert found is not None
    assert found.reference == opened.reference


@pytest.mark.sampled(3)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_arrives_as_text_and_the_ticket_is_found(end: End, text: str) -> None:
    mark = a_mark()
    opened = await end.driver().open(a_ticket(mark, subject=f"{text}\r\nBcc: all@example.org", body=text))
    seen = await end.seen(opened.reference)
    assert "\n" not in seen.subject
    assert "\r" not in seen.subject
    assert text.replace("\u202e", "").replace("\u200d", "") in seen.body
    found = await end.driver().find(mark)
    assert found is not None
    assert found.reference == opened.reference
    note = marked(text, a_note())
    await end.driver().comment(opened.reference, note)
    (told,) = (await read(end, opened.reference)).notes
    assert told.ours
    assert told.text.strip() == note.replace("\u202e", "").replace("\u200d", "")


async def test_what_is_far_too_long_is_cut_and_the_mark_is_not(end: End) -> None:
    mark, note = a_mark(), a_note()
    opened = await end.driver().open(a_ticket(mark, subject=ENORMOUS, body=ENORMOUS))
    assert (await end.seen(opened.reference)).body.startswith("frame 0: 0xdeadbeef")
    found = await end.driver().find(mark)
    assert found is not None
    await end.driver().comment(opened.reference, marked(ENORMOUS, note))
    (told,) = (await read(end, opened.reference)).notes
    assert told.ours
    assert told.text.startswith("frame 0")
    assert told.text.rstrip().endswith(f"(ref {note})")


# notes, files, the end ---------------------------------------------------------------------------------


async def test_a_note_arrives_as_it_was_written_once(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    text = marked("We are on it.\n\n  * line 2 is up\n  * line 3 is not", a_note())
    await end.driver().comment(opened.reference, text)
    (note,) = (await end.seen(opened.reference)).notes
    assert note.replace("\r\n", "\n").strip() == text


async def test_replies_are_read_back_oldest_first_and_ours_are_told_from_theirs(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    await end.driver().comment(opened.reference, marked("We are on it.", a_note()))
    before = await read(end, opened.reference)
    await end.reply(opened.reference, "Thank you.\nIt rings again.")
    after = await read(end, opened.reference)
    assert before.reference == opened.reference
    assert before.version != after.version
    assert [note.ours for note in after.notes] == [True, False]
    assert after.notes[1].text.replace("\r\n", "\n").strip() == "Thank you.\nIt rings again."
    assert after.notes[1].public
    assert after.notes[1].author
    assert len({note.id for note in after.notes}) == 2
    at = after.notes[1].at
    assert at is not None
    assert abs(at - now()) < timedelta(minutes=2)
    assert not after.closed


async def test_a_reply_that_quotes_our_note_is_theirs(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    text = marked("We are on it.", a_note())
    await end.driver().comment(opened.reference, text)
    await end.reply(
        opened.reference, "Still down!\n\n" + "\n".join(f"> {line}" for line in text.splitlines())
    )
    assert [note.ours for note in (await read(end, opened.reference)).notes] == [True, False]


async def test_a_note_among_themselves_is_not_public(end: End) -> None:
    if not end.internal_notes:
        pytest.skip("this system knows no internal notes")
    opened = await end.driver().open(a_ticket(a_mark()))
    await end.reply(opened.reference, "do not tell them", public=False)
    (note,) = (await read(end, opened.reference)).notes
    assert (note.public, note.ours) == (False, False)


async def test_more_notes_than_one_page_holds_are_all_read_or_the_newest(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    for number in range(end.many_notes):
        await end.reply(opened.reference, f"reply {number}")
    notes = (await read(end, opened.reference)).notes
    expected = [f"reply {number}" for number in range(end.many_notes)]
    assert [note.text.strip() for note in notes] == expected[-len(notes) :]
    assert len(notes) >= min(end.many_notes, 50)


async def test_a_file_is_added_once_and_arrives_byte_for_byte(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    await end.driver().attach(opened.reference, a_file())
    await end.driver().attach(opened.reference, a_file())
    await end.driver().attach(opened.reference, a_file(content=b"longer than before, and no text: \xff\xfe"))
    assert sorted((await end.seen(opened.reference)).files) == sorted(
        [
            ("trace.txt", b"INVITE sip:1001\r\n\x00\xff"),
            ("trace.txt", b"longer than before, and no text: \xff\xfe"),
        ]
    )
    assert [note for note in (await read(end, opened.reference)).notes if not note.ours] == []


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", 'a"b\r\nX: y.txt', "ü 😀.pcap", "", "x" * 400 + ".log", "<b>.html"]
)
async def test_a_files_name_cannot_leave_its_place(end: End, name: str) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    for _ in range(2):
        await end.driver().attach(
            opened.reference, a_file(name, media_type="application/octet-stream\r\nX: y")
        )
    ((kept, content),) = (await end.seen(opened.reference)).files
    assert content == a_file().content
    assert kept
    assert not set('/\\\r\n"<>') & set(kept)


async def test_a_ticket_is_resolved_once_and_twice_changes_nothing(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    text = marked("The line is up again.", a_note())
    await end.driver().resolve(opened.reference, text)
    await end.driver().resolve(opened.reference, text)
    seen = await end.seen(opened.reference)
    assert seen.closed
    assert [note.replace("\r\n", "\n").strip() for note in seen.notes] == [text]
    now_ = await read(end, opened.reference)
    assert now_.closed
    assert [note.ours for note in now_.notes] == [True]


async def test_a_ticket_is_resolved_without_a_word_where_the_word_was_said_before(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    await end.driver().resolve(opened.reference, "")
    assert (await end.seen(opened.reference)).closed
    assert [note for note in (await read(end, opened.reference)).notes if not note.ours] == []


# closed, gone, changed meanwhile -----------------------------------------------------------------------


async def test_what_was_closed_there_stays_closed_and_nothing_is_sent_to_it(end: End, wire: Wire) -> None:
    driver = end.driver(wire.url)
    opened = await driver.open(a_ticket(a_mark()))
    await end.close(opened.reference)
    wire.seen.clear()
    for act in (driver.comment(opened.reference, "too late"), driver.attach(opened.reference, a_file())):
        with pytest.raises(DeliveryError, match="closed ticket stays closed") as refused:
            await act
        assert (refused.value.permanent, refused.value.ambiguous) == (True, False)
    await driver.resolve(opened.reference, "over")
    assert {method for method, _ in wire.seen} == {"GET"}
    seen = await end.seen(opened.reference)
    assert (seen.closed, seen.notes, seen.files) == (True, (), ())
    assert (await read(end, opened.reference)).closed


async def test_what_is_closed_between_our_look_and_our_note_is_not_woken_up(end: End, wire: Wire) -> None:
    if end.wakes_up:
        pytest.skip("this system has no condition on a note; its page says so")
    driver = end.driver(wire.url)
    opened = await driver.open(a_ticket(a_mark()))

    async def meanwhile() -> None:
        await end.close(opened.reference)

    wire.between = meanwhile
    try:
        await driver.comment(opened.reference, marked("We are on it.", a_note()))
    except DeliveryError as conflict:
        assert not conflict.ambiguous
    assert wire.between is None
    assert (await end.seen(opened.reference)).closed


async def test_what_is_gone_there_is_gone_and_says_so(end: End) -> None:
    mark = a_mark()
    opened = await end.driver().open(a_ticket(mark))
    await end.delete(opened.reference)
    assert await end.driver().read(opened.reference) is None
    assert await end.driver().find(mark) is None
    for act in (
        end.driver().comment(opened.reference, "hello?"),
        end.driver().resolve(opened.reference, "over"),
        end.driver().attach(opened.reference, a_file()),
    ):
        with pytest.raises(DeliveryError, match=opened.reference) as refused:
            await act
        assert (refused.value.permanent, refused.value.ambiguous) == (True, False)


async def test_a_reference_that_is_none_of_theirs_is_refused_and_never_an_address(
    end: End, wire: Wire
) -> None:
    for reference in end.references_that_are_none:
        with pytest.raises(DeliveryError) as refused:
            await end.driver(wire.url).comment(reference, "hello?")
        assert refused.value.permanent
    assert not [path for _, path in wire.seen if ".." in path or "users/1" in path]


async def test_what_changed_since_is_told_and_what_is_not_ours_is_not(end: End) -> None:
    driver = end.driver()
    opened, other = await driver.open(a_ticket(a_mark())), await driver.open(a_ticket(a_mark()))
    await end.crowd(a_mark(), 3)
    await end.reply(opened.reference, "thank you")
    await end.settle()
    changed = await driver.changed(now() - timedelta(minutes=1))
    if not end.tells_changes:
        assert changed is None
        return
    assert changed is not None
    assert {opened.reference, other.reference} <= set(changed)
    assert len(set(changed)) == len(changed)


# what goes wrong on the way ----------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("fault", BEFORE)
async def test_what_never_arrived_is_tried_again_later(end: End, wire: Wire, fault: Fault) -> None:
    mark = a_mark()
    driver = end.driver(wire.url)
    assert await driver.find(mark) is None
    wire.fails(fault, "POST", "PUT")
    with pytest.raises(DeliveryError) as failed:
        await driver.open(a_ticket(mark))
    assert not failed.value.permanent
    assert failed.value.ambiguous == (fault is not Fault.RATE_LIMITED)
    assert failed.value.retry_after == (RETRY_AFTER if fault is Fault.RATE_LIMITED else None)
    assert await driver.find(mark) is None
    assert await driver.open(a_ticket(mark)) == await driver.find(mark)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("fault", AFTER)
async def test_a_ticket_whose_answer_was_lost_is_found_instead_of_opened_twice(
    end: End, wire: Wire, fault: Fault
) -> None:
    mark = a_mark()
    before = await end.count()
    wire.fails(fault, "POST", "PUT")
    with pytest.raises(DeliveryError) as lost:
        await end.driver(wire.url, QUICK).open(a_ticket(mark))
    assert (lost.value.ambiguous, lost.value.permanent) == (True, False)
    found = await end.driver(wire.url).find(mark)
    assert found is not None
    assert await end.count() == before + 1


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.BROKEN_AFTER])
async def test_a_note_whose_answer_was_lost_is_seen_there_by_its_mark(
    end: End, wire: Wire, fault: Fault
) -> None:
    driver = end.driver(wire.url)
    opened, text = await driver.open(a_ticket(a_mark())), marked("We are on it.", a_note())
    wire.fails(fault, "POST", "PUT", "PATCH")
    with pytest.raises(DeliveryError) as lost:
        await driver.comment(opened.reference, text)
    assert (lost.value.ambiguous, lost.value.permanent) == (True, False)
    (note,) = (await read(end, opened.reference)).notes
    assert (note.text.strip(), note.ours) == (text, True)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.BROKEN_AFTER])
async def test_an_end_whose_answer_was_lost_is_not_written_twice(end: End, wire: Wire, fault: Fault) -> None:
    driver = end.driver(wire.url)
    opened, text = await driver.open(a_ticket(a_mark())), marked("It is up.", a_note())
    wire.fails(fault, "POST", "PUT", "PATCH", times=9)
    with pytest.raises(DeliveryError) as lost:
        await driver.resolve(opened.reference, text)
    assert lost.value.ambiguous
    wire.fault = None
    said_before = any(note.ours for note in (await read(end, opened.reference)).notes)
    await driver.resolve(opened.reference, "" if said_before else text)
    seen = await end.seen(opened.reference)
    assert (seen.closed, len(seen.notes)) == (True, 1)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "fault", [*BEFORE, Fault.LOST, Fault.BROKEN_AFTER, Fault.SLOW_AFTER, Fault.GIBBERISH_AFTER]
)
async def test_a_question_that_failed_is_no_riddle_and_never_an_answer(
    end: End, wire: Wire, fault: Fault
) -> None:
    mark = a_mark()
    opened = await end.driver().open(a_ticket(mark))
    asks = [lambda d: d.find(mark), lambda d: d.read(opened.reference)]
    if end.tells_changes:
        asks.append(lambda d: d.changed(now()))
    if fault is Fault.SLOW_AFTER:
        asks = asks[:1]  # silence is the same everywhere, and takes its second
    for ask in asks:
        wire.fails(fault, times=99)
        with pytest.raises(DeliveryError) as failed:
            await ask(end.driver(wire.url, QUICK))
        assert (failed.value.permanent, failed.value.ambiguous) == (False, False)


# who we are there --------------------------------------------------------------------------------------


async def test_a_wrong_key_is_a_clear_error_that_loses_nothing(end: End) -> None:
    before = await end.count()
    driver = end.driver(**end.wrong_key)
    for act in (lambda: driver.open(a_ticket(a_mark())), driver.check):
        with pytest.raises(DeliveryError, match=r"does not accept our|does not let us") as refused:
            await act()
        assert (refused.value.refused, refused.value.permanent, refused.value.ambiguous) == (
            True,
            False,
            False,
        )
        assert not [
            value for value in end.wrong_key.values() if len(value) > 6 and value in str(refused.value)
        ]
    assert await end.count() == before


async def test_an_unknown_queue_is_a_clear_error_that_loses_nothing(end: End) -> None:
    before = await end.count()
    driver = end.driver(**end.unknown_queue)
    (name,) = end.unknown_queue.values()
    for act in (lambda: driver.open(a_ticket(a_mark())), driver.check):
        with pytest.raises(DeliveryError, match=name) as refused:
            await act()
        assert (refused.value.refused, refused.value.permanent, refused.value.ambiguous) == (
            True,
            False,
            False,
        )
    assert await end.count() == before


async def test_a_check_tells_who_we_are_and_creates_nothing(end: End, wire: Wire) -> None:
    before = await end.count()
    told = await end.driver(wire.url).check()
    assert any(end.queue in sentence for sentence in told)
    assert any(end.other_queue in sentence for sentence in told)
    assert {method for method, _ in wire.seen} == {"GET"}
    assert await end.count() == before


# webhooks ----------------------------------------------------------------------------------------------


async def test_a_webhook_rings_for_the_ticket_it_names(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    headers, body = end.rings(opened.reference, now())
    assert end.driver().received(headers, body) == (opened.reference,)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_webhook_that_is_replayed_is_refused(end: End, minutes: int) -> None:
    if not end.dated:
        pytest.skip("the message does not say when it was sent")
    headers, body = end.rings("1", now() + timedelta(minutes=minutes))
    with pytest.raises(PermissionError, match="five minutes"):
        end.driver().received(headers, body)


async def test_a_webhook_that_is_not_theirs_is_refused(end: End) -> None:
    driver = end.driver()
    headers, body = end.rings("1", now())
    other, _ = end.rings("1", now(), "whsec_b3RoZXItc2VjcmV0")
    moved = {name: value.replace("v1,", "v2,").replace("sha", "md") for name, value in headers.items()}
    longer = {name: f"{value}é\udcff" for name, value in headers.items()}
    for bad_headers, bad_body in (
        ({}, body),
        (other, body),
        (headers, body + b" "),
        (headers, body.replace(b"1", b"2")),
        (dict.fromkeys(headers, ""), body),
        (longer, body),
        (moved, body) if moved != headers else ({}, body),
    ):
        with pytest.raises(PermissionError):
            driver.received(bad_headers, bad_body)


async def test_without_a_secret_no_webhook_is_believed(end: End) -> None:
    headers, body = end.rings("1", now())
    with pytest.raises(PermissionError, match=r"no (webhook secret|key) is configured"):
        end.driver(**end.deaf).received(headers, body)


async def test_an_address_that_leads_nowhere_makes_no_ticket_gone(end: End) -> None:
    opened = await end.driver().open(a_ticket(a_mark()))
    elsewhere = end.driver(f"{end.url}/elsewhere")
    for act in (elsewhere.read, lambda number: elsewhere.comment(number, "hello?")):
        with pytest.raises(DeliveryError) as lost:
            await act(opened.reference)
        assert not lost.value.permanent
        assert not lost.value.ambiguous


async def test_a_priority_that_is_none_of_theirs_is_an_error_that_loses_nothing(end: End) -> None:
    if end.any_priority:
        pytest.skip("this system takes any, or has numbers whose range is checked in the configuration")
    driver = end.driver(priorities={"critical": "sky-high"})
    with pytest.raises(DeliveryError) as refused:
        await driver.open(a_ticket(a_mark()))
    assert (refused.value.refused, refused.value.permanent) == (True, False)
