"""What is new in a reply, and the trail of earlier mails that a mail program hangs below it.

Only what stands at the end is taken for a trail; where somebody answers between quoted lines, all of it is new.
"""

import re

_LINES = 4_000
_LONGEST = 400
_WROTE = re.compile(
    r"(?:.{0,200}(?:wrote|schrieb|ha scritto|a écrit|escribió|escreveu|schreef|skrev|kirjoitti|rakstīja|kirjutas|skrifaði|napisał\(?a?\)?)"
    r".{0,60}:|(?:Am|On|Il|Le|El|Den|Op|Em)\b.{10,200}:)\s*",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"[-_ ]{2,20}\s?(?:original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht|messaggio originale|message d'origine"
    r"|mensaje original|opprinnelig melding|oprindelig meddelelse|ursprungligt meddelande|alkuperäinen viesti)\s?[-_ ]{2,20}\s*",
    re.IGNORECASE,
)
_FROM = re.compile(r"[*\s]{0,3}(?:From|Von|Da|De|Van|Fra|Från|Lähettäjä|Saatja|No|Frá)\s?:\*?\s?\S.{0,200}")
_SENT = re.compile(
    r"[*\s]{0,3}(?:Sent|Date|Gesendet|Datum|Inviato|Data|Envoyé|Enviado|Fecha|Verzonden|Sendt|Dato|Skickat|Lähetetty|Saadetud)\s?:\*?.{0,200}"
)
_RULE = re.compile(r"_{10,}\s*")
_LOOK_AHEAD = 3


def split_reply(text: str) -> tuple[str, str]:
    """Return what is new in a text, and the trail quoted below it."""
    lines = text.splitlines()
    at = _trail(lines[:_LINES])
    new = "\n".join(lines[:at]).strip()
    return (new, "\n".join(lines[at:]).strip()) if new else (text.strip(), "")


def _trail(lines: list[str]) -> int:
    """Return the line at which the trail begins; the number of lines where there is none."""
    for number, line in enumerate(lines):
        if _ORIGINAL.fullmatch(line) or (_FROM.fullmatch(line) and _sent_below(lines, number)):
            return number - 1 if number and _RULE.fullmatch(lines[number - 1]) else number
        if _says_wrote(line) and _quoted_to_the_end(lines, number + 1):
            return number
    at = _quoted_from(lines)
    return at - 1 if 0 < at < len(lines) and _says_wrote(lines[at - 1]) else at


def _says_wrote(line: str) -> bool:
    return len(line) < _LONGEST and line.rstrip().endswith(":") and _WROTE.fullmatch(line) is not None


def _sent_below(lines: list[str], number: int) -> bool:
    return any(_SENT.fullmatch(line) for line in lines[number + 1 : number + 1 + _LOOK_AHEAD])


def _quoted_to_the_end(lines: list[str], start: int) -> bool:
    said = False
    for number in range(start, len(lines)):
        line = lines[number].lstrip()
        if line and not line.startswith(">"):
            return False
        said = said or bool(line)
    return said


def _quoted_from(lines: list[str]) -> int:
    """Return where the quoted lines at the end begin."""
    at = len(lines)
    while at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith(">")):
        at -= 1
    return at if any(line.lstrip().startswith(">") for line in lines[at:]) else len(lines)
