"""Journals in export format, as systemd writes them: what a crash looks like in one."""

import struct

MESSAGE = """Process 4711 (pbxcore) of user 0 dumped core.

Module /opt/pbx/bin/pbxcore with build-id a0c5ff931d7aaab82ec1250d426c50c8e60345d6
Module libc.so.6 without build-id
Stack trace of thread 4711:
#0  0x000055ee0000115c sip_parse_header (/opt/pbx/bin/pbxcore + 0x115c)
#1  0x000055ee00001300 n/a (/opt/pbx/bin/pbxcore + 0x1300)
#2  0x00007f0000027305 __libc_start_main (libc.so.6 + 0x27305)

Stack trace of thread 4712:
#0  0x00007f0000100000 poll (libc.so.6 + 0x100000)
ELF object binary architecture: AMD x86-64
"""
BOOT, MACHINE = "b" * 32, "a" * 32


def an_entry(**fields: str | bytes) -> bytes:
    """Write one entry; a value with a newline, or given as bytes, goes by its length."""
    written = b""
    for name, said in fields.items():
        value = said if isinstance(said, bytes) else said.encode()
        if isinstance(said, bytes) or b"\n" in value:
            written += name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
        else:
            written += name.encode() + b"=" + value + b"\n"
    return written + b"\n"


def said(number: int, **fields: str | bytes) -> bytes:
    """Write an ordinary line of the journal."""
    return an_entry(**_common(number), PRIORITY="6", MESSAGE=f"call {number} ended", **fields)


def a_coredump(number: int, **fields: str | bytes) -> bytes:
    """Write what systemd-coredump says of a crash."""
    known: dict[str, str | bytes] = {
        "MESSAGE_ID": "fc2e22bc6ee647b6b90729ab34a250b1",
        "COREDUMP_PID": "4711",
        "COREDUMP_UID": "0",
        "COREDUMP_SIGNAL": "11",
        "COREDUMP_SIGNAL_NAME": "SIGSEGV",
        "COREDUMP_TIMESTAMP": "1732000000000000",
        "COREDUMP_COMM": "pbxcore",
        "COREDUMP_EXE": "/opt/pbx/bin/pbxcore",
        "COREDUMP_CMDLINE": "/opt/pbx/bin/pbxcore --password hunter2",
        "COREDUMP_HOSTNAME": "pbx-acme-01",
        "COREDUMP_UNIT": "pbx.service",
        "COREDUMP_PACKAGE_NAME": "pbx",
        "COREDUMP_PACKAGE_VERSION": "7.2.1",
        "MESSAGE": MESSAGE,
    }
    return an_entry(**_common(number), **{**known, **fields})


def _common(number: int) -> dict[str, str | bytes]:
    return {
        "__REALTIME_TIMESTAMP": str(1_732_000_000_000_000 + number),
        "__MONOTONIC_TIMESTAMP": str(number + 1),
        "_BOOT_ID": BOOT,
        "_MACHINE_ID": MACHINE,
        "_HOSTNAME": "pbx-acme-01",
    }
