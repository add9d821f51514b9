"""Real ticket systems, started once in a process: whoever needs one stands in ``tests.scheduling.TICKETS``."""

from collections.abc import Iterator

import pytest

from tests.far_ends.redmine import Redmine, redmine
from tests.far_ends.request_tracker import Tracker, request_tracker


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """A real Request Tracker."""
    with request_tracker(tmp_path_factory.mktemp("request-tracker")) as running:
        yield running


@pytest.fixture(scope="session")
def running_redmine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redmine]:
    """A real Redmine."""
    with redmine(tmp_path_factory.mktemp("redmine")) as running:
        yield running
