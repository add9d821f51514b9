"""The table of check types: complete, and open to third parties."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import checks
from checks.registry import CHECK_TYPES, load_check_types
from monitor.errors import ConfigError

OURS = Path(checks.__path__[0])


def test_every_type_file_is_in_the_table_and_the_table_has_no_other():
    typed = {path.stem for path in OURS.glob("*.py") if "\nTYPE: CheckType = " in path.read_text("utf-8")}
    assert {stem.replace("_", "-") for stem in typed} == set(CHECK_TYPES)


def an_entry_point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="tocsin.checks")


def test_a_third_partys_type_is_loaded_beside_ours():
    types = load_check_types([an_entry_point("gopher", "checks.tcp:TYPE")])
    assert set(types) == {*CHECK_TYPES, "gopher"}


def test_what_is_installed_loads():
    assert set(load_check_types()) >= set(CHECK_TYPES)


BAD = {
    "one of our names": (("http", "checks.tcp:TYPE"), "already"),
    "a module that is missing": (("x", "no_such_module:TYPE"), "no_such_module"),
    "something else": (("x", "checks.tcp:TcpOptions"), "no CheckType"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unusable_type_is_named(case):
    entry, said = BAD[case]
    with pytest.raises(ConfigError, match=said):
        load_check_types([an_entry_point(*entry)])
