"""Invitations that calendars understand: one UID, growing sequence, the right zone, and hostile text that stays text."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.invitations import Invitation, Person, ics, media_type

TUESDAY = datetime(2026, 11, 24, 15, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def an_appointment(**other):
    known = {"id": "apt_1", "request": "R-1", "starts_at": TUESDAY, "ends_at": TUESDAY + timedelta(hours=1),
             "created_at": TUESDAY - timedelta(days=1), "updated_at": TUESDAY - timedelta(days=1)}  # fmt: skip
    return Appointment(**{**known, **other})


def an_invitation(**other):
    known = {"appointment": an_appointment(), "zone": NEW_YORK, "summary": "Upgrade", "domain": "help.example",
             "organizer": Person("Help desk", "help@help.example"), "attendee": Person("Ann Hill", "ann@iris.example")}  # fmt: skip
    return Invitation(**{**known, **other})


def read(invitation):
    calendar = icalendar.Calendar.from_ical(ics(invitation))
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_h1_an_appointment_is_an_invitation_in_the_customers_zone():
    calendar, event = read(an_invitation())
    assert calendar["METHOD"] == "REQUEST"
    assert media_type(an_invitation()) == "text/calendar; method=REQUEST; charset=utf-8"
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == ("apt_1@help.example", 0, "CONFIRMED")
    assert event["DTSTART"].params["TZID"] == "America/New_York"
    assert event.decoded("DTSTART").strftime("%H:%M") == "10:00"
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (TUESDAY, TUESDAY + timedelta(hours=1))
    assert (event["ATTENDEE"], event["ATTENDEE"].params["CN"]) == ("mailto:ann@iris.example", "Ann Hill")
    assert event["ORGANIZER"] == "mailto:help@help.example"
    assert len(ics(an_invitation())) < 2_000, "the rules of a zone since 1970 are nobody's business"
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["America/New_York"]


def test_h1_a_move_is_the_same_event_with_a_higher_sequence():
    moved = an_appointment(
        starts_at=TUESDAY + timedelta(hours=2), ends_at=TUESDAY + timedelta(hours=3), sequence=1
    )
    _, event = read(an_invitation(appointment=moved))
    assert (event["UID"], event["SEQUENCE"]) == ("apt_1@help.example", 1)
    assert event.decoded("DTSTART") == TUESDAY + timedelta(hours=2)


def test_h1_calling_off_is_a_cancellation_of_the_same_event():
    off = an_invitation(appointment=an_appointment(status=AppointmentStatus.CANCELLED, sequence=2))
    calendar, event = read(off)
    assert (calendar["METHOD"], event["UID"], event["SEQUENCE"], event["STATUS"]) == (
        "CANCEL", "apt_1@help.example", 2, "CANCELLED")  # fmt: skip
    assert "method=CANCEL" in media_type(off)


@pytest.mark.parametrize("hour", [4, 5, 6, 7], ids=["before", "the first", "the second", "after"])
def test_h1_a_time_that_the_wall_shows_twice_is_still_one_moment(hour):
    starts = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    one = an_appointment(starts_at=starts, ends_at=starts + timedelta(hours=1))
    _, event = read(an_invitation(appointment=one))
    assert event.decoded("DTSTART").astimezone(UTC) == starts
    assert event.decoded("DTEND").astimezone(UTC) == starts + timedelta(hours=1)


HOSTILE = (
    "Upgrade\r\nATTENDEE:mailto:evil@example.org\nEND:VEVENT\r\nBEGIN:VALARM\x00; , \\ \u2028\u202egpj.exe"
)


def test_h1_hostile_text_stays_text():
    invitation = an_invitation(
        summary=HOSTILE,
        description=HOSTILE,
        location=HOSTILE,
        attendee=Person('Ann "; X=1:mailto:x@y\r\nX-EVIL:1 ^n', "ann@iris.example"),
    )
    calendar, event = read(invitation)
    assert len(calendar.walk("VEVENT")) == 1
    assert not calendar.walk("VALARM")
    assert str(event["ATTENDEE"]) == "mailto:ann@iris.example"
    assert "X-EVIL" not in event
    assert str(event["SUMMARY"]).startswith(
        "Upgrade\nATTENDEE:mailto:evil@example.org\nEND:VEVENT\nBEGIN:VALARM; , \\ "
    )
    unfolded = ics(invitation).decode().replace("\r\n ", "")
    assert all(line.partition(":")[0].partition(";")[0] in KNOWN for line in unfolded.split("\r\n") if line)
    assert not any(c in unfolded for c in "\x00\u2028\u202e")


KNOWN = {"BEGIN", "END", "PRODID", "VERSION", "METHOD", "UID", "SEQUENCE", "DTSTAMP", "CREATED", "LAST-MODIFIED",
         "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "TRANSP", "ORGANIZER", "ATTENDEE", "URL",
         "TZID", "TZNAME", "TZOFFSETFROM", "TZOFFSETTO", "RDATE", "RRULE", "X-LIC-LOCATION", "COMMENT"}  # fmt: skip


@given(text=st.text(max_size=300), name=st.text(max_size=60))
def test_h1_no_text_adds_a_line_or_an_attendee(text, name):
    invitation = an_invitation(summary=text, description=text, attendee=Person(name, "ann@iris.example"))
    written = ics(invitation)
    event = icalendar.Calendar.from_ical(written).walk("VEVENT")[0]
    assert str(event["ATTENDEE"]) == "mailto:ann@iris.example"
    unfolded = written.decode().replace("\r\n ", "")
    assert all(line.partition(":")[0].partition(";")[0] in KNOWN for line in unfolded.split("\r\n") if line)


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@iris.example\r\nX:1", "a b@c.example", "mailto:ann@iris.example"]
)
def test_h1_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="mail address"):
        ics(an_invitation(attendee=Person("Ann", address)))


def test_h1_the_text_is_bounded():
    written = ics(an_invitation(summary="x" * 100_000, description="y" * 100_000))
    assert len(written) < 20_000


def test_h1_without_an_attendee_it_is_still_an_event():
    _, event = read(replace(an_invitation(), attendee=None))
    assert "ATTENDEE" not in event
