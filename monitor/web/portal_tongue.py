"""The languages of the portal: a catalogue of sentences each (``locales/*.po``), and how each writes times.

English is what the code and the templates say; a catalogue holds what it is in another language. What a catalogue lacks
is shown in English. Sentences keep their ``%(name)s``: what is put in is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files

from babel.dates import format_skeleton
from babel.messages.pofile import read_po
from markupsafe import Markup

LOCALES: Mapping[str, str] = {"en": "en_GB", "it": "it", "de": "de", "fr": "fr", "es": "es"}
NAMES: Mapping[str, str] = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: what it says for our English sentences, and how it writes days and times."""

    code: str
    _said: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def say(self, sentence: str) -> str:
        """Return a sentence in this language."""
        return self._said.get(sentence, sentence)

    def html(self, sentence: str, **values: object) -> Markup:
        """Return the sentence as markup; the values are escaped unless they are markup."""
        said = Markup(self._said[sentence]) if sentence in self._said else Markup.escape(sentence)  # noqa: S704 - our own catalogue
        return said % values if values else said

    def moment(self, local: datetime) -> str:
        """Write the weekday, the day and the time on somebody's clock."""
        if self.code == "en":
            return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
        day = format_skeleton("yMMMEd", local, locale=LOCALES[self.code])
        return f"{day}, {local:%H:%M}"

    def day(self, local: datetime) -> str:
        """Write a day."""
        if self.code == "en":
            return f"{local.day} {local:%b %Y}"
        return format_skeleton("yMMMd", local, locale=LOCALES[self.code])


ENGLISH = Tongue("en")


@cache
def tongue(code: str) -> Tongue:
    """Return a language that the portal has, read when it is first wanted; English for any other."""
    where = files("monitor.web").joinpath("locales", f"{code}.po")
    if code == "en" or code not in LOCALES or not where.is_file():
        return ENGLISH
    with where.open("rb") as file:
        found = read_po(file, locale=LOCALES[code])
    said = {
        each.id: each.string
        for each in found
        if isinstance(each.id, str) and isinstance(each.string, str) and each.id and each.string
    }
    return Tongue(code, said)


COOKIE = "portal_language"


def chosen(cookie: str, accepted: str, known: str) -> Tongue:
    """Return whoever looks's language: what they chose, what their browser asks for, what is on record of them.

    A program that says nothing of languages gets English.
    """
    if cookie in LOCALES:
        return tongue(cookie)
    if not accepted:
        return ENGLISH
    for part in accepted[:200].split(","):
        code = part.strip().partition(";")[0].split("-")[0].lower()
        if code in LOCALES:
            return tongue(code)
    return tongue(known.split("-", maxsplit=1)[0].lower())
