"""The ticket driver against a real Request Tracker 5."""

import json
import urllib.request

import pytest

from alerts.base import TicketText
from alerts.request_tracker import RequestTracker
from monitor.errors import DeliveryError
from tests.far_ends.cut import a_cut_wire
from tests.far_ends.request_tracker import Tracker


def a_driver(tracker: Tracker, **settings) -> RequestTracker:
    base = tracker.url + settings.pop("base", "")
    return RequestTracker(base, **{"token": tracker.token, "queue": "Aurora", **settings})


def a_ticket(incident: str, **changes) -> TicketText:
    values = {
        "partner": "aurora",
        "requestor": "noc@aurora.example",
        "subject": "PBX-1001: no answer",
        "body": "Was ist los: nicht erreichbar\n\nGrüße",
        "language": "de",
        "cls": "critical",
    }
    return TicketText(mark=incident, **{**values, **changes})


def seen(tracker: Tracker, path: str, *, method: str = "GET", document: object = None):
    """Look into Request Tracker as its administrator does."""
    request = urllib.request.Request(
        f"{tracker.url}/REST/2.0/{path}",
        method=method,
        data=None if document is None else json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"token {tracker.token}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def contents(tracker: Tracker, reference: str) -> list[str]:
    """Return what was written into a ticket to be read by the partner, oldest first."""
    texts = []
    for entry in seen(tracker, f"ticket/{reference}/history?fields=Type&per_page=100")["items"]:
        if entry["Type"] in {"Create", "Correspond"}:
            for part in seen(tracker, f"transaction/{entry['id']}/attachments?fields=Content")["items"]:
                texts.append(part.get("Content") or "")
    return texts


async def test_a_ticket_that_was_opened_is_found_by_its_incident(tracker: Tracker) -> None:
    driver = a_driver(tracker)
    assert await driver.find("01J-OPEN") is None
    opened = await driver.open(a_ticket("01J-OPEN"))
    assert await driver.find("01J-OPEN") == opened
    assert opened.status == "new"
    assert opened.url == f"{tracker.url}/Ticket/Display.html?id={opened.reference}"


async def test_the_dossier_arrives_with_the_requestor_the_queue_and_both_marks(tracker: Tracker) -> None:
    opened = await a_driver(tracker, priorities={"critical": 90}).open(a_ticket("01J-DOSSIER"))
    ticket = seen(tracker, f"ticket/{opened.reference}?fields[Queue]=Name")
    assert ticket["Subject"] == "PBX-1001: no answer [#01J-DOSSIER]"
    assert ticket["Requestor"][0]["id"] == "noc@aurora.example"
    assert ticket["Queue"]["Name"] == "Aurora"
    assert ticket["Priority"] == "90"
    assert ticket["CustomFields"][0]["values"] == ["01J-DOSSIER"]
    assert "Was ist los: nicht erreichbar\n\nGrüße" in contents(tracker, opened.reference)


async def test_a_ticket_is_found_by_the_custom_field_when_somebody_rewrote_the_subject(
    tracker: Tracker,
) -> None:
    driver = a_driver(tracker)
    opened = await driver.open(a_ticket("01J-RENAMED"))
    seen(tracker, f"ticket/{opened.reference}", method="PUT", document={"Subject": "renamed by hand"})
    found = await driver.find("01J-RENAMED")
    assert found is not None
    assert found.reference == opened.reference


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"queue": "General"}, id="the queue has no such field"),
        pytest.param({"custom_field": "NobodyMadeThis"}, id="the field does not exist at all"),
        pytest.param({"custom_field": None}, id="no field is configured"),
    ],
)
async def test_a_ticket_is_found_by_its_subject_tag(tracker: Tracker, settings: dict, request) -> None:
    driver = a_driver(tracker, **settings)
    incident = f"01J-TAG-{abs(hash(request.node.name))}"
    opened = await driver.open(a_ticket(incident))
    found = await driver.find(incident)
    assert found is not None
    assert found.reference == opened.reference


async def test_a_subject_that_only_speaks_of_the_incident_is_not_taken_for_ours(tracker: Tracker) -> None:
    document = {
        "Queue": "General",
        "Subject": "about 01J-TALK, please",
        "Content": "?",
        "ContentType": "text/plain",
    }
    seen(tracker, "ticket", method="POST", document=document)
    assert await a_driver(tracker).find("01J-TALK") is None


@pytest.mark.parametrize("wild", ["01J_WILD%", "01j-wild-x", "%", "01J-WILD-"])
async def test_wildcards_and_other_cases_match_nothing(tracker: Tracker, wild: str) -> None:
    driver = a_driver(tracker, queue="General")
    if await driver.find("01J-WILD-X") is None:
        await driver.open(a_ticket("01J-WILD-X"))
    assert await driver.find(wild) is None


@pytest.mark.parametrize(
    "nasty", ["x' OR id > 0 OR Subject = 'x", "back\\slash", "quo'te", 'dou"ble', "per%cent"]
)
async def test_what_is_searched_for_cannot_leave_its_quotes(tracker: Tracker, nasty: str) -> None:
    driver = a_driver(tracker)
    assert await driver.find(nasty) is None
    opened = await driver.open(a_ticket(nasty))
    found = await driver.find(nasty)
    assert found is not None
    assert found.reference == opened.reference


async def test_of_two_tickets_with_our_mark_the_older_one_is_ours(tracker: Tracker) -> None:
    driver = a_driver(tracker)
    first = await driver.open(a_ticket("01J-TWICE"))
    await driver.open(a_ticket("01J-TWICE", subject="Fwd: somebody forwarded it"))
    found = await driver.find("01J-TWICE")
    assert found is not None
    assert found.reference == first.reference


async def test_a_note_is_a_correspondence_that_the_partner_gets(tracker: Tracker) -> None:
    driver = a_driver(tracker)
    opened = await driver.open(a_ticket("01J-NOTE"))
    await driver.comment(opened.reference, "Wir sind dran: ½ der Anrufe\ngeht wieder.")
    assert "Wir sind dran: ½ der Anrufe\ngeht wieder." in contents(tracker, opened.reference)


async def test_resolving_says_so_and_is_safe_to_repeat(tracker: Tracker) -> None:
    driver = a_driver(tracker)
    opened = await driver.open(a_ticket("01J-OVER"))
    await driver.resolve(opened.reference, "It is over.")
    await driver.resolve(opened.reference, "It is over.")
    assert seen(tracker, f"ticket/{opened.reference}")["Status"] == "resolved"
    assert contents(tracker, opened.reference).count("It is over.") == 1
    found = await driver.find("01J-OVER")
    assert found is not None
    assert found.status == "resolved"


async def test_a_closed_ticket_stays_closed(tracker: Tracker) -> None:
    driver = a_driver(tracker)
    opened = await driver.open(a_ticket("01J-CLOSED"))
    await driver.resolve(opened.reference, "Over.")
    with pytest.raises(DeliveryError, match="a closed ticket stays closed") as refused:
        await driver.comment(opened.reference, "One more thing")
    assert refused.value.permanent
    assert seen(tracker, f"ticket/{opened.reference}")["Status"] == "resolved"


async def test_a_status_that_the_queue_does_not_know_is_reported(tracker: Tracker) -> None:
    driver = a_driver(tracker, resolved_status="vanished")
    opened = await driver.open(a_ticket("01J-BOGUS"))
    with pytest.raises(DeliveryError, match=r"is still \w+, not vanished") as refused:
        await driver.resolve(opened.reference, "Over.")
    assert refused.value.permanent


async def test_a_user_with_a_password_does_as_well(tracker: Tracker) -> None:
    driver = a_driver(tracker, token=None, user="root", password=tracker.password)
    assert await driver.find("01J-NOBODY") is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"token": "1-14-wrong"}, "does not accept our token or password", id="wrong token"),
        pytest.param(
            {"token": None, "user": "root", "password": "x"}, "does not accept our token", id="wrong password"
        ),
        pytest.param({"queue": "Nowhere"}, "there is no such queue", id="unknown queue"),
        pytest.param({"base": "/elsewhere"}, "is not at this address", id="wrong address"),
    ],
)
async def test_what_only_a_mended_configuration_helps_refuses_us_and_gives_nothing_up(
    tracker: Tracker, settings: dict, sentence: str
) -> None:
    with pytest.raises(DeliveryError, match=sentence) as refused:
        await a_driver(tracker, **settings).open(a_ticket("01J-REFUSED"))
    assert (refused.value.refused, refused.value.permanent, refused.value.ambiguous) == (True, False, False)
    assert await a_driver(tracker).find("01J-REFUSED") is None


async def test_a_wrong_queue_of_one_partner_is_tried_again_and_holds_up_nobody_else(tracker: Tracker) -> None:
    driver = a_driver(tracker, queues={"aurora": "Nowhere"})
    with pytest.raises(DeliveryError, match="there is no such queue") as refused:
        await driver.open(a_ticket("01J-THEIR-QUEUE"))
    assert (refused.value.refused, refused.value.permanent, refused.value.ambiguous) == (False, False, False)
    assert (await driver.open(a_ticket("01J-OUR-QUEUE", partner="birch"))).status == "new"


@pytest.mark.parametrize("reference", ["999999", "../user/root", "", "1 OR 2"])
async def test_a_reference_to_no_ticket_is_permanent(tracker: Tracker, reference: str) -> None:
    with pytest.raises(DeliveryError) as refused:
        await a_driver(tracker).comment(reference, "hello?")
    assert refused.value.permanent


async def test_a_subject_cannot_break_out_of_its_line(tracker: Tracker) -> None:
    subject = "PBX\r\nBcc: everyone@example.org\u202e evil"
    opened = await a_driver(tracker).open(a_ticket("01J-LINE", subject=subject))
    assert (
        seen(tracker, f"ticket/{opened.reference}")["Subject"]
        == "PBX Bcc: everyone@example.org evil [#01J-LINE]"
    )


async def test_a_lost_answer_is_ambiguous_and_the_ticket_is_found_instead_of_opened_twice(
    tracker: Tracker,
) -> None:
    async with a_cut_wire(tracker.url) as wire:
        broken = RequestTracker(wire, token=tracker.token, queue="Aurora")
        with pytest.raises(DeliveryError) as lost:
            await broken.open(a_ticket("01J-LOST"))
        assert (lost.value.ambiguous, lost.value.permanent) == (True, False)
        with pytest.raises(DeliveryError) as unanswered:
            await broken.find("01J-LOST")
        assert not unanswered.value.ambiguous
    found = await a_driver(tracker).find("01J-LOST")
    assert found is not None
    assert found.status == "new"
