"""Real monitoring plugins, and programs that behave as no plugin should."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from checks import plugin_process
from checks.base import Target, Tools
from checks.plugin import TYPE, PluginOptions
from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import answering, free_port, listening, page, served, silent
from tests.requirements import require

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
PLUGINS = "/usr/lib/nagios/plugins"


@pytest.fixture
def plugins() -> None:
    found = Path(PLUGINS, "check_dummy").exists()
    require(
        "monitoring-plugins",
        "plugins are run as checks",
        how="apt-get install monitoring-plugins-basic",
        found=found,
    )


async def look(*command, target="127.0.0.1", timeout=10.0, symptom=None, serial="PBX-1", **options):
    about = Target(
        name="a", target=target, timeout=timeout, symptom=symptom, serial=serial, host="pbx1.example"
    )
    given = PluginOptions.model_validate({"command": list(command), **options})
    return await TYPE.build(about, given, Tools()).observe(NOW)


async def sh(script, **options):
    return await look("/bin/sh", "-c", script.replace("$", "$$"), **options)


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("status", "verdict", "word", "symptom"),
    [
        (0, Verdict.UP, "OK", None),
        (1, Verdict.DEGRADED, "WARNING", Symptom.DEGRADED),
        (2, Verdict.DOWN, "CRITICAL", Symptom.CALL_DROPS),
        (3, Verdict.UNKNOWN, "UNKNOWN", None),
    ],
)
async def test_the_exit_status_of_check_dummy_is_the_verdict(status, verdict, word, symptom):
    seen = await look("check_dummy", str(status), "so it is", symptom=Symptom.CALL_DROPS)
    assert (seen.verdict, seen.symptom, seen.detail) == (verdict, symptom, f"{word}: so it is")


@pytest.mark.usefixtures("plugins")
async def test_check_tcp_sees_a_port_open_and_closed():
    async with served(listening) as port:
        seen = await look("check_tcp", "-H", "$HOSTADDRESS$", "-p", str(port), "-t", "$TIMEOUT$")
    assert seen.verdict is Verdict.UP, seen.detail
    assert 0 <= float(seen.values["time [s]"]) < 5
    seen = await look("check_tcp", "-H", "$HOSTADDRESS$", "-p", str(free_port()))
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)
    assert "refused" in seen.detail


@pytest.mark.usefixtures("plugins")
async def test_check_http_sees_a_page_an_error_and_silence():
    async with served(answering(page())) as port:
        seen = await look("check_http", "-H", "$HOSTADDRESS$", "-p", str(port))
    assert (seen.verdict, "size [B]" in seen.values) == (Verdict.UP, True)
    async with served(answering(page(status="404 Not Found"))) as port:
        seen = await look("check_http", "-H", "$HOSTADDRESS$", "-p", str(port))
    assert (seen.verdict, "404" in seen.detail) == (Verdict.DEGRADED, True)
    async with served(answering(page(status="503 Away"))) as port:
        seen = await look("check_http", "-H", "$HOSTADDRESS$", "-p", str(port))
    assert (seen.verdict, "503" in seen.detail) == (Verdict.DOWN, True)
    async with served(silent) as port:
        seen = await look("check_http", "-H", "$HOSTADDRESS$", "-p", str(port), "-t", "1")
    assert seen.verdict is Verdict.DOWN, "its own timeout is its own word"


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    "command",
    [
        ["check_load", "-w", "900,900,900", "-c", "999,999,999"],
        ["check_procs", "-w", "1:100000", "-c", "1:200000"],
        ["check_users", "-w", "1000", "-c", "2000"],
        ["check_file_age", "-w", "99999999999", "-c", "99999999999", "-f", "/etc/passwd"],
        ["check_disk", "-w", "0", "-c", "0", "-p", "/"],
    ],
    ids=lambda command: command[0],
)
async def test_other_plugins_of_debian_are_up_with_their_values(command):
    if not Path(PLUGINS, command[0]).exists():
        pytest.skip(f"{command[0]} is in another package")
    seen = await look(*command)
    assert seen.verdict is Verdict.UP, seen.detail
    assert seen.values


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 127", "exit status 127, which is none of a plugin's: (no output)"),
        ("echo odd; exit 4", "exit status 4, which is none of a plugin's: odd"),
        ("kill -SEGV $$", "ended by SIGSEGV: (no output)"),
        ("echo libx.so: cannot open >&2; exit 127", "exit status 127, which is none of a plugin's: libx.so: cannot open"),
        ("exit 3", "(no output)"),
    ],
)  # fmt: skip
async def test_whatever_is_none_of_the_four_is_unknown_and_never_down(script, said):
    seen = await sh(script)
    assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, said)


BREAKDOWNS = {
    "perl": ("perl", "-e", "use No::Such::Module;"),
    "python": ("python3", "-c", "import no_such_module"),
    "python syntax": ("python3", "-c", "if"),
    "argparse": ("python3", "-c", "import argparse; argparse.ArgumentParser().parse_args(['-x'])"),
    "sh": ("/bin/sh", "-c", "if"),
    "bash": ("bash", "-c", "if"),
}


@pytest.mark.parametrize("command", BREAKDOWNS.values(), ids=list(BREAKDOWNS))
async def test_an_interpreter_that_cannot_run_its_plugin_is_no_outage(command):
    seen = await look(*command)
    assert seen.verdict is Verdict.UNKNOWN
    assert seen.detail.startswith("it broke before it could look (exit status ")


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("echo usage: none >&2; echo CRITICAL - no route; exit 2", Verdict.DOWN),
        ("echo no route >&2; exit 2", Verdict.DOWN),
        ("echo 'usage of the disk is 99 %' >&2; exit 2", Verdict.DOWN),
        ("echo slow >&2; exit 1", Verdict.DEGRADED),
        ("echo 'Usage: x' >&2", Verdict.UP),
        ("exit 2", Verdict.DOWN),
    ],
)
async def test_a_plugin_that_says_so_by_its_status_is_believed(script, verdict):
    assert (await sh(script)).verdict is verdict


async def test_a_text_that_begins_on_a_later_line_is_told():
    assert (await sh(r"printf '\n\nOK later | a=1e400 b=2\n'")).detail == "OK later"


async def test_a_program_that_is_not_there_or_may_not_be_run_is_unknown(tmp_path):
    (tmp_path / "plain").write_text("no program")
    for name in ("check_surely_not_there", "/nowhere/check", str(tmp_path / "plain")):
        seen = await look(name)
        assert seen.verdict is Verdict.UNKNOWN
        assert "no program" in seen.detail
    (tmp_path / "broken").write_text("#!/nowhere/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    seen = await look(str(tmp_path / "broken"))
    assert (seen.verdict, "could not be started" in seen.detail) == (Verdict.UNKNOWN, True)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # gone, or going just now
        return False


async def gone(pid: int) -> None:
    """Wait until a process that was killed is gone: a moment later."""
    async with asyncio.timeout(5):
        while alive(pid):
            await asyncio.sleep(0.01)


async def pid_in(file: Path) -> int:
    async with asyncio.timeout(5):
        while not file.exists() or not file.read_text().strip():
            await asyncio.sleep(0.01)
    return int(file.read_text())


@pytest.mark.parametrize(("says", "verdict"), [("unknown", Verdict.UNKNOWN), ("down", Verdict.DOWN)])
async def test_at_the_timeout_the_whole_group_is_killed(tmp_path, says, verdict):
    file = tmp_path / "child"
    seen = await sh(f"trap '' TERM; sh -c 'echo $$ >{file}; sleep 60' & wait", timeout=1.0, on_timeout=says)
    assert (seen.verdict, "did not end within 1 s and was killed" in seen.detail) == (verdict, True)
    await gone(await pid_in(file))


async def test_a_look_that_is_cancelled_leaves_nothing_running(tmp_path):
    file = tmp_path / "child"
    task = asyncio.create_task(sh(f"echo $$ >{file}; sleep 60"))
    pid = await pid_in(file)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)


async def test_cancelled_while_it_starts_nothing_is_left_either(tmp_path):
    for pause in (0, 0, 0.001, 0.003, 0.01):
        mark = f"6{int(pause * 1e6):04}"
        task = asyncio.create_task(look("/bin/sh", "-c", f"sleep {mark} & sleep {mark}"))
        await asyncio.sleep(pause)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):  # what is killed is gone a moment later
            while [one for one in Path("/proc").glob("[0-9]*/cmdline") if runs(one, mark)]:
                await asyncio.sleep(0.01)


def runs(cmdline: Path, mark: str) -> bool:
    try:
        return cmdline.read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()] and alive(
            int(cmdline.parent.name)
        )
    except OSError:
        return False


async def test_a_child_that_keeps_the_output_open_holds_nobody_up_and_is_killed(tmp_path):
    file = tmp_path / "child"
    seen = await sh(f"sleep 60 & echo $! >{file}; echo fine")
    assert seen.verdict is Verdict.UP
    pid = await pid_in(file)
    await gone(pid)


async def test_endless_output_is_read_to_the_end_and_only_its_beginning_kept():
    before = len(list(Path("/proc/self/fd").iterdir()))
    seen = await sh("echo begins; head -c 20000000 /dev/zero | tr '\\0' x; exit 1")
    assert (seen.verdict, seen.detail) == (Verdict.DEGRADED, "begins")
    seen = await sh("yes", timeout=1.0)
    assert seen.verdict is Verdict.UNKNOWN
    await asyncio.sleep(0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3, "pipes are closed"


async def test_arguments_are_what_they_are_and_nothing_of_ours_is_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_SECRET", "hunter2")
    seen = await look(
        "/bin/echo",
        "$(id)",
        "a b",
        "; rm -rf /",
        "$$5",
        "`x`",
        "$_HOSTSERIAL$",
        "$HOSTNAME$",
        "$SERVICEDESC$",
    )
    assert seen.detail == "$(id) a b ; rm -rf / $5 `x` PBX-1 pbx1.example a"
    seen = await sh("env | sort | tr '\\n' ' '", environment={"PASSWORD": "s3cr3t"})
    names = {word.partition("=")[0] for word in seen.detail.split()}
    assert {"PATH", "LC_ALL", "HOME", "PASSWORD"} <= names
    assert "hunter2" not in seen.detail
    assert "s3cr3t" not in repr(
        PluginOptions.model_validate({"command": ["x"], "environment": {"A": "s3cr3t"}})
    )


async def test_what_a_plugin_writes_is_made_safe():
    seen = await sh(r"printf 'a\033[31mb\000c<script>\n'; exit 2")
    assert seen.detail.isprintable()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([], "at least 1"),
        (["check_tcp", "$HOSTADRESS$"], "no macro"),
        (["x\x00"], "NUL"),
    ],
)
def test_a_command_that_is_wrong_is_refused(command, said):
    with pytest.raises(ValueError, match=said):
        PluginOptions.model_validate({"command": command})


@pytest.mark.parametrize(("target", "said"), [("", "has no value"), ("--help", "for an option")])
def test_a_macro_without_a_value_or_like_an_option_is_refused(target, said):
    about = Target(name="a", target=target)
    with pytest.raises(ValueError, match=said):
        TYPE.build(about, PluginOptions.model_validate({"command": ["x", "$HOSTADDRESS$"]}), Tools())


async def test_no_more_run_at_once_than_there_are_places(tmp_path, monkeypatch):
    monkeypatch.setattr(plugin_process, "AT_ONCE", 2)
    monkeypatch.setattr(plugin_process, "_places", type(plugin_process._places)())
    script = f"touch {tmp_path}/$$; ls {tmp_path} | wc -l; sleep 0.2; rm {tmp_path}/$$; exit 0"
    seen = await asyncio.gather(*[sh(script) for _ in range(6)])
    assert {one.verdict for one in seen} == {Verdict.UP}
    assert max(int(one.detail) for one in seen) == 2
