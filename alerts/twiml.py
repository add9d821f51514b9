"""The XML a Twilio-compatible provider speaks from, and the signature it puts on its requests.

    announce -> Gather(one key) around the text -> key pressed, or none -> repeat | a closing phrase, hang up

XML is built as a tree, never pasted together, so that nothing a customer wrote can become a verb. The
text is read again when no key comes; what one reading may last is bounded in ``alerts/script.py``.
"""

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit
from xml.etree import ElementTree as ET

from alerts.base import CallScript
from alerts.cleaning import clean
from alerts.script import LONGEST_BODY, LONGEST_CALL, keys_text, phrase, spoken_seconds, voice_tag, within

KEY_SECONDS = 10
"""How long the provider waits for a key after the last word."""

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

Params = Collection[tuple[str, str]]
"""A request's form fields, in any order, repeated ones included."""

_ALGORITHMS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_PORTS = {"https": 443, "http": 80}


def announce(
    call: CallScript, *, action: str, before: str = "", voices: Mapping[str, str] | None = None
) -> str:
    """Read the text and the keys, and post the key (or that there was none) to ``action``."""
    response = ET.Element("Response")
    gather = ET.SubElement(response, "Gather", _gather(action))
    keys = keys_text(call.language, call.keys)
    text = within(clean(call.text, LONGEST_BODY), LONGEST_CALL - spoken_seconds(keys))
    for sentence in filter(None, (before, text, keys)):
        _say(gather, sentence, call.language, voices)
    return _document(response)


def recite(call: CallScript, *, voices: Mapping[str, str] | None = None) -> str:
    """Read the text twice and hang up: for a provider who cannot ask us what to do with a key."""
    response = ET.Element("Response")
    text = within(clean(call.text, LONGEST_BODY), LONGEST_CALL / 2)
    _say(response, text, call.language, voices)
    ET.SubElement(response, "Pause", {"length": "1"})
    _say(response, text, call.language, voices)
    ET.SubElement(response, "Hangup")
    return _document(response)


def close(language: str, name: str, *, voices: Mapping[str, str] | None = None) -> str:
    """Say one of the fixed phrases and hang up."""
    response = ET.Element("Response")
    _say(response, phrase(language, name), language, voices)
    ET.SubElement(response, "Hangup")
    return _document(response)


def wait(language: str, again: str, *, voices: Mapping[str, str] | None = None) -> str:
    """Ask for a moment and have the provider come back to ``again``: our record was slow."""
    response = ET.Element("Response")
    _say(response, phrase(language, "one_moment"), language, voices)
    ET.SubElement(response, "Pause", {"length": "3"})
    ET.SubElement(response, "Redirect", {"method": "POST"}).text = again
    return _document(response)


def signature(secret: str, url: str, params: Params, *, algorithm: str = "HMAC_SHA1") -> str:
    """Return the signature of a request: the URL, then every name and value in order, under a secret."""
    text = url + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.new(secret.encode(), text.encode(), _ALGORITHMS[algorithm]).digest()
    return base64.b64encode(digest).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a provider may sign with: account tokens (two while one is being replaced), shared keys by id."""

    tokens: tuple[str, ...]
    shared_keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __repr__(self) -> str:
        """Show how many there are, never what they are."""
        return f"Secrets({len(self.tokens)} tokens, {len(self.shared_keys)} shared keys)"


def verify(url: str, params: Params, headers: Mapping[str, str], secrets: Secrets) -> bool:
    """Say whether a request is signed with one of our secrets; ``url`` is our configured public address."""
    given = headers.get(SIGNATURE, "").encode()
    settings = _settings(headers.get(SETTINGS, ""))
    algorithm = settings.get("algorithm", "HMAC_SHA1").upper()
    if not given or algorithm not in _ALGORITHMS:
        return False
    # No short cut: every candidate is compared, each in constant time.
    candidates = [
        hmac.compare_digest(signature(secret, form, params, algorithm=algorithm).encode(), given)
        for secret in _candidates(secrets, settings.get("key"))
        for form in _forms(url)
    ]
    return any(candidates)


def _candidates(secrets: Secrets, key: str | None) -> Iterable[str]:
    """A request that names a shared key is judged by that key alone; an empty secret signs nothing."""
    if key is None:
        return filter(None, secrets.tokens)
    return filter(None, (secrets.shared_keys.get(key, ""),))


def _settings(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def _forms(url: str) -> tuple[str, str]:
    """Return the address with and without its port: providers are not of one mind which they sign."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 443)
    return _with_netloc(parts, _host(parts)), _with_netloc(parts, f"{_host(parts)}:{port}")


def _host(parts: SplitResult) -> str:
    host, separator, port = parts.netloc.rpartition(":")
    return host if separator and port.isdigit() else parts.netloc


def _with_netloc(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()


def _gather(action: str) -> dict[str, str]:
    return {
        "action": action,
        "method": "POST",
        "input": "dtmf",
        "numDigits": "1",
        "timeout": str(KEY_SECONDS),
        "finishOnKey": "",
        "actionOnEmptyResult": "true",
    }


def _say(parent: ET.Element, text: str, language: str, voices: Mapping[str, str] | None) -> None:
    tag = voice_tag(language)
    attributes = {"language": tag}
    if voice := (voices or {}).get(tag[:2]):
        attributes["voice"] = voice
    ET.SubElement(parent, "Say", attributes).text = text


def _document(response: ET.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(response, encoding="unicode")
