"""What announcements say: pure functions from ``News`` to a text, long for mails, short for chats and for copying.

    News -> title line, body, facts in local time, link -> bounded to what the channel takes

What people wrote stands as they wrote it, in their language; what we add is in the channel's.
"""

from alerts import notice_texts
from alerts.cleaning import clean, clean_lines, shortened
from alerts.notice_texts import Notices
from alerts.script import Written, written_time
from monitor.domain.announcing import Channel, Form, News, Phase

LONGEST_SUBJECT = 150
LONGEST_BODY = 20_000
SHORTEST_BODY = 40
TITLES = {
    Phase.BEGUN: "problem_title",
    Phase.UPDATED: "problem_update_title",
    Phase.OVER: "problem_over_title",
    Phase.PLANNED: "work_title",
    Phase.MOVED: "work_moved_title",
    Phase.CANCELLED: "work_cancelled_title",
    Phase.COMPLETED: "work_done_title",
}


def announcement_text(news: News, channel: Channel, *, service: str, link: str = "") -> Written:
    """Write an announcement for a channel."""
    words, news = notice_texts.pick(channel.language), news.read_in(channel.language)
    title = title_line(news, words)
    facts = _facts(news, words)
    more = words.say("more_at", link=link) if link else ""
    if channel.form is Form.MAIL:
        body = "\n\n".join(filter(None, (news.body, "\n".join(filter(None, (*facts, more))), service)))
        subject = clean(f"{service}: {title}", LONGEST_SUBJECT)
        return Written(subject=subject, body=clean_lines(body, LONGEST_BODY))
    return _short(title, facts, more, news.body, channel.limit or LONGEST_BODY)


def title_line(news: News, words: Notices) -> str:
    """Return the line that says what it is."""
    state = words.states.get(news.state, news.state)
    return clean(words.say(TITLES[news.phase], title=news.title, state=state), LONGEST_SUBJECT)


def _short(title: str, facts: tuple[str, ...], link: str, said: str, limit: int) -> Written:
    """Fit it into so many characters: where to read on whole or not at all, then the title, the facts, the words."""
    kept = [link] if link and len(link) <= limit // 2 else []
    room = limit - sum(len(line) + 2 for line in kept)
    subject = shortened(title, room)
    room -= len(subject) + 2
    for line in reversed(facts):
        if len(line) + 1 <= room:
            kept.insert(0, line)
            room -= len(line) + 1
    words = clean_lines(said, LONGEST_BODY)
    if len(words) > room - 2:
        words = shortened(" ".join(words.split()), room - 2) if room - 2 >= SHORTEST_BODY else ""
    return Written(subject=subject, body="\n\n".join(part for part in (words, "\n".join(kept)) if part))


def _facts(news: News, words: Notices) -> tuple[str, ...]:
    found = []
    if news.components:
        found.append(
            words.say("components_are", components=", ".join(clean(one, 80) for one in news.components))
        )
    if news.phase is Phase.BEGUN and news.state:
        found.append(words.say("state_is", state=words.states.get(news.state, news.state)))
    if news.next_update_at:
        found.append(words.say("next_update", at=written_time(news.next_update_at, news.zone)))
    if news.starts_at and news.ends_at:
        starts, ends = (written_time(at, news.zone) for at in (news.starts_at, news.ends_at))
        found.append(words.say("work_from_to", starts=starts, ends=ends))
    return tuple(found)
