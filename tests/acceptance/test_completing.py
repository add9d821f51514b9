"""A request that lacks something, until it lacks nothing: word by word, in another class, after an engineer's decision."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

from alerts.answers import field_label
from monitor.desk import FollowUp
from monitor.domain.request_life import RequestStatus
from tests.acceptance.desks import (
    CRITICAL_MAIL,
    DESK,
    PLM_FIELDS,
    SATURDAY_NIGHT,
    TUESDAY_AT_TEN,
    TUESDAY_IN_CHICAGO,
    a_filing,
)
from tests.acceptance.world import MovableClock, a_world


@asynccontextmanager
async def a_desk(tmp_path, database_url, *, at=TUESDAY_AT_TEN):
    async with a_world(tmp_path, database_url, clock=MovableClock(at), configuration=DESK) as world:
        yield world


def a_mail(contact, fields, **other):
    return a_filing(channel="email", contact=contact, fields=fields, strict=False, **other)


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


async def the_request(world):
    (one,) = await world.rows("requests")
    return one


async def answers(world):
    return [row for row in await world.rows("outbox") if row["kind"] == "answer"]


async def test_e3_what_is_missing_may_be_said_in_two_mails_and_what_still_is_missing_is_told(
    tmp_path, database_url
):
    async with a_desk(tmp_path, database_url) as world:
        filed = await world.service.desk.file(
            a_mail("astrid", without(PLM_FIELDS, "product_version", "service_pack"))
        )
        assert filed.status is RequestStatus.INCOMPLETE
        first, second = ({name: PLM_FIELDS[name]} for name in ("product_version", "service_pack"))
        await world.service.desk.follow_up(filed.id, FollowUp(fields=first, author="Astrid", channel="email"))
        assert (await the_request(world))["status"] == "incomplete"
        _, still = await answers(world)
        assert field_label("service_pack", "da") in still["payload"]
        assert field_label("product_version", "da") not in still["payload"]
        await world.service.desk.follow_up(
            filed.id, FollowUp(fields=second, author="Astrid", channel="email")
        )
        assert (await the_request(world))["status"] == "open"
        assert len(await answers(world)) == 3


async def test_a_request_completed_in_a_more_urgent_class_is_timed_by_that_class(tmp_path, database_url):
    async with a_desk(tmp_path, database_url) as world:
        lacking = without(PLM_FIELDS, "service_pack") | {"priority": "low"}
        filed = await world.service.desk.file(a_mail("astrid", lacking))
        (before,) = await world.rows("clocks")
        said = {"service_pack": "SP1.0", "priority": "critical"}
        await world.service.desk.follow_up(filed.id, FollowUp(fields=said, author="Astrid", channel="email"))
        (standing,) = [row for row in await world.rows("clocks") if row["superseded_at"] is None]
        assert (before["class"], standing["class"]) == ("low", "critical")
        assert standing["due"] < before["due"]
        assert standing["started_at"] == before["started_at"]


async def test_a_class_said_before_the_rest_is_timed_at_once(tmp_path, database_url):
    async with a_desk(tmp_path, database_url) as world:
        lacking = without(PLM_FIELDS, "service_pack", "product_version") | {"priority": "low"}
        filed = await world.service.desk.file(a_mail("astrid", lacking))
        for said in ({"priority": "critical"}, {"service_pack": "SP1.0", "product_version": "2026"}):
            await world.service.desk.follow_up(
                filed.id, FollowUp(fields=said, author="Astrid", channel="email")
            )
            (standing,) = [row for row in await world.rows("clocks") if row["superseded_at"] is None]
            assert ((await the_request(world))["class"], standing["class"]) == ("critical", "critical")
        assert (await the_request(world))["status"] == "open"


async def test_a_class_that_an_engineer_gave_is_not_lowered_by_what_completes_the_request(
    tmp_path, database_url
):
    async with a_desk(tmp_path, database_url) as world:
        lacking = without(PLM_FIELDS, "service_pack") | {"priority": "low"}
        filed = await world.service.desk.file(a_mail("astrid", lacking))
        await world.service.casework.reclass(filed.id, "critical", actor="nadia", why="the yard stands still")
        said = FollowUp(fields={"service_pack": "SP1.0"}, author="Astrid", channel="email")
        await world.service.desk.follow_up(filed.id, said)
        request = await the_request(world)
        assert (request["status"], request["class"]) == ("open", "critical")


async def test_w7_a_request_that_becomes_urgent_at_night_pages_the_engineer_on_call(tmp_path, database_url):
    async with a_desk(tmp_path, database_url, at=SATURDAY_NIGHT) as world:
        lacking = without(CRITICAL_MAIL, "question") | {"priority": "advisory"}
        filed = await world.service.desk.file(a_mail("lee", lacking))
        before = [row for row in await world.rows("outbox") if row["kind"] == "page"]
        said = FollowUp(fields={"question": "What?", "priority": "critical"}, author="Lee", channel="email")
        await world.service.desk.follow_up(filed.id, said)
        assert (await the_request(world))["status"] == "open"
        pages = [row for row in await world.rows("outbox") if row["kind"] == "page"]
        assert (len(before), len(pages)) == (0, 1)


async def test_e5_a_mail_completed_as_critical_is_to_be_confirmed_by_phone_from_then_on(
    tmp_path, database_url
):
    async with a_desk(tmp_path, database_url, at=TUESDAY_IN_CHICAGO) as world:
        lacking = without(CRITICAL_MAIL, "question", "priority")
        filed = await world.service.desk.file(a_mail("lee", lacking))
        assert ((await the_request(world))["class"], (await the_request(world))["needs_triage"]) == (
            None,
            True,
        )
        world.clock.forward(3600)
        said = FollowUp(fields={"question": "What?", "priority": "critical"}, author="Lee", channel="email")
        await world.service.desk.follow_up(filed.id, said)
        (duty,) = await world.rows("clocks", party="customer")
        assert (duty["name"], duty["due"]) == (
            "call_within_15_minutes",
            world.clock() + timedelta(minutes=15),
        )
        await world.passes_time(minutes=1)
        request = await the_request(world)
        assert (request["class"], request["needs_triage"], request["flagged"]) == ("critical", False, None)


async def test_two_who_fill_in_what_is_missing_at_once_complete_it_together(tmp_path, database_url):
    async with a_desk(tmp_path, database_url) as world:
        lacking = without(PLM_FIELDS, "product_version", "service_pack")
        filed = await world.service.desk.file(a_mail("astrid", lacking))
        given = [{name: PLM_FIELDS[name]} for name in ("product_version", "service_pack")]
        await asyncio.gather(
            *(
                world.service.desk.follow_up(filed.id, FollowUp(fields=said, author="A", channel="email"))
                for said in given
            )
        )
        assert (await the_request(world))["status"] == "open"


async def test_a_mail_delivered_again_after_its_request_was_closed_is_still_one_mail(tmp_path, database_url):
    async with a_desk(tmp_path, database_url) as world:
        filed = await world.service.desk.file(a_filing())
        said = FollowUp(text="Still none.", author="Giulia", channel="email", dedup="mail-1")
        assert await world.service.desk.follow_up(filed.id, said)
        await world.service.casework.close(filed.id, actor="nadia")
        assert not await world.service.desk.follow_up(filed.id, said)
        again = await world.service.desk.file(
            a_mail("giulia", {}, text="Still none.", existing_ticket="R-00001", dedup="mail-1")
        )
        assert (again.new, again.id) == (False, filed.id)
        assert len(await world.rows("requests")) == 1
