"""What announcements say: pure functions from ``News`` to a text, long for mails, short for chats and for copying.

    News -> title line, body, facts in local time, link -> bounded to what the channel takes

What people wrote stands as they wrote it, in their language; what we add is in the channel's.
"""

from alerts import notice_texts
from alerts.cleaning import clean, clean_lines, shortened
from alerts.notice_texts import Notices
from alerts.script import Written, written_time
from monitor.domain.announcing import Channel, Form, Kind, News, Phase

LONGEST_SUBJECT = 150
LONGEST_BODY = 20_000
SHORTEST_BODY = 40
TITLES = {
    Phase.BEGUN: "problem_title",
    Phase.UPDATED: "problem_update_title",
    Phase.OVER: "problem_over_title",
    Phase.PLANNED: "work_title",
    Phase.CANCELLED: "work_cancelled_title",
    Phase.COMPLETED: "work_done_title",
}


def announcement_text(news: News, channel: Channel, *, service: str, link: str = "") -> Written:
    """Write an announcement for a channel."""
    words = notice_texts.pick(channel.language)
    title = title_line(news, words)
    facts = _facts(news, words, link)
    if channel.form is Form.MAIL:
        body = "\n\n".join(filter(None, (news.body, "\n".join(facts), service)))
        subject = clean(f"{service}: {title}", LONGEST_SUBJECT)
        return Written(subject=subject, body=clean_lines(body, LONGEST_BODY))
    return _short(news, clean(title, LONGEST_SUBJECT), facts, channel.limit or LONGEST_BODY)


def title_line(news: News, words: Notices) -> str:
    """Return the line that says what it is."""
    state = words.states.get(news.state, news.state)
    return clean(words.say(TITLES[news.phase], title=news.title, state=state), LONGEST_SUBJECT)


def _short(news: News, title: str, facts: tuple[str, ...], limit: int) -> Written:
    """Fit everything into so many characters: the title and where to read on go first, then facts, then the words."""
    link, others = facts[-1:], facts[:-1]
    if news.kind is Kind.GLOBAL_PROBLEM and not facts:
        link = ()
    kept = list(link)
    room = limit - len(title) - 2 - sum(len(line) + 1 for line in kept)
    for line in reversed(others):
        if len(line) + 1 <= room:
            kept.insert(0, line)
            room -= len(line) + 1
    body = clean_lines(news.body, LONGEST_BODY)
    said = shortened(" ".join(body.split()), room - 2) if len(body) > room - 2 else body
    parts = [said] if room - 2 >= SHORTEST_BODY and said else []
    text = "\n\n".join((*parts, "\n".join(kept))).strip("\n")
    return Written(subject=shortened(title, limit), body=text[: max(limit - len(title) - 2, 0)])


def _facts(news: News, words: Notices, link: str) -> tuple[str, ...]:
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
    if link:
        found.append(words.say("more_at", link=link))
    return tuple(found)
