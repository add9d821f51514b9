"""The texts that come with us for global problems, by failure class and stage: what no configuration says.

English is what stands here; ``alerts/templates/public/<language>.po`` is what it is in the page's other languages.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from monitor.domain.wording import LANGUAGES, OVERRUN, Kind

ANY: Mapping[Kind, str] = {
    Kind.TITLE: "{what}: many systems fail",
    Kind.INVESTIGATING: "Since {since} many systems cannot be used as they should ({what}). We are looking for the cause.",
    Kind.IDENTIFIED: "We have found the cause and are working on the solution ({what}).",
    Kind.MONITORING: "The systems concerned answer again. We keep watching them.",
    Kind.AGAIN: "Systems fail again ({what}). We are working on it.",
    Kind.RESOLVED: "The systems concerned have been well for a while: the problem is over.",
}
"""What is said of a class that has no text of its own for it."""
OF: Mapping[str, Mapping[Kind, str]] = {
    "unreachable": {
        Kind.INVESTIGATING: "Since {since} many systems cannot be reached ({what}). We are looking for the cause.",
    },
    "portal_unreachable": {
        Kind.TITLE: "{what}: web access does not answer",
        Kind.INVESTIGATING: "Since {since} the web access of many systems does not answer ({what}). We are looking for the cause.",
    },
    "degraded": {
        Kind.TITLE: "{what}: many systems are slow",
        Kind.INVESTIGATING: "Since {since} many systems are slow or can only partly be used ({what}). We are looking for the cause.",
    },
    "call_drops": {
        Kind.TITLE: "{what}: calls drop",
        Kind.INVESTIGATING: "Since {since} calls drop on many systems ({what}). We are looking for the cause.",
        Kind.MONITORING: "Calls hold again. We keep watching the systems concerned.",
        Kind.RESOLVED: "Calls have been holding for a while: the problem is over.",
    },
    "crash": {
        Kind.TITLE: "{what}: systems restart by themselves",
        Kind.INVESTIGATING: "Since {since} processes crash on many systems ({what}). We are looking for the cause.",
        Kind.MONITORING: "The processes run again without crashes. We keep watching the systems concerned.",
    },
    "certificate_expiring": {
        Kind.TITLE: "{what}: a certificate expires",
        Kind.INVESTIGATING: "A certificate expires or has expired ({what}); secure connections may fail. We are renewing it.",
        Kind.MONITORING: "The certificate is renewed. We keep watching the connections.",
        Kind.RESOLVED: "The certificate is renewed and connections are secure: the problem is over.",
    },
    "hardware_fault": {
        Kind.TITLE: "{what}: hardware fault",
        Kind.INVESTIGATING: "Since {since} faulty hardware disturbs the service ({what}). We are working on it.",
    },
    "internet_connectivity": {
        Kind.TITLE: "{what}: disturbed Internet connection",
        Kind.INVESTIGATING: "Since {since} the Internet connection is disturbed ({what}). We are looking for the cause.",
    },
    "operator_fault": {
        Kind.TITLE: "{what}: fault at a telephone operator",
        Kind.INVESTIGATING: "Since {since} calls through a telephone operator are disturbed ({what}). We are in contact with the operator.",
        Kind.IDENTIFIED: "The fault lies with the telephone operator ({what}), who is working on it.",
    },
    "nobody_can_log_on": {
        Kind.TITLE: "{what}: nobody can log on",
        Kind.INVESTIGATING: "Since {since} users cannot log on ({what}). We are looking for the cause.",
        Kind.MONITORING: "Users can log on again. We keep watching.",
    },
    OVERRUN: {
        Kind.TITLE: "{what}: planned work is not over as announced",
        Kind.INVESTIGATING: "The planned work has not ended as announced at {since}, and what it covers does not work yet ({what}). We are working on it.",
        Kind.MONITORING: "What the planned work covers works again. We keep watching it.",
        Kind.RESOLVED: "The planned work is over, and what it covers works again.",
    },
}  # fmt: skip
WORDS: Mapping[str, str] = {
    "cloud": "cloud {name}",
    "region": "region {name}",
    "component": "component {name}",
    "carrier": "carrier {name}",
    "version": "version {name}",
    "hardware": "hardware {name}",
    "network": "network {name}",
    "partner": "partner {name}",
    "country": "country {name}",
    "fleet": "all that is watched",
    "and": "{one} and {other}",
}
"""How a group of systems is called, by what its systems have in common."""


def approved(cls: str, kind: Kind, language: str) -> str:
    """Return the text that comes with us, with its placeholders."""
    sentence = OF.get(cls, {}).get(kind) or ANY[kind]
    return catalogue(language).get(sentence, sentence)


def called(dimension: str, name: str, language: str) -> str:
    """Call a group as in a sentence; what its systems have in common may be a tag that we have no word for."""
    sentence = WORDS.get(dimension)
    if sentence is None:
        return f"{dimension} {name}"
    return catalogue(language).get(sentence, sentence).format(name=name)


def both(one: str, other: str, language: str) -> str:
    """Call the systems that are in two groups."""
    sentence = WORDS["and"]
    return catalogue(language).get(sentence, sentence).format(one=one, other=other)


def sentences() -> frozenset[str]:
    """Return all that is said, in English."""
    own = {text for texts in OF.values() for text in texts.values()}
    return frozenset(own | set(ANY.values()) | set(WORDS.values()))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return a language's sentences by the English ones; read when it is first wanted."""
    if language == "en" or language not in LANGUAGES:
        return {}
    source = files("alerts").joinpath("templates", "public", f"{language}.po")
    with source.open("rb") as file:
        return {
            message.id: message.string
            for message in read_po(file, locale=language)
            if message.id and isinstance(message.id, str) and isinstance(message.string, str)
        }
