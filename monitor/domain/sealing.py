"""Credentials set apart from everything a request says, before any of it is stored or sent (mission W9).

    texts, attachments -> find what is secret in any of them -> cut every occurrence of it out of all of them
                       -> look again: what still says one is withheld whole -> SetApart

One function for every channel. A secret that was recognised in one place is cut wherever it stands, in the forms
in which the same characters are usually written (``secret_forms``). A text attachment is rewritten; a binary one
that says a secret, or that cannot be looked into (``inside``), is withheld. Pure: the caller seals or drops ``kept``.
It costs about a second for each megabyte full of tell-tale words, so that callers run it off the loop.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_plus

from monitor.domain.credentials import Span, find_credentials
from monitor.domain.inside import Allowance, Inside, look_inside
from monitor.domain.markup import looks_like_markup, plain_text
from monitor.domain.secret_forms import SHORTEST, SecretForms, as_base64, decoded_runs, unquoted

NOTE = "[kept apart]"
CUT = "a credential was cut out of it"
WITHHELD = "withheld: a credential was found in it"
UNSEEN = "withheld: it could not be looked into for credentials"
MOST = 100
"""Secrets in one request that are told apart; where there are more, no attachment is taken."""

_SHORT_TEXT = 16_384
_LINE, _OVERLAP = 4_096, 400
_BELOW, _KEY_LINES = 3, 400  # lines that belong to one with a tell-tale word; to the first of a private key
_ROUNDS = 4
_SURE = 6
_ENCODED = re.compile(
    r"[A-Za-z0-9+/]{40,}={0,2}\r?\n?"
)  # a line of base64, in which any word may seem to stand
# One of these stands in every text in which ``find_credentials`` finds something: a cheap look before the dear one.
_TELLTALES = (
    "pass", "pwd", "pw", "p/w", "psw", "kennwort", "zugang", "parola", "parolă", "mdp", "mot de", "mot_de", "contrase", "clave",
    "lozinka", "haslo", "hasł", "salasana", "losenord", "lösenord", "adgangskode", "kodeord", "lykilor", "wachtwoord", "palavra",
    "senha", "parol", "parool", "slapta", "heslo", "geslo", "jelsz", "ifre", "парол", "лозинка", "密码", "密碼", "パスワード", "비밀번호",
    "secret", "token", "key", "psk", "community", "otp", "pin", "login", "log in", "log-in", "log on", "logon", "logged", "logging",
    "cred", "anmeldedaten", "identifiant", "bearer", "basic", "eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
    "github_pat", "glpat", "xox", "sk_", "sk-", "aiza", "sg.", "pypi-", "npm_", "dop_", "://", "sip:", "sips:", "mysql", "psql",
    "curl", "net use", "-----begin", "@", "admin", "root", "guest", "operator", "superuser", "ssh", "anydesk", "any desk",
    "teamviewer", "team viewer", "rustdesk", "rust desk",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that came with a request; ``content`` is None where it is withheld, and ``note`` says why."""

    name: str
    media_type: str
    content: bytes | None = field(repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A secret that was set apart: its kind, and the text or attachment it was first found in."""

    kind: str
    found_in: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetApart:
    """What may be stored and shown, and what may not."""

    texts: Mapping[str, str]
    attachments: tuple[Attached, ...] = ()
    kept: tuple[Kept, ...] = ()


def set_apart(texts: Mapping[str, str], attachments: Sequence[Attached] = (), note: str = NOTE) -> SetApart:
    """Return everything without its credentials, and the credentials."""
    allowance = Allowance()
    files = [_seen(one, number, allowance) for number, one in enumerate(attachments, 1)]
    places = [*((place, text, True) for place, text in texts.items()), *(s for f in files for s in f.said)]
    kept: dict[str, Kept] = {}
    told: set[str] = set()
    for place, text, is_text in places:
        if len(kept) > MOST:
            break
        for kind, value in _secrets(text, is_text, note):
            told.add(place)
            kept.setdefault(value, Kept(kind=kind, found_in=place, value=value))
    forms = SecretForms([*kept][:MOST], note)
    return SetApart(
        texts={key: _clean(text, forms, note) for key, text in texts.items()},
        attachments=tuple(_cleaned(f, f.place in told, len(kept) > MOST, forms, note) for f in files),
        kept=tuple(kept.values())[:MOST],
    )


@dataclass(frozen=True, slots=True)
class _File:
    attached: Attached
    place: str
    inside: Inside

    @property
    def said(self) -> Iterator[tuple[str, str, bool]]:
        """Yield place, text, and whether that is a text and no string in something binary."""
        yield f"the name of {self.place}", self.attached.name, True
        yield from ((self.place, text, True) for text in self.inside.texts)
        yield from ((self.place, text, False) for text in self.inside.strings)


def _seen(one: Attached, number: int, allowance: Allowance) -> _File:
    inside = look_inside(one.content, allowance) if one.content else Inside()
    return _File(one, f"attachment {number}", inside)


def _secrets(text: str, is_text: bool, note: str) -> Iterator[tuple[str, str]]:
    """Yield kind and value of what is secret in a text, in its markup, and in what is encoded in it."""
    for view in (text, *(_views(text) if is_text else ()), *(decoded for _, decoded in decoded_runs(text))):
        for span in _spans(view):
            value = view[span.start : span.end]
            if (len(value) < _SURE and not is_text) or _noted(view, span, note):
                continue  # chance is enough for "pw=x3" in a large picture
            yield span.kind, value
            yield from ((span.kind, inner) for inner in _within(value))


def _views(text: str) -> Iterator[str]:
    """Yield what else a text says: without its markup, and decoded."""
    if looks_like_markup(text):
        yield plain_text(text)
    decoded = unquoted(text)
    if decoded is not None:
        yield decoded


def _within(value: str) -> Iterator[str]:
    """Yield what a secret says in another form: an address' escaped one, ``user:secret`` in base64."""
    if "%" in value and (plain := unquote_plus(value)) != value:
        yield plain
    if "&" in value and (plain := html.unescape(value)) != value:
        yield plain
    for decoded in as_base64(value):
        user, colon, password = decoded.partition(":")
        if colon and user.isprintable() and password.isprintable() and len(password) >= SHORTEST:
            yield password


def _spans(text: str) -> Iterator[Span]:
    """Yield where secrets stand; a long text is looked at only around tell-tale words."""
    for start, end in [(0, len(text))] if len(text) <= _SHORT_TEXT else _windows(text):
        piece = text[start:end]
        if _tells(piece):
            for span in find_credentials(piece):
                yield Span(start + span.start, start + span.end, span.kind)


def _tells(text: str) -> bool:
    lowered = text.lower()
    return any(telltale in lowered for telltale in _TELLTALES)


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches of lines that have a tell-tale word in or just above them."""
    begun, owed, at = -1, 0, 0
    for line in text.splitlines(keepends=True):
        if not _ENCODED.fullmatch(line) and _tells(line):
            owed = max(owed, _KEY_LINES if "-----BEGIN" in line else _BELOW + 1)
            begun = at if begun < 0 else begun
        if begun >= 0 and (owed == 0 or (_LINE < at - begun < _SHORT_TEXT - _LINE and owed <= _BELOW)):
            yield from _short(begun, at)
            begun = at - min(_OVERLAP, at) if owed else -1
        at += len(line)
        owed = 0 if "-----END" in line else max(0, owed - 1)
    if begun >= 0:
        yield from _short(begun, len(text))


def _short(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a stretch in overlapping pieces, so that an endless line costs no more than many."""
    while end - start > _SHORT_TEXT:
        yield start, start + _SHORT_TEXT
        start += _SHORT_TEXT - _OVERLAP
    yield start, end


def _clean(text: str, forms: SecretForms, note: str) -> str:
    """Return a text without any secret; one that cannot be rid of it is not kept at all."""
    if any(_runs_through_tags(view, text, note) for view in _views(text)):
        return note
    for _ in range(_ROUNDS):
        before = text
        text = forms.cut_from(_without(text, note))
        if text == before:
            break
    return note if forms.said_in(text) or any(_says(view, forms, note) for view in _views(text)) else text


def _without(text: str, note: str) -> str:
    pieces, at = list[str](), 0
    for span in sorted(span for span in _spans(text) if not _noted(text, span, note)):
        if span.end > at:
            pieces += (text[at : max(at, span.start)], note if span.start >= at else "")
            at = span.end
    return "".join((*pieces, text[at:]))


def _noted(text: str, span: Span, note: str) -> bool:
    """Whether what looks like a secret is the note that one was cut out ("password: [kept apart]")."""
    return note in text[max(0, span.start - len(note) + 1) : span.end + len(note) - 1]


def _runs_through_tags(view: str, text: str, note: str) -> bool:
    """Whether a secret that a reader sees in one piece ("hun<b>ter2</b>") stands in the text in several."""
    values = [view[span.start : span.end] for span in _spans(view) if not _noted(view, span, note)]
    return any(not SecretForms([value], note).said_in(text) for value in values if len(value) >= SHORTEST)


def _says(text: str, forms: SecretForms, note: str) -> bool:
    return forms.said_in(text) or any(not _noted(text, span, note) for span in _spans(text))


def _cleaned(file: _File, told: bool, too_many: bool, forms: SecretForms, note: str) -> Attached:
    one = replace(file.attached, name=_clean(file.attached.name, forms, note))
    if one.content is None:
        return one
    if not file.inside.whole or too_many:
        return replace(one, content=None, note=UNSEEN)
    if not told and not any(forms.said_in(text) for place, text, _ in file.said if place == file.place):
        return one
    codec = file.inside.codec
    content = _clean(one.content.decode(codec), forms, note).encode(codec) if codec else None
    if content is None or content == one.content or _still_says(content, forms, note):
        return replace(one, content=None, note=WITHHELD)
    return replace(one, content=content, note=CUT)


def _still_says(content: bytes, forms: SecretForms, note: str) -> bool:
    again = look_inside(content, Allowance())
    return not again.whole or any(_says(text, forms, note) for text in again.texts)
