"""What plugins write: text, long text, performance data with units, and ranges, to the letter of the plugin API."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin_output import Datum, Range, parse, parse_range

INF = math.inf
RANGES = {
    "10": Range(start=0, end=10),
    "10:": Range(start=10, end=INF),
    "~:10": Range(start=-INF, end=10),
    "10:20": Range(start=10, end=20),
    "@10:20": Range(start=10, end=20, inside=True),
    "@10": Range(start=0, end=10, inside=True),
    "~:": Range(start=-INF, end=INF),
    "-5:5": Range(start=-5, end=5),
    "0.5:1.5": Range(start=0.5, end=1.5),
    ":7": Range(start=0, end=7),
    "1e3:": Range(start=1000, end=INF),
    "": None,
    "@": None,
    "20:10": None,
    "~": None,
    "a:b": None,
    "10:20:30": None,
}
# (range, value, alerts), as the guidelines' own table has them
TABLE = [
    ("10", -1, True), ("10", 0, False), ("10", 10, False), ("10", 11, True),
    ("10:", 9, True), ("10:", 10, False), ("~:10", -99, False), ("~:10", 11, True),
    ("10:20", 9, True), ("10:20", 10, False), ("10:20", 20, False), ("10:20", 21, True),
    ("@10:20", 9, False), ("@10:20", 10, True), ("@10:20", 20, True), ("@10:20", 21, False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), RANGES.items(), ids=[repr(text) for text in RANGES])
def test_a_range_is_read(text, found):
    assert parse_range(text) == found


@pytest.mark.parametrize(("text", "value", "alerts"), TABLE)
def test_a_range_alerts_as_the_guidelines_say(text, value, alerts):
    found = parse_range(text)
    assert found is not None
    assert found.alerts(value) is alerts


DATA = {
    "time=0.003988s;0.5;1.0;0;10 size=1015B;;;0;": [
        Datum(label="time", value=0.003988, unit="s", warning=Range(end=0.5), critical=Range(end=1.0), least=0, most=10),
        Datum(label="size", value=1015, unit="B", least=0),
    ],
    "'used space'=80%;@90:;95": [
        Datum(label="used space", value=80, unit="%", warning=Range(start=90, inside=True), critical=Range(end=95))
    ],
    "'it''s = mine'=1c": [Datum(label="it's = mine", value=1, unit="c")],
    "a=U;1;2": [Datum(label="a", value=None, warning=Range(end=1), critical=Range(end=2))],
    "/=2643MB;5948;5958;0;5968 /boot=68MB;88;93;0;98": [
        Datum(label="/", value=2643, unit="MB", warning=Range(end=5948), critical=Range(end=5958), least=0, most=5968),
        Datum(label="/boot", value=68, unit="MB", warning=Range(end=88), critical=Range(end=93), least=0, most=98),
    ],
    "x=-1.5e3us": [Datum(label="x", value=-1500, unit="us")],
    "rta=0.1ms;100;500;0 broken=;; pl=0%": [
        Datum(label="rta", value=0.1, unit="ms", warning=Range(end=100), critical=Range(end=500), least=0),
        Datum(label="pl", value=0, unit="%"),
    ],
    "no data here": [],
    "=5 'x=5": [],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), DATA.items(), ids=[repr(text)[:40] for text in DATA])
def test_performance_data_is_read(text, found):
    assert list(parse(f"OK | {text}").data) == found


def test_long_text_and_performance_data_over_several_lines():
    output = parse(
        "DISK OK - free: 3326 MB | /=2643MB\n/ 15272 MB (77%)\n/boot 68 MB | /boot=68MB\n/home=69357MB\n"
    )
    assert output.text == "DISK OK - free: 3326 MB"
    assert output.long_text == "/ 15272 MB (77%)\n/boot 68 MB"
    assert [one.label for one in output.data] == ["/", "/boot", "/home"]


@given(st.text(max_size=300))
def test_whatever_is_written_is_read_without_an_error(text):
    parse(text)


LABELS = st.text(
    st.characters(blacklist_characters="\n\r|", blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    st.lists(
        st.tuples(LABELS, NUMBERS, st.sampled_from(["", "s", "us", "ms", "%", "B", "KB", "MB", "TB", "c"])),
        max_size=5,
    )
)
def test_what_a_plugin_writes_by_the_rules_comes_back(data):
    quoted = [(label.replace("'", "''"), value, unit) for label, value, unit in data]
    written = " ".join(f"'{label}'={value!r}{unit};1;2;0;9" for label, value, unit in quoted)
    assert [(one.label, one.value, one.unit) for one in parse(f"OK|{written}").data] == data
