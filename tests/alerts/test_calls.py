"""What the provider may ask and tell us during a call, over real HTTP."""

import asyncio

import aiohttp
import pytest
import yarl

from alerts.base import CallState
from monitor.errors import ConflictError, StorageError
from monitor.intake import calls
from tests.alerts.lines import Line, a_call, a_line
from tests.far_ends.twilio import Device

PARTNER = "+390612345678"


async def post(line: Line, path: str, form: dict[str, str] | None = None, *, sign: bool = True, **request):
    """Post as the provider would; return status, type and text."""
    url, fields = f"{line.url}{path}", list((form or {}).items())
    headers = {"X-Twilio-Signature": line.provider.sign(url, fields)} if sign else {}
    body = request.pop("data", aiohttp.FormData(fields) if fields else None)
    headers |= {"Content-Type": "application/x-www-form-urlencoded"} | request.pop("headers", {})
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, response.content_type, await response.text()


@pytest.mark.parametrize("action", ["say", "key", "status"])
async def test_nothing_is_believed_without_a_signature(line: Line, action: str) -> None:
    line.book.scripts["a1"] = a_call("a1")
    for sign, headers in ((False, {}), (False, {"X-Twilio-Signature": "AAAA"})):
        status, _, text = await post(
            line,
            f"/calls/twilio/a1/{action}",
            {"Digits": "1", "CallStatus": "completed"},
            sign=sign,
            headers=headers,
        )
        assert status == 403
        assert "Response" not in text
    assert line.book.events == []


@pytest.mark.parametrize("action", ["say", "key", "status"])
async def test_an_attempt_nobody_made_is_not_there(line: Line, action: str) -> None:
    status, _, _ = await post(
        line, f"/calls/twilio/nobody/{action}", {"Digits": "1", "CallStatus": "ringing"}
    )
    assert status == 404


async def test_the_answer_is_xml(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")
    status, kind, text = await post(line, "/calls/twilio/a1/say", {"CallSid": "CA1"})
    assert (status, kind) == (200, "application/xml")
    assert text.startswith('<?xml version="1.0"')


async def test_2_hands_the_matter_on(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="2"))
    await line.place(a_call())
    await line.provider.settled()
    assert line.book.result() is CallState.ESCALATED
    assert "next contact" in line.provider.calls[0].heard[-1]


async def test_9_reads_it_again_and_the_next_key_counts(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="991"))
    await line.place(a_call())
    await line.provider.settled()
    assert line.provider.calls[0].heard.count("Calls are dropping at P B X 1 0 0 1.") == 3
    assert line.book.states().count(CallState.ACKNOWLEDGED) == 1


async def test_a_key_without_meaning_is_said_to_have_none(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="51"))
    await line.place(a_call())
    await line.provider.settled()
    assert "That key has no meaning here." in line.provider.calls[0].heard
    assert line.book.result() is CallState.ACKNOWLEDGED


async def test_a_key_that_this_call_does_not_offer_means_nothing(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="2"))
    await line.place(a_call(keys="19"))
    await line.provider.settled()
    assert CallState.ESCALATED not in line.book.states()
    assert line.book.result() is CallState.COMPLETED


@pytest.mark.parametrize(("presses", "readings"), [("", calls.READINGS), ("9" * 50, calls.MOST_READINGS)])
async def test_a_call_comes_to_an_end_whatever_is_pressed(line: Line, presses: str, readings: int) -> None:
    line.provider.device(PARTNER, Device(presses=presses))
    await line.place(a_call())
    await line.provider.settled()
    heard = line.provider.calls[0].heard
    assert heard.count("Calls are dropping at P B X 1 0 0 1.") == readings
    assert "No key was pressed" in heard[-1]


async def test_the_whole_call_is_in_the_partners_language(line: Line) -> None:
    line.provider.device(PARTNER, Device(presses="91"))
    await line.place(a_call(language="it", text="Le chiamate cadono."))
    await line.provider.settled()
    assert set(line.provider.calls[0].languages) == {"it-IT"}
    assert "presa in carico" in line.provider.calls[0].heard[-1]


async def test_a_call_about_what_is_over_says_so_in_the_right_language_and_hangs_up(line: Line) -> None:
    await line.place(a_call(language="de"))
    line.book.scripts["attempt-1"] = None
    await line.provider.settled()
    (said,) = line.provider.calls[0].heard
    assert "erledigt" in said
    assert line.book.result() is CallState.COMPLETED


async def test_when_somebody_else_was_faster_the_second_hears_that_it_is_settled(line: Line) -> None:
    def refuse(event) -> None:
        if event.state is CallState.ACKNOWLEDGED:
            raise ConflictError("already acknowledged")

    line.book.before_event = refuse
    await line.place(a_call())
    await line.provider.settled()
    assert "This is settled" in line.provider.calls[0].heard[-1]


async def test_a_key_pressed_while_the_record_is_stuck_is_kept_until_it_can_be_recorded(line: Line) -> None:
    failures = iter([StorageError("busy"), RuntimeError("something nobody thought of")])

    def stuck(event) -> None:
        if event.digit and (error := next(failures, None)):
            raise error

    line.book.before_event = stuck
    await line.place(a_call())
    await line.provider.settled()
    assert line.provider.calls[0].heard.count("One moment, please.") == 2
    assert line.book.states().count(CallState.ACKNOWLEDGED) == 1
    assert "recorded" in line.provider.calls[0].heard[-1]


async def test_a_record_that_stays_stuck_is_admitted_not_hidden(line: Line) -> None:
    def stuck(event) -> None:
        if event.digit:
            raise StorageError("gone")

    line.book.before_event = stuck
    await line.place(a_call())
    await line.provider.settled()
    assert "could not record your answer" in line.provider.calls[0].heard[-1]
    assert line.book.result() is CallState.COMPLETED


async def test_a_status_that_cannot_be_recorded_is_not_confirmed(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")

    def gone(event) -> None:
        raise StorageError("gone")

    line.book.before_event = gone
    status, _, _ = await post(line, "/calls/twilio/a1/status", {"CallStatus": "ringing"})
    assert status == 503


async def test_the_record_is_made_before_the_provider_is_answered(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")
    line.book.gate.clear()
    press = asyncio.create_task(post(line, "/calls/twilio/a1/key", {"Digits": "1"}))
    finished, _ = await asyncio.wait({press}, timeout=0.2)
    assert not finished
    line.book.gate.set()
    assert (await press)[0] == 200
    assert line.book.states() == [CallState.ACKNOWLEDGED]


async def test_events_without_a_number_are_put_in_their_place(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")
    for status in ("completed", "ringing", "initiated"):
        assert (await post(line, "/calls/twilio/a1/status", {"CallStatus": status}))[0] == 204
    assert [event.sequence for event in line.book.events] == [3, 1, 0]


@pytest.mark.parametrize("number", ["-1", "9" * 5000, "1.5", "٣", "1000"])
async def test_a_number_that_is_none_is_not_used(line: Line, number: str) -> None:
    line.book.scripts["a1"] = a_call("a1")
    form = {"CallStatus": "completed", "SequenceNumber": number}
    assert (await post(line, "/calls/twilio/a1/status", form))[0] == 204
    assert line.book.events[-1].sequence == 3


async def test_a_status_we_do_not_know_is_taken_and_left(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")
    assert (await post(line, "/calls/twilio/a1/status", {"CallStatus": "transcending"}))[0] == 204
    assert line.book.events == []


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(b"\xff\xfe", {}, id="not UTF-8"),
        pytest.param(b"&".join(b"a%d=1" % i for i in range(200)), {}, id="too many fields"),
        pytest.param(
            b"--x\r\nbroken", {"Content-Type": "multipart/form-data; boundary=x"}, id="broken multipart"
        ),
        pytest.param(
            b"a=1", {"Content-Type": "application/x-www-form-urlencoded; charset=nope"}, id="odd charset"
        ),
    ],
)
async def test_a_strange_body_is_refused_and_breaks_nothing(line: Line, data: bytes, headers: dict) -> None:
    status, _, _ = await post(line, "/calls/twilio/a1/say", sign=False, data=data, headers=headers)
    assert status in {400, 403}


@pytest.mark.parametrize(
    "path", ["/calls/twilio/a%2F..%2Fb/say", "/calls/twilio/" + "a" * 65 + "/say", "/calls/twilio/a1/other"]
)
async def test_an_address_that_is_none_of_ours_is_not_there(line: Line, path: str) -> None:
    assert (await post(line, path))[0] == 404


async def test_an_odd_path_is_signed_character_by_character(line: Line) -> None:
    line.book.scripts["a1"] = a_call("a1")
    path = "/calls/twilio/%61%31/say?language=it&x=%7e%20+y"
    url = yarl.URL(line.url + path, encoded=True)
    headers = {"X-Twilio-Signature": line.provider.sign(str(url), [])}
    async with aiohttp.ClientSession() as session, session.post(url, headers=headers) as response:
        assert response.status == 200


async def test_while_a_token_is_replaced_callbacks_under_the_old_one_are_believed() -> None:
    async with a_line(previous_token="token-of-yesterday") as line:
        line.provider.signs_with = "token-of-yesterday"
        await line.place(a_call())
        await line.provider.settled()
        assert line.book.result() is CallState.ACKNOWLEDGED


async def test_callbacks_under_a_shared_key_are_believed() -> None:
    async with a_line(shared_keys={"k1": "shared"}) as line:
        line.provider.signs_with = "shared"
        line.provider.settings = "key=k1,algorithm=HMAC_SHA256"
        await line.place(a_call())
        await line.provider.settled()
        assert line.book.result() is CallState.ACKNOWLEDGED


async def test_a_provider_with_the_wrong_secret_gets_no_word_out_of_us(line: Line) -> None:
    line.provider.signs_with = "somebody else's"
    await line.place(a_call())
    await line.provider.settled()
    assert line.book.events == []
    assert line.provider.calls[0].heard == ["an application error has occurred (403)"]
