"""What announcements say fits what a channel takes, whatever people write; where to read on is never cut in two."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.announcements import announcement_text
from monitor.domain.announcing import Channel, Form, Kind, News, Phase, Prepared

LINK = "https://status.example/incidents/inc_01kb0000000000000000000000"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def a_word(**other):
    said = {
        "kind": Kind.GLOBAL_PROBLEM,
        "phase": Phase.BEGUN,
        "subject": "inc_1",
        "title": "Calls drop",
        "body": "We look at it.",
    }
    return News(**{**said, **other})  # fmt: skip


@settings(deadline=None)  # the first reads the words
@given(
    title=st.text(min_size=1, max_size=300),
    body=st.text(max_size=2000),
    limit=st.integers(80, 2000),
    language=st.sampled_from(["en", "it", "de", "fr", "es", "sv"]),
    components=st.lists(st.text(min_size=1, max_size=60), max_size=5),
)
def test_a_short_text_fits_and_keeps_its_link_whole_or_leaves_it_out(
    title, body, limit, language, components
):
    channel = Channel(id="x", name="x", form=Form.COPY, language=language, limit=limit)
    news = a_word(title=title, body=body, components=tuple(components), next_update_at=NOON)
    written = announcement_text(news, channel, service="Tocsin", link=LINK)
    whole = Prepared(channel=channel, subject=written.subject, body=written.body).whole
    assert len(whole) <= limit
    assert (LINK in whole) or ("https://status" not in whole)
    assert LINK in whole or limit < 2 * (len(LINK) + 8)


def test_a_mail_says_everything_in_the_channels_language():
    channel = Channel(id="x", name="x", form=Form.MAIL, language="de")
    news = a_word(
        kind=Kind.MAINTENANCE,
        phase=Phase.PLANNED,
        title="Datenbank",
        starts_at=NOON,
        ends_at=NOON,
        zone="Europe/Berlin",
    )
    written = announcement_text(news, channel, service="Tocsin", link=LINK)
    assert written.subject == "Tocsin: Geplante Wartung: Datenbank"
    assert "Von 2026-11-25 13:00 CET (UTC+01:00) bis" in written.body
    assert written.body.endswith("Tocsin")
    assert LINK in written.body


def test_a_title_with_line_breaks_is_one_clean_line():
    channel = Channel(id="x", name="x", form=Form.MAIL)
    written = announcement_text(a_word(title="Calls\r\nBcc: all@example.org"), channel, service="Tocsin")
    assert written.subject == "Tocsin: Calls Bcc: all@example.org"
