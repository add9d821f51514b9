"""YAML is read strictly: our data keeps its meaning, everything keeps its place, nothing sneaks in."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigError
from monitor.settings import yaml12
from monitor.settings.secret import Secret

SCALARS = [
    ("NO", "NO"),
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("y", "y"),
    ("09:00", "09:00"),
    ("22:30", "22:30"),
    ("18:00:00", "18:00:00"),
    ("+3904611715112", "+3904611715112"),
    ("+16144841546", "+16144841546"),
    ("017", "017"),
    ("00", "00"),
    ("0", 0),
    ("-7", -7),
    ("12", 12),
    ("1_000", "1_000"),
    ("0x1F", 31),
    ("0o17", 15),
    ("0b11", "0b11"),
    ("5.10", 5.1),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("017.5", "017.5"),
    (".inf", ".inf"),
    (".nan", ".nan"),
    ("1.2.3", "1.2.3"),
    ("2026-11-23", "2026-11-23"),
    ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"),
    ("9" * 40, "9" * 40),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("=", "="),
    ("'12'", "12"),
    ('"true"', "true"),
    ("!!str 12", "12"),
    ("|-\n  12", "12"),
]


@pytest.mark.parametrize(("written", "meant"), SCALARS, ids=[repr(written) for written, _ in SCALARS])
def test_a_scalar_means_what_yaml_1_2_says(written, meant):
    found = yaml12.load(f"key: {written}\n").data["key"]
    assert found == meant
    assert type(found) in type(meant).__mro__ or isinstance(found, type(meant))


def test_a_number_remembers_how_it_was_written():
    assert yaml12.load("a: 5.10").data["a"].written == "5.10"


def test_keys_are_text_as_written():
    assert yaml12.load("NO: 1\n010: 2\n1.50: 3\nnull: 4").data == {"NO": 1, "010": 2, "1.50": 3, "null": 4}


def test_every_value_and_key_has_its_place():
    document = yaml12.load("a:\n  - b: 1\n    ü: [x, y]\n", "f.yaml")
    assert document.place(("a",)) == "f.yaml:2:3"
    assert document.place(("a", 0, "ü", 1)) == "f.yaml:3:12"
    key = document.key(("a", 0, "ü"))
    assert (key.line, key.column) == (3, 5)
    assert document.place(("a", 0, "missing")) == "f.yaml:2:5"


def test_a_part_keeps_its_places():
    part = yaml12.load("config:\n  a: 1\n", "f.yaml").part("config")
    assert part.data == {"a": 1}
    assert part.place(("a",)) == "f.yaml:2:6"
    assert str(part.problem(("a",), "wrong")) == "f.yaml:2:6: config.a: wrong"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)
DEEP_BOMB = "l0: &l0 [x]\n" + "".join(
    f"l{n}: &l{n} " + "[" * 20 + f"*l{n - 1}" + "]" * 20 + "\n" for n in range(1, 9)
)
REFUSED = [
    ("a: 1\nb: 2\na: 3", ["f.yaml:3:1: duplicate key 'a' (first at line 1)"]),
    (
        "a: {b: 1, b: 2}\nc: {d: 1, d: 1}",
        [
            "f.yaml:1:11: duplicate key 'b' (first at line 1)",
            "f.yaml:2:11: duplicate key 'd' (first at line 2)",
        ],
    ),
    (
        "a: !!python/object/apply:os.system [x]",
        ["f.yaml:1:4: tags are not used here: remove 'tag:yaml.org,2002:python/object/apply:os.system'"],
    ),
    ("a: !env HOME", ["f.yaml:1:4: tags are not used here: remove '!env'"]),
    (
        "x: &x {y: 1}\nz:\n  <<: *x",
        ["f.yaml:3:3: merge keys (<<) are not part of YAML 1.2: write the keys out"],
    ),
    ("[" * 60 + "]" * 60, ["f.yaml:1:51: nested more than 50 deep"]),
    ("[" * 100_000, ["f.yaml:1:51: nested more than 50 deep"]),
    ("a: &a [*a]", ["f.yaml:1:8: alias *a is used before or inside what it names"]),
    ("a: *b\nb: &b 1", ["f.yaml:1:4: alias *b is used before or inside what it names"]),
    (BOMB, ["f.yaml:5:29: aliases grow the file beyond 100000 values or 50 levels"]),
    (DEEP_BOMB, ["f.yaml:4:29: aliases grow the file beyond 100000 values or 50 levels"]),
    ("? [1, 2]\n: x", ["f.yaml:1:3: a key must be a word, not a list, a mapping or an alias"]),
    (
        "? {a: {b: 1}}\n: {c: 1}\nd: 1",
        ["f.yaml:1:3: a key must be a word, not a list, a mapping or an alias"],
    ),
    ("a: &k v\nb:\n  *k : 1", ["f.yaml:3:3: a key must be a word, not a list, a mapping or an alias"]),
    ("{'': x}", ["f.yaml:1:2: a key is missing before the colon"]),
    ("a: 1\n---\nb: 1", ["f.yaml:2:1: one document per file: remove the '---' or use a second file"]),
    ("a: 'x", ["f.yaml:1:6: not YAML: found unexpected end of stream"]),
    ("a: b: c", ["f.yaml:1:5: not YAML: mapping values are not allowed in this context"]),
    ("a:\n\t- b", ["f.yaml:2:1: not YAML: found character that cannot start any token"]),
    ("a: 1\nb: x\x00y", ["f.yaml:2:5: not YAML: control characters are not allowed"]),
    ("a: \udc80", ["f.yaml:1:1: a lone surrogate is no character"]),
    ("a: ${env:NOPE}", ["f.yaml:1:4: environment variable NOPE is not set"]),
    (
        "a: ${evn:NOPE}",
        ["f.yaml:1:4: unknown reference ${evn:…}; did you mean ${env:…}? (write $${ for a plain ${)"],
    ),
    ("a: ${file:/no/such/file}", ["f.yaml:1:4: file /no/such/file cannot be read: there is no such file"]),
    ("a: ${file:relative}", ["f.yaml:1:4: ${file:relative}: the path must be absolute here"]),
]


@pytest.mark.parametrize(("text", "problems"), REFUSED, ids=[f"{number}" for number in range(len(REFUSED))])
def test_what_is_no_plain_data_is_refused_with_its_place(text, problems):
    with pytest.raises(ConfigError) as caught:
        yaml12.load(text, "f.yaml", environ={})
    assert list(caught.value.problems) == problems


def test_a_value_may_be_written_once_and_used_again():
    assert yaml12.load("a: &a {b: [1]}\nc: *a\nd: [*a, *a]").data["d"] == [{"b": [1]}, {"b": [1]}]


def test_a_file_that_is_not_utf_8_is_refused_at_the_byte(tmp_path):
    (tmp_path / "f.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"f\.yaml:2:4: not UTF-8 text"):
        yaml12.load_file(tmp_path / "f.yaml")


def test_a_byte_order_mark_is_tolerated(tmp_path):
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml12.load_file(tmp_path / "f.yaml").data == {"a": 1}


def test_a_missing_file_is_told_like_any_other_mistake(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml:1:1: cannot be read: No such file"):
        yaml12.load_file(tmp_path / "none.yaml")


FILLED = [
    ("${env:A}", "alpha"),
    ("x-${env:A}-${env:B}", "x-alpha-${env:A}"),  # what is filled in is never filled again
    ("${env:NONE:-fallback}", "fallback"),
    ("${env:EMPTY:-fallback}", "fallback"),
    ("'${env:EMPTY}'", ""),
    ("$${env:A}", "${env:A}"),
    ("$5 and ${", "$5 and ${"),
    ("${env:NUMBER}", "017"),
]


@pytest.mark.parametrize(("written", "meant"), FILLED, ids=[written for written, _ in FILLED])
def test_the_environment_is_filled_into_text(written, meant):
    environ = {"A": "alpha", "B": "${env:A}", "EMPTY": "", "NUMBER": "017"}
    assert yaml12.load(f"k: {written}", environ=environ).data == {"k": meant}


def test_keys_and_comments_are_not_filled_in():
    assert yaml12.load("# ${env:NOPE}\n'${env:NOPE}': 1", environ={}).data == {"${env:NOPE}": 1}


def test_a_file_is_filled_in_without_its_last_line_break(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "f.yaml").write_text(f"a: ${{file:{tmp_path}/token}}\nb: ${{file:token}}\n")
    assert yaml12.load_file(tmp_path / "f.yaml").data == {"a": "s3cret", "b": "s3cret"}


@pytest.mark.parametrize("content", [b"x" * 70_000, b"\xff\xfe"], ids=["too large", "not text"])
def test_a_file_that_is_no_secret_is_refused(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read: it is"):
        yaml12.load(f"a: ${{file:{tmp_path}/token}}")


def test_a_secret_is_shown_nowhere():
    secret = Secret("s3cret")
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>8}",
        repr([secret]),
        repr({"k": secret}),
    ]
    assert not any("s3cret" in text for text in shown)
    assert secret.reveal() == "s3cret"
    assert secret == Secret("s3cret") != Secret("other")
    assert secret.matches("s3cret")
    assert not secret.matches("s3cre\udc80")


def test_an_empty_secret_is_refused():
    with pytest.raises(ValueError, match="the secret is empty"):
        Secret("")


@settings(max_examples=400, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=200)
    | st.text("ab:-[]{}&*!|>'\"#\n \t?,%", max_size=80)
)
def test_any_text_is_data_or_a_config_error(text):
    try:
        yaml12.load(text, environ={})
    except ConfigError as error:
        assert error.problems
        assert all(problem.startswith("<text>:") for problem in error.problems)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20))
def test_numbers_survive(number):
    found = yaml12.load(f"k: {number}").data["k"]
    assert math.isclose(float(found), number) or isinstance(found, str)
