"""The HTML beside a mail says what the text says, escapes what others wrote, and fetches nothing."""

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.html_mail import html_of

FETCHES = {"img", "script", "link", "iframe", "object", "embed", "video", "audio", "source", "base", "form"}


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.links, self.styles = [], [], [], 0

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        assert not [
            name for name in given if name.startswith("on") or name in {"src", "srcset", "background"}
        ]
        self.links += [given["href"]] if "href" in given else []

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.text.append(data)


def seen(body, subject="A subject"):
    reader = Seen()
    reader.feed(html_of(subject, body, language="en", service="Tocsin"))
    return reader


@settings(deadline=None)  # the first reads the template
@given(st.text(max_size=400), st.text(max_size=100))
def test_whatever_is_written_is_text_and_nothing_is_lost(body, subject):
    reader = seen(body, subject)
    assert not FETCHES & set(reader.tags)
    words = re.sub(r"[^\w]", "", body)
    assert (
        words in re.sub(r"[^\w]", "", "".join(reader.text)).replace("\x00", "")
        or "\x00" in body
        or "\r" in body
    )
    assert all(link.startswith(("https://", "http://")) for link in reader.links)


def test_lines_of_labels_are_a_table_a_link_alone_is_a_button_and_in_a_sentence_a_link():
    html = html_of(
        "s",
        "Hello,\n\nSince: now\nWhere: here\n\nConfirm:\nhttps://x.example/ack/abc\n\nhttps://evil.example/ack/abc\n\nSee https://x.example/y.\n\n- one\n- two",
        language="en",
        service="Tocsin",
        labels={"https://x.example/ack/": "I take this on"},
    )
    assert html.count("<tr>") == 2
    assert 'href="https://x.example/ack/abc"' in html
    assert html.count(">I take this on</a>") == 1, "another's address is never called as ours"
    assert ">https://evil.example/ack/abc</a>" in html
    assert 'href="https://x.example/y"' in html
    assert html.count("<li>") == 2


def test_what_looks_like_a_link_to_a_script_is_none():
    assert seen("javascript:alert(1) data:text/html,x ftp://x.example").links == []
