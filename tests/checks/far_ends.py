"""Real far ends for checks, on loopback: kind and nasty TCP servers, and certificates of every sort."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve one conversation per connection on a free port; whatever still runs at the end is cut off."""
    talks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            talks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(raw: bytes) -> Talk:
    """Answer every request with these bytes and close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return talk


def page(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and never say anything."""
    await asyncio.Event().wait()


async def listening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, hear all, say nothing, and leave when the other side does."""
    await reader.read()


async def dribbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one byte of the answer now and then."""
    for byte in page(b"x" * 1000):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0.2)


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Filler: " + b"y" * 1000 + b"\r\n")
        await writer.drain()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"z" * 10_000)
        await writer.drain()


async def reset_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a RST instead of a FIN."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def gzip_bomb() -> bytes:
    return page(gzip.compress(b"\0" * 50_000_000, 1), headers="Content-Encoding: gzip\r\n")


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, in a folder."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> str:
        return str(self.folder / "authority.pem")

    def server(
        self,
        *,
        days: float = 90,
        name: str = "127.0.0.1",
        own: bool = False,
        newest: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return a server's context whose certificate has ``days`` left; ``own``: self-signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem(days=days, name=name, own=own))
        if newest is not None:
            context.maximum_version = newest
        return context

    def pem(self, *, days: float = 90, name: str = "127.0.0.1", own: bool = False) -> Path:
        """Return a file with a server's certificates and its key, for servers that nobody here wrote."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("pbx.example")
        issuer, signer = (subject, key) if own else (self.certificate.subject, self.key)
        certificate = (
            _builder(subject, issuer, key, NOW + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        chain = [certificate] if own else [certificate, self.certificate]
        path = self.folder / f"server-{certificate.serial_number}.pem"
        path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain) + _pem(key))
        return path


def an_authority(folder: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Tocsin test authority")
    certificate = (
        _builder(name, name, key, NOW + dt.timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Authority(folder, key, certificate)
    Path(made.file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=1000))
        .not_valid_after(until)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
