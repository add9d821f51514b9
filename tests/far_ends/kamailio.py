"""A PBX that nobody here wrote: Kamailio, as registrar and proxy with digest authentication, in front of SIPp.

async with a_pbx(folder, behind=far_end.address) as pbx:
    a line with domain pbx.address, user "tocsin", password pbx.password
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

PASSWORD = "s3cret and spaced"
CONFIGURATION = """#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "algorithm", "{algorithm}")
{tls}request_route {{
  if (has_totag()) {{ loose_route(); t_relay(); exit; }}
  if (is_method("CANCEL|ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("pbx.test", "{password}", "0")) {{ www_challenge("pbx.test", "1"); exit; }}
    if ($au != "tocsin") {{ sl_send_reply("403", "Forbidden"); exit; }}
    save("location");
    exit;
  }}
  if (!pv_proxy_authenticate("pbx.test", "{password}", "0")) {{ proxy_challenge("pbx.test", "1"); exit; }}
  consume_credentials();
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  record_route();
  $du = "sip:{behind}";
  t_relay();
}}
"""

TLS = """enable_tls=yes
listen=tls:127.0.0.1:{port}
loadmodule "tls.so"
modparam("tls", "certificate", "{pem}")
modparam("tls", "private_key", "{pem}")
modparam("tls", "tls_method", "TLSv1.2+")
"""


@dataclass
class Pbx:
    """A Kamailio that runs, or did."""

    port: int
    folder: Path
    process: asyncio.subprocess.Process | None = None
    password: str = PASSWORD
    tls_port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it takes messages."""
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *("kamailio", "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"),
                *("-Y", str(self.folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(20):
            while f":{self.port:04X} " not in Path("/proc/net/tcp").read_text():
                assert self.process.returncode is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let it end with its children."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()
        self.process = None


@asynccontextmanager
async def a_pbx(
    folder: Path, *, behind: str, algorithm: str = "", pem: Path | None = None
) -> AsyncIterator[Pbx]:
    """Run a PBX that sends every call on to ``behind``; with ``pem`` (chain and key) it speaks TLS, too."""
    require("kamailio", "registration and digest against a PBX nobody here wrote")
    folder.mkdir(parents=True)
    pbx = Pbx(free_port(), folder)
    tls = ""
    if pem is not None:
        module = "/usr/lib/{}/kamailio/modules/tls.so"
        there = any(Path(module.format(f"{cpu}-linux-gnu")).exists() for cpu in ("x86_64", "aarch64"))
        require("kamailio-tls-modules", "SIP over TLS against a PBX nobody here wrote", found=there)
        pbx.tls_port = free_port()
        tls = TLS.format(port=pbx.tls_port, pem=pem)
    text = CONFIGURATION.format(
        port=pbx.port, password=PASSWORD, behind=behind, algorithm=algorithm or "MD5", tls=tls
    )
    (folder / "kamailio.cfg").write_text(text)
    try:
        await pbx.start()
        yield pbx
    finally:
        await pbx.stop()
