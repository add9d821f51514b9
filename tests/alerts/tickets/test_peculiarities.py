"""What is peculiar to one ticket system, beyond what holds for all of them."""

from datetime import timedelta

import pytest

from monitor.errors import DeliveryError
from tests.alerts.tickets.all_ends import an_end
from tests.alerts.tickets.ends import a_ticket, now
from tests.far_ends.faults import Fault, a_wire


@pytest.fixture
async def redmine(request):
    async with an_end("redmine", request) as end:
        yield end


@pytest.fixture
async def jira(request):
    async with an_end("jira", request) as end:
        yield end


@pytest.fixture
async def zendesk(request):
    async with an_end("zendesk", request) as end:
        yield end


@pytest.fixture
async def zammad(request):
    async with an_end("zammad", request) as end:
        yield end


@pytest.fixture
async def servicenow(request):
    async with an_end("servicenow", request) as end:
        yield end


async def test_an_issue_whose_subject_was_rewritten_is_found_by_the_field(redmine) -> None:
    opened = await redmine.driver().open(a_ticket("inc_renamed_1"))
    await redmine.rename(opened.reference, "rewritten by hand")
    found = await redmine.driver().find("inc_renamed_1")
    assert found is not None
    assert found.reference == opened.reference
    assert await redmine.driver(custom_field=None).find("inc_renamed_1") is None


async def test_a_field_that_filters_nothing_makes_no_other_issue_ours(redmine) -> None:
    await redmine.driver().open(a_ticket("inc_other_1"))
    assert await redmine.driver(custom_field=99).find("inc_unheard_of") is None
    opened = await redmine.driver(custom_field=99).open(a_ticket("inc_fieldless_1"))
    found = await redmine.driver(custom_field=99).find("inc_fieldless_1")
    assert found is not None
    assert found.reference == opened.reference


async def test_a_status_that_closes_nothing_is_an_error_before_anything_is_written(redmine) -> None:
    opened = await redmine.driver().open(a_ticket("inc_resolved_1"))
    with pytest.raises(DeliveryError, match="closes nothing") as refused:
        await redmine.driver(closed_status="Resolved").resolve(opened.reference, "it is up")
    assert refused.value.refused
    assert (await redmine.seen(opened.reference)).notes == ()


async def test_a_reopened_issue_of_redmine_is_open(redmine) -> None:
    opened = await redmine.driver().open(a_ticket("inc_reopened_1"))
    await redmine.close(opened.reference)
    await redmine._asked("PUT", f"issues/{opened.reference}.json", {"issue": {"status_id": 2}})
    now_ = await redmine.driver().read(opened.reference)
    assert (now_.status, now_.closed) == ("In Progress", False)


async def test_an_issue_that_the_search_does_not_know_yet_is_found_by_its_number(jira) -> None:
    await jira.driver().open(a_ticket("inc_before"))
    jira.far.reindex()
    async with a_wire(jira.url) as wire:
        wire.fails(Fault.LOST, "POST")
        with pytest.raises(DeliveryError):
            await jira.driver(wire.url).open(a_ticket("inc_lagging", partner="aurora"))
        for number in range(20):
            await jira.driver().open(a_ticket(f"inc_behind_{number}", partner="aurora"))
        found = await jira.driver(wire.url).find("inc_lagging")
    assert found is not None
    assert found.reference == "AUR-1"


async def test_an_issue_that_was_deleted_is_not_found_though_the_search_still_has_it(jira) -> None:
    opened = await jira.driver().open(a_ticket("inc_deleted"))
    jira.far.reindex()
    await jira.delete(opened.reference)
    assert await jira.driver().find("inc_deleted") is None


async def test_a_workflow_without_a_way_to_done_is_an_error(jira) -> None:
    opened = await jira.driver().open(a_ticket("inc_stuck"))
    with pytest.raises(DeliveryError, match="leads from To Do to Archived") as refused:
        await jira.driver(closed_status="Archived").resolve(opened.reference, "it is up")
    assert refused.value.permanent
    assert (await jira.seen(opened.reference)).notes == ()
    await jira.driver(closed_status="Won't do").resolve(opened.reference, "")
    assert (await jira.driver().read(opened.reference)).status == "Won't do"


async def test_an_archived_ticket_of_zendesk_is_found_by_the_search(zendesk) -> None:
    opened = await zendesk.driver().open(a_ticket("inc_archived"))
    await zendesk.close(opened.reference)
    zendesk.far.archived.add(int(opened.reference))
    zendesk.far.reindex()
    found = await zendesk.driver().find("inc_archived")
    assert found is not None
    assert (found.reference, found.closed) == (opened.reference, True)


async def test_the_same_creation_sent_twice_makes_one_ticket_of_zendesk(zendesk) -> None:
    ticket = a_ticket("inc_twice")
    first, second = await zendesk.driver().open(ticket), await zendesk.driver().open(ticket)
    assert first == second
    assert await zendesk.count() == 1


async def test_what_was_solved_meanwhile_refuses_our_note_and_says_why_at_the_next_try(zendesk) -> None:
    opened = await zendesk.driver().open(a_ticket("inc_race"))

    async def meanwhile() -> None:
        await zendesk.close(opened.reference)

    async with a_wire(zendesk.url) as wire:
        wire.between = meanwhile
        with pytest.raises(DeliveryError, match="changed the ticket meanwhile") as conflict:
            await zendesk.driver(wire.url).comment(opened.reference, "we are on it")
        assert (conflict.value.permanent, conflict.value.ambiguous) == (False, False)
        with pytest.raises(DeliveryError, match="a closed ticket stays closed"):
            await zendesk.driver(wire.url).comment(opened.reference, "we are on it")
    assert (await zendesk.seen(opened.reference)).notes == ()


async def test_a_ticket_that_was_merged_into_another_is_gone(zendesk, zammad) -> None:
    merged = await zendesk.driver().open(a_ticket("inc_merged"))
    zendesk.far.touch(int(merged.reference), status="closed", tags=["tocsin", "closed_by_merge"])
    assert await zendesk.driver().read(merged.reference) is None
    merged = await zammad.driver().open(a_ticket("inc_merged"))
    zammad.far.touch(int(merged.reference), state="merged")
    assert await zammad.driver().read(merged.reference) is None


async def test_a_customer_that_zammad_does_not_know_is_made_and_one_without_address_is_ourselves(
    zammad,
) -> None:
    for requestor in ("new@partner.example", None):
        assert await zammad.driver().open(a_ticket(f"inc_{requestor}", requestor=requestor))


async def test_a_group_without_the_right_to_open_is_told_before_and_loses_nothing(zammad) -> None:
    driver = zammad.driver(group="Secret")
    for act in (driver.check, lambda: driver.open(a_ticket("inc_secret"))):
        with pytest.raises(DeliveryError) as refused:
            await act()
        assert (refused.value.refused, refused.value.permanent) == (True, False)


async def test_a_close_code_that_an_instance_does_not_have_is_told_before_and_loses_nothing(
    servicenow,
) -> None:
    driver = servicenow.driver(close_code="Solved (Permanently)")
    with pytest.raises(DeliveryError, match="among Solution provided"):
        await driver.check()
    opened = await driver.open(a_ticket("inc_code"))
    with pytest.raises(DeliveryError, match="Data Policy") as refused:
        await driver.resolve(opened.reference, "it is up")
    assert (refused.value.refused, refused.value.permanent) == (True, False)


async def test_the_caller_of_servicenow_is_whoever_has_the_address_or_nobody(servicenow) -> None:
    known = await servicenow.driver().open(a_ticket("inc_known"))
    unknown = await servicenow.driver().open(a_ticket("inc_unknown", requestor="x^active=true@y.example"))
    assert servicenow.far.incident(known.reference)["caller_id"]
    assert not servicenow.far.incident(unknown.reference).get("caller_id")


async def test_what_changed_long_ago_is_not_told(jira, servicenow, zammad, zendesk) -> None:
    opened = {}
    for end in (jira, servicenow, zammad, zendesk):
        opened[end] = (await end.driver().open(a_ticket("inc_old"))).reference
    jira.far.by_key(opened[jira])["fields"]["updated"] = "2020-01-01T00:00:00.000+0000"
    servicenow.far.incident(opened[servicenow])["sys_updated_on"] = "2020-01-01 00:00:00"
    zammad.far.tickets[int(opened[zammad])]["updated_at"] = "2020-01-01T00:00:00.000Z"
    zendesk.far.tickets[int(opened[zendesk])]["updated_at"] = "2020-01-01T00:00:00Z"
    for end in (jira, servicenow, zammad, zendesk):
        await end.settle()
        assert await end.driver().changed(now() - timedelta(hours=1)) == ()
