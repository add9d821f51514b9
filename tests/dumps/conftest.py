"""Real dumps, made once."""

from pathlib import Path

import pytest

from tests.dumps.real import Crasher, crasher


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Crasher:
    return crasher(tmp_path_factory.mktemp("crasher"))


@pytest.fixture(scope="session")
def real_dumps(program: Crasher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a dump of each way to die."""
    folder = tmp_path_factory.mktemp("dumps")
    return {
        how: program.dies(how, folder / how, extra=("--annotation=serial=PBX-1",))
        for how in ("segv", "abort", "fpe", "ill")
    }
