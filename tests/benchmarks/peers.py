"""The programs we are measured with and against, each on free ports of loopback, each stopped by its own pid.

    nginx (the target, and the limit for pages) · blackbox_exporter · wrk

Two cores: what is measured runs on ``MEASURED``, everything else (target, load) on ``OTHER``. CPU is read from
``/proc/PID/stat``, so what a program's target and its driver cost is nobody's but theirs.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.checks.far_ends import free_port

ROOT = Path(__file__).resolve().parents[2]
_CORES = sorted(os.sched_getaffinity(0))
OTHER, MEASURED = _CORES[0], _CORES[-1]
PAGE = "x" * 200
TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 20.0
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  log_format looks "$msec $uri"; access_log {folder}/looks looks buffer=64k flush=1s; keepalive_requests 1000000; types {{ text/html html; }} default_type text/html;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $msec $well {{ default 1; "~[02468]\\.[0-9]+$" 0; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    {tls}
    location / {{ return 200 "{page}"; }}
    location /flap/ {{ if ($well = 0) {{ return 503; }} return 200 "{page}"; }}
    location = /served {{ stub_status; }}
    location /file/ {{ alias {folder}/files/; }}
  }}
}}
"""
_BLACKBOX = (
    "modules:\n  http_2xx:\n    prober: http\n    timeout: 10s\n    http: {preferred_ip_protocol: ip4}\n"
    "  https_any:\n    prober: http\n    timeout: 10s\n"
    "    http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}\n"
)


class MissingError(Exception):
    """A program that is needed is not installed; the text names its package."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs, and where; ``tls`` if it speaks that, too."""

    pid: int
    url: str
    tls: str = ""
    looks: Path = Path(os.devnull)
    """Where an nginx notes when it was asked for what."""


def program(name: str, package: str) -> str:
    """Return where a program is; say which Debian package brings it otherwise."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise MissingError(f"{name} is not installed: apt-get install {package}")
    return found


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Return the command bound to one core."""
    return [program("taskset", "util-linux"), "-c", str(core), *command]


@contextmanager
def running(
    command: Sequence[str],
    core: int,
    *,
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
    cwd: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on one core while the context lasts."""
    with (log or Path(os.devnull)).open("ab") as errors:
        process = subprocess.Popen(
            pinned(core, command),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **(environ or {})},
            cwd=cwd,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, process: subprocess.Popen[bytes], patience: float = _PATIENCE) -> float:
    """Wait until a URL answers; return how long that took."""
    began = time.monotonic()
    while True:
        try:
            fetch(url)
        except OSError as error:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with {process.returncode}") from error
            if time.monotonic() - began > patience:
                raise
            time.sleep(0.02)
        else:
            return time.monotonic() - began


def fetch(url: str) -> bytes:
    """Return what a URL answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


@contextmanager
def on(core: int) -> Iterator[None]:
    """Bind this process to a core while the context lasts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def nginx(
    core: int = OTHER, files: Mapping[str, bytes] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[Running]:
    """Run nginx: any path answers a small page, ``/file/NAME`` the given files; ``tls``: by certificate and key, too."""
    port, secure = free_port(), free_port()
    also = (
        f"listen 127.0.0.1:{secure} ssl; ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};"
        if tls
        else ""
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its worker is somebody else when we are root
        (folder / "files").mkdir()
        for file, content in (files or {}).items():
            (folder / "files" / file).write_bytes(content)
        conf = folder / "nginx.conf"
        conf.write_text(_NGINX.format(folder=folder, port=port, page=PAGE, tls=also))
        command = [program("nginx", "nginx"), "-c", str(conf), "-p", name]
        with running(command, core) as process:
            url = f"http://127.0.0.1:{port}"
            answers(f"{url}/", process)
            yield Running(process.pid, url, f"https://127.0.0.1:{secure}" if tls else "", folder / "looks")


@contextmanager
def blackbox(core: int = MEASURED) -> Iterator[Running]:
    """Run blackbox_exporter with a module for http, and one that takes any certificate."""
    binary = program("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        conf = Path(name) / "blackbox.yml"
        conf.write_text(_BLACKBOX)
        command = [
            binary,
            f"--config.file={conf}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        with running(command, core) as process:
            url = f"http://127.0.0.1:{port}"
            answers(f"{url}/-/healthy", process)
            yield Running(process.pid, url)


@contextmanager
def blackhole() -> Iterator[str]:
    """Hold a port at which connections are never answered: one that listens, whose queue is full."""
    with socket.socket() as holder, ExitStack() as stack:
        holder.bind(("127.0.0.1", 0))
        holder.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(holder.getsockname())
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


def ours(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


def cpu_of(pid: int) -> float:
    """Return the CPU-seconds, user and system, that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def served_by(target: str) -> float:
    """Return how many requests an nginx of ours has had."""
    return float(fetch(f"{target}/served").split()[9])


def _family(pid: int) -> list[int]:
    """Return a process and all that come of it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        below = [int(each) for each in children.read_text().split()]
    except OSError:
        return []
    return [pid, *(one for each in below for one in _family(each))]


def cpu_of_all(pid: int) -> float:
    """Return the CPU-seconds of a process and its children, those that have ended included."""
    spent = 0
    for one in _family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile: its parent has its time
        spent += sum(int(field) for field in fields[11:15])
    return spent / TICKS


def memory_of_all(pid: int) -> float:
    """Return the resident memory of a process and its children in MiB."""
    return sum(memory_of(one) for one in _family(pid) if Path(f"/proc/{one}/status").exists())


def memory_of(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def page(url: str) -> tuple[bytes, str]:
    """Return a page and its entity tag."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read(), str(answer.headers["ETag"])


def wrk(
    url: str, *, seconds: int, connections: int, headers: Sequence[str] = (), core: int = OTHER
) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in milliseconds, as wrk has them; 304 is no error."""
    command = [program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    done = subprocess.run(pinned(core, [*command, url]), capture_output=True, text=True, check=True)
    if failed := re.search(r"Non-2xx or 3xx.*|Socket errors.*", done.stdout):
        raise RuntimeError(f"wrk on {url}: {failed[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    assert rate, done.stdout
    assert late, done.stdout
    return float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[late[2]]
