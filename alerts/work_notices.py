"""What a partner is written of planned work that covers their systems: a pure function to a subject and a body."""

from dataclasses import dataclass

from alerts import notice_texts
from alerts.announcements import title_line
from alerts.cleaning import clean, clean_lines
from alerts.script import Written, written_time
from monitor.domain.announcing import News, Phase

LONGEST_SUBJECT = 150
LONGEST_BODY = 20_000
MOST_SYSTEMS = 40
BECAME = {Phase.MOVED: "work_moved", Phase.CANCELLED: "work_cancelled"}
"""What is said of work that a partner was told of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Who is written to, and the systems of theirs that it is about."""

    partner: str
    systems: tuple[str, ...]


def work_notice(news: News, invited: Invited, language: str, *, service: str) -> Written:
    """Write to a partner that work is planned, has another time, or is called off."""
    words = notice_texts.pick(language)
    off = news.phase is Phase.CANCELLED
    shown = [clean(serial, 40) for serial in invited.systems[:MOST_SYSTEMS]]
    more = len(invited.systems) - len(shown)
    systems = ", ".join(shown) + (f" (+{more})" if more else "")
    times = ""
    if news.starts_at and news.ends_at:
        starts, ends = (written_time(at, news.zone) for at in (news.starts_at, news.ends_at))
        times = words.say("work_from_to", starts=starts, ends=ends)
    parts = (
        words.say("notice_hello", service=service, partner=clean(invited.partner, 80)),
        words.say(BECAME[news.phase]) if news.phase in BECAME else "",
        news.title,
        times,
        words.say("notice_systems", systems=systems),
        "" if off else news.body,
        "" if off else words.say("notice_held"),
        words.say("notice_uncalendar" if off else "notice_calendar"),
        service,
    )
    return Written(
        subject=clean(title_line(news, words), LONGEST_SUBJECT),
        body=clean_lines("\n\n".join(part for part in parts if part), LONGEST_BODY),
    )
