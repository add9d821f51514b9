"""The grpc check against gRPC's own server and its own health service, and against what is none."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from checks.base import Target, Tools
from checks.grpc import TYPE, _health, _message
from monitor.domain.findings import Symptom, Verdict
from tests.checks.far_ends import an_authority, answering, free_port, page, served, silent

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
SERVING, NOT = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def a_check(target, *, timeout=15.0, **options):
    return TYPE.build(
        Target(name="grpc", target=target, timeout=timeout),
        TYPE.options.model_validate({"security": "none", **options}),
        Tools(variables={"KEY": "s3cret"}),
    )


async def asked(port, **options):
    return await a_check(f"127.0.0.1:{port}", **options).observe(NOW)


@contextlib.asynccontextmanager
async def a_server(*, pem=None, healthy=True, needs=""):
    """Run gRPC's own server; with ``needs`` it wants that in the metadata."""

    class Guarded(health.HealthServicer):
        def Check(self, request, context):
            if needs and dict(context.invocation_metadata()).get("x-key") != needs:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you? ü")
            return super().Check(request, context)

    server = grpc.server(ThreadPoolExecutor(2))
    if healthy:
        servicer = Guarded()
        servicer.set("", SERVING)
        servicer.set("calls.v1.Calls", NOT)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if pem is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        data = pem.read_bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(data, data)]))
    server.start()
    try:
        yield port
    finally:
        await asyncio.to_thread(server.stop(0).wait)


async def test_a_server_that_serves_is_up_with_and_without_tls(tmp_path):
    authority = an_authority(tmp_path)
    async with a_server() as port, a_server(pem=authority.pem()) as tls_port:
        plain = await asked(port)
        secure = await asked(tls_port, security="tls", ca_file=authority.file)
        untrusted = await asked(tls_port, security="tls")
    assert (plain.verdict, plain.detail) == (Verdict.UP, "the server is SERVING"), plain
    assert plain.values["health"] == "SERVING"
    assert set(plain.phases) == {"resolve", "connect", "answer"}
    assert (secure.verdict, "tls" in secure.phases) == (Verdict.UP, True), secure.detail
    assert (untrusted.verdict, untrusted.symptom) == (Verdict.DOWN, Symptom.UNREACHABLE)


@pytest.mark.parametrize(
    ("served_as", "options", "said"),
    [
        pytest.param(
            {},
            {"service": "calls.v1.Calls"},
            "says that the service 'calls.v1.Calls' is NOT_SERVING",
            id="not serving",
        ),
        pytest.param(
            {},
            {"service": "calls.v1.None"},
            "refused the question for the service 'calls.v1.None': NOT_FOUND",
            id="no such service",
        ),
        pytest.param(
            {"healthy": False},
            {},
            "refused the question for the server: UNIMPLEMENTED Method not found!",
            id="no health service",
        ),
        pytest.param(
            {"needs": "s3cret"},
            {"metadata": {"X-Key": "wrong"}},
            "refused the question for the server: UNAUTHENTICATED who are you? ü",
            id="no login",
        ),
    ],
)
async def test_what_the_server_says_is_told(served_as, options, said):
    async with a_server(**served_as) as port:
        seen = await asked(port, **options)
    assert (seen.verdict, seen.symptom) == (Verdict.DOWN, Symptom.DEGRADED)
    assert seen.detail == f"127.0.0.1:{port} {said}"
    assert "wrong" not in repr(seen.values)


async def test_metadata_reaches_the_server():
    async with a_server(needs="s3cret") as port:
        seen = await asked(port, metadata={"X-Key": "${KEY}"})
    assert seen.verdict is Verdict.UP, seen.detail


async def noise(reader, writer):
    writer.write(b"\0" * 5000)
    await writer.drain()
    await asyncio.sleep(0.2)


async def test_a_server_that_speaks_no_http_2_is_told(tmp_path):
    authority = an_authority(tmp_path)
    async with (
        served(answering(page())) as old,
        served(noise) as loud,
        served(answering(page()), tls=authority.server()) as old_tls,
    ):
        looks = [
            await asked(old),
            await asked(loud),
            await asked(old_tls, security="tls", ca_file=authority.file),
        ]
    assert [seen.detail.partition(" ")[2] for seen in looks] == [
        "answered something that is not HTTP/2",
        "answered something that is not HTTP/2",
        "does not speak HTTP/2 (no h2 by ALPN)",
    ]
    assert {seen.symptom for seen in looks} == {Symptom.DEGRADED}


async def test_silence_and_a_closed_port_are_unreachable():
    async with served(silent) as port:
        quiet = await asked(port, timeout=0.2)
    closed = free_port()
    gone = await asked(closed, timeout=30)
    assert quiet.detail == f"no answer from 127.0.0.1:{port} within 200 ms"
    assert gone.detail == f"connection refused by 127.0.0.1:{closed}"
    assert {quiet.symptom, gone.symptom} == {Symptom.UNREACHABLE}


@pytest.mark.parametrize("service", ["", "a", "x" * 127, "x" * 128, "x" * 200])
def test_the_question_is_what_the_schema_says(service):
    request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert _message(service)[5:] == request
    assert int.from_bytes(_message(service)[:5]) == len(request)


@pytest.mark.parametrize("status", range(4))
def test_the_answer_is_what_the_schema_says(status):
    response = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    assert _health(b"\0" + len(response).to_bytes(4) + response) == status


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", b"\1\0\0\0\0", b"\0\0\0\0\5x", b"\0\0\0\0\2\x10\1"])
def test_what_is_no_answer_is_said_to_be_none(data):
    with pytest.raises(Exception, match="no health of gRPC"):
        _health(data)


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("127.0.0.1", {}, "host:port"),
        ("169.254.169.254:50051", {}, "metadata"),
        ("127.0.0.1:1", {"metadata": {"grpc-timeout": "1S"}}, "protocol's own"),
        ("127.0.0.1:1", {"metadata": {"a b": "x"}}, "no header name"),
        ("127.0.0.1:1", {"metadata": {"a": "x\ny"}}, "control character"),
        ("127.0.0.1:1", {"service": "a b"}, "pattern"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_a_sentence(target, options, said):
    with pytest.raises(ValueError, match=said):
        a_check(target, **options)
