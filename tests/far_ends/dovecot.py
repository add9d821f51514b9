"""A mailbox server that nobody here wrote: Dovecot, with one user, STARTTLS and TLS.

async with a_dovecot(folder, pem=authority.pem()) as server:
    ... server.address, server.tls_address; the user is noc, the password server.password
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

PASSWORD = 'qu"ote\\d pass'
CONFIGURATION = """base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{pem}
ssl_key = <{pem}
login_greeting = Dovecot of the test is ready.
auth_mechanisms = plain login
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


@dataclass
class Dovecot:
    """A Dovecot that runs."""

    port: int
    tls_port: int
    password: str = PASSWORD

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tls_address(self) -> str:
        return f"127.0.0.1:{self.tls_port}"


@asynccontextmanager
async def a_dovecot(folder: Path, *, pem: Path) -> AsyncIterator[Dovecot]:
    """Run a Dovecot on free ports of the loopback, with two mails in the inbox."""
    require("dovecot", "a mailbox server nobody here wrote", how="apt-get install dovecot-imapd")
    require(
        "root",
        "Dovecot gives its parts to another user",
        how="run the suite as root",
        found=os.geteuid() == 0,
    )
    for name in ("new", "cur", "tmp"):
        (folder / "mail" / name).mkdir(parents=True)
    for number in (1, 2):
        (folder / "mail" / "new" / f"{number}.x.y").write_text("Subject: hello\n\nworld\n")
    (folder / "users").write_text(f"noc:{PASSWORD}\n")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    for above in (folder, *folder.parents[:3]):
        with suppress(OSError):
            above.chmod(above.stat().st_mode | 0o711)
    server = Dovecot(free_port(), free_port())
    (folder / "dovecot.conf").write_text(
        CONFIGURATION.format(
            folder=folder, pem=pem, port=server.port, tls_port=server.tls_port, user="nobody", group="nogroup"
        )
    )
    with (folder / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *("dovecot", "-F", "-c", str(folder / "dovecot.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        async with asyncio.timeout(20):
            while f":{server.tls_port:04X} " not in Path("/proc/net/tcp").read_text():
                assert process.returncode is None, (folder / "out").read_text() + _log(folder)
                await asyncio.sleep(0.02)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _log(folder: Path) -> str:
    with suppress(FileNotFoundError):
        return (folder / "log").read_text()
    return ""
