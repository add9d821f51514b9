"""From an ABRT uReport (version 2) to a :class:`CrashReport`: JSON whose frames are build id and offset.

    problem: core {signal, stacktrace: threads} | python, ruby {exception_name, stacktrace: frames}
             java {threads} | kerneloops {frames, version}

Lines of the program's source, which Python's reports bring along, are not read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.dumps import base_name
from monitor.domain.signatures import is_runtime_module
from monitor.intake.reports import FRAMES, LINE, TEXT, fields_of, frame_of, list_of, text_of, whole_number

_OOPS = "kernel oops"

Fields = Mapping[str, object]


def is_ureport(value: object) -> bool:
    """Tell a uReport from our own plain JSON."""
    fields = fields_of(value)
    return "ureport_version" in fields and isinstance(fields.get("problem"), dict)


def with_ureport(report: CrashReport, value: object) -> CrashReport:
    """Return the report with what a uReport says."""
    said = fields_of(value)
    problem = fields_of(said.get("problem"))
    kind = text_of(problem.get("type")) or ""
    raw = _frames_of(problem)
    thrown = next((fields_of(frame) for frame in raw if fields_of(frame).get("is_exception")), {})
    executable = text_of(problem.get("executable"), LINE)
    os = fields_of(said.get("os"))
    return replace(
        report,
        source="abrt",
        system_hint={**_hints(fields_of(said.get("auth"))), **report.system_hint},
        process=base_name(executable) if executable else text_of(problem.get("component")),
        version=_version(said) or text_of(problem.get("version")),
        signal=signal_name(whole_number(problem.get("signal"), 200)),
        exception=text_of(problem.get("exception_name") or thrown.get("name"))
        or (_OOPS if kind == "kerneloops" else None),
        message=text_of(thrown.get("message") or said.get("reason"), TEXT) or "",
        frames=_frames(raw),
        extra={
            "type": kind,
            "os": " ".join(filter(None, (text_of(os.get("name")), text_of(os.get("version"))))),
        },
    )


def _hints(auth: Fields) -> dict[str, str]:
    """Return what the reporter was configured to say of its machine (``AuthDataItems``)."""
    said = {"machine_id": text_of(auth.get("machineid")), "host": text_of(auth.get("hostname"))}
    return {name: text for name, text in said.items() if text}


def _version(said: Fields) -> str | None:
    """Return the version of the package that crashed."""
    for raw in list_of(said.get("packages"))[:1000]:
        package = fields_of(raw)
        if package.get("package_role") == "affected":
            version, release = text_of(package.get("version")), text_of(package.get("release"))
            return f"{version}-{release}" if version and release else version
    return None


def _frames_of(problem: Fields) -> Sequence[object]:
    """Return the frames of the thread that crashed, innermost first."""
    if isinstance(problem.get("frames"), list):
        return list_of(problem["frames"])
    stack = list_of(problem.get("stacktrace") or problem.get("threads"))
    threads = [fields for fields in map(fields_of, stack) if "frames" in fields]
    if not threads:
        return stack
    return list_of(
        next((thread for thread in threads if thread.get("crash_thread")), threads[0]).get("frames")
    )


def _frames(raw: Sequence[object]) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    for each in raw[: 4 * FRAMES]:
        fields = fields_of(each)
        if fields.get("is_exception") or fields.get("reliable") is False:
            continue
        frame = _native(fields) if "build_id_offset" in fields or "build_id" in fields else _other(fields)
        if frame:
            frames.append(frame)
    return tuple(frames[:FRAMES])


def _native(fields: Fields) -> Frame | None:
    frame = frame_of(fields)
    return replace(frame, file=None, in_app=not is_runtime_module(frame.module or "")) if frame else None


def _other(fields: Fields) -> Frame | None:
    function = text_of(
        fields.get("function_name") or fields.get("name") or fields.get("special_function"), LINE
    )
    if not function:
        return None
    return Frame(
        function=function,
        module=text_of(fields.get("module_name")),
        file=text_of(fields.get("file_name"), LINE),
        line=whole_number(fields.get("file_line")),
    )
