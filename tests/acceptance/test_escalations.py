"""Escalations, whole: every way a call can end leads to the next contact, and edits change nothing that runs."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.sandbox import Pickup
from tests.acceptance.asked import a_mailbox, mail_settings
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MARCO, NADIA, TOMAS, a_world

LUCA, SARA = "+390461234569", "+390461234570"
MORE = CONFIGURATION.replace(
    "  - id: birch",
    """\
      - {id: luca, name: Luca Riva, phone: "+390461234569", languages: [it]}
      - {id: sara, name: Sara Conti, phone: "+390461234570", languages: [it]}
  - id: birch""",
).replace(
    '"+390461234568", email: marco@aurora.example, languages: [it]}', '"+390461234568", languages: [it]}'
)
NIGHT = """
escalations:
  - name: night
    steps:
      - {to: {rotation: on-call}, delay: 2m}
      - {to: [{engineer: tomas}, {engineer: nadia}], delay: 5m}
    repeat: 1
    catch_all: {engineer: tomas, times: 2, every: 10m}
"""
AURORA = """
escalations:
  - name: aurora
    steps:
      - {to: {role: interpreter}}
      - {to: {contact: marco}}
      - {to: {contact: giulia}}
"""


async def numbers(world) -> list[str]:
    return [call.number for call in world.exchange.calls]


async def times(world) -> list[tuple[str, float]]:
    """Return who was called, and how many seconds after the first call."""
    calls = world.exchange.calls
    return [(call.number, (call.placed_at - calls[0].placed_at).total_seconds()) for call in calls]


async def test_busy_no_answer_voicemail_and_hang_up_each_go_to_the_next_then_round_again_then_to_our_engineer(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url, configuration=MORE + CHECKS) as world:
        ends = {
            GIULIA: Pickup.BUSY,
            MARCO: Pickup.NO_ANSWER,
            LUCA: Pickup.VOICEMAIL,
            SARA: Pickup.HANG_UP,
        }
        for number, pickup in ends.items():
            world.answers(number, pickup)
        await world.fails("pbx-1-sip")
        await world.deliver()
        assert await numbers(world) == [GIULIA, MARCO, LUCA, SARA], (
            "nobody is waited for between two contacts"
        )
        (row,) = await world.rows("outbox", kind="call")
        assert (row["state"], row["recipient"]) == ("waiting", GIULIA)
        assert row["not_before"] - world.clock() >= timedelta(seconds=50), "a pause, then round again"
        await world.passes_time(minutes=10)
        assert await numbers(world) == [GIULIA, MARCO, LUCA, SARA, GIULIA, MARCO, NADIA]
        incident = await world.incident()
        assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "nadia by phone")
        (note,) = await world.rows("ticket_notes")
        assert note["text"] == "We tried to reach your contacts by phone, and nobody could be reached."
        assert [result for _, _, result in await world.attempts(channel="phone")] == [
            "busy", "no_answer", "no_answer", "no_answer", "busy", "no_answer",
        ]  # fmt: skip


async def test_a_contact_who_presses_two_hands_on_at_once(world):
    world.answers(GIULIA, presses="2")
    await world.fails("pbx-1-sip")
    await world.deliver()
    assert await numbers(world) == [GIULIA, MARCO]


async def test_an_edit_of_the_configuration_changes_nothing_about_a_running_escalation(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url, configuration=MORE + CHECKS) as world:
        for number in (GIULIA, MARCO, LUCA, SARA):
            world.answers(number, Pickup.BUSY)
        await world.fails("pbx-1-sip")
        await world.deliver()
        edited = MORE.replace(
            "contacts:\n      - {id: giulia",
            "contacts:\n      - {id: new, name: New, phone: '+390461234571'}\n      - {id: giulia",
            1,
        )
        edited = edited.replace(
            '- {id: luca, name: Luca Riva, phone: "+390461234569"',
            '- {id: luca, name: Luca Riva, phone: "+390461234579"',
        )
        world.path.write_text(edited + CHECKS + "contact: {attempts: 1, retry_delays: [3s]}\n")
        assert await world.service.reload() == ()
        await world.passes_time(minutes=3)
        assert (await numbers(world))[4:6] == [GIULIA, MARCO], (
            "the order, the pauses and the attempts it began with"
        )
        assert "+390461234571" not in await numbers(world)


async def test_a_number_that_was_removed_in_the_meantime_is_not_dialled_and_the_next_is(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url, configuration=MORE + CHECKS) as world:
        for number in (GIULIA, MARCO, LUCA, SARA):
            world.answers(number, Pickup.BUSY)
        await world.fails("pbx-1-sip")
        await world.deliver()
        gone = "\n".join(line for line in MORE.splitlines() if "id: giulia" not in line)
        world.path.write_text(gone + CHECKS)
        assert await world.service.reload() == ()
        await world.passes_time(minutes=2)
        assert (await numbers(world))[4:] == [MARCO, NADIA], "Giulia is passed over at once"
        said = [row["detail"] for row in await world.rows("attempts", channel="phone")]
        assert any(GIULIA in detail and "not dialled" in detail for detail in said)


async def test_a_partner_has_an_escalation_of_its_own_and_a_step_without_anybody_is_never_waited_for(
    tmp_path, database_url
):
    named = MORE.replace(
        "    language: it\n    contacts:", "    language: it\n    escalation: aurora\n    contacts:"
    )
    async with a_world(tmp_path, database_url, configuration=named + AURORA + CHECKS) as world:
        world.answers(MARCO, Pickup.BUSY)
        await world.fails("pbx-1-sip")
        await world.deliver()
        assert await numbers(world) == [MARCO, GIULIA]
        (row,) = await world.rows("outbox", kind="call")
        assert row["state"] == "done"


async def test_pages_go_by_their_escalation_several_at_once_repeated_and_end_with_the_catch_all(
    tmp_path, database_url
):
    rota = "  rotation: {anchor: 2026-01-05T09:00, order: [nadia]}\n  escalation: night\n  fallback: nadia"
    configuration = CONFIGURATION.replace("  fallback: nadia", rota) + NIGHT + CHECKS
    async with a_world(tmp_path, database_url, configuration=configuration) as world:
        world.answers(NADIA, Pickup.NO_ANSWER)
        world.answers(TOMAS, Pickup.NO_ANSWER)
        await world.fails("portal-web")
        await world.passes_time(minutes=90)
        called = await numbers(world)
        one_round = [NADIA, TOMAS, NADIA]
        assert sorted(called) == sorted([*one_round, *one_round, TOMAS, TOMAS])
        assert called[0] == NADIA
        assert called[-2:] == [TOMAS, TOMAS]
        (lead,) = [row for row in await world.rows("outbox", kind="page") if row["attempts"] > 1]
        assert lead["state"] == "failed"
        assert "contact.failed" in await world.events((await world.incident())["id"])
        when = dict(reversed(await times(world)))
        assert when[TOMAS] >= 120, "a step has its delay"


async def test_whoever_is_on_call_is_whoever_is_when_the_step_begins(tmp_path, database_url):
    rota = """  rotation:
    anchor: 2026-01-05T09:00
    order: [tomas]
    shifts: [{engineer: nadia, from: 2026-11-23T00:00, to: 2026-11-23T11:00}]
  fallback: nadia"""
    configuration = CONFIGURATION.replace("  fallback: nadia", rota) + CHECKS
    async with a_world(tmp_path, database_url, configuration=configuration) as world:
        world.clock.now = world.clock.now.replace(hour=9, minute=56, second=0)
        await world.fails("portal-web")
        moved = world.path.read_text().replace("to: 2026-11-23T11:00", "to: 2026-11-23T10:30")
        world.path.write_text(moved)
        assert await world.service.reload() == ()
        await world.deliver()
        world.only_called(TOMAS)
        (attempt,) = await world.rows("attempts", channel="page")
        assert (attempt["contact"], attempt["recipient"]) == ("tomas", TOMAS)


CALLS = """\
    calls:
      no_answer: {then: same, after: 20s, times: 1}
      hung_up: {after: 45s}
      busy: next
      rounds: 1
"""


async def test_a_policy_says_what_each_end_leads_to_and_how_often_round(tmp_path, database_url):
    shipped = (Path("config/policies/wildix.yaml")).read_text(encoding="utf-8")
    before, after = shipped.split("  critical:\n    inside:\n", 1)
    (tmp_path / "ours.yaml").write_text(f"{before}  critical:\n{CALLS}    inside:\n{after}", encoding="utf-8")
    async with a_world(
        tmp_path, database_url, configuration=MORE + CHECKS + "policies: ours.yaml\n"
    ) as world:
        for number, pickup in (
            (GIULIA, Pickup.NO_ANSWER),
            (MARCO, Pickup.HANG_UP),
            (LUCA, Pickup.BUSY),
            (SARA, Pickup.VOICEMAIL),
        ):
            world.answers(number, pickup)
        await world.fails("pbx-1-sip")
        await world.passes_time(minutes=15)
        assert await numbers(world) == [GIULIA, GIULIA, MARCO, LUCA, SARA, NADIA], "once round, Giulia twice"
        at = [seconds for _, seconds in await times(world)]
        assert at[1] - at[0] >= 20
        assert at[3] - at[2] >= 45
        assert at[4] - at[3] < 20


async def test_behind_a_page_by_mail_the_next_step_begins_when_its_time_is_over(
    tmp_path, database_url, unused_tcp_port
):
    escalation = """
escalations:
  - {name: quiet, steps: [{to: {engineer: lars}, delay: 5m}, {to: {engineer: tomas}}], catch_all: tomas}
"""
    configuration = CONFIGURATION.replace(
        "  engineers:\n",
        "  escalation: quiet\n  engineers:\n    - {id: lars, name: Lars Holm, email: lars@noc.example}\n",
    )
    async with (
        a_mailbox(unused_tcp_port) as mailbox,
        a_world(
            tmp_path,
            database_url,
            configuration=configuration + escalation + CHECKS + mail_settings(unused_tcp_port),
        ) as world,
    ):
        await world.fails("portal-web")
        await world.deliver()
        assert [mail["To"] for mail in mailbox.mails] == ["lars@noc.example"]
        (row,) = await world.rows("outbox", kind="page")
        assert (row["state"], row["waits"], row["recipient"]) == ("waiting", "escalation_step", TOMAS)
        await world.passes_time(minutes=4)
        world.only_called()
        await world.passes_time(minutes=2)
        world.only_called(TOMAS)
        assert (await world.incident())["owner"] == "tomas"


@pytest.mark.parametrize("pickup", [Pickup.BUSY, Pickup.REFUSE, Pickup.UNREACHABLE])
async def test_every_other_end_of_a_call_goes_to_the_next_at_once(world, pickup):
    world.answers(GIULIA, pickup)
    await world.fails("pbx-1-sip")
    await world.deliver()
    world.only_called(GIULIA, MARCO)
