"""An SNMP agent that nobody here wrote: snmpd, with a community and users of every sort."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

PASSWORD, PRIVACY = "authpass-1234", "privpass-5678"
USERS = {
    "nobody": "",
    "md5": f"MD5 {PASSWORD}",
    "sha": f"SHA {PASSWORD}",
    "sha256": f"SHA-256 {PASSWORD}",
    "sha512": f"SHA-512 {PASSWORD}",
    "sha-aes": f"SHA {PASSWORD} AES {PRIVACY}",
    "sha256-aes": f"SHA-256 {PASSWORD} AES {PRIVACY}",
}
LEVELS = {"nobody": "noauth", "sha-aes": "priv", "sha256-aes": "priv"}


@contextmanager
def an_snmpd(folder: Path) -> Iterator[int]:
    """Run an agent on a free port of the loopback."""
    require("snmpd", "questions to an SNMP agent nobody here wrote")
    port = free_port()
    lines = ["rocommunity s3cret 127.0.0.1", "sysName pbx-1001", "sysLocation the cellar", "engineIDType 1"]
    lines += [f"createUser {name} {how}" for name, how in USERS.items()]
    lines += [f"rouser {name} {LEVELS.get(name, 'auth')}" for name in USERS]
    (folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ("snmpd", "-f", "-Lo", "-C", "-c", str(folder / "snmpd.conf"), f"udp:127.0.0.1:{port}"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"SNMP_PERSISTENT_DIR": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin", "MIBS": ""},
        )
    try:
        limit = time.monotonic() + 30
        while f":{port:04X} " not in Path("/proc/net/udp").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < limit, "snmpd does not listen"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()
