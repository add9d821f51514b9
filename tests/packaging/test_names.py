"""No dependency may ship a package of ours; run on every dependency update."""

from importlib.metadata import packages_distributions

import pytest


@pytest.mark.parametrize("name", ["monitor", "checks", "alerts", "statuspage"])
def test_our_package_names_are_claimed_by_nobody_else(name):
    assert set(packages_distributions().get(name, [])) <= {"tocsin"}
