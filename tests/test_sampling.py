"""What the whole suite leaves to the long run is a sample, the same every time, and nothing where a test is named."""

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from tests import sampling

def pytest_addoption(parser):
    parser.addoption("--everything", action="store_true")

def pytest_configure(config):
    config.addinivalue_line("markers", "sampled(n): one in n")
    sampling.configure(config)

def pytest_collection_modifyitems(config, items):
    gone = sampling.left_out(items)
    items[:] = [item for item in items if item not in gone]
"""

TESTS = """
import pytest

@pytest.mark.sampled(4)
@pytest.mark.parametrize("number", range(40))
def test_again(number):
    pass

@pytest.mark.sampled(4, turns=True)
@pytest.mark.parametrize("number", range(40))
def test_in_turn(number):
    pass

@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("number", range(40))
def test_story(dialect, number):
    pass
"""


def outcomes(pytester, *arguments):
    names = pytester.inline_run("-p", "no:xdist", "-p", "no:cacheprovider", *arguments).listoutcomes()[0]
    return {report.nodeid for report in names}


def a_suite(pytester, monkeypatch):
    monkeypatch.delenv("TOCSIN_SAMPLED_TESTS", raising=False)
    pytester.makeini("[pytest]\ntestpaths = tests\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(CONFTEST)
    pytester.mkdir("tests").joinpath("acceptance").mkdir()
    (pytester.path / "tests" / "acceptance" / "test_one.py").write_text(TESTS)


def test_the_whole_suite_is_a_sample_that_does_not_change(pytester, monkeypatch):
    a_suite(pytester, monkeypatch)
    first = outcomes(pytester)
    assert first == outcomes(pytester)
    assert sum("sqlite" in name for name in first) == 40
    assert 0 < sum("postgresql" in name for name in first) < 25
    assert 0 < sum("again" in name for name in first) < 25


def test_what_is_named_or_everything_runs_whole(pytester, monkeypatch):
    a_suite(pytester, monkeypatch)
    assert len(outcomes(pytester, "tests/acceptance/test_one.py")) == 160
    assert len(outcomes(pytester, "--everything")) == 160


def test_after_as_many_commits_each_that_takes_turns_was_run_once(pytester, monkeypatch):
    a_suite(pytester, monkeypatch)
    ran = []
    for turn in range(17, 21):
        monkeypatch.setenv("TOCSIN_SAMPLED_TESTS", str(turn))
        ran += [name for name in outcomes(pytester) if "in_turn" in name]
    assert len(ran) == len(set(ran)) == 40
