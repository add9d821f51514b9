"""The envelope parser, fed with what SDKs send, with what they might, and with anything."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import RefusedError
from monitor.intake.envelope import EVENT, ITEMS, event_id, parse_envelope

ID = "604ad13605e54a063c653359b1c480c7"
DASHED = "604ad136-05e5-4a06-3c65-3359b1c480c7"


def item(payload: bytes, *, length: bool = True, **header) -> bytes:
    told = {**header, **({"length": len(payload)} if length else {})}
    return json.dumps(told).encode() + b"\n" + payload + b"\n"


EVENT_ITEM = item(b'{"message":"x"}', type="event")


@pytest.mark.parametrize(
    "data, events",
    [
        pytest.param(b"{}", 0, id="only a header"),
        pytest.param(b"{}\n", 0, id="a header and its newline"),
        pytest.param(b"{}\n" + EVENT_ITEM, 1, id="an event"),
        pytest.param(b"{}\n" + EVENT_ITEM.rstrip(b"\n"), 1, id="no newline at the end"),
        pytest.param(b"{}\n" + item(b'{"message":"x"}', length=False, type="event"), 1, id="no length"),
        pytest.param(
            b"{}\n" + item(b'{"a":1}', length=False, type="event").rstrip(), 1, id="no length, no newline"
        ),
        pytest.param(b"{}\n" + item(b'{"a":\n1}', type="event"), 1, id="a newline within the length"),
        pytest.param(b"{}\n" + EVENT_ITEM * 3, 3, id="three events"),
        pytest.param(
            b"{}\n" + item(b"\x00\xff\n\r", type="novelty") + EVENT_ITEM, 1, id="after an unknown item"
        ),
        pytest.param(b"{}\n" + item(b"zz", length=False) + EVENT_ITEM, 1, id="after an item without type"),
        pytest.param(b"{}\n" + item(b"", type="x") + EVENT_ITEM, 1, id="after an empty item"),
        pytest.param(
            b'{"novelty":[1]}\n' + item(b"{}", type="event", novelty={}), 1, id="unknown header keys"
        ),
        pytest.param(b"{}\n" + EVENT_ITEM + b"\n\n" + EVENT_ITEM, 2, id="empty lines between"),
    ],
)
def test_an_envelope_is_read(data, events):
    assert len(parse_envelope(data).events) == events


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n", id="an empty header"),
        pytest.param(b"[]\n", id="a header that is a list"),
        pytest.param(b"nonsense\n", id="a header that is not JSON"),
        pytest.param(b"{}\nnonsense\n", id="an item header that is not JSON"),
        pytest.param(b'{}\n{"type":"event","length":99}\n{}', id="a length beyond the end"),
        pytest.param(b'{}\n{"type":"event","length":1}\n{}\n', id="a length too short"),
        pytest.param(b'{}\n{"type":"event","length":-1}\n{}\n', id="a negative length"),
        pytest.param(b'{}\n{"type":"event","length":"2"}\n{}\n', id="a length in words"),
        pytest.param(b'{}\n{"type":"event","length":true}\n{}\n', id="a length that is true"),
        pytest.param(b'{}\n{"type":"event","length":1e30}\n{}\n', id="a length beyond all measure"),
        pytest.param(b"{}\n" + item(b"[]", type="event"), id="an event that is a list"),
        pytest.param(b"{}\n" + item(b"{", type="event"), id="half an event"),
        pytest.param(b"{}\n" + item(b"{}\r", type="event")[:-1] + b"x", id="something after the length"),
        pytest.param(b"{}\n" + item(b"x", type="x") * (ITEMS + 1), id="too many items"),
        pytest.param(b'{"a":"' + b"x" * 70_000 + b'"}\n', id="a header too long"),
        pytest.param(b'{}\n{"a":"' + b"x" * 9_000 + b'"}\nx\n', id="an item header too long"),
    ],
)
def test_a_malformed_envelope_is_refused_whole(data):
    with pytest.raises(RefusedError) as refused:
        parse_envelope(data)
    assert refused.value.status == 400


def test_an_event_beyond_all_measure_is_413():
    big = b'{"a":"' + b"x" * EVENT + b'"}'
    with pytest.raises(RefusedError) as refused:
        parse_envelope(b"{}\n" + item(big, type="event"))
    assert refused.value.status == 413


def test_a_carriage_return_belongs_to_the_payload():
    (event,) = parse_envelope(b"{}\n" + item(b'{"a":1}\r', length=False, type="event")).events
    assert event == {"a": 1}
    with pytest.raises(RefusedError):
        parse_envelope(b'{}\n{"type":"event","length":7}\n{"a":1}\r\n')


def test_everything_that_came_along_is_counted():
    report = {
        "discarded_events": [
            {"reason": "network_error", "category": "error", "quantity": 3},
            {"reason": "ratelimit_backoff", "category": "error", "quantity": 2},
            {"reason": "sample_rate", "category": "transaction", "quantity": 900},
            {"reason": "network_error", "category": "error", "quantity": -5},
            {"reason": 5, "category": "error", "quantity": "x"},
            "nonsense",
        ]
    }
    brought = parse_envelope(
        json.dumps({"event_id": DASHED, "dsn": "http://k@h/1"}).encode() + b"\n"
        + EVENT_ITEM
        + item(b"MDMP", type="attachment", attachment_type="event.minidump", filename="minidump.dmp")
        + b'{"filename":"pbx.log","type":"attachment","content_type":"text/plain","length":14}\nlast log line\n\n'
        + item(b"{}", type="session") * 2
        + item(b"{}", type="transaction")
        + item(b"{}", type="check_in")
        + item(json.dumps(report).encode(), type="client_report")
        + item(b"not json", type="client_report")
    )  # fmt: skip
    assert (brought.event_id, brought.dsn, len(brought.events)) == (ID, "http://k@h/1", 1)
    assert brought.attachments == ("minidump.dmp", "pbx.log")
    assert (brought.minidumps, brought.check_ins) == (1, 1)
    assert brought.discarded == {"session": 2, "transaction": 1}
    assert brought.lost == {"network_error": 3, "ratelimit_backoff": 2}


@pytest.mark.parametrize(
    "raw, known",
    [(ID, ID), (ID.upper(), ID), (DASHED, ID), ("x" * 32, None), (ID[:31], None), (5, None), (None, None),
     (f"{{{DASHED}}}", None), ("../../../etc/passwd", None)],
)  # fmt: skip
def test_an_event_id_is_thirty_two_hex_digits_with_or_without_dashes(raw, known):
    assert event_id(raw) == known


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    max_leaves=10,
)  # fmt: skip
fragments = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"\n", b"{}", b"\r\n", b'{"type":"event"}', EVENT_ITEM, b'{"length":3}\n', b'{"type":"client_report"}\n']),
    json_values.map(lambda v: json.dumps(v).encode("utf-8", "replace")),
    st.builds(lambda v, n: json.dumps({"type": "event", "length": n, "x": v}).encode(), json_values, st.integers(-5, 300)),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(fragments, max_size=12), st.booleans())
def test_anything_is_read_or_refused_and_never_breaks(parts, started):
    data = (b"{}\n" if started else b"") + b"".join(parts)
    try:
        brought = parse_envelope(data)
    except RefusedError as refused:
        assert refused.status in (400, 413)
    else:
        assert all(isinstance(event, dict) for event in brought.events)


payloads = st.binary(max_size=200)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["attachment", "session", "novelty"]), payloads), max_size=10))
def test_whatever_is_inside_of_the_lengths_the_items_are_found_again(items):
    data = b"{}\n" + b"".join(item(payload, type=kind) for kind, payload in items)
    brought = parse_envelope(data)
    kinds = [kind for kind, _ in items]
    assert len(brought.attachments) == kinds.count("attachment")
    assert sum(brought.discarded.values()) == len(kinds) - kinds.count("attachment")
