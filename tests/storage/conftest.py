"""A record that is blank is migrated in here, as the program does it."""

import pytest

from monitor.storage import engine
from tests.databases import bring_up_to_date


@pytest.fixture(autouse=True)
def migrated_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_bring_up_to_date", bring_up_to_date)
