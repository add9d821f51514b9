"""Texts for Jira, there and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.cleaning import clean_lines
from alerts.jira_texts import LONGEST, adf, from_adf, from_wiki, wiki

TEXTS = st.text(max_size=600)


@given(TEXTS)
def test_a_text_comes_back_from_a_document_as_it_was(text: str) -> None:
    assert from_adf(adf(text)) == clean_lines(text, 30_000).strip("\n")


@given(TEXTS)
def test_a_document_has_no_empty_text_and_only_plain_nodes(text: str) -> None:
    for paragraph in adf(text)["content"]:
        assert paragraph["type"] == "paragraph"
        for node in paragraph["content"]:
            assert node == {"type": "hardBreak"} or node["text"]


@given(TEXTS)
def test_a_text_comes_back_from_wiki_markup_as_it_was(text: str) -> None:
    assert from_wiki(wiki(text)) == clean_lines(text, 30_000)


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "\n\n".join("line" for _ in range(20_000)), "{" * 100_000, "😀" * 50_000]
)
def test_what_is_far_too_long_is_cut_to_what_jira_takes(text: str) -> None:
    assert len(json.dumps(adf(text), ensure_ascii=False)) <= LONGEST
    assert len(wiki(text)) <= LONGEST


def test_what_its_editor_writes_is_read_as_text() -> None:
    document = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Which line?"}]},
            {
                "type": "paragraph",
                "content": [
                    {"type": "mention", "attrs": {"id": "5b10", "text": "@Nina"}},
                    {"type": "text", "text": " see ", "marks": [{"type": "strong"}]},
                    {"type": "inlineCard", "attrs": {"url": "https://x.example/1"}},
                    {"type": "hardBreak"},
                    {"type": "emoji", "attrs": {"shortName": ":smile:"}},
                ],
            },
            {
                "type": "bulletList",
                "content": [
                    {
                        "type": "listItem",
                        "content": [{"type": "paragraph", "content": [{"type": "text", "text": one}]}],
                    }
                    for one in ("first", "second")
                ],
            },
            {"type": "codeBlock", "content": [{"type": "text", "text": "a\nb"}]},
        ],
    }
    assert (
        from_adf(document)
        == "Which line?\n\n@Nina see https://x.example/1\n:smile:\n\nfirst\n\nsecond\n\na\nb"
    )


@pytest.mark.parametrize(
    "document", [None, "text", {}, {"type": "doc"}, {"type": "doc", "content": "x"}, [1]]
)
def test_what_is_no_document_is_no_text(document: object) -> None:
    assert from_adf(document) == ""


def test_a_bottomless_document_ends() -> None:
    node: dict = {"type": "text", "text": "deep"}
    for _ in range(5_000):
        node = {"type": "blockquote", "content": [node]}
    assert from_adf({"type": "doc", "content": [node]}) == ""
