"""PostgreSQL's own programs for copies: ``pg_dump`` and ``pg_restore``, run without a password on the command line."""

import os
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa

from monitor.errors import StorageError


def dump(url: sa.URL, file: Path) -> None:
    """Write a consistent dump (custom format, readable by us alone) while the service goes on."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def restore(file: Path, url: sa.URL) -> None:
    """Read a dump back, all of it or nothing."""
    _run(
        "pg_restore",
        url,
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        "--exit-on-error",
        str(file),
    )


def _run(program: str, url: sa.URL, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise StorageError(
            f"{program} is not installed: install PostgreSQL's client programs (Debian: postgresql-client), "
            "of the server's version or newer"
        )
    command = [path, "--no-password", f"--dbname={_conninfo(url)}", *arguments]
    done = subprocess.run(command, env=_environment(url), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise StorageError(f"{program} failed: {done.stderr.strip() or done.returncode}{_hint(done.stderr)}")


def _conninfo(url: sa.URL) -> str:
    """Return what libpq reads, without the password."""
    plain = sa.URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return plain.render_as_string()


def _environment(url: sa.URL) -> dict[str, str]:
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    return {**os.environ, **password}


def _hint(stderr: str) -> str:
    if "version mismatch" not in stderr:
        return ""
    return "\nInstall the client programs of the server's version (Debian: postgresql-client-NN)."
