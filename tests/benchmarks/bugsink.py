"""Bugsink, a peer for crash intake: from PyPI, in a virtual environment of its own outside the tree, made once.

As its documentation has it for one server: SQLite, gunicorn, and its task runner beside it. Its limits of events an
hour are lifted, so that it works and does not refuse.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import peers
from tests.checks.far_ends import free_port

VERSION = "2.6.2"
HOME = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tocsin-bench" / f"bugsink-{VERSION}"
WORKERS = 4
_MAKE_PROJECT = "from projects.models import Project; p = Project.objects.create(name='b', slug='b'); print('made', p.id, p.sentry_key.hex)"
_LIMITS = "\nfor _name in ('5_MINUTES', 'HOUR', 'MONTH'):\n    BUGSINK['MAX_EVENTS_PER_' + _name] = BUGSINK['MAX_EVENTS_PER_PROJECT_PER_' + _name] = 10**9\n"


@dataclass(frozen=True, slots=True)
class Bugsink:
    """One that runs."""

    url: str
    path: str
    folder: Path

    def digested(self) -> int:
        """Return how many events it has grouped."""
        with closing(sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM events_event").fetchone()[0])


def installed() -> Path:
    """Return where it is; install it the first time."""
    if not (HOME / "bin" / "bugsink-manage").exists():
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.parent.mkdir(parents=True, exist_ok=True)
        for command in (
            [sys.executable, "-m", "venv", str(HOME)],
            [str(HOME / "bin" / "pip"), "install", "--quiet", f"bugsink=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(HOME, ignore_errors=True)
                raise peers.MissingError(
                    f"bugsink {VERSION} cannot be installed: {done.stderr.strip()[-200:]}"
                )
    return HOME / "bin"


@contextmanager
def bugsink(core: int = peers.MEASURED) -> Iterator[Bugsink]:
    """Run it with one project."""
    home = installed()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        environ = {"DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": name, "PYTHONUNBUFFERED": "1"}

        def once(*command: str) -> str:
            told = subprocess.run(
                [str(home / command[0]), *command[1:]], cwd=name, env={**os.environ, **environ}, capture_output=True, text=True, check=True
            )  # fmt: skip
            return told.stdout

        once(
            "bugsink-create-conf",
            "--template=singleserver",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--base-dir={name}",
        )
        conf = folder / "bugsink_conf.py"
        # over plain HTTP, as nobody terminates TLS before it here
        conf.write_text(conf.read_text().replace("https://", "http://") + _LIMITS)
        once("bugsink-manage", "migrate")
        once("bugsink-manage", "migrate", "snappea", "--database=snappea")
        made = re.search(r"made (\d+) (\w+)", once("bugsink-manage", "shell", "-c", _MAKE_PROJECT))
        assert made, "the project was made"
        serve: Sequence[str] = (
            str(home / "gunicorn"),
            f"--bind=127.0.0.1:{port}",
            f"--workers={WORKERS}",
            "--log-level=error",
            "bugsink.wsgi",
        )
        server = stack.enter_context(peers.running(serve, core, environ=environ, cwd=folder))
        stack.enter_context(
            peers.running([str(home / "bugsink-runsnappea")], core, environ=environ, cwd=folder)
        )
        url = f"http://127.0.0.1:{port}"
        peers.answers(f"{url}/health/ready", server)
        time.sleep(1)
        yield Bugsink(url, f"/api/{made[1]}/envelope/?sentry_key={made[2]}", folder)
