"""Files become settings: the contract's keys, defaults, folders, tables, the rota, the schema."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from checks.base import Options
from monitor.domain.findings import Symptom, Thresholds
from monitor.domain.rota import Rotation, timeline
from monitor.errors import ConfigError
from monitor.settings import Secret, Settings, from_document, json_schema, load, load_text, shipped, yaml12
from monitor.settings.values import Text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CASES = Path(__file__).parents[1] / "domain" / "cases.yaml"


class Sip(Options):
    """The keys of a made-up type, one with an alias."""

    method: str = "OPTIONS"
    sender: str = Field("", alias="from")


class Words(Options):
    """The keys of a made-up type, one that takes a number for the words it was written as."""

    body: Text | None = None


def loaded(text: str, **kw) -> Settings:
    return load_text(text, "f.yaml", now=NOW, environ=kw.pop("environ", {}), **kw)


CONTRACT = """\
partners:
  - {id: aurora, name: Aurora Telecom, policy: wildix, tier: gold, country: IT, language: it, plan: null, assigned_to: null,
     contacts: [{id: aurora-1, name: Ada, phone: "+39 0461 1715112", email: a@b.example, languages: [it, en], role: administrative, hours: always}]}
  - {id: norge, policy: plm, country: NO}
systems:
  - {serial: PBX-1001, name: One, host: 10.0.0.1, partner: aurora, country: NO, carrier: alfa, cloud: eu-1, region: EU, version: 5.10, tags: {rack: 010}}
components:
  - {id: cloud-eu, name: Cloud platform, group: Cloud, region: EU}
checks:
  - {name: pbx-1001-sip, type: sip, system: PBX-1001, target: "sip:127.0.0.1:5060", every: 60s, timeout: 5s, down_after: 3, up_after: 2,
     symptom: unreachable, facts: {impact: severe, workaround: false, mine: x, other: null}, from: "sip:a@b"}
"""


def test_the_contracts_keys_become_the_domains_values():
    found = loaded(CONTRACT, check_options={"sip": Sip})
    aurora = found.inventory.partners["aurora"]
    assert (aurora.name, aurora.tier, aurora.assigned_to) == ("Aurora Telecom", "gold", None)
    assert aurora.contacts[0].phone == "+3904611715112"  # Italy keeps its zero
    assert aurora.contacts[0].languages == ("it", "en")
    assert found.inventory.partners["norge"].country == "NO"
    system = found.inventory.systems["PBX-1001"]
    assert (system.country, system.version, dict(system.tags)) == ("NO", "5.10", {"rack": "010"})
    assert found.inventory.components["cloud-eu"].group == "Cloud"


def test_a_check_has_its_types_options_beside_the_common_keys():
    (check,) = loaded(CONTRACT, check_options={"sip": Sip}).checks
    assert (check.every, check.timeout, check.thresholds) == (60.0, 5.0, Thresholds(down_after=3, up_after=2))
    assert check.symptom is Symptom.UNREACHABLE
    assert check.facts == {"impact": "severe", "workaround": False, "mine": "x", "other": None}
    assert check.options == Sip(**{"from": "sip:a@b"})


def test_without_the_types_options_stay_as_written():
    assert loaded(CONTRACT).checks[0].options == {"from": "sip:a@b"}


def test_a_quick_check_without_a_timeout_gets_one_that_fits():
    text = "partners: [{id: a, policy: w}]\nsystems: [{serial: s, partner: a}]\nchecks: [{name: c, type: sip, system: s, every: 2s}]"
    assert loaded(text).checks[0].timeout == 2.0


@pytest.mark.parametrize("text", ["", "# nothing", "partners:\nsystems:\nmail:\non_call:\n", "{}"])
def test_nothing_is_required(text):
    assert dataclasses.replace(loaded(text), places={}) == Settings()


def test_the_worked_cases_configuration_loads():
    found = from_document(yaml12.load_file(CASES).part("config"), now=NOW)
    assert len(found.inventory.partners) == 5
    assert found.inventory.systems["PBX-3001"].cloud is None
    assert found.inventory.systems["PBX-1001"].version == "5.02"


def test_places_tell_where_things_stand():
    places = loaded(CONTRACT).places
    assert places["partners", "aurora"] == "f.yaml:2:5"
    assert places["partners", "aurora", "policy"] == "f.yaml:2:48"
    assert places["partners", "aurora", "contacts", "aurora-1", "hours"].startswith("f.yaml:3:")
    assert places["systems", "PBX-1001"] == "f.yaml:6:5"
    assert places["checks", "pbx-1001-sip"].startswith("f.yaml:10:")


def test_what_checks_say_in_the_same_words_is_kept_once_and_no_word_is_another_number():
    text = """
components: [{id: web, name: Web}]
checks:
  - {name: a, type: http, component: web, target: "http://one.example/", body: 5.10}
  - {name: b, type: http, component: web, target: "http://two.example/", body: 5.10}
  - {name: c, type: http, component: web, target: "http://two.example/", body: 5.1}
  - {name: d, type: http, component: web, target: "http://two.example/"}
"""
    a, b, c, d = load_text(text, now=NOW, check_options={"http": Words}).checks
    assert a.options is b.options
    assert [one.options.body for one in (a, c, d)] == ["5.10", "5.1", None]


def test_secrets_are_read_but_never_shown():
    text = "database: postgresql://u:${env:PW}@h/x\nmetrics: {token: '${env:TOKEN}'}\nmail: {user: u, password: 017, from: a@b.example}"
    found = loaded(text, environ={"PW": "hunter2", "TOKEN": "hunter2" * 3})
    assert found.database == Secret("postgresql://u:hunter2@h/x")
    assert found.metrics.token is not None
    assert found.metrics.token.matches("hunter2hunter2hunter2")
    assert found.mail.password == Secret("017")
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(dataclasses.asdict(found))


# --- folders -----------------------------------------------------------------------------------------------


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_a_folder_is_read_as_one_file(tmp_path):
    where = folder(
        tmp_path,
        a="partners: [{id: a, policy: w}]\nservice: {name: One}\npolicies: []",
        b="partners:\n- {id: b, policy: w, assigned_to: a}\nservice: {zone: Europe/Rome}\nsystems:",
        c="systems: [{serial: s, partner: b}]\n# only",
        d="# all of it commented out",
    )
    (where / ".hidden.yaml").write_text("broken: [")
    (where / "policies").mkdir()
    (where / "policies" / "x.yaml").write_text("broken: [")
    found = load(where, now=NOW, environ={})
    assert list(found.inventory.partners) == ["a", "b"]
    assert (found.service.name, found.service.zone) == ("One", "Europe/Rome")
    assert found.places["partners", "b"] == f"{where}/b.yaml:2:3"
    assert [file.name for file in found.sources] == ["a.yaml", "b.yaml", "c.yaml", "d.yaml"]


def test_what_two_files_set_is_told_with_both_places(tmp_path):
    where = folder(tmp_path, a="service: {name: One}\nmail: {host: h}", b="service:\n  name: Two\nmail: [x]")
    with pytest.raises(ConfigError) as caught:
        load(where, now=NOW)
    assert list(caught.value.problems) == [
        f"{where}/b.yaml:2:9: service.name: already set at {where}/a.yaml:1:17",
        f"{where}/b.yaml:3:7: mail: already set at {where}/a.yaml:2:7",
    ]


def test_every_broken_file_of_a_folder_is_told(tmp_path):
    where = folder(tmp_path, a="a: [", b="b: 1\nb: 2")
    with pytest.raises(ConfigError) as caught:
        load(where, now=NOW)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        f"{where}/a.yaml:2:1",
        f"{where}/b.yaml:2:1",
    ]


def test_a_folder_without_files_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no \*\.yaml file"):
        load(tmp_path, now=NOW)


def test_policies_are_found_from_the_file_that_names_them(tmp_path):
    (tmp_path / "mine.yaml").write_text("x: 1")
    (tmp_path / "c").mkdir()
    folder(tmp_path / "c", a="policies: [../mine.yaml]", b="policies: [.]")
    found = load(tmp_path / "c", now=NOW)
    assert found.policies == (tmp_path / "c" / ".." / "mine.yaml", tmp_path / "c")


# --- tables ------------------------------------------------------------------------------------------------


def with_tables(tmp_path: Path, systems: str, partners: str = "id,policy\na,w\n") -> Path:
    (tmp_path / "systems.csv").write_text(systems, encoding="utf-8")
    (tmp_path / "partners.csv").write_text(partners, encoding="utf-8")
    (tmp_path / "t.yaml").write_text("import: {systems_csv: systems.csv, partners_csv: partners.csv}")
    return tmp_path / "t.yaml"


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte-order mark"])
def test_tables_are_imported(tmp_path, separator, mark):
    rows = ["serial,partner,country,version,tags.rack,cloud", "0017,a,NO,5.10,r 1,", "", 'S2,a,,,"x\ny",eu-1']
    text = mark + "\r\n".join(row.replace(",", separator) for row in rows) + "\r\n"
    partners = (
        "id,policy,languages,contacts.0.id,contacts.0.name,contacts.0.phone,contacts.0.languages".replace(
            ",languages,", ",tier,"
        )
    )
    found = load(
        with_tables(tmp_path, text, partners + "\na,w,gold,c,Ada,+39 0461 1715112,it en\nb,w,,,,,\n"), now=NOW
    )
    one = found.inventory.systems["0017"]
    assert (one.country, one.version, one.cloud, dict(one.tags)) == ("NO", "5.10", None, {"rack": "r 1"})
    assert dict(found.inventory.systems["S2"].tags) == {"rack": "x\ny"}
    assert found.inventory.partners["a"].contacts[0].languages == ("it", "en")
    assert found.inventory.partners["b"].contacts == ()
    assert found.places["systems", "S2"] == f"{tmp_path}/systems.csv:4:1"
    assert [file.name for file in found.sources] == ["t.yaml", "partners.csv", "systems.csv"]


TABLES = [
    ("serial,partner,contry\nS,a,IT", "systems.csv:1:3: there is no such key as 'contry'; did you mean 'country'?"),
    ("serial,partner\nS,b", "systems.csv:2:2: systems[0].partner: there is no partner 'b'"),
    ("serial,partner,country\nS,a,it", "systems.csv:2:3: systems[0].country: 'it' is not a two-letter ISO 3166 country code; did you mean 'IT'?"),
    ("serial,partner\nS,a\nS,a", "systems.csv:3:1: systems[1].serial: a second system 'S'; the first is at {}/systems.csv:2:1"),
    ("serial,partner\n,a", "systems.csv:2:1: systems[0].serial: this key is missing"),
    ("serial,partner\nS,a,x", "systems.csv:2:3: the row has 3 cells, the header 2"),
    ("serial,partner,partner\nS,a,a", "systems.csv:1:3: two columns are called 'partner'"),
    ("serial,partner,\nS,a,", "systems.csv:1:3: the column has no name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), TABLES, ids=[problem for _, problem in TABLES])
def test_a_mistake_in_a_table_is_told_by_row_and_cell(tmp_path, text, problem):
    with pytest.raises(ConfigError) as caught:
        load(with_tables(tmp_path, text), now=NOW)
    assert list(caught.value.problems) == [f"{tmp_path}/{problem.format(tmp_path)}"]


def test_a_table_that_is_not_text_is_told_where_it_is_named(tmp_path):
    path = with_tables(tmp_path, "")
    (tmp_path / "systems.csv").write_bytes(b"serial,partner\n\xff,a")
    with pytest.raises(
        ConfigError, match=r"t\.yaml:1:23: import\.systems_csv: the table cannot be read: not UTF-8"
    ):
        load(path, now=NOW)


def test_a_serial_in_a_table_and_in_a_file_is_told(tmp_path):
    path = with_tables(tmp_path, "serial,partner\nS,a")
    path.write_text(path.read_text() + "\nsystems: [{serial: S, partner: a}]")
    with pytest.raises(
        ConfigError,
        match=r"systems\.csv:2:1: systems\[1\]\.serial: a second system 'S'; the first is at .*t\.yaml:2:20",
    ):
        load(path, now=NOW)


@pytest.mark.slow
def test_a_hundred_thousand_systems_are_imported(tmp_path):
    rows = "".join(f"S-{number},a,IT,5.10\n" for number in range(100_000))
    found = load(with_tables(tmp_path, "serial,partner,country,version\n" + rows), now=NOW)
    assert len(found.inventory.systems) == 100_000


# --- who is on call ----------------------------------------------------------------------------------------

ROTA = """\
on_call:
  engineers: [{id: ada, name: Ada}, {id: ben, name: Ben}, {id: eve, name: Eve, phone: +12025550143}]
  rotation: {zone: Europe/Rome, anchor: 2026-01-05T09:00, every: 7d, order: [ada, ben]}
  overrides:
    - {engineer: eve, from: 2026-12-24T09:00, to: 2026-12-27T09:00}
    - {engineer: ada, from: "2026-12-25T00:00:00Z", to: "2026-12-25T12:00:00Z"}
  fallback: eve
"""
TURNS = [
    ("the first shift", "2026-01-05T08:00:00Z", "ada"),
    ("before the anchor, the fallback", "2026-01-05T07:59:59Z", "eve"),
    ("the second shift", "2026-01-12T08:00:00Z", "ben"),
    ("just before a hand-over in winter", "2026-03-23T07:59:59Z", "ada"),
    ("a hand-over in winter", "2026-03-23T08:00:00Z", "ben"),
    ("just before a hand-over in summer", "2026-03-30T06:59:59Z", "ben"),
    ("a hand-over in summer keeps nine o'clock", "2026-03-30T07:00:00Z", "ada"),
    ("an override begins by the rotation's clock", "2026-12-24T08:00:00Z", "eve"),
    ("the override listed last wins", "2026-12-25T11:59:59Z", "ada"),
    ("and gives back", "2026-12-25T12:00:00Z", "eve"),
]


@pytest.mark.parametrize(
    ("at", "who"), [(at, who) for _, at, who in TURNS], ids=[name for name, _, _ in TURNS]
)
def test_whose_turn_it_is(at, who):
    engineer = loaded(ROTA).inventory.on_call.at(datetime.fromisoformat(at))
    assert engineer is not None
    assert engineer.id == who


@pytest.mark.parametrize(
    "zone", ["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
)
@pytest.mark.parametrize("every", [3_600 * 12, 86_400, 7 * 86_400])
def test_shifts_follow_each_other_without_a_gap(zone, every):
    rotation = Rotation(
        name="r", zone=zone, anchor=datetime(2025, 3, 30, 2, 30), every=every, order=("a", "b", "c")
    )
    start, end = NOW - timedelta(days=399), NOW + timedelta(days=400)
    found = tuple(rotation.shifts(start, end))
    assert all(one.end == two.start for one, two in pairwise(found))
    assert all(one.start < one.end for one in found)
    assert found[0].start <= start
    assert found[-1].end >= end
    assert all(one.engineer for one in timeline(rotation, (), (), start, end))


# --- what is shipped, and what is published ----------------------------------------------------------------


def test_the_shipped_configuration_is_found():
    assert shipped("tocsin.yaml").is_file()


def refs(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(refs(below) for below in node.values()))
    return set().union(*(refs(below) for below in node)) if isinstance(node, list) else set()


def test_the_schema_is_complete_json():
    schema = json_schema({"sip": Sip, "http": Options})
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {ref.rpartition("/")[2] for ref in refs(schema)} <= set(schema["$defs"])
    sip = schema["properties"]["checks"]["items"]["oneOf"][1]
    assert sip["properties"]["type"] == {"const": "sip"}
    assert {"from", "method", "target", "facts"} <= set(sip["properties"])
    assert sip["additionalProperties"] is False
    assert set(schema["properties"]) >= {"partners", "systems", "import", "on_call"}
    assert json.loads(json.dumps(schema)) == schema


def test_nobody_else_reads_yaml_loosely():
    """Every YAML file goes through the strict reader: PyYAML's own loaders are used in one module."""
    root = Path(__file__).parents[2]
    loose = [
        path.relative_to(root).as_posix()
        for package in ("monitor", "checks", "statuspage")
        for path in (root / package).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("import yaml\n", "from yaml import"))
    ]
    assert loose == ["monitor/settings/yaml12.py"]
    assert hasattr(yaml, "safe_load")


@pytest.mark.parametrize(
    "text", ['policies: ["{}"]', 'import: {{systems_csv: "{}"}}', 'page: {{title: "${{file:{}}}"}}']
)
@pytest.mark.parametrize(
    "name", ["~nobody-here/x", "\U0001f514" * 150], ids=["a home that is not there", "too long"]
)
def test_odd_paths_are_told_like_missing_ones(text, name):
    with pytest.raises(ConfigError):
        loaded(text.format(name))
