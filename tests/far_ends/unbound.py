"""A name server that nobody here wrote: unbound, with a zone of its own, over UDP, TCP and TLS. It asks nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

ZONE = (
    "example.test. 300 IN SOA ns.example.test. noc.example.test. 1 3600 600 86400 300",
    "example.test. 300 IN NS ns.example.test.",
    "ns.example.test. 300 IN A 127.0.0.1",
    "www.example.test. 300 IN A 192.0.2.1",
    "www.example.test. 300 IN A 192.0.2.2",
    "www.example.test. 60 IN AAAA 2001:db8::1",
    "example.test. 300 IN MX 10 mx1.example.test.",
    "example.test. 300 IN MX 20 mx2.example.test.",
    "_sip._udp.example.test. 300 IN SRV 10 5 5060 pbx.example.test.",
    'example.test. 300 IN NAPTR 10 100 "S" "SIP+D2U" "" _sip._udp.example.test.',
    'example.test. 300 IN TXT "v=spf1 -all"',
    *(f'long.example.test. 300 IN TXT "{number:03}{"x" * 200}"' for number in range(20)),
    "alias.example.test. 300 IN CNAME www.example.test.",
)
CONFIGURATION = """server:
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{folder}"
  do-daemonize: no
  use-syslog: no
  interface: 127.0.0.1@{port}
  interface: 127.0.0.1@{tls_port}
  tls-port: {tls_port}
  {tls}
  access-control: 127.0.0.0/8 allow
  local-zone: "." refuse
  local-zone: "example.test." transparent
auth-zone:
  name: "example.test."
  zonefile: "{folder}/zone"
  for-downstream: yes
  for-upstream: no
remote-control:
  control-enable: no
"""


@dataclass
class Unbound:
    """An unbound that runs."""

    port: int
    tls_port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tls_address(self) -> str:
        return f"127.0.0.1:{self.tls_port}"


@asynccontextmanager
async def an_unbound(folder: Path, *, pem: Path | None = None) -> AsyncIterator[Unbound]:
    """Run a name server on free ports of the loopback; TLS with ``pem`` (chain and key)."""
    require("unbound", "questions to a name server nobody here wrote")
    folder.mkdir(parents=True, exist_ok=True)
    server = Unbound(free_port(), free_port())
    tls = f'tls-service-key: "{pem}"\n  tls-service-pem: "{pem}"' if pem is not None else ""
    (folder / "zone").write_text("\n".join(ZONE) + "\n")
    (folder / "unbound.conf").write_text(
        CONFIGURATION.format(folder=folder, port=server.port, tls_port=server.tls_port, tls=tls)
    )
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("unbound", "-d", "-c", str(folder / "unbound.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(20):
            while not all(
                f":{server.port:04X} " in Path(f"/proc/net/{way}").read_text() for way in ("tcp", "udp")
            ):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.02)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
