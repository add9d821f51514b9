"""The numbers of the minidump format by their names: processors, systems, and what killed the process."""

from collections.abc import Mapping

from monitor.domain.crashes import signal_name

X86, ARM, ARM64 = (0, 10), 5, (12, 0x8003)
CPUS: Mapping[int, str] = {
    0: "x86", 1: "mips", 3: "ppc", 5: "arm", 9: "amd64", 10: "x86", 12: "arm64", 0x8001: "sparc", 0x8002: "ppc64",
    0x8003: "arm64", 0x8004: "mips64", 0x8005: "riscv", 0x8006: "riscv64",
}  # fmt: skip
SYSTEMS: Mapping[int, str] = {
    1: "Windows", 2: "Windows", 0x8000: "Unix", 0x8101: "macOS", 0x8102: "iOS", 0x8201: "Linux", 0x8202: "Solaris",
    0x8203: "Android", 0x8204: "PS3", 0x8205: "NaCl", 0x8206: "Fuchsia",
}  # fmt: skip
_WINDOWS_CODES: Mapping[int, str] = {
    0x80000001: "GUARD_PAGE", 0x80000002: "DATATYPE_MISALIGNMENT", 0x80000003: "BREAKPOINT",
    0xC0000005: "ACCESS_VIOLATION", 0xC0000006: "IN_PAGE_ERROR", 0xC0000008: "INVALID_HANDLE", 0xC0000017: "NO_MEMORY",
    0xC000001D: "ILLEGAL_INSTRUCTION", 0xC0000025: "NONCONTINUABLE_EXCEPTION", 0xC000008C: "ARRAY_BOUNDS_EXCEEDED",
    0xC000008E: "FLT_DIVIDE_BY_ZERO", 0xC0000094: "INTEGER_DIVIDE_BY_ZERO", 0xC0000095: "INTEGER_OVERFLOW",
    0xC0000096: "PRIVILEGED_INSTRUCTION", 0xC00000FD: "STACK_OVERFLOW", 0xC0000135: "DLL_NOT_FOUND",
    0xC0000374: "HEAP_CORRUPTION", 0xC0000409: "STACK_BUFFER_OVERRUN", 0xC000041D: "FATAL_USER_CALLBACK_EXCEPTION",
    0xC0000420: "ASSERTION_FAILURE", 0xE06D7363: "UNHANDLED_CPP_EXCEPTION", 0xE0434352: "UNHANDLED_NET_EXCEPTION",
    0x0517A7ED: "SIMULATED",
}  # fmt: skip
TOUCHED = frozenset({0x80000001, 0xC0000005, 0xC0000006, 0xC00000FD})
"""Windows' exceptions whose second parameter is the address that was touched."""
_MAC_CODES: Mapping[int, str] = {
    1: "EXC_BAD_ACCESS", 2: "EXC_BAD_INSTRUCTION", 3: "EXC_ARITHMETIC", 4: "EXC_EMULATION", 5: "EXC_SOFTWARE",
    6: "EXC_BREAKPOINT", 7: "EXC_SYSCALL", 10: "EXC_CRASH", 11: "EXC_RESOURCE", 12: "EXC_GUARD",
}  # fmt: skip
GAVE_UP = frozenset({"SIGABRT", "UNHANDLED_CPP_EXCEPTION", "UNHANDLED_NET_EXCEPTION"})
"""What a process raises against itself."""
UNMAPPED = frozenset({"SIGSEGV", "SIGBUS", "ACCESS_VIOLATION", "STACK_OVERFLOW", "EXC_BAD_ACCESS"})
"""What a process dies of that touches memory which is not there; the address is then that memory's."""
NO_EXCEPTION = "DUMP_WITHOUT_EXCEPTION"
"""What a dump is told as that names no cause: of a program that hung, or cut short."""
_REQUESTED = 0xFFFFFFFF  # Breakpad's, and Crashpad's on Linux: somebody asked for the dump, nothing crashed


def exception_of(system: int, code: int | None) -> tuple[str, str]:
    """Return the signal, or else the exception, that a process died of; both empty when it did not."""
    if code is None:
        return "", ""
    name = SYSTEMS.get(system, "")
    if code == _REQUESTED:
        return "", "DUMP_REQUESTED"
    if name in ("Linux", "Android", "Solaris", "NaCl", "Unix"):
        return signal_name(code) or "", ""
    if name in ("macOS", "iOS"):
        return "", _MAC_CODES.get(code, f"EXC_{code:#x}")
    return "", _WINDOWS_CODES.get(code, f"EXCEPTION_{code:#x}")
