"""Known secrets looked for, and cut, in every form in which the same characters are usually written.

Escaped for pages, addresses and JSON; quoted-printable; hexadecimal; base64, alone or inside something longer
that is encoded. Capitals do not matter. A short plain word or number counts only where it stands alone.
"""

import base64
import binascii
import html
import json
import quopri
import re
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

from monitor.domain.credentials import find_credentials

SHORTEST = 4  # what is shorter is cut only where it was found
_LONG = 8  # of this length, or odd, it is cut inside words too
_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_WRAP = re.compile(r"[\r\n=]")
_WEB_ALPHABET = str.maketrans("-_", "+/")
_PLAIN_ALPHABET = str.maketrans("+/", "-_")
_SAMPLE = 400
_OWN = 6
_OFFSETS = 4


class SecretForms:
    """The values that were found in a request, ready to be looked for."""

    def __init__(self, values: Collection[str], note: str) -> None:
        """Work out the forms of every value that is long enough."""
        self._note = note
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        self._forms = tuple((form.lower(), form) for form in sorted(forms, key=len, reverse=True))

    def said_in(self, text: str) -> bool:
        """Whether one of them stands in a text, in any form."""
        pattern = self._present(text)
        if pattern is not None and pattern.search(text):
            return True
        return bool(self._forms) and any(self._decoded_says(decoded) for _, decoded in decoded_runs(text))

    def cut_from(self, text: str) -> str:
        """Return a text with a note where they stood; what holds one in base64 goes whole."""
        pattern = self._present(text)
        if pattern is not None:
            text = pattern.sub(lambda _: self._note, text)
        spans = {
            run.span()
            for run, decoded in decoded_runs(text)
            if self._decoded_says(decoded) or find_credentials(decoded)
        }
        for start, end in sorted(spans, reverse=True):
            text = text[:start] + self._note + text[end:]
        return text

    def _decoded_says(self, decoded: str) -> bool:
        pattern = self._present(decoded)
        return pattern is not None and pattern.search(decoded) is not None

    def _present(self, text: str) -> re.Pattern[str] | None:
        """Return a pattern of those forms that are in the text; most texts hold none."""
        lowered = text.lower()
        present = [_bounded(form) for low, form in self._forms if low in lowered]
        return re.compile("|".join(present), re.IGNORECASE) if present else None


def decoded_runs(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield what looks like base64 in a text, and what it says where that can be read."""
    for run in _RUN.finditer(text):
        bare = _WRAP.sub("", run[0])
        for offset in range(_OFFSETS):
            yield from ((run, decoded) for decoded in as_base64(bare[offset:]))


def as_base64(text: str) -> Iterator[str]:
    """Yield what base64 says as text, in the encodings that make sense."""
    bare = _WRAP.sub("", text).translate(_WEB_ALPHABET)
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        sample = base64.b64decode(bare[:_SAMPLE] + "=" * (-len(bare[:_SAMPLE]) % 4))
        codecs = [codec for codec in ("utf-8", "utf-16-le") if _readable(sample.decode(codec, "replace"))]
        raw = base64.b64decode(bare + "=" * (-len(bare) % 4)) if codecs else b""
    except (binascii.Error, ValueError):
        return
    yield from (raw.decode(codec, "replace") for codec in codecs)


def _readable(sample: str) -> bool:
    odd = sum(not (c.isprintable() and c.isascii()) and not c.isspace() for c in sample)
    return bool(sample) and odd * 10 <= len(sample)


def unquoted(text: str) -> str | None:
    """Return what a text says read as quoted-printable; None where it does not look like it."""
    if "=\n" not in text and "=\r\n" not in text and "=3D" not in text:
        return None
    return quopri.decodestring(text.encode(errors="replace")).decode("utf-8", "replace")


def _bounded(form: str) -> str:
    if len(form) >= _LONG or not (form.isalpha() or form.isdigit()):
        return re.escape(form)
    return rf"(?<![^\W_]){re.escape(form)}(?![^\W_])"


def _forms(value: str) -> Iterator[str]:
    raw = value.encode(errors="replace")
    yield value
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield quote(value, safe="", errors="replace")
    yield quote_plus(value, errors="replace")
    yield json.dumps(value)[1:-1]
    yield quopri.encodestring(raw).decode("ascii", "replace")
    yield raw.hex()
    for before in range(3):  # wherever it stands in what is encoded: the characters that are its own
        whole = base64.b64encode(b"\x00" * before + raw).decode().rstrip("=")
        own = whole[(8 * before + 5) // 6 : len(whole) - ((before + len(raw)) % 3 != 0)]
        if len(own) >= _OWN:
            yield own
            yield own.translate(_PLAIN_ALPHABET)
