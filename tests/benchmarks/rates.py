"""CPU for http checks at an equal rate: the whole service, a bare loop, Prometheus with blackbox_exporter, nagios4.

    python -m tests.benchmarks.rates [--quick] [--json]

500 checks a second (5,000 targets every 10 s) with Prometheus, 50 a second (500 every 10 s) with nagios4 and
check_http, a process per check. Ours and the bare loop run at the same time on one core, the others right after on the
same core. Theirs is the CPU of all their processes, those that ended included; what is looked at runs on the other core.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.beside import Window, between, looping, said
from tests.benchmarks.report import Cell, Goal, Report, by_itself
from tests.benchmarks.service import configuration, served
from tests.checks.far_ends import free_port

EVERY = 10.0
CPU_GOAL, BARE_GOAL, PROMETHEUS_GOAL, NAGIOS_GOAL = 0.10, 1.75, 0.10, 0.25
COLUMNS = ("", "checks/s", "CPU-s per 1,000", "core", "MiB", "ours / this")


@dataclass(frozen=True, slots=True)
class Peer:
    """A program at work: how many looks it has made, CPU-seconds it has had, and MiB it holds."""

    looks: Callable[[], float]
    cpu: Callable[[], float]
    memory: Callable[[], float]


@contextmanager
def prometheus(target: str, checks: int) -> Iterator[Peer]:
    """Run Prometheus, which has blackbox_exporter look at every target."""
    binary = peers.program("prometheus", "prometheus")
    port = free_port()
    with (
        peers.blackbox() as exporter,
        tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name,
    ):
        listed = [{"targets": [f"{target}/{n}" for n in range(checks)]}]
        (Path(name) / "targets.json").write_text(json.dumps(listed))
        (Path(name) / "prom.yml").write_text(f"""
global: {{scrape_interval: {EVERY:g}s, scrape_timeout: {EVERY:g}s}}
scrape_configs:
  - job_name: web
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    file_sd_configs: [{{files: [{name}/targets.json]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "{exporter.url.removeprefix("http://")}"}}
""")
        command = [
            binary, f"--config.file={name}/prom.yml", f"--storage.tsdb.path={name}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]  # fmt: skip
        with peers.running(command, peers.MEASURED) as process:
            url = f"http://127.0.0.1:{port}"
            peers.answers(f"{url}/-/ready", process)

            pids = (exporter.pid, process.pid)
            yield Peer(
                looks=lambda: peers.served_by(target),
                cpu=lambda: sum(map(peers.cpu_of, pids)),
                memory=lambda: sum(map(peers.memory_of, pids)),
            )


_NAGIOS = """
log_file={folder}/nagios.log
cfg_file={folder}/objects.cfg
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
resource_file={folder}/resource.cfg
status_file={folder}/status.dat
status_update_interval=60
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
lock_file={folder}/nagios.lock
state_retention_file={folder}/retention.dat
nagios_user={user}
nagios_group={user}
interval_length=1
max_concurrent_checks=0
execute_service_checks=1
execute_host_checks=0
enable_notifications=0
check_for_updates=0
log_initial_states=0
illegal_macro_output_chars=`~$&|'"<>
"""
_NAGIOS_OBJECTS = """
define timeperiod {{
  timeperiod_name always
  alias always
  sunday 00:00-24:00
  monday 00:00-24:00
  tuesday 00:00-24:00
  wednesday 00:00-24:00
  thursday 00:00-24:00
  friday 00:00-24:00
  saturday 00:00-24:00
}}
define contact {{
  contact_name nobody
  host_notifications_enabled 0
  service_notifications_enabled 0
  host_notification_period always
  service_notification_period always
  host_notification_commands look
  service_notification_commands look
}}
define command {{
  command_name look
  command_line {plugin} -I 127.0.0.1 -p {port} -u $ARG1$ -t 10
}}
define host {{
  host_name here
  address 127.0.0.1
  max_check_attempts 3
  check_period always
  notification_period always
  contacts nobody
}}
"""
_NAGIOS_SERVICE = """
define service {{
  host_name here
  service_description web-{n}
  check_command look!/{n}
  check_interval {every:g}
  retry_interval {every:g}
  max_check_attempts 3
  check_period always
  notification_period always
  contacts nobody
}}
"""


@contextmanager
def nagios(target: str, checks: int) -> Iterator[Peer]:
    """Run nagios4 with check_http: a process per check."""
    binary = peers.program("nagios4", "nagios4-core")
    plugin = Path("/usr/lib/nagios/plugins/check_http")
    if not plugin.exists():
        raise peers.MissingError("check_http is not installed: apt-get install monitoring-plugins-basic")
    port = target.rpartition(":")[2]
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)  # it becomes somebody else when we are root
        (folder / "resource.cfg").write_text("")
        services = "".join(_NAGIOS_SERVICE.format(n=n, every=EVERY) for n in range(checks))
        (folder / "objects.cfg").write_text(_NAGIOS_OBJECTS.format(plugin=plugin, port=port) + services)
        (folder / "nagios.cfg").write_text(_NAGIOS.format(folder=folder, user="nagios"))
        with peers.running([binary, f"{folder}/nagios.cfg"], peers.MEASURED) as process:
            time.sleep(2)
            if process.poll() is not None:
                raise peers.MissingError(f"nagios4 does not run here: it ended with {process.returncode}")
            yield Peer(
                looks=lambda: peers.served_by(target),
                cpu=lambda: peers.cpu_of_all(process.pid),
                memory=lambda: peers.memory_of_all(process.pid),
            )


def watch(name: str, peer: Peer, seconds: float) -> Window:
    """Let it go on for its first interval, then watch it."""
    time.sleep(EVERY + 2)
    looks, cpu, began = peer.looks(), peer.cpu(), time.monotonic()
    time.sleep(seconds)
    return Window(
        name=name, seconds=time.monotonic() - began, looks=peer.looks() - looks, cpu=peer.cpu() - cpu, memory=peer.memory()
    )  # fmt: skip


def ours(target: str, checks: int, seconds: float) -> tuple[Window, Window]:
    """Return what the service did, and what a bare loop did at the same time on the same core."""
    with served(configuration(target, checks=checks, every=EVERY)) as service:
        time.sleep(EVERY + 2)
        with looping(peers.MEASURED, f"{target}/{{n}}", checks, EVERY, seconds) as bare:
            before = service.scrape()
            loop = said(bare)
            mine = between("tocsin", before, service.scrape())
    return mine, Window(
        name="bare libcurl loop", seconds=seconds, looks=loop["looks"], cpu=loop["cpu"], memory=loop["memory"]
    )


def measure(seconds: float) -> Report:
    """Run both rates and return the table."""
    rows: list[tuple[Cell, ...]] = []
    goals: list[Goal] = []
    notes = ["tocsin and the bare loop at the same time on one core, the others after them on the same core"]
    plans: list[tuple[int, str, Callable[[str, int], AbstractContextManager[Peer]], float]] = [
        (5_000, "Prometheus + blackbox_exporter", prometheus, PROMETHEUS_GOAL),
        (500, "nagios4 + check_http", nagios, NAGIOS_GOAL),
    ]
    for checks, name, peer, limit in plans:
        with peers.nginx() as target, ExitStack() as stack:
            windows = list(ours(target.url, checks, seconds))
            try:
                windows.append(watch(name, stack.enter_context(peer(target.url, checks)), seconds))
            except peers.MissingError as error:
                notes.append(f"not run: {error}")
        mine = windows[0]
        rows += [
            (f"{one.name}, {checks / EVERY:.0f}/s offered", one.looks / one.seconds, one.per_1000, one.cpu / one.seconds, one.memory, mine.per_1000 / one.per_1000)
            for one in windows
        ]  # fmt: skip
        at = f"at {checks / EVERY:.0f}/s"
        if checks == plans[0][0]:
            goals.append(
                Goal(text=f"CPU-s per 1,000 checks, all included, {at}", figure=mine.per_1000, limit=CPU_GOAL)
            )
            goals.append(
                Goal(
                    text=f"the same over the bare loop's, {at}",
                    figure=mine.per_1000 / windows[1].per_1000,
                    limit=BARE_GOAL,
                )
            )
        if len(windows) > 2:
            goals.append(
                Goal(text=f"CPU over {name}'s, {at}", figure=mine.per_1000 / windows[2].per_1000, limit=limit)
            )
    return Report(
        name="rates",
        title="http checks at an equal rate, all included",
        columns=COLUMNS,
        rows=rows,
        goals=goals,
        notes=notes,
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(10.0 if quick else 20.0)


if __name__ == "__main__":
    by_itself(run, __doc__)
