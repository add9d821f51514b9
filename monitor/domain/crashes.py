"""A crash report: what it says, which group it belongs to, whose system it is, what may be kept of it.

    report -> scrub -> resolve_system -> group -> fold in a storm? -> summary and facts of the finding

Pure. A report is never refused here: what cannot be told is None, what cannot be mapped is "unmapped".
Frames go innermost first (``frames[0]`` is where it broke).
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from monitor.domain import scrubbing
from monitor.domain.crash_systems import Match, find_system
from monitor.domain.findings import FactValue
from monitor.domain.inventory import Inventory
from monitor.domain.signatures import file_name, function_name, is_nameless, is_runtime, parameterise

KEEP_PER_HOUR = 20
LOOP = 3  # crashes within ten minutes that make a crash loop

_FRAMES = 4
_REMEMBERED = 4096  # frames: in a storm the same ones come again and again
_TITLE = 255
_SUMMARY, _VERSION = 500, 60
_FINGERPRINT_PARTS, _FINGERPRINT_PART = 20, 256
_DEFAULT = re.compile(r"\{\{\s{0,4}default\s{0,4}\}\}")
_PID = re.compile(r"[\[(]\d+[\])]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call on the stack. ``offset`` is within the module, never an address."""

    function: str | None = None
    module: str | None = None
    build_id: str | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None
    in_app: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """One crash as it was told to us.

    ``key`` is the sender's (unique within one credential); ``system_hint`` has any of ``serial licence
    machine_id host``; ``token_system`` is the serial the credential is bound to; ``digest`` is of the body
    as it came, and empty where a repeated key may bring another body (Sentry).
    """

    id: str
    key: str
    source: str  # json, sentry
    at: datetime
    system_hint: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    token_system: str | None = None
    process: str | None = None
    version: str | None = None
    signal: str | None = None
    exception: str | None = None
    message: str = ""
    frames: tuple[Frame, ...] = ()
    release: str | None = None
    environment: str | None = None
    level: str | None = None
    fingerprint: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict[str, object])
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashGroup:
    """What crashes share; ``grouped_by`` says why, one labelled component each."""

    id: str
    title: str
    grouped_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One way to tell what crashes share, by its version."""

    version: str
    parts: Callable[[CrashReport], tuple[str, ...]]


def _first_parts(report: CrashReport) -> tuple[str, ...]:
    return _explicit(report) or _default(report)


GROUPINGS = (Grouping(version="v1", parts=_first_parts),)
"""The newest first. An upgrade never regroups old crashes: for ``TRANSITION`` a new one joins the group that an older way
knows it by, so that no group is opened, fixed or told of twice because our way of telling changed."""
TRANSITION = timedelta(days=30)


def group(report: CrashReport, grouping: Grouping = GROUPINGS[0]) -> CrashGroup:
    """Return the group of a (scrubbed) report: its fingerprint, else its frames, else its words."""
    parts = grouping.parts(report)
    digest = sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()[:32]
    return CrashGroup(id=f"{grouping.version}:{digest}", title=signature(report), grouped_by=parts)


def _explicit(report: CrashReport) -> tuple[str, ...]:
    """Return the sender's own grouping, with ``{{ default }}`` standing for ours."""
    given = report.fingerprint[:_FINGERPRINT_PARTS]
    if not given or all(_DEFAULT.fullmatch(part.strip()) for part in given):
        return ()
    parts: list[str] = [f"product: {_product(report)}"]
    for part in given:
        if _DEFAULT.fullmatch(part.strip()):
            parts.extend(_default(report))
        else:
            parts.append(f"fingerprint: {part[:_FINGERPRINT_PART]}")
    return tuple(parts)


def _default(report: CrashReport) -> tuple[str, ...]:
    head = (f"kind: {_kind(report)}", f"product: {_product(report)}", f"reason: {_reason(report)}")
    frames = frame_names(report.frames)
    if frames:
        return (*head, *(f"frame: {name}" for name in frames))
    return (*head, f"message: {parameterise(report.message)}")


def _kind(report: CrashReport) -> str:
    return "crash" if report.signal else "exception" if report.exception else "message"


def _reason(report: CrashReport) -> str:
    return report.signal or report.exception or "message"


def _product(report: CrashReport) -> str:
    """Return the program's name without folder and pid, else the release's product."""
    if report.process:
        return _PID.sub("", report.process.replace("\\", "/").rpartition("/")[2]).lower()
    return (report.release or "").partition("@")[0].lower() if "@" in (report.release or "") else ""


def frame_names(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Return up to four names, innermost first, of the program's own frames; recursion counts once."""
    own = [frame for frame in frames if frame.in_app]
    names: list[str] = []
    for frame in own or frames:
        name = _frame_name(frame)
        if name and name not in names:
            names.append(name)
        if len(names) == _FRAMES:
            break
    return tuple(names)


@lru_cache(_REMEMBERED)
def _frame_name(frame: Frame) -> str:
    """Name a frame so that the same code has the same name in every process and build of one release."""
    function = function_name(frame.function or "")
    if is_runtime(function):
        return ""
    module = (frame.module or "").replace("\\", "/").rpartition("/")[2].lower()
    if function and not is_nameless(function):
        return function
    if module and frame.offset is not None:
        return f"{module}@{(frame.build_id or '')[:8].lower()}+{frame.offset:#x}"
    where = module or file_name(frame.file or "")
    return f"{where} {function}".strip() if where else ""


def signature(report: CrashReport) -> str:
    """Return the one line by which people know this crash: ``SIGSEGV | sip_parse_header | route_call``."""
    frames = frame_names(report.frames)
    if frames:
        text = " | ".join((_reason(report), *frames))
    else:
        words = parameterise(report.message).partition("\n")[0]
        named = report.signal or report.exception
        text = f"{named}: {words}" if named and words else named or words or "no details"
    return text if len(text) <= _TITLE else text[: _TITLE - 1] + "…"


def resolve_system(report: CrashReport, inventory: Inventory) -> Match:
    """Return whose crash this is, by which rule, and what the report claimed against its credential."""
    return find_system(report.system_hint, report.token_system, inventory)


def scrub(report: CrashReport) -> CrashReport:
    """Return the report without secrets; nothing of a report may be stored or logged before this."""
    mask = scrubbing.mask_text
    return replace(
        report,
        message=mask(report.message),
        exception=mask(report.exception) if report.exception else report.exception,
        process=mask(report.process) if report.process else report.process,
        tags=scrubbing.masked_tags(report.tags),
        system_hint={key: mask(value) for key, value in report.system_hint.items()},
        fingerprint=tuple(mask(part) for part in report.fingerprint),
        frames=_scrubbed_frames(report.frames),
        extra=scrubbing.masked_fields(report.extra),
    )


def _scrubbed_frames(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Look at each frame only where all of them together can tell a secret, or name a query."""
    said = "\n".join([text for frame in frames for text in (frame.function, frame.file) if text])
    if "?" not in said and not scrubbing.may_tell(said):
        return frames
    return tuple(_scrubbed_frame(frame) for frame in frames)


def _scrubbed_frame(frame: Frame) -> Frame:
    if frame.file is None and frame.function is None:
        return frame
    file = scrubbing.mask_text(frame.file.partition("?")[0]) if frame.file else frame.file
    function = scrubbing.mask_text(frame.function) if frame.function else frame.function
    same = file == frame.file and function == frame.function
    return frame if same else replace(frame, file=file, function=function)


def storm(
    arrivals: Sequence[tuple[str, str | None]],
    seen: Mapping[tuple[str, str | None], int],
    *,
    keep: int = KEEP_PER_HOUR,
) -> tuple[bool, ...]:
    """Say for each arriving (group, system), in order, whether it is folded: counted, its payload let go.

    ``seen`` is how many of each came within the last hour before these; the first ``keep`` of an hour stay.
    """
    so_far = Counter(seen)
    folded: list[bool] = []
    for arrival in arrivals:
        folded.append(so_far[arrival] >= keep)
        so_far[arrival] += 1
    return tuple(folded)


_MEANING: Mapping[str, str] = {
    "SIGSEGV": "invalid memory access",
    "SIGBUS": "bad memory address",
    "SIGABRT": "it gave up by itself",
    "SIGFPE": "arithmetic error",
    "SIGILL": "illegal instruction",
    "SIGTRAP": "trap",
    "SIGSYS": "forbidden system call",
    "SIGKILL": "killed, perhaps for want of memory",
    "SIGXCPU": "out of its processor time",
    "SIGQUIT": "it was told to quit and dump",
}
_NUMBERS: Mapping[int, str] = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
    10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 19: "SIGSTOP",
    24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip


def signal_name(raw: str | int | None) -> str | None:
    """Return a signal's usual name for ``11``, ``"segv"`` or ``"SIGSEGV"``; None for nothing."""
    text = str(raw if raw is not None else "").strip().upper()[:40].removeprefix("SIGNAL ")
    if text.isascii() and text.isdigit():
        return _NUMBERS.get(int(text), f"signal {int(text)}")
    if not text:
        return None
    return text if text.startswith("SIG") or not f"SIG{text}".isalnum() else f"SIG{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashFacts:
    """What a crash contributes to its finding."""

    summary: str
    facts: Mapping[str, FactValue]


def crash_finding_facts(
    report: CrashReport,
    *,
    recent: int = 1,
    impact: str | None = None,
    loop: int = LOOP,
    fixed_in: str | None = None,
) -> CrashFacts:
    """Say in one sentence what happened, and what it means for the class.

    ``recent`` counts this system's crashes of the group in the last ten minutes, this one included;
    ``impact`` is what the crashed process's declared role says. A crash loop is severe; otherwise an
    undeclared process says nothing (the policy presumes). ``fixed_in``: the version that was said to have fixed it.
    """
    looping = recent >= loop
    said = "severe" if looping else impact
    facts: dict[str, FactValue] = {"impact": said} if said else {}
    sentence = _sentence(report, recent if looping else 1)
    back = f" (a regression: it was fixed in {fixed_in[:_VERSION]})" if fixed_in else ""
    return CrashFacts(summary=f"{sentence[: _SUMMARY - len(back)]}{back}", facts=facts)


def _sentence(report: CrashReport, times: int) -> str:
    who = " ".join(
        part for part in (report.process or _product(report) or "A process", report.version) if part
    )
    frames = frame_names(report.frames)
    where = f" in {frames[0]}" if frames else ""
    again = f", {times} times within ten minutes" if times > 1 else ""
    if report.signal:
        meaning = _MEANING.get(report.signal)
        text = f"{who} crashed with {report.signal}{f' ({meaning})' if meaning else ''}{where}{again}"
    elif report.exception:
        text = f"{who} crashed with {report.exception}{where}{again}"
    else:
        text = f"{who} reported a failure{where}{again}"
    words = (report.message.strip().splitlines() or [""])[0]
    told = bool(words) and (
        not report.signal or "dump" in report.extra
    )  # of a signal only what the dump says is news
    return (f"{text}: {words}" if told else text)[:_SUMMARY]
