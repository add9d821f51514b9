"""What makes two crashes look alike: names of functions and messages without what changes each time.

Everything here is text in, text out. Two rules keep groups honest: an address never appears in a name
(ASLR), and a status-like number (503, exit code 2) stays, because 503 and 520 are two problems.
"""

import re
from functools import lru_cache

LONGEST = 512
_REMEMBERED = 2048  # names: who crashes, crashes in the same functions again and again
_STATUS_WORD = r"(?:status|code|errno|error|exit|signal|http|response|sip/2\.0)"

_CHANGING = re.compile(
    r"""
      (?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})
    | (?P<url>\b(?:https?|wss?|ftp|sips?|tel|file)://?[^\s"'<>]{1,300})
    | (?P<sip>\bsips?:[^\s"'<>;]{1,300})
    | (?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)
    | (?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?)
    | (?P<mac>\b[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}\b)
    | (?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b)
    | (?P<ip6>\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){3,7}\b)
    | (?P<time>\b\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\b)
    | (?P<hex>\b0[xX][0-9a-fA-F]{1,64}\b)
    | (?P<hash>\b(?=[0-9a-f]*\d)[0-9a-f]{16,128}\b)
    | (?P<str>(?<==)(?:"[^"]{0,300}"|'[^']{0,300}'))
    | (?P<duration>\b\d{1,15}(?:\.\d{1,15})?\s?(?:ms|us|ns|seconds?|secs?|minutes?|mins?|hours?|s)\b)
    | (?P<float>(?<![\w./])[+-]?\d{1,15}\.\d{1,15}(?![\w.]))
    | (?P<int>(?<![\w.])[+-]?\d{1,400}(?!\w|\.\d))
    """,
    re.VERBOSE,
)
_STATUS_BEFORE = re.compile(rf"{_STATUS_WORD}\W{{0,3}}$", re.IGNORECASE)
_STATUS = re.compile(r"[1-6]\d\d")
_SMALL = re.compile(r"-?\d{1,3}")

_ASSET_HASH = re.compile(r"(?<=[.-])(?=[0-9a-zA-Z_]*\d)[0-9a-zA-Z_]{6,64}(?=[.-])")
_CLONE = re.compile(
    r"\s?\[clone [^\]]{0,80}\]|\.(?:isra|constprop|part|cold|lto_priv|llvm|localalias)(?:\.\d{1,20})*"
)
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_LAMBDA = re.compile(r"\{lambda\([^{}]{0,200}\)#\d{1,6}\}|\$_\d{1,6}|lambda_\d{1,9}|closure\$\d{1,6}")
_WHOLE_NAME = re.compile(r"[\w.$]{0,200}<[\w. ]{1,60}>")
_NAMELESS = frozenset(
    {"", "?", "??", "n/a", "<unknown>", "unknown", "<anonymous>", "<module>", "<lambda>", "anonymous"}
)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+|sub_[0-9a-fA-F]+")

_RUNTIME = re.compile(
    r"""(?:_*(?:GI_)?(?:abort|raise|gsignal|kill|killpg|tgkill|sigaction|restore_rt)
    |_*(?:assert|assert_fail|assert_fail_base|assert_rtn|assert_perror_fail)
    |_+stack_chk_fail(?:_local)?|_+fortify_fail(?:_abort)?|_+chk_fail|_+libc_message|_+libc_fatal
    |malloc_printerr|_int_free|_int_malloc|malloc_consolidate
    |_start|_+libc_start_(?:main|call_main)(?:_impl)?|_+libc_start_main@@.*|_dl_start_user
    |start_thread|_*clone[23]?|pthread_\w+|_+pthread_\w+|_+nptl_\w+|_+GI___pthread_\w+
    |std::terminate|_+cxxabiv1::\S*|_+cxa_(?:throw|rethrow|pure_virtual|bad_cast)|_Unwind_\w+|std::_+throw_\w+
    |rust_begin_unwind|rust_panic\w*|_+rust_\w+|core::panicking::\S*|std::panicking::\S*|std::panic::\S*
    |core::(?:option|result)::(?:expect|unwrap)\w*|std::rt::lang_start\S*
    |runtime\.(?:gopanic|goexit|main|sigpanic|throw|fatalthrow|panic\w*)
    |processTicksAndRejections|_bootstrap(?:_inner)?|<signal\ handler\ called>)""",
    re.VERBOSE,
)

_RUNTIME_MODULE = re.compile(
    r"""(?:lib(?:c|m|pthread|dl|rt|gcc_s|stdc\+\+|c\+\+(?:abi)?|system_\w+|dyld|objc(?:\.A)?)(?:[.-][\w.-]*)?
    |ld(?:-[\w.-]+|\.so[\w.-]*)|linux-(?:gate|vdso)\.so[\w.]*|\[vdso\]|dyld
    |(?:ntdll|kernel32|kernelbase|ucrtbased?|msvcrt|msvcp\w+|msvcr\w+|vcruntime\w+|wow64\w*)\.dll)""",
    re.VERBOSE | re.IGNORECASE,
)


def parameterise(text: str) -> str:
    """Return the first two lines that say something, with what changes each time replaced by ``<kind>``."""
    lines = [line.strip() for line in text[: 4 * LONGEST].splitlines() if line.strip()]
    return _CHANGING.sub(_replacement, "\n".join(line[:LONGEST] for line in lines[:2]))


def _replacement(found: re.Match[str]) -> str:
    kind = found.lastgroup or "text"
    if kind == "int" and _is_status(found):
        return found.group()
    return f"<{ {'sip': 'url', 'ip6': 'ip', 'time': 'date', 'mac': 'id', 'uuid': 'id'}.get(kind, kind) }>"


def _is_status(found: re.Match[str]) -> bool:
    """Tell a number that is a kind of problem from one that is a quantity."""
    number = found.group()
    if _STATUS.fullmatch(number):
        return True
    before = found.string[max(0, found.start() - 20) : found.start()]
    return bool(_SMALL.fullmatch(number) and _STATUS_BEFORE.search(before))


@lru_cache(_REMEMBERED)
def function_name(raw: str) -> str:
    """Return a function's name without return type, arguments, template arguments, clones and hashes."""
    name = _RUST_HASH.sub("", raw.strip()[:LONGEST])
    if _ADDRESS.fullmatch(name):
        return ""
    name = _LAMBDA.sub("{lambda}", _CLONE.sub("", name))
    if _WHOLE_NAME.fullmatch(name):
        return name
    name = name.replace("(anonymous namespace)", "{anonymous}").replace("operator()", "operator{}")
    name = _without_brackets(_without_brackets(name, "<", ">", "<T>"), "(", ")", "")
    return _without_return_type(name).replace("operator{}", "operator()")


def _without_brackets(name: str, opening: str, closing: str, instead: str) -> str:
    """Replace every outermost bracketed part; what is not balanced stays as it is."""
    if opening not in name or "operator" in name or name.count(opening) != name.count(closing):
        return name
    kept: list[str] = []
    depth = 0
    for char in name:
        if char == opening:
            depth += 1
            if depth == 1:
                kept.append(instead)
        elif char == closing:
            depth -= 1
        elif depth == 0:
            kept.append(char)
    return "".join(kept)


def _without_return_type(name: str) -> str:
    name = name.strip().removesuffix(" const").strip()
    return name if "operator" in name else name.rpartition(" ")[2]


def is_nameless(function: str) -> bool:
    """Tell whether a name says nothing without its module."""
    return function in _NAMELESS


@lru_cache(_REMEMBERED)
def is_runtime(function: str) -> bool:
    """Tell whether a frame is the language's own way down (abort, panics, thread starts), not a cause."""
    return bool(_RUNTIME.fullmatch(function))


def is_runtime_module(path: str) -> bool:
    """Tell whether a library is the language's or the system's own, which every program dies in and none because of."""
    return bool(_RUNTIME_MODULE.fullmatch(path.replace("\\", "/").rpartition("/")[2][:200]))


def file_name(path: str) -> str:
    """Return a file's name without its folders, query and build hash (``main.3f2a9c.js``)."""
    name = path.partition("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _ASSET_HASH.sub("<hash>", name[:200])
