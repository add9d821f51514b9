"""Masking secrets in what customers' programs send: before it is stored, logged, or put on a ticket.

Two nets, because each alone leaks: by the *name* of a field (``password``, ``authorization`` ...), and by
the *look* of a text (Bearer, JWT, PEM, ``user:pass@``, a SIP Digest's response). Some things are never
worth keeping at all (local variables, argument vectors, environments, DSNs) and are dropped.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

MASK = "***"
_DEEPEST = 12
_REMEMBERED = 2048  # names of fields, which are the same again and again

_WORDS = (
    r"passwords?|passwd|passwort|passphrase|pwd|secrets?|tokens?|api[_-]?keys?|private[_-]?keys?"
    r"|access[_-]?keys?|authorization|credentials?|set-cookie|cookies?|session[_-]?id"
)
_SECRET_KEY = re.compile(rf"(?:{_WORDS}|\bauth\b)|^(?:pin|.*[_.-]pin|pin[_-]?code)$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DROPPED_KEY = re.compile(
    r"vars|locals|argv|sys\.argv|args|cmdline|command_?line|env|environ|environment_variables|dsn|.*_dsn"
    r"|pre_context|post_context|context_line",
    re.IGNORECASE,
)

_TEXT_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL),
        f"[PEM {MASK}]",
    ),
    (re.compile(r"\b(?:https?|wss?)://[0-9a-fA-F]{16,64}(?::[^@\s/]{0,200})?@[^\s\"'<>]{1,200}"), "[DSN]"),
    (re.compile(r"\beyJ[\w-]{6,4000}\.[\w-]{4,8000}(?:\.[\w-]{0,4000})?"), f"[JWT {MASK}]"),
    (re.compile(r"(://)[^\s:@/\"'<>]{1,200}:[^\s@/\"'<>]{1,200}@"), rf"\1{MASK}:{MASK}@"),
    (re.compile(r"\b(sips?:[^\s:@;\"'<>]{1,200}):[^\s@;\"'<>]{1,200}@", re.IGNORECASE), rf"\1:{MASK}@"),
    (
        re.compile(r"(\bresponse\s?=\s?)(?:\"[^\"]{0,400}\"|[0-9a-fA-F]{16,128}\b)", re.IGNORECASE),
        rf'\1"{MASK}"',
    ),
    (re.compile(r"\b((?:set-)?cookie\s?:\s?)[^\r\n]{1,4000}", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b(Bearer|Basic)\s{1,4}[\w.~+/=-]{6,4000}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            rf"(?<![\w.-])((?:[\w.-]{{0,100}}?(?:{_WORDS})[\w-]{{0,20}}|pin)[\"']?\s{{0,3}}(?:=>?|:)\s{{0,3}})"
            r"(?!\*\*\*)(?!(?:Digest|Bearer|Basic)\s)(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|[^\s,;&\"')}\]]{1,2000})",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)
# One of these stands in every text that any mask above finds: a cheap look before the dear ones.
_TELLTALES = (
    *("pass", "pwd", "secret", "token", "key", "auth", "credential", "cookie", "session", "pin", "bearer"),
    *("basic", "response", "-----begin", "://", "sip", "eyj"),
)


def may_tell(text: str) -> bool:
    """Tell whether a text can hold anything that a mask finds; of several joined ones, whether any of them can."""
    lower = text.lower()
    for telltale in _TELLTALES:  # noqa: SIM110 - three times as quick as a pattern of them, or a generator
        if telltale in lower:
            return True
    return False


def mask_text(text: str) -> str:
    """Mask what looks like a secret inside a text; the rest stays word for word."""
    if not may_tell(text):
        return text
    for pattern, instead in _TEXT_MASKS:
        text = pattern.sub(instead, text)
    return text


@lru_cache(_REMEMBERED)
def is_secret(key: str) -> bool:
    """Tell by its name whether a field holds a secret (``apiKey``, ``X-Auth-Token``, ``voicemail_pin``)."""
    return bool(_SECRET_KEY.search(_CAMEL.sub("_", key[:200])))


@lru_cache(_REMEMBERED)
def is_dropped(key: str) -> bool:
    """Tell whether a field is of a kind that is never kept."""
    return bool(_DROPPED_KEY.fullmatch(key))


@lru_cache(_REMEMBERED)
def _masked_name(key: str) -> str:
    return mask_text(key)


def masked(value: object, *, depth: int = 0) -> object:
    """Return a JSON-able value without its secrets, and without what is never kept."""
    if isinstance(value, str):
        return mask_text(value)
    if depth > _DEEPEST:
        return MASK if isinstance(value, Mapping | list | tuple) else value
    if isinstance(value, Mapping):
        return masked_fields(value, depth=depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [masked(part, depth=depth + 1) for part in value]
    return value


def masked_fields(fields: Mapping[str, object], *, depth: int = 0) -> dict[str, object]:
    """Return the fields of one object without its secrets, and without what is never kept."""
    kept: dict[str, object] = {}
    for key, value in fields.items():
        if is_dropped(key):
            continue
        if type(value) is str:
            kept[_masked_name(key)] = MASK if is_secret(key) else mask_text(value)
        else:
            kept[_masked_name(key)] = MASK if is_secret(key) else masked(value, depth=depth + 1)
    return kept


def masked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags without their secrets."""
    return {key: MASK if is_secret(key) else mask_text(value) for key, value in tags.items()}
