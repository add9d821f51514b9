"""Servers that turn to TLS when they are asked as their protocol has it; openssl's own client agrees with each."""

import asyncio
import ssl

from tests.checks.far_ends import Talk

XMPP = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='a' id='1' version='1.0'>"
OFFER = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
LDAP_YES = bytes.fromhex("300c02010178070a010004000400")
LDAP_NO = bytes.fromhex("3013020101780e0a010204000407") + b"no TLS!"


def mysql_greeting() -> bytes:
    flags = 0x0200 | 0x8000 | 0x0008
    body = b"\x0a8.4.0\0" + bytes(4) + b"12345678\0" + flags.to_bytes(2, "little") + b"\x2d\2\0"
    body += (0x0008).to_bytes(2, "little") + b"\x15" + bytes(10) + b"123456789012\0mysql_native_password\0"
    return len(body).to_bytes(3, "little") + b"\0" + body


Line = tuple[bytes, bytes]
AGREEING: dict[str, tuple[bytes, tuple[Line, ...]]] = {
    "smtp": (b"220 mx\r\n", ((b"\r\n", b"250-mx\r\n250 STARTTLS\r\n"), (b"STARTTLS\r\n", b"220 go\r\n"))),
    "imap": (b"* OK ready\r\n", ((b"STARTTLS\r\n", b"* 1 NOTE\r\n{tag} OK go\r\n"),)),
    "pop3": (b"+OK ready\r\n", ((b"STLS\r\n", b"+OK go\r\n"),)),
    "ftp": (b"220-hello\r\n220 ready\r\n", ((b"AUTH TLS\r\n", b"234 go\r\n"),)),
    "ldap": (b"", ((b"1.3.6.1.4.1.1466.20037", LDAP_YES),)),
    "postgres": (b"", ((b"\x04\xd2\x16\x2f", b"S"),)),
    "xmpp": (
        b"",
        (
            (b"version='1.0'>", (XMPP + OFFER).encode()),
            (b"/>", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ),
    ),
}
"""What each says first, and then to what: the end of what it hears, and its answer. (MySQL says nothing to it: a real one is asked.)"""
REFUSING: dict[str, tuple[bytes, tuple[Line, ...], str]] = {
    "smtp": (
        b"220 mx\r\n",
        ((b"\r\n", b"250 mx\r\n"), (b"STARTTLS\r\n", b"502 no\r\n")),
        "does not agree to TLS: 502 no",
    ),
    "imap": (
        b"* OK ready\r\n",
        ((b"STARTTLS\r\n", b"{tag} BAD what?\r\n"),),
        "does not agree to TLS: BAD what?",
    ),
    "pop3": (b"+OK ready\r\n", ((b"STLS\r\n", b"-ERR no\r\n"),), "does not agree to TLS: -ERR no"),
    "ftp": (b"220 ready\r\n", ((b"AUTH TLS\r\n", b"500 no\r\n"),), "does not agree to TLS: 500 no"),
    "ldap": (b"", ((b"1.3.6.1.4.1.1466.20037", LDAP_NO),), "does not agree to TLS: result 2 no TLS!"),
    "postgres": (b"", ((b"\x04\xd2\x16\x2f", b"N"),), "does not agree to TLS: it has none"),
    "mysql": (mysql_greeting(), (), "does not agree to TLS: it has none"),
    "xmpp": (
        b"",
        ((b"version='1.0'>", (XMPP + "<stream:features></stream:features>").encode()),),
        "does not agree to TLS: it does not offer starttls",
    ),
}


def scripted(
    first: bytes, lines: tuple[Line, ...], tls: ssl.SSLContext | None = None, more: bytes = b""
) -> Talk:
    """Say it all in its turn, then shake hands; ``more`` is slipped in before."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for end, answer in lines:
            heard = b""
            while not heard.endswith(end):
                piece = await reader.read(4096)
                if not piece:
                    return
                heard += piece
            tag = heard.partition(b" ")[0]
            writer.write(answer.replace(b"{tag}", tag))
            await writer.drain()
        writer.write(more)
        await writer.drain()
        if tls is not None:
            await writer.start_tls(tls)
        await reader.read()

    return talk
