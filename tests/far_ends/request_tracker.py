"""Starts a real Request Tracker 5 (Debian's packages) over a copy of its seeded SQLite database.

    with request_tracker(folder) as tracker: tracker.url, tracker.token …

Needs ``apt-get install rt5-standalone rt5-db-sqlite request-tracker5``, configured with SQLite.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.requirements import require

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SEED = Path("/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb")
HOW = "apt-get install rt5-standalone rt5-db-sqlite request-tracker5 (debconf: database-type sqlite3)"
PASSWORD = "only-on-the-loopback"

_CONFIG = """\
Set($rtname, 'tocsin.test');
Set($Organization, 'tocsin.test');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebPath, '');
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($WebURL, 'http://127.0.0.1:{port}/');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rtdb');
Set($DatabaseHost, '');
Set($DatabaseUser, '');
Set($DatabasePassword, '');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'error');
Set($MailCommand, 'testfile');
Set($WebSessionClass, 'Apache::Session::File');
Set($RestrictReferrer, 0);
Set($BcryptCost, 4);  # of the token, by every request: a quarter of a second otherwise
1;
"""

# What an operator does once by hand in the web pages: a password, a token, two queues, our custom field in one
# of them (General is left without it).
_PREPARE = """\
use RT -init;
my $root = RT::User->new(RT->SystemUser); $root->Load('root');
$root->SetPassword($ARGV[0]);
my ($ok, $said, $token) = RT::AuthToken->new($root)->Create(Owner => $root->id, Description => 'tocsin');
die $said unless $ok;
my $queue = RT::Queue->new(RT->SystemUser);
($ok, $said) = $queue->Create(Name => 'Aurora', Description => 'the queue with our field'); die $said unless $ok;
my $field = RT::CustomField->new(RT->SystemUser);
($ok, $said) = $field->Create(Name => 'Tocsin incident', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket');
die $said unless $ok;
($ok, $said) = $field->AddToObject($queue); die $said unless $ok;
print "TOKEN=$token\\n";
"""


@dataclass(frozen=True)
class Tracker:
    """A running Request Tracker."""

    url: str
    token: str
    password: str
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def request_tracker(folder: Path) -> Iterator[Tracker]:
    """Run one; skip (or fail under REQUIRE_ALL=1) where it is not installed."""
    require("request-tracker5", "tickets are proven against the real one", how=HOW, found=SERVER.exists())
    require("request-tracker5 database", "its seeded SQLite file", how=HOW, found=os.access(SEED, os.R_OK))
    port = _free_port()
    shutil.copyfile(SEED, folder / "rtdb")
    (folder / "empty.d").mkdir()
    config = folder / "RT_SiteConfig.pm"
    config.write_text(_CONFIG.format(port=port, folder=folder))
    environment = {**os.environ, "RT_SITE_CONFIG": str(config), "RT_SITE_CONFIG_DIR": str(folder / "empty.d")}
    token = _prepared(environment)
    url = f"http://127.0.0.1:{port}"
    with (folder / "rt.log").open("wb") as log:
        server = subprocess.Popen(
            [SERVER, "--host", "127.0.0.1", "--port", str(port), "--max-workers", "2"],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(url, server, folder / "rt.log")
            yield Tracker(url=url, token=token, password=PASSWORD, environment=environment)
        finally:
            server.terminate()
            server.wait(timeout=20)


def perl(tracker: Tracker, script: str, *args: str) -> str:
    """Run a script within a tracker, as its administrator would on its machine; return what it printed."""
    return _run(tracker.environment, script, *args)


def _prepared(environment: Mapping[str, str]) -> str:
    return _run(environment, _PREPARE, PASSWORD).rpartition("TOKEN=")[2].strip()


def _run(environment: Mapping[str, str], script: str, *args: str) -> str:
    answer = subprocess.run(
        ["perl", "-I/usr/share/request-tracker5/lib", "-e", script, *args],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, f"Request Tracker ended: {log.read_text()}"
        try:
            urllib.request.urlopen(f"{url}/REST/2.0/", timeout=10)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"Request Tracker is not up: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
