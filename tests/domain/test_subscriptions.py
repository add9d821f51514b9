"""What a subscription is about, and whom its links believe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.inventory import Component
from monitor.domain.subscriptions import (
    Purpose,
    address_of,
    concerns,
    holds,
    host_of,
    id_in,
    is_webhook,
    offered,
    selectors_of,
    token,
    webhook_of,
)

KNOWN = {
    "eu": Component(id="eu", name="Cloud EU", group="Cloud", region="EU"),
    "us": Component(id="us", name="Cloud US", group="Cloud", region="US"),
    "chat": Component(id="chat", name="Chat"),
}
KEY, OLD = b"k" * 32, b"o" * 32


@pytest.mark.parametrize(
    ("selectors", "components", "told"),
    [
        (("all",), ("eu",), True),
        (("component:eu",), ("eu", "us"), True),
        (("component:eu",), ("us",), False),
        (("group:Cloud",), ("us",), True),
        (("group:Cloud",), ("chat",), False),
        (("region:EU", "component:chat"), ("us",), False),
        (("region:EU", "component:chat"), ("eu",), True),
        (("component:chat",), (), True),
        (("component:gone",), ("gone",), False),
    ],
    ids=["everything", "a component", "another one", "its group", "another group", "neither", "one of two", "what names none", "no longer there"],
)  # fmt: skip
def test_who_is_told_of_what(selectors, components, told):
    assert concerns(selectors, components, KNOWN) is told


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ([], ("all",)),
        (["component:eu", "component:eu", "region:EU"], ("component:eu", "region:EU")),
        (["component:eu", "all"], ("all",)),
        (["component:secret", "'; DROP TABLE"], ("all",)),
    ],
)
def test_only_what_there_is_can_be_wanted(wanted, kept):
    assert selectors_of(wanted, KNOWN.values()) == kept


def test_everything_on_the_page_is_offered_once():
    assert offered(KNOWN.values()) == (
        "all", "group:Cloud", "region:EU", "region:US", "component:eu", "component:us", "component:chat",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" Ada@Example.ORG ", "Ada@example.org"),
        ("ada+status@mail.example.org", "ada+status@mail.example.org"),
        ("ada", None),
        ("ada@localhost", None),
        ("a@b.example\nBcc: c@d.example", None),
        ("a@b.example, c@d.example", None),
        ("<a@b.example>", None),
        ("x" * 65 + "@b.example", None),
        ("a@" + "b" * 250 + ".example", None),
        ("", None),
    ],
)
def test_an_address_is_one_plain_address_or_none(text, kept):
    assert address_of(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" https://Hooks.Example.org ", "https://hooks.example.org/"),
        ("https://a.example:443/In/Put?k=V%20w", "https://a.example/In/Put?k=V%20w"),
        ("https://a.example:8443/x", "https://a.example:8443/x"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("http://a.example/", None),
        ("ftp://a.example/", None),
        ("https:///x", None),
        ("https://user:pass@a.example/", None),
        ("https://a.example\\@b.example/", None),
        ("https://a.example/#part", None),
        ("https://a.example:99999/", None),
        ("https://a.example:x/", None),
        ("https://a example/", None),
        ("https://a.example/\r\nHost: b", None),
        ("https://%31.example/", None),
        ("https://[::1/", None),
        ("https://b\u00fccher.example/", None),
        ("https://a.example/" + "x" * 500, None),
        ("ada@example.org", None),
        ("", None),
    ],
)
def test_a_webhook_is_one_plain_https_address_or_none(text, kept):
    assert webhook_of(text) == kept
    assert kept is None or (webhook_of(kept) == kept and is_webhook(kept) and address_of(kept) is None)


def test_http_is_taken_where_it_is_said_and_of_an_address_only_the_host_is_shown():
    assert webhook_of("http://a.example:80/x", plain=True) == "http://a.example/x"
    assert host_of("https://a.example:8443/secret") == "https://a.example"
    assert host_of("https://[2001:db8::1]/secret") == "https://[2001:db8::1]"
    assert host_of("https://[2001:db8::1]:8443/secret") == "https://[2001:db8::1]"


def test_a_token_is_of_one_purpose_one_subscription_and_one_address():
    made = token(Purpose.END, "sub_1", "a@b.example", OLD)
    assert id_in(made) == "sub_1"
    assert holds(made, Purpose.END, "sub_1", "a@b.example", (KEY, OLD))
    assert not holds(made, Purpose.CONFIRM, "sub_1", "a@b.example", (KEY, OLD))
    assert not holds(made, Purpose.END, "sub_1", "c@b.example", (KEY, OLD))
    assert not holds(made, Purpose.END, "sub_2", "a@b.example", (KEY, OLD))
    assert not holds(made, Purpose.END, "sub_1", "a@b.example", (KEY,))


@given(st.text(max_size=90))
def test_whatever_else_is_offered_is_believed_by_nobody(text):
    assert not holds(
        text.encode("utf-8", "replace").decode(), Purpose.END, id_in(text) or "", "a@b.example", (KEY,)
    )
