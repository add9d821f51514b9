"""Lines: registered at a PBX nobody here wrote (Kamailio), lost, full, refusing; the next one stands by."""

import asyncio
from pathlib import Path

import pytest

from alerts.base import CallState
from alerts.sip import SipPhone, Station
from alerts.sip_lines import Lines, dialled
from monitor.errors import DeliveryError
from tests.alerts.sip_phones import Log, a_line, a_sip_call, a_sip_phone, now, speaking
from tests.far_ends.kamailio import a_pbx
from tests.far_ends.sipp import answers, busy, free_port, ignores, phones, refuses, rings_on

PARTNER = "+390612345678"


def judged(error: DeliveryError) -> set[str]:
    return {name for name in ("permanent", "ambiguous", "refused", "away") if getattr(error, name)}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_line_registers_with_its_password_and_calls_through_the_pbx(
    tmp_path: Path, transport: str
) -> None:
    log = Log()
    async with (
        phones(tmp_path / "phones", {PARTNER: answers("1")}) as far_end,
        a_pbx(tmp_path / "pbx", behind=far_end.address) as pbx,
    ):
        line = a_line(
            pbx.address,
            register=True,
            password=pbx.password,
            transport=transport,
            caller="+390461000111",
            marked=True,
        )
        async with a_sip_phone(tmp_path, lines=(line,), on_event=log.on_event) as sip:
            await sip.place(a_sip_call())
            assert (await log.until(CallState.ACKNOWLEDGED)).digit == "1"
            assert sip.lines.down == {}
        told = far_end.messages()
        assert "P-Asserted-Identity: <sip:+390461000111@" in told
        assert "X-Tocsin-Attempt: att_1" in told
        assert pbx.password not in told


async def test_a_wrong_password_is_said_at_once_and_nothing_is_dialled(tmp_path: Path) -> None:
    async with (
        phones(tmp_path / "phones", {PARTNER: answers("1")}) as far_end,
        a_pbx(tmp_path / "pbx", behind=far_end.address) as pbx,
    ):
        wrong = a_line(pbx.address, register=True, password="guessed")
        async with a_sip_phone(tmp_path, lines=(wrong,), on_event=Log().on_event) as sip:
            with pytest.raises(DeliveryError, match="line pbx: not registered: 401 Unauthorized") as refused:
                await sip.place(a_sip_call())
            assert judged(refused.value) == {"refused"}, "it waits for a mended configuration"
        assert far_end.invited() == []


async def test_a_pbx_that_goes_and_comes_back_is_registered_at_again(tmp_path: Path) -> None:
    ups: list[int] = []
    async with a_pbx(tmp_path / "pbx", behind="127.0.0.1:9") as pbx:
        line = a_line(pbx.address, register=True, password=pbx.password, transport="tcp", every=60)
        await pbx.stop()
        async with a_sip_phone(tmp_path, lines=(line,), on_event=Log().on_event) as sip:
            sip.lines.on_change = lambda up, _of: ups.append(up)
            with pytest.raises(DeliveryError, match="not registered") as away:
                await sip.place(a_sip_call())
            assert judged(away.value) == {"away"}
            await pbx.start()
            async with asyncio.timeout(30):
                while sip.lines.down:
                    await asyncio.sleep(0.05)
        assert ups[-1] == 1


@pytest.mark.parametrize("status", ["503 Service Unavailable", "403 Forbidden", "500 Server Internal Error"])
async def test_a_line_that_refuses_before_ringing_is_followed_by_the_next_in_the_same_attempt(
    tmp_path: Path, status: str
) -> None:
    log = Log()
    async with (
        phones(tmp_path / "first", {PARTNER: refuses(status, rings=None)}) as first,
        phones(tmp_path / "second", {PARTNER: busy()}) as second,
        a_sip_phone(tmp_path, first.address, second.address, on_event=log.on_event) as sip,
    ):
        await sip.place(a_sip_call())
        end = await log.until(CallState.BUSY, CallState.FAILED)
        assert (end.state, end.detail) == (CallState.BUSY, "busy (486 Busy Here)")
        await sip.settled()
        await sip.place(a_sip_call("att_2"))  # the first one rests now
        await sip.settled()
        assert (first.invited(), second.invited()) == ([PARTNER], [PARTNER, PARTNER])


async def test_a_line_that_refuses_after_ringing_is_an_outcome_for_somebody_was_rung(tmp_path: Path) -> None:
    log = Log()
    async with (
        phones(tmp_path / "first", {PARTNER: refuses("503 Service Unavailable", rings=0.2)}) as first,
        phones(tmp_path / "second", {PARTNER: busy()}) as second,
        a_sip_phone(tmp_path, first.address, second.address, on_event=log.on_event) as sip,
    ):
        await sip.place(a_sip_call())
        assert (await log.until(CallState.BUSY, CallState.FAILED)).state is CallState.FAILED
        await sip.settled()
        assert second.invited() == []


async def test_a_pbx_that_refuses_connections_is_followed_by_the_next_line(tmp_path: Path) -> None:
    log = Log()
    async with phones(tmp_path / "phones", {PARTNER: busy()}) as far_end:
        dead = a_line(f"127.0.0.1:{free_port()}", name="dead", transport="tcp")
        lines = (dead, a_line(far_end.address, name="alive"))
        async with a_sip_phone(tmp_path, lines=lines, on_event=log.on_event) as sip:
            await sip.place(a_sip_call())
            assert (await log.until(CallState.BUSY, CallState.FAILED)).state is CallState.BUSY


async def test_a_pbx_that_nobody_reaches_is_away_and_the_call_is_nobody_s_outcome(tmp_path: Path) -> None:
    log = Log()
    dead = a_line(f"127.0.0.1:{free_port()}", name="dead", transport="tcp")
    async with a_sip_phone(tmp_path, lines=(dead,), on_event=log.on_event) as sip:
        with pytest.raises(DeliveryError, match="line dead: the PBX cannot be reached") as away:
            await sip.place(a_sip_call())
        assert judged(away.value) == {"away"}
    assert log.states() == [CallState.QUEUED]


async def test_a_trunk_that_takes_no_call_with_this_password_refuses_us_and_not_the_number(
    tmp_path: Path,
) -> None:
    async with (
        phones(tmp_path / "phones", {PARTNER: answers("1")}) as far_end,
        a_pbx(tmp_path / "pbx", behind=far_end.address) as pbx,
    ):
        wrong = a_line(pbx.address, password="guessed")
        async with a_sip_phone(tmp_path, lines=(wrong,), on_event=Log().on_event) as sip:
            with pytest.raises(DeliveryError, match="user name or password is not accepted") as refused:
                await sip.place(a_sip_call())
            assert judged(refused.value) == {"refused"}
        assert far_end.invited() == []


async def test_a_line_that_says_nothing_at_all_rests_and_the_next_attempt_goes_by_the_next(
    tmp_path: Path,
) -> None:
    log = Log()
    async with (
        phones(tmp_path / "first", {PARTNER: ignores()}) as first,
        phones(tmp_path / "second", {PARTNER: busy()}) as second,
        a_sip_phone(tmp_path, first.address, second.address, on_event=log.on_event) as sip,
    ):
        with pytest.raises(DeliveryError, match="no answer from the PBX at all") as away:
            await sip.place(a_sip_call("att_1"))
        assert judged(away.value) == {"away"}
        await sip.place(a_sip_call("att_2"))
        await sip.settled()
        ends = {event.attempt: event.detail for event in log.events if event.sequence == 3}
        assert ends == {"att_2": "busy (486 Busy Here)"}
        assert (first.invited(), second.invited()) == ([PARTNER], [PARTNER]), (
            "it may have rung: not in one attempt"
        )


async def test_a_full_line_is_followed_by_the_next_and_then_calls_wait_for_their_turn(tmp_path: Path) -> None:
    log = Log()
    async with phones(tmp_path / "phones", {PARTNER: rings_on()}) as far_end:
        lines = (
            a_line(far_end.address, name="one", channels=1),
            a_line(far_end.address, name="two", channels=1),
        )
        async with a_sip_phone(tmp_path, lines=lines, on_event=log.on_event) as sip:
            calls = [a_sip_call(f"att_{number}", ring_seconds=1) for number in range(3)]
            await asyncio.gather(*map(sip.place, calls))
            await sip.settled()
        used = {event.attempt: event.detail for event in log.events if event.state is CallState.QUEUED}
        assert sorted(used.values())[::2] == ["dialled by line one", "dialled by line two"]
        assert log.states().count(CallState.NO_ANSWER) == 3


@pytest.mark.parametrize(
    ("plus", "wanted"),
    [("+", "sip:+390612345678@pbx"), ("00", "sip:00390612345678@pbx"), ("", "sip:390612345678@pbx")],
    ids=["as it is", "00", "without"],
)
def test_a_number_is_dialled_as_the_pbx_wants_it(plus: str, wanted: str) -> None:
    assert dialled(a_line("pbx", plus=plus), PARTNER) == wanted


async def test_a_password_is_in_no_text_about_a_line() -> None:
    line = a_line("pbx.example", password="s3cret", register=True)
    assert "s3cret" not in repr(line)
    assert "s3cret" not in repr(Lines((line,)).lines)


async def test_nobody_can_phone_us(tmp_path: Path) -> None:
    port, media = free_port(tls=True), free_port(pairs=12)
    station = Station(
        lines=(a_line("127.0.0.1:9"),),
        local_address="127.0.0.1",
        port=port,
        rtp_ports=(media, media + 23),
    )
    phone = SipPhone(
        station, on_event=Log().on_event, clock=now, speech=speaking(), folder=tmp_path / "journal"
    )
    async with phone:
        await asyncio.wait_for(phone.child.ready.wait(), 30)
        caller = await asyncio.create_subprocess_exec(
            *(
                "sipp",
                "-sn",
                "uac",
                f"127.0.0.1:{port}",
                "-i",
                "127.0.0.1",
                "-p",
                str(free_port()),
                "-m",
                "1",
            ),
            *(
                "-s",
                "tocsin",
                "-timeout",
                "20",
                "-nostdin",
                "-trace_msg",
                "-message_file",
                str(tmp_path / "heard"),
            ),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(caller.wait(), 30)
    assert "SIP/2.0 486" in (tmp_path / "heard").read_text()
