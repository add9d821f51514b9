"""Clocks as a NOC engineer and a program see them: how each stands, who is waited for, what is due next."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.domain.clocks import Due, Promise, SupportTime
from monitor.domain.pauses import Pause
from monitor.domain.timed import Edition, Party, Timed, duty
from monitor.storage import clocks
from monitor.storage.clocks import ClockRow, Subject
from monitor.storage.people import Role
from monitor.storage.schema_requests import requests
from monitor.web.clock_states import clock_state
from tests.web.seeds import NOW, a_clock, an_incident

ABOUT = Subject(incident="inc-1")
HOUR = timedelta(hours=1)


def a_row(**changes):
    row = ClockRow(
        seq=1, subject=ABOUT, name="resolution", cls="critical", party=Party.US, started_at=NOW - HOUR, due=NOW + HOUR,
        limit=None, warn_at=NOW + HOUR / 2, warned_at=None, breached_at=None, met_at=None, cancelled_at=None,
        superseded_at=None, timed=None, pauses=(),
    )  # fmt: skip
    return replace(row, **changes)


STATES = [
    ("it runs", {}, "scheduled", "1 h left"),
    ("it is warned of", {"warned_at": NOW}, "warn", "due soon: 1 h left"),
    ("the round has not come yet", {"warn_at": NOW}, "warn", "due soon: 1 h left"),
    ("past the goal of a range", {"warned_at": NOW, "due": NOW - HOUR, "limit": NOW + HOUR}, "warn", "past the goal: 1 h left"),
    ("not kept", {"due": NOW - HOUR, "breached_at": NOW}, "bad", "not kept, 1 h late"),
    ("a duty is missed", {"due": NOW - HOUR, "breached_at": NOW, "party": Party.CUSTOMER}, "bad", "missed, 1 h late"),
    ("it stands still", {"pauses": (Pause(start=NOW - HOUR, reason="waiting_for_customer"),)}, "info", "stands still for 1 h: waiting for customer"),
    ("it stands still past its due", {"due": NOW - HOUR, "pauses": (Pause(start=NOW - 2 * HOUR, reason="waiting_for_customer"),)}, "info", "stands still for 2 h: waiting for customer"),
    ("it ran on", {"pauses": (Pause(start=NOW - HOUR, end=NOW, reason="waiting_for_customer"),)}, "scheduled", "1 h left"),
    ("met", {"met_at": NOW}, "ok", "met"),
    ("met late", {"met_at": NOW, "breached_at": NOW}, "bad", "met late"),
    ("called off", {"cancelled_at": NOW}, "neutral", "called off"),
    ("of another class", {"cancelled_at": NOW, "superseded_at": NOW}, "neutral", "counted anew, for another class"),
]  # fmt: skip


@pytest.mark.parametrize("case", STATES, ids=[case[0] for case in STATES])
def test_how_a_clock_stands_is_said_in_words(case):
    _, changes, tone, text = case
    state = clock_state(a_row(**changes), NOW)
    assert (state.tone, state.text) == (tone, text)


def a_resolution(c, **changes):
    promise = Promise(goal=SupportTime(7200), clause="4", clock="resolution")
    one = Timed(
        clock="resolution", cls="critical", promise=promise, started_at=NOW - HOUR, warn_at=None, edition=Edition(),
        due=Due(due=NOW + HOUR, reason="2 hours of support time"), waits=frozenset({"waiting_for_customer"}),
    )  # fmt: skip
    clocks.start(c, ABOUT, [replace(one, **changes)])


def a_night(c):
    an_incident(c)
    a_clock(c, "inc-1", warned_at=NOW)
    a_resolution(c)
    clocks.start(
        c, ABOUT, [duty("call_back", "critical", NOW, NOW + HOUR / 4, clause="5", says="confirm by phone")]
    )


def plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def page(world, path):
    answer = await world.client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_the_board_says_how_each_clock_stands_and_what_is_due_next(world):
    await world.seed(a_night)
    await world.log_in()
    html = await page(world, "/noc/")
    text = plain(html)
    for said in ("response: due soon: 26 min left", "resolution: 1 h left", "1 Due soon"):
        assert said in text, said
    table = re.findall(r"<tr class=.is-\w+.>.*?</tr>", html.split('id="due-next"', 1)[1], re.DOTALL)
    assert [plain(row).split()[:2] for row in table] == [
        ["Call", "back"],
        ["Response", "our"],
        ["Resolution", "2"],
    ]
    assert "the customer&#39;s duty" in table[0] or "the customer's duty" in table[0]
    assert all('class="mark"' in row for row in table), "a shape, and not colour alone"


@pytest.mark.parametrize(("role", "sees"), [(Role.VIEWER, False), (Role.NOC, True)])
async def test_p5_what_is_due_of_a_request_is_told_to_who_works_on_requests_only(world, role, sees):
    def night(c):
        given = {
            "id": "req_1",
            "policy": "wildix",
            "policy_version": "1",
            "policy_digest": "",
            "channel": "portal",
        }
        more = {"status": "open", "reply_key": "r", "received_at": NOW}
        c.execute(requests.insert().values(given | more))
        clocks.start(c, Subject(request="req_1"), [duty("call_back", "critical", NOW, NOW + HOUR)])

    await world.seed(night)
    await world.log_in(role=role)
    for path in ("/noc/", "/noc/board"):
        html = await page(world, path)
        assert ("req_1" in html) is sees
        assert ("Call back" in html) is sees


async def test_an_answer_that_was_given_by_ticket_is_not_late_though_nobody_has_taken_it(world):
    def night(c):
        an_incident(c, respond_by=NOW - HOUR)
        a_clock(c, "inc-1", due=NOW - HOUR, met_at=NOW - 2 * HOUR)

    await world.seed(night)
    await world.log_in()
    text = plain(await page(world, "/noc/"))
    assert "0 Late" in text
    assert "nobody has it" in text
    assert "response: met" in text
    assert "1 Nobody has it" in text


async def test_a_wait_is_begun_and_ended_from_the_incident(world):
    await world.seed(a_night)
    csrf = await world.log_in()
    path = "/noc/incidents/inc-1"
    assert "Wait: the clocks that stand still for it stop" in await page(world, path)
    answer = await world.client.post(f"{path}/waits", data={"csrf": csrf, "wait": "waiting_for_customer"})
    assert answer.status == 200
    text = plain(await answer.text())
    assert "stands still for 0 s: waiting for customer" in text
    assert "Waiting for customer since" in text
    again = await world.client.post(f"{path}/waits", data={"csrf": csrf, "wait": "waiting_for_customer"})
    assert again.status == 409
    assert "is waiting for customer already" in await again.text()


async def test_a_duty_is_done_by_a_persons_word(world):
    await world.seed(a_night)
    csrf = await world.log_in()
    path = "/noc/incidents/inc-1"
    text = plain(await page(world, path))
    assert "Call back: done" in text
    assert "counted 24 Nov 2026, 09:00:00 UTC to 24 Nov 2026, 09:15:00 UTC" in text
    answer = await world.client.post(f"{path}/clocks/call_back/meet", data={"csrf": csrf})
    assert answer.status == 200
    assert "Call back: done" not in plain(await answer.text())


@pytest.fixture
async def api(world):
    headers = await world.token("read", "operate")

    async def call(method, path, **kw):
        answer = await world.client.request(method, f"/api/v1/incidents/{path}", headers=headers, **kw)
        return answer.status, await answer.json()

    return call


async def test_a_program_reads_the_clocks_and_says_who_is_waited_for(world, api):
    await world.seed(a_night)
    status, body = await api("GET", "inc-1/clocks")
    assert status == 200
    assert [(c["name"], c["class"], c["party"]) for c in body["items"]] == [
        ("response", "critical", "us"),
        ("resolution", "critical", "us"),
        ("call_back", "critical", "customer"),
    ]
    duty_counted = body["items"][2]["counted"]
    assert duty_counted == [{"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T09:15:00Z"}]
    status, body = await api("POST", "inc-1/waits", json={"wait": "waiting_for_customer"})
    assert status == 200
    assert body["items"][1]["pauses"] == [{"from": "2026-11-24T09:00:00Z", "to": None}]
    assert [c["paused_since"] for c in body["items"]] == [None, "2026-11-24T09:00:00Z", None]
    status, body = await api("POST", "inc-1/waits", json={"wait": "waiting_for_customer"})
    assert status == 409
    assert await world.told() != []


REFUSED = [
    ("an incident that is not there", "nope/waits", {"wait": "waiting_for_customer"}, 404),
    ("a wait that nobody knows", "inc-1/waits", {"wait": "waiting_for_godot"}, 422),
    ("a wait that is no name", "inc-1/waits", {"wait": "<b>"}, 422),
    ("a wait that does not stand", "inc-1/waits", {"wait": "waiting_for_customer", "over": True}, 409),
    ("a clock that does not run", "inc-1/clocks/parts/meet", {}, 409),
    ("the response, which is met by answering", "inc-1/clocks/response/meet", {}, 409),
    ("clocks of nothing", "nope/clocks/resolution/meet", {}, 404),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
async def test_what_cannot_be_is_refused_with_its_reason(world, api, case):
    await world.seed(a_night)
    _, path, body, expected = case
    status, answer = await api("POST", path, json=body)
    assert status == expected
    assert answer["title"]


async def test_nothing_is_known_of_the_clocks_of_nothing(world, api):
    assert (await api("GET", "nope/clocks"))[0] == 404
