"""A database that nobody here wrote: MariaDB, on a free port of the loopback, with TLS if it is given a certificate.

with a_mariadb(folder, pem=authority.pem()) as server:
    ... server.target("calls"); the user probe has the password server.password
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pymysql

from tests.far_ends.sipp import free_port
from tests.requirements import require

SQL = Path("/usr/share/mysql")
PASSWORD = "s3cret ü"
SETUP = (
    "CREATE DATABASE calls CHARACTER SET utf8mb4",
    "CREATE TABLE calls.calls (id INT PRIMARY KEY, state VARCHAR(20))",
    "INSERT INTO calls.calls VALUES (1, 'stuck'), (2, 'stuck'), (3, 'over')",
    f"CREATE USER probe@'%' IDENTIFIED BY '{PASSWORD}'",
    "GRANT ALL ON calls.* TO probe@'%'",
)


@dataclass(frozen=True)
class Mariadb:
    """A server that runs."""

    port: int
    socket: Path
    password: str = PASSWORD

    def target(self, database: str = "calls", scheme: str = "mysql") -> str:
        return f"{scheme}://probe@127.0.0.1:{self.port}/{database}"

    def do(self, *statements: str) -> None:
        """Do what an administrator does."""
        connection = pymysql.connect(
            unix_socket=str(self.socket), user="root", charset="utf8mb4", autocommit=True
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@contextmanager
def a_mariadb(folder: Path, *, pem: Path | None = None) -> Iterator[Mariadb]:
    """Run a server; ``pem`` holds a chain and its key."""
    why = "queries to a MariaDB nobody here wrote"
    program = require("mariadbd", why, how="apt-get install mariadb-server-core")
    folder.mkdir(parents=True, exist_ok=True)
    data, user = folder / "data", "root" if os.geteuid() == 0 else None
    data.mkdir()
    common = ["--no-defaults", f"--datadir={data}", *([f"--user={user}"] if user else [])]
    small = [
        "--innodb-buffer-pool-size=8M",
        "--innodb-log-file-size=4M",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    subprocess.run(
        [program, *common, *small, "--bootstrap"],
        input=_system_tables(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    server = Mariadb(free_port(), folder / "s")
    tls = [f"--ssl-cert={pem}", f"--ssl-key={pem}"] if pem is not None else []
    listens = ["--bind-address=127.0.0.1", f"--port={server.port}", f"--socket={server.socket}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *common, *small, *listens, *tls, "--skip-name-resolve", f"--pid-file={folder}/pid"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(server, process, folder / "log")
        server.do(*SETUP)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.kill()  # what it holds goes with it
        process.wait()


def _system_tables() -> bytes:
    """Return what mariadb-install-db (which wants the client package, too) would have the server read."""
    head = b"create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\nset @skip_auth_anonymous=1;\n"
    files = ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data")
    return head + b"".join((SQL / f"{name}.sql").read_bytes() for name in files)


def _wait(server: Mariadb, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        # Not by PyMySQL, which leaves a socket open that could not be connected.
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(server.socket))
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
