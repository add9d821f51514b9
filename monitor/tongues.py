"""The languages of the pages: a catalogue of sentences each (``locales/*.po`` of a package), and how each writes times and figures.

English is what the code and the templates say; a catalogue holds what it is in another language. A sentence that a
catalogue lacks is shown in English (a test finds it). Sentences keep their ``%(name)s``: what is put in is escaped
on pages (:meth:`Tongue.html`) and left as it is elsewhere (:meth:`Tongue.say`). The status page and the portal have a
catalogue each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files

from babel.dates import format_date, format_interval, format_skeleton
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol
from markupsafe import Markup

from monitor.domain.wording import NAMES

LOCALES: Mapping[str, str] = {"en": "en_GB", "it": "it", "de": "de", "fr": "fr", "es": "es"}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: what it says for our English sentences, and how it writes days and figures."""

    code: str
    _said: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    _many: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], repr=False)

    @property
    def locale(self) -> str:
        """The locale that dates follow."""
        return LOCALES[self.code]

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return NAMES[self.code]

    def say(self, sentence: str, **values: object) -> str:
        """Return the sentence in this language, with the values put in as they are."""
        said = self._said.get(sentence, sentence)
        return said % values if values else said

    def html(self, sentence: str, **values: object) -> Markup:
        """Return the sentence as markup; the values are escaped unless they are markup."""
        ours = self._said.get(sentence)  # what the catalogue lacks may be anybody's words
        said = Markup.escape(sentence) if ours is None else Markup(ours)  # noqa: S704 - our own catalogue
        return said % values if values else said

    def many(self, one: str, other: str, n: int) -> str:
        """Return the sentence that fits the number, with it put in as ``%(n)s``."""
        forms = self._many.get(one, (one, other))
        alone = n in (0, 1) if self.code == "fr" else n == 1
        return forms[0 if alone else -1] % {"n": n}

    def all_of(self, many: Iterable[str]) -> str:
        """Join names as a sentence does: ``a, b and c``."""
        return format_list(list(many), style="standard", locale=self.locale)

    def figure(self, value: float, digits: int) -> str:
        """Write a number with this language's decimal sign."""
        return f"{value:.{digits}f}".replace(".", get_decimal_symbol(self.locale))

    def day(self, day: date, pattern: str) -> str:
        """Write a date by one of CLDR's skeletons (``MMMd``, ``yMMMd``, ``yMMMM``), ``EEEE``, or ``full``."""
        return _day(day, pattern, self.locale)

    def days(self, first: date, last: date) -> str:
        """Write ``22 November``, or a run as ``16-22 November``."""
        if first == last:
            return self.day(first, "MMMMd")
        return format_interval(first, last, "MMMMd", locale=self.locale)

    def moment(self, local: datetime) -> str:
        """Write the weekday, the day and the time on somebody's clock."""
        if self.code == "en":
            return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
        return f"{self.day(local, 'yMMMEd')}, {local:%H:%M}"

    def short_day(self, local: date) -> str:
        """Write a day: ``22 Nov 2026``."""
        return f"{local.day} {local:%b %Y}" if self.code == "en" else self.day(local, "yMMMd")


@cache
def _day(day: date, pattern: str, locale: str) -> str:
    if pattern in ("full", "EEEE"):
        return format_date(day, pattern, locale)
    return format_skeleton(pattern, day, locale=locale)


ENGLISH = Tongue("en")


@cache
def tongue_of(package: str, code: str) -> Tongue:
    """Return a language by a package's catalogue, read when it is first wanted; English for one that it does not have."""
    where = files(package).joinpath("locales", f"{code}.po")
    if code == "en" or code not in LOCALES or not where.is_file():
        return ENGLISH
    said: dict[str, str] = {}
    many: dict[str, tuple[str, ...]] = {}
    with where.open("rb") as file:
        for message in read_po(file, locale=LOCALES[code]):
            if isinstance(message.id, str) and message.id and isinstance(message.string, str):
                if message.string:
                    said[message.id] = message.string
            elif not isinstance(message.id, str) and isinstance(message.string, tuple | list):
                many[message.id[0]] = tuple(message.string)
    return Tongue(code, said, many)


@lru_cache(maxsize=1024)  # browsers send the same few headers, thousands of times a second
def preferred(accepted: str, offered: tuple[str, ...]) -> str | None:
    """Return which of the offered languages an ``Accept-Language`` header wants most (RFC 9110), if any."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:200].split(",")):
        name, _, parameters = part.strip().partition(";")
        code = name.split("-")[0].lower()
        liked = quality(parameters)
        if code in offered and liked > 0:
            wanted.append((-liked, place, code))
    return min(wanted)[2] if wanted else None


def quality(parameters: str) -> float:
    """Return how much something is wanted by the parameters behind it: ``q=0.5``; 1 where there is none."""
    name, _, value = parameters.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
