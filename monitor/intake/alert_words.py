"""What every way by which alerts come in shares: its parts, and what a label or a sentence may be.

Labels are who an alert *is*: one that is too long is refused, never cut, for cut it would be another alert.
Annotations are only what is said of it: they are cleaned, masked and cut.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Protocol

from monitor.domain.access import Token
from monitor.domain.alerts import Alert, Told, fingerprint
from monitor.domain.scrubbing import is_secret, mask_text
from monitor.errors import RefusedError
from monitor.intake.body import Bounds, Memory
from monitor.intake.keys import FindToken
from monitor.intake.reports import clean, text_of
from monitor.metrics import Metrics

MOST = 20_000
"""Alerts in one body."""
_LABELS, _NAME, _VALUE = 64, 200, 4_096
_NAMES = 1_000  # of labels with the empty ones, which do not count
_ANNOTATIONS, _SENTENCE, _URL = 64, 8_192, 2_048


class AcceptAlerts(Protocol):
    """Puts on record what a sender said of its alerts; returns after the commit."""

    def __call__(self, told: Sequence[Told], token: Token) -> Awaitable[None]: ...  # noqa: D102


Standing = Callable[[str | None], Sequence[Alert]]
"""The alerts that fire now; of one system's sender only its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFace:
    """What the ways in work with."""

    accept: AcceptAlerts
    standing: Standing
    find_token: FindToken
    clock: Callable[[], datetime]
    bounds: Bounds
    memory: Memory
    metrics: Metrics
    started_at: datetime
    version: str


def key_of(source: str, bound_to: str | None, parts: Sequence[str]) -> str:
    """Return the key of an alert: who may speak for it, by which kind of name, and the name."""
    lengths = (f"{len(part)}:{part}" for part in (source, bound_to or "", *parts))
    return sha256("".join(lengths).encode("utf-8", "replace")).hexdigest()


def named(labels: Mapping[str, str], bound_to: str | None) -> tuple[str, str]:
    """Return key and fingerprint of an alert that is named by its labels; one that is repeated is known by heart."""
    return _named(tuple(sorted(labels.items())), bound_to)


@lru_cache(maxsize=MOST)
def _named(labels: tuple[tuple[str, str], ...], bound_to: str | None) -> tuple[str, str]:
    return key_of("labels", bound_to, [text for pair in labels for text in pair]), fingerprint(dict(labels))


def labels_of(value: object) -> dict[str, str]:
    """Return labels as they are, without empty ones; ``ValueError`` says what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("labels must be an object of texts")  # noqa: TRY004 - said to the sender
    if len(value) > _NAMES:
        raise ValueError(f"has more than {_LABELS} labels")
    labels: dict[str, str] = {}
    for name, said in value.items():
        if not isinstance(said, str):
            raise ValueError(f"label {name[:40]!r} must be text")  # noqa: TRY004
        if not 0 < len(name) <= _NAME or clean(name, _NAME) != name:
            raise ValueError(f"label name {clean(name, 40)!r} is not 1 to {_NAME} printable characters")
        if len(said) > _VALUE:
            raise ValueError(f"label {name[:40]!r} has more than {_VALUE} characters")
        if said:
            labels[name] = said.replace("\0", "\ufffd")  # PostgreSQL keeps no NUL, and nobody means one
    if not labels:
        raise ValueError("at least one label pair required")
    if len(labels) > _LABELS:
        raise ValueError(f"has more than {_LABELS} labels")
    return labels


def loose_labels(own: Mapping[str, object], more: Mapping[str, object]) -> dict[str, str]:
    """Return labels of an alert that is named otherwise: its own fields, then plain values beside them, cut and masked."""
    labels: dict[str, str] = {}
    for fields in (own, more):
        for name, value in fields.items():
            if len(labels) >= _LABELS:
                break
            text, called = text_of(value, _VALUE), clean(name, _NAME)
            if text and called and called not in labels:
                labels[called] = "***" if is_secret(called) else mask_text(text)
    return labels


def annotations_of(value: object) -> dict[str, str]:
    """Return annotations, made safe and short; what is no text is left out."""
    pairs = islice(value.items(), _ANNOTATIONS) if isinstance(value, dict) else ()
    said = ((clean(name, _NAME), clean(text, _SENTENCE)) for name, text in pairs if isinstance(text, str))
    return {name: "***" if is_secret(name) else mask_text(text) for name, text in said if name and text}


def url_of(value: object) -> str:
    """Return an address of the sender's, without a password in it; nothing for what is no address of the web."""
    text = text_of(value, _URL) or ""
    return mask_text(text) if text.startswith(("http://", "https://")) else ""


def at_most(value: object) -> list[object]:
    """Return a list of alerts, refused if it is none or far too long."""
    if not isinstance(value, list):
        raise RefusedError(400, "not_a_list", "The body must be a list of alerts.")
    if len(value) > MOST:
        raise RefusedError(413, "too_many", f"At most {MOST} alerts are taken in one body.")
    return value
