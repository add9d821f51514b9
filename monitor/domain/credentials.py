"""Credentials in what people write: found before anything is stored or sent (mission W9).

Crash reports are masked by ``monitor.domain.scrubbing``; here it is people's own words, in several
languages, so that a secret is recognised by what stands before it ("the password is ...", "pw:",
"user/pass: a / b") or by its own look (keys of known makers, tokens, PEM, ``user:secret@host``). Ordinary
words that follow such a label ("password is wrong") are no secrets. Only places and kinds are returned,
never the secret itself. Callers bound the size of a text.
"""

# ruff: noqa: RUF001, S105 - people write curly quotes and wide colons; no secret is assigned here, only found

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a secret stands in a text, ``[start, end)``, and what kind it is."""

    start: int
    end: int
    kind: str


_PASSWORD = (
    r"pass[ _-]?words?|passwd|pass[ _-]?code|pass[ _-]?phrase|passwort|pa(?:ss|ß)w(?:ö|oe)rter|kennwort|zugangscode|pwd?|psw"
    r"|parola d['’]ordine|mot[ _]de[ _]passe|mdp|contrase(?:ñ|n)a|clave(?: de acceso)?|lozinka|has(?:ł|l)o|salasana(?:ni|mme|nsa|si)?"
    r"|l(?:ö|o)senord(?:et)?|adgangskoden?|kodeord(?:et)?|passord(?:et)?|lykilor(?:ð|d)(?:ið|id)?|wachtwoord|palavra[- ]passe|senha"
    r"|parooli?|paroles?|parol(?:ă|a)|slapta(?:ž|z)od(?:is|į)|heslo|geslo|jelsz(?:ó|o)|(?:ş|s)ifre(?:si|niz)?|пароль|пароля|лозинка"
    r"|密码|密碼|パスワード|비밀번호|p/w"
)
_SECRET = (
    r"(?:client|shared|sip|auth|account|digest)?[ _-]?secret(?:[ _-]?key)?|api[ _-]?(?:key|token|secret)|access[ _-]?(?:key|token)"
    r"|(?:auth|bearer|refresh|session|security)[ _-]?token|token|private[ _-]?key|encryption[ _-]?key|pre[ _-]?shared[ _-]?key|psk"
    r"|license[ _-]?secret|community[ _-]?string|snmp community|wifi[ _-]?key|wpa2?[ _-]?key|otp(?:[ _-]?seed)?"
)
_PIN = r"(?:voicemail|voice mail|sim|user|access|admin|entry|geheim)?[ _-]?pin(?:[ _-]?(?:code|number))?|codice pin"
_LOGIN = (
    r"(?:log[ -]?in|credentials?|creds|zugangsdaten|anmeldedaten|credenziali|identifiants|credenciales"
    r"|user(?:name)?\s?(?:/|and|&|\+)\s?pass(?:word)?|benutzer(?:name)?\s?(?:/|und)\s?passwort)"
)
_ENV = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:password|passwd|pwd|secret|token|key|pass)"
_QUOTED = r"[\"“„«'‘`](?P<quoted>[^\"”“«»'’`\r\n]{3,200})[\"”“»'’`]"
_VALUE = rf"(?:{_QUOTED}|(?P<bare>[^\s\"“„«»<>]{{3,200}}))"
_MARK = r"[*_]{0,2}"  # of bold text
_JOIN = (
    rf"(?:{_MARK}\s{{0,3}}(?:=>|->|[:=→：]){_MARK}\s{{0,3}}|\s{{1,3}}(?:is|are|was|ist|sind|lautet|war|è|est|es|on|är|er|je|ir|yra)\s{{1,3}}"
    r"(?:now |still |jetzt |ora |set to |changed to |as follows|below)?(?::\s?)?|\s(?:is|ist|lautet|è|est|es):\s?"
    r"|['’]s\s|\s(?:will|would|should) be\s|\s?[|;>]\s?|\s[–-]\s|\s{1,2}of\s)"
)
_SET_TO = r"\s(?:(?:has been|was|is|wurde|auf)\s)?(?:set|changed|reset|updated)?\s?(?:to|auf|in):?\s"
_OWNER = r"(?:\s(?:for|of|von|für|per|di|pour|de|del|della|dello|dell|du|des|to|on)(?:[\s'’][\w.@/-]{1,60}){1,4}?)?"
_FOR = r"(?:\s?#?\d{1,2})?(?:\s?\([^)\r\n]{1,40}\))?" + _OWNER
_MANY = r"(?:pass[ _-]?words|passcodes|passwörter|pwds|pins|logins)"

_PLAIN_WORDS = frozenset(
    """
    a about accepted active actually admin after again allowed already also always an and any anymore are as asked asking
    at back bad be because been before being below blank broken but by cannot case changed changing complex configured
    correct correctly could default defined deleted different disabled displayed does don't due each empty encrypted
    enabled enforced entered error every exactly expired expiring failed failing fails field fine forgotten for from
    given good gone has have hidden her here his how if ignored in incorrect instead invalid is it its itself just kept
    known length like locked longer lost managed mandatory masked minimum missing must my needed never new no none not
    nothing now null of ok okay old on once one only optional or our out outdated over page per policy possible
    prompted properly protected provided rejected removed renewed requested required requirements reset right rotated
    safe same saved secret secure sent set shared should shown so some still stored strong such synced than that the
    their them then there they this three to too twice two unchanged undefined under unknown unset until updated used
    user using valid very was way weak well were what when where which who whose why will with within without working
    works would wrong yes you your yet abgelaufen falsch richtig vergessen gesperrt leer unbekannt nicht korrekt
    geändert zurückgesetzt immer noch bekannt ungültig abgelehnt errata sbagliata scaduta corretta non dimenticata
    bloccata cambiata vuota sconosciuta incorrect incorrecte expiré oublié perdu invalide inconnu vide pas correcta
    incorrecta caducada olvidada no bloqueada vacía desconocida väärä fel feil forkert dialog prompt screen box reset?
    management manager recovery rules server change changes verification check length? reuse rotation expiry expiration
    mine yours theirs ours hers expire work fail history nice great public private personal identical similar visible
    kaputt defekt neu alt gleich dasselbe derselbe sicher schwach giusta giusto quella quello questa nuova nuovo vecchia
    vecchio stessa bon bonne mauvais nouveau nouvelle ancien même nueva nuevo vieja misma mismo correcto
    glemt utløpt udløbet utgånget utgått feil riktig rätt rett ny nyt gammel gammal samme samma korrekt korrekte låst sperret
    oikein väärin vanha uusi sama lukittu vale õige aegunud vana lukus nepareiza pareiza beigusies veca jauna bloķēta
    rangt rétt útrunnið útrunnin gleymt gleymd nýtt gamalt læst neteisingas teisingas pasibaigęs
    n/a tbd na todo see asap please thanks later soon above attached separately phone mail email sms telephone
    """.split()  # noqa: SIM905 - a list of words reads as one
)
_EXPLICIT = frozenset({":", "=", "=>", "->", "→", "："})
_STATES = re.compile(  # what is said of passwords, and is none: "is expired", "ist gesperrt", "è scaduta"
    r".*(?:ed|ing|able|ible|ly|ive|ful|less|ous|ent|ant|sch|lich|bar|igt?|ert|elt|ren|nen|ten|ato|ata|ito|ita|uto|uta|ido|ida|ado|ada"
    r"|ée?s?|ée|et|it|at|ut|tu|ud|ud|ttu|tty|nyt|nut|us)|[^a-zà-ÿ]*",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"[*•.x#_\-?]{2,}|<.*>|\[.*\]|\{.*\}|\$\{.*|%.*%|\(.*\)?|redacted\W*|hidden\W*|removed\W*|n/?a|https?://\S+",
    re.IGNORECASE,
)

_LOOKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL)),
    ("a password", re.compile(r"<\w{0,40}(?:password|passwd|secret|pin|token)>(?P<bare>[^<\s]{3,200})</", re.IGNORECASE)),
    ("a token", re.compile(r"\beyJ[\w-]{6,4000}\.[\w-]{4,8000}(?:\.[\w-]{0,4000})?")),
    (
        "an access key",
        re.compile(
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,255}\b|\bgithub_pat_\w{20,255}|\bglpat-[\w-]{16,64}"
            r"|\bxox[abprs]-[\w-]{10,200}|\bsk_(?:live|test)_[A-Za-z0-9]{10,100}|\bsk-[\w-]{20,200}|\bAIza[\w-]{30,60}"
            r"|\bSG\.[\w-]{16,64}\.[\w-]{16,64}|\bpypi-[\w-]{20,200}|\bnpm_[A-Za-z0-9]{20,64}\b|\bdop_v1_[a-f0-9]{40,80}"
        ),
    ),
    ("a password", re.compile(r"(?:://|\bsips?:)[^\s:@/;\"'<>]{1,200}:(?P<bare>[^\s@/\"'<>]{1,200})@[\w.\[]")),
    ("a token", re.compile(r"\b(?:Bearer|Basic)\s{1,4}(?P<bare>(?=[\w.~+/=-]{0,200}[\d=+/])[\w.~+/=-]{12,4000})")),
    ("a password", re.compile(r"(?:^|\s)(?:sshpass|mysql|mysqldump|psql|curl|net use)\b[^\r\n]{0,80}?\s(?:-p\s?|--password[= ]|-u\s?[\w.-]{1,60}:|/user:\S{1,60}\s)(?P<bare>[^\s'\"-][^\s'\"]{2,100})")),
    ("a password", re.compile(r"\b(?:enable secret|enable password|username \S{1,40} (?:password|secret))(?: [057])? (?P<bare>\S{4,100})")),
)  # fmt: skip


def _told(value: str, join: str) -> bool:
    """Tell whether what follows a label is a secret: not an ordinary word, not a placeholder."""
    bare = value.strip(".,;:!?)('\"").casefold()
    if len(bare) < 3 or _PLACEHOLDER.fullmatch(value) or bare in _PLAIN_WORDS:  # noqa: PLR2004 - "x" is no password
        return False
    if join.strip(" \t\r\n*_") in _EXPLICIT:
        return True
    return _odd(value)


def _no_state(word: str) -> bool:
    """Whether a word is none of those that are said of passwords."""
    return word.casefold() not in _PLAIN_WORDS and not _STATES.fullmatch(word)


def _odd(value: str) -> bool:
    """Whether a word is no ordinary one: digits, signs or capitals in the middle."""
    bare = value.strip(".,;:!?)('\"")
    odd_case = any(c.isupper() for c in bare[1:]) and any(c.islower() for c in bare)
    return (
        any(c.isdigit() for c in bare)
        or any(c in "!@#$%^&*+=~|\\_" for c in value.rstrip("!.,;?"))
        or odd_case
    )


_LABELLED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a password", re.compile(rf"(?<![\w-])(?:{_PASSWORD})s?{_FOR}(?P<join>{_SET_TO}|{_JOIN}){_VALUE}")),
    ("a secret", re.compile(rf"(?<![\w-])(?:{_SECRET}){_FOR}(?P<join>{_SET_TO}|{_JOIN}){_VALUE}")),
    ("a secret", re.compile(rf"(?<![\w-])(?:{_SECRET})(?P<join>\s{{1,2}}){_VALUE}")),
    ("a password", re.compile(rf"(?<![\w-])(?:{_PASSWORD}|pass)(?P<join>,?\s{{1,2}}){_VALUE}")),
    ("a password", re.compile(r"(?<![\w-])pass(?P<join>\s?[:=]\s?)(?P<bare>[^\s\"<>]{4,200})")),
    ("a password", re.compile(r"(?<![\w-])pass[ _-]?phrase(?P<join>\s?[:=]\s?)(?P<bare>[^\r\n,;]{3,100})")),
    ("a PIN", re.compile(rf"(?<![\w-])(?:{_PIN}){_FOR}(?P<join>{_SET_TO}|{_JOIN})(?P<bare>\d{{3,12}})\b")),
    ("a PIN", re.compile(rf"(?<![\w-])(?:{_PIN})[\"']?(?P<join>\s?:?\s?)[\"']?(?P<bare>\d{{4,12}})\b")),
    ("a secret", re.compile(rf"(?<!\w)(?:{_ENV}|[\w.-]{{0,40}}(?:password|passwd|secret|api[_-]?key))[\"']?(?P<join>\s?[:=]\s?){_VALUE}")),
)  # fmt: skip
_PAIR = re.compile(
    rf"(?<![\w-]){_LOGIN}{_FOR}\s{{0,3}}(?:[:=]|is|are|ist|sind|lauten|sono)\s{{0,3}}"
    r"(?P<user>[\w.@+\\-]{2,60})(?P<join>\s{0,2}(?:/|:|\||,|\s-\s|\s)\s{0,2})(?P<bare>[^\s,;]{3,100})",
)
_SAID = re.compile(  # "the password is swordfish.": an ordinary word, but the last of its sentence
    rf"(?<![\w-])(?:{_PASSWORD}){_FOR}(?P<join>{_SET_TO}|\s(?:is|was|ist|lautet|è|est|es|er|är|on|ir|je)(?: now| jetzt| ora)?:?\s)"
    r"(?P<bare>[^\W\d_]{4,40})(?=[.!)\"']{0,2}(?:\s{0,5}(?:[\r\n]|\Z)|[.!;]\s|,\s))",
)
_SURELY: tuple[tuple[str, re.Pattern[str]], ...] = (  # what must look like a secret besides
    ("a password", re.compile(rf"(?<![\w-])(?:{_PASSWORD})s?{_FOR}{_JOIN}[<\[(](?P<bare>[^\s<>\[\]()]{{4,60}})[>\])]")),
    ("a password", re.compile(rf"(?<![\w-]){_MANY}(?:\s?[:=]|\s(?:are|sind|sono|sont|son))\s{{1,3}}[^\s,]{{3,60}}(?:,\s?|\s(?:and|or|und|oder|e|et|y|&|/)\s)(?P<bare>[^\s,]{{4,60}})")),
    ("a password", re.compile(r"(?<![\w.@/:-])(?!(?:sips?|mailto|e?-?mail|from|to|cc|bcc|von|an|da|de|fra|til|från|contact|address|reply-to|sender|tel|xmpp|acct|at):)[\w.-]{2,40}:(?P<bare>[^\s@:/]{4,60})@(?:[\w-]{1,60}\.){1,6}[\w-]{1,60}")),
    ("a password", re.compile(r"\blog(?:ged|ging)?[ -]?(?:in|on)(?:\sto\s\S{1,60})?\s(?:as|with|using)\s[\w.@+-]{2,40}\s?(?:with|using|and|/|,)\s(?P<bare>[^\s,;]{5,60})")),
    ("a password", re.compile(r"(?<![\w/-])(?:admin|administrator|root|guest|operator|superuser)\s/\s(?P<bare>[^\s,;/]{4,60})")),
    ("a password", re.compile(r"\bssh\s[\w.-]{1,40}@[\w.-]{1,100}\s(?:with|using|mit|con|avec)\s(?P<bare>[^\s,;]{4,60})")),
    ("a password", re.compile(r"\b(?:any ?desk|team ?viewer|rust ?desk)\b[^\r\n]{0,40}?\b(?:code|pass|pw|pin|password|passwort)\b[: ]{1,3}(?P<bare>[^\s,;]{4,40})")),
)  # fmt: skip
_USER_AND = re.compile(
    r"(?<![\w-])(?:user(?:name)?|login|benutzer|utente|utilisateur|usuario|account)[:=]?\s{1,2}(?P<user>[\w.@+-]{2,60})"
    rf"[,;]?\s{{1,2}}(?:and |und |e |et |y |with |mit |con )?(?:the )?(?:{_PASSWORD})[:=]?\s{{1,2}}(?:is |ist )?{_VALUE}",
)


def find_credentials(text: str) -> tuple[Span, ...]:
    """Return where secrets stand in a text, in order, none overlapping another."""
    low = _lowered(text)
    found = [Span(*_place(match), kind) for kind, pattern in _LOOKS for match in pattern.finditer(text)]
    for kind, pattern in _LABELLED:
        found += [
            Span(*_place(match), kind)
            for match in pattern.finditer(low)
            if match.groupdict().get("quoted") or _told(_bare(text, match), match["join"])
        ]
    for kind, pattern in _SURELY:
        found += [Span(*_place(m), kind) for m in pattern.finditer(low) if _told(_bare(text, m), " ")]
    found += [Span(*_place(m), "a password") for m in _SAID.finditer(low) if _no_state(m["bare"])]
    for pattern, join in ((_PAIR, ""), (_USER_AND, ":")):
        found += [
            Span(*_place(match), "a password")
            for match in pattern.finditer(low)
            if _not_plain(match["user"]) and _pairs(text, match, join)
        ]
    return _apart(found)


def _lowered(text: str) -> str:
    """Return a text in small letters, each in its place: patterns without regard to case are several times slower."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _bare(text: str, match: re.Match[str]) -> str:
    """Return what was found as it was written."""
    start, end = match.span("bare")
    return text[start:end]


def without_credentials(text: str, note: str = "[kept apart]") -> str:
    """Return a text with every secret replaced by a note."""
    for span in reversed(find_credentials(text)):
        text = text[: span.start] + note + text[span.end :]
    return text


def _place(match: re.Match[str]) -> tuple[int, int]:
    groups = match.groupdict()
    name = next((g for g in ("quoted", "bare") if groups.get(g) is not None), None)
    if name is None:
        return match.span()
    start, end = match.span(name)
    while end - 1 > start and match.string[end - 1] in ".,;)" and name == "bare":
        end -= 1
    return start, end


def _pairs(text: str, match: re.Match[str], join: str) -> bool:
    """Tell whether what stands beside a user's name is a secret; after a slash or colon it need not look odd."""
    groups = match.groupdict()
    if groups.get("quoted"):
        return True
    explicit = (groups.get("join") or join).strip() in {"/", ":", "|"}
    return _told(_bare(text, match), ":" if explicit else " ")


def _not_plain(word: str) -> bool:
    return word.casefold() == "admin" or word.casefold() not in _PLAIN_WORDS


def _apart(found: list[Span]) -> tuple[Span, ...]:
    apart: list[Span] = []
    for span in sorted(found, key=lambda s: (s.start, -s.end)):
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
        elif span.end > apart[-1].end:
            apart[-1] = Span(apart[-1].start, span.end, apart[-1].kind)
    return tuple(apart)
