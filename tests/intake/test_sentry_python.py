"""An unmodified sentry-sdk against the intake: gzip, brotli, plain; what it sends and what it makes of answers."""

import asyncio
import sys
import threading

import pytest
import sentry_sdk
from sentry_sdk.transport import HttpTransport

from monitor.domain.crashes import group
from tests.intake.server import BOUND_KEY


class Remembering(HttpTransport):
    """The SDK's own transport, which also remembers the headers it sent."""

    def _send_request(self, *args, **kwargs):
        self.__dict__.setdefault("sent", []).append(kwargs.get("headers") or args[1])
        return super()._send_request(*args, **kwargs)


@pytest.fixture
def sdk(intake):
    """Give a client of its own (not the global one), by DSN and coding; closed afterwards."""
    clients = []

    def make(key: str | None = None, **options) -> sentry_sdk.Scope:
        dsn = intake.dsn(key) if key else intake.dsn()
        client = sentry_sdk.Client(
            dsn=dsn, release="pbx-core@7.2.1", environment="production", server_name="pbx-ACME-01",
            transport=Remembering, default_integrations=False, **options,
        )  # fmt: skip
        clients.append(client)
        scope = sentry_sdk.Scope(client=client)
        scope.set_tag("pbx.serial", "24141000A1B2")
        scope.set_context("licence", {"key": "WLX-11-2222", "plan": "premium"})
        scope.set_user({"id": "cust-4711", "email": "bob@example.com"})
        return scope

    yield make
    for client in clients:
        client.close(timeout=2)


def capture(scope: sentry_sdk.Scope, what: BaseException | str, **told) -> str | None:
    with sentry_sdk.scope.use_scope(scope):
        if isinstance(what, str):
            return sentry_sdk.capture_message(what, **told)
        return sentry_sdk.capture_exception(what, **told)


def dial(n: int) -> float:
    secret = "hunter2xyz"
    return len(secret) / n


async def crash(scope: sentry_sdk.Scope, n: int = 0) -> str:
    try:
        dial(n)
    except ZeroDivisionError as error:
        id_ = capture(scope, error)
    await asyncio.to_thread(scope.client.flush, 5)
    assert id_
    return id_


PROGRAM = """
import sys, sentry_sdk
sentry_sdk.init(dsn=sys.argv[1], release="pbx-core@7.2.1", server_name="pbx-ACME-01")
def dial(password):
    return 1 / 0
dial("hunter2xyz")
"""


async def test_a_program_that_dies_of_an_exception_is_on_record(intake, tmp_path):
    program = tmp_path / "pbxcore.py"
    program.write_text(PROGRAM)
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, intake.dsn(), stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()
    report = await intake.only()
    assert process.returncode == 1
    assert (report.process, report.exception, report.level) == ("pbxcore.py", "ZeroDivisionError", "error")
    assert report.frames[0].function == "dial"
    assert report.extra["handled"] is False
    assert "hunter2" not in repr(report)
    assert "0123456789abcdef" not in repr(report), "nor the DSN, which stood in its arguments"


@pytest.mark.parametrize(
    "options, coding",
    [
        pytest.param({}, "br", id="as it comes, where brotli is installed"),
        pytest.param({"_experiments": {"transport_compression_algo": "gzip"}}, "gzip", id="gzip"),
        pytest.param({"_experiments": {"transport_compression_level": 0}}, None, id="uncompressed"),
    ],
)
async def test_an_exception_is_on_record_whatever_the_coding(sdk, intake, options, coding):
    scope = sdk(**options)
    id_ = await crash(scope)
    assert scope.client.transport.sent[0].get("Content-Encoding") == coding
    (stored,) = await intake.stored()
    assert stored.key == id_
    report = stored.report
    assert (report.source, report.exception, report.message) == (
        "sentry",
        "ZeroDivisionError",
        "division by zero",
    )
    assert (report.release, report.version, report.environment) == ("pbx-core@7.2.1", "7.2.1", "production")
    assert report.system_hint == {
        "serial": "24141000A1B2",
        "licence": "WLX-11-2222",
        "machine_id": "cust-4711",
        "host": "pbx-ACME-01",
    }
    assert [frame.function for frame in report.frames] == ["dial", "crash"]
    assert report.frames[0].in_app is True
    assert group(report).title == "ZeroDivisionError | dial | crash"
    assert intake.counted("sentry", "accepted") == 1


async def test_local_variables_and_addresses_of_people_are_not_kept(sdk, intake):
    await crash(sdk())
    report = await intake.only()
    assert "hunter2" not in repr(report)
    assert "bob@" not in repr(report)


async def test_the_dsn_of_one_system_says_whose_crash_it_is(sdk, intake):
    await crash(sdk(BOUND_KEY))
    assert (await intake.only()).token_system == "PBX-1002"


async def test_the_exception_of_a_chain_is_the_one_that_was_not_caught(sdk, intake):
    scope = sdk()
    try:
        try:
            dial(0)
        except ZeroDivisionError as cause:
            raise RuntimeError("call lost") from cause
    except RuntimeError as error:
        capture(scope, error)
    await asyncio.to_thread(scope.client.flush, 5)
    report = await intake.only()
    assert (report.exception, report.message) == ("RuntimeError", "call lost")
    assert report.extra["causes"] == [{"type": "ZeroDivisionError", "value": "division by zero"}]


async def test_a_message_is_a_crash_when_it_is_an_error_and_counted_when_it_is_not(sdk, intake):
    scope = sdk()
    capture(scope, "trunk lost", level="fatal")
    capture(scope, "just so you know", level="info")
    capture(scope, "be careful", level="warning")
    await asyncio.to_thread(scope.client.flush, 5)
    report = await intake.only()
    assert (report.exception, report.message, report.level) == (None, "trunk lost", "fatal")
    assert intake.counted("sentry", "discarded") == 2


async def test_an_attachment_is_named_and_not_kept(sdk, intake):
    scope = sdk()
    scope.add_attachment(bytes=b"last log line\n\n" * 100, filename="pbx.log")
    await crash(scope)
    assert (await intake.only()).extra["attachments"] == ["pbx.log"]


async def test_a_transaction_is_not_wanted_and_the_sdk_stops_sending_it(sdk, intake):
    scope = sdk(traces_sample_rate=1.0)
    for _ in range(2):
        with sentry_sdk.scope.use_scope(scope), sentry_sdk.start_transaction(name="call", op="sip"):
            pass
        await asyncio.to_thread(scope.client.flush, 5)
    assert "transaction" in scope.client.transport._disabled_until
    assert intake.counted("sentry", "discarded") >= 1
    await crash(scope)
    assert len(await intake.stored()) == 1, "a crash still gets through"


async def test_crashes_of_several_programs_at_once_all_arrive(sdk, intake):
    scopes = [sdk() for _ in range(4)]

    def storm(scope: sentry_sdk.Scope) -> None:
        for _ in range(20):
            try:
                dial(0)
            except ZeroDivisionError as error:
                capture(scope, error)
        scope.client.flush(20)

    threads = [threading.Thread(target=storm, args=(scope,)) for scope in scopes]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.05)
    assert len(await intake.stored()) == 80
