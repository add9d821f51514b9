"""The kinds of values a configuration holds, as annotated types for pydantic models.

Each says in one sentence what is wrong. Numbers written where text belongs stay as they were written
(version ``5.10`` is not 5.1); phone numbers become E.164; zones are IANA names that know summer time.
"""

import re
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monitor.settings import durations
from monitor.settings.secret import Secret
from monitor.settings.validation import did_you_mean

_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")
_EMAIL = re.compile(r"[^\s@<>,;\"()]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_LONGEST_LINE, _LONGEST_TEXT = 200, 10_000
_FIRST_PRINTABLE = " "
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_SHORTEST_KEY = 16

_FIXED_ZONES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MST7MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PST8PDT": "America/Los_Angeles",
    "HST": "Pacific/Honolulu",
    "GMT": "Europe/London",
    "BST": "Europe/London",
    "WET": "Europe/Lisbon",
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "MET": "Europe/Berlin",
    "EET": "Europe/Helsinki",
}
_TOO_LONG_NUMBER = phonenumbers.ValidationResult.TOO_LONG
_TOO_SHORT_NUMBERS = {
    phonenumbers.ValidationResult.TOO_SHORT,
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
}


def as_text(value: Any) -> Any:
    """Give a number back as it was written; leave everything else to pydantic."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(getattr(value, "written", value))
    return value


def line(text: str) -> str:
    """Check one line of text: something in it, nothing unprintable."""
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text) > _LONGEST_LINE:
        raise ValueError(f"must have at most {_LONGEST_LINE} characters")
    if any(character < _FIRST_PRINTABLE for character in text) or "\x7f" in text:
        raise ValueError("must be one line without control characters")
    return text


def ident(text: str) -> str:
    """Check an identifier: it goes into addresses and file names."""
    if not _IDENT.fullmatch(text):
        raise ValueError(
            "must be letters, digits and . _ : @ - only (at most 100), beginning with a letter or digit"
        )
    return text


def serial(text: str) -> str:
    """Check a serial number: one line, no slash (it is part of addresses)."""
    if "/" in text or "\\" in text:
        raise ValueError("must not contain a slash")
    return line(text)


def country(text: str) -> str:
    """Check an ISO 3166 country code."""
    known = countries()
    if text in known:
        return text
    meant = "GB" if text.upper() == "UK" else text.upper() if text.upper() in known else _country_named(text)
    hint = f"; did you mean {meant!r}?" if meant else ""
    raise ValueError(f"{text!r} is not a two-letter ISO 3166 country code{hint}")


@cache
def countries() -> dict[str, str]:
    """Return every ISO 3166 code with its name, from the zone database."""
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    rows = (row.split("\t") for row in table.splitlines() if row and not row.startswith("#"))
    return {code: name for code, name in rows}  # noqa: C416 - dict(rows) would not check the pairs' type


def _country_named(text: str) -> str:
    names = {name.casefold(): code for code, name in countries().items()}
    near = get_close_matches(text.casefold(), names, n=1, cutoff=0.8)
    return names[near[0]] if near else ""


def language(text: str) -> str:
    """Check a language tag such as ``it`` or ``pt-BR``."""
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{text!r} is not a language tag such as 'it' or 'pt-BR'")
    return text


def zone(text: str) -> str:
    """Check an IANA zone; refuse abbreviations, which stand still while the clocks change."""
    if text in _FIXED_ZONES:
        raise ValueError(
            f"{text!r} is an abbreviation, not a zone; use {_FIXED_ZONES[text]!r} or a city near you"
        )
    if text != "UTC" and ("/" not in text or text not in zones()):
        raise ValueError(f"{text!r} is not an IANA zone such as 'Europe/Rome'{_zone_hint(text)}")
    ZoneInfo(text)
    return text


@cache
def zones() -> frozenset[str]:
    """Return the IANA zones that are installed: read once, for it walks the disk."""
    return frozenset(available_timezones())


def _zone_hint(text: str) -> str:
    cities = {name.rpartition("/")[2]: name for name in sorted(zones()) if "/" in name}
    city = text.rpartition("/")[2].strip().replace(" ", "_").title()
    return f"; did you mean {cities[city]!r}?" if city in cities else did_you_mean(text, zones())


def phone(text: str) -> str:
    """Return a number in E.164; an Italian number keeps its zero."""
    if not text.strip().startswith("+"):
        raise ValueError(
            "must be an international number: begin with + and the country code, such as +39 046 1171 5112"
        )
    try:
        number = phonenumbers.parse(text.strip(), None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(_unreadable_number(error)) from None
    if number.extension:
        raise ValueError("must be a number that can be dialled without an extension")
    found = phonenumbers.is_possible_number_with_reason(number)
    if found in _TOO_SHORT_NUMBERS:
        raise ValueError("is too short for a telephone number")
    if found == _TOO_LONG_NUMBER:
        raise ValueError("is too long for a telephone number")
    if found != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("is no telephone number that can be dialled from abroad")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _unreadable_number(error: phonenumbers.NumberParseException) -> str:
    if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        return "must begin with + and a country code that exists"
    if error.error_type == phonenumbers.NumberParseException.TOO_LONG:
        return "is too long for a telephone number"
    if error.error_type == phonenumbers.NumberParseException.NOT_A_NUMBER:
        return "is not a telephone number"
    return "is too short for a telephone number"


def phone_region(number: str) -> str | None:
    """Return the country an E.164 number is in, or None where that cannot be told."""
    parsed = phonenumbers.parse(number, None)
    region = phonenumbers.region_code_for_number(parsed)
    return region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)


def email(text: str) -> str:
    """Check a mail address."""
    if not _EMAIL.fullmatch(text):
        raise ValueError("must be a mail address such as noc@example.org")
    return text


def web_address(text: str) -> str:
    """Check an http or https address; the slash at its end is dropped."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is the check
    except ValueError:
        raise ValueError("must be an address such as https://status.example.org") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise ValueError("must be an address such as https://status.example.org")
    if parts.username or parts.password:
        raise ValueError("must not contain a user or password")
    return text.rstrip("/")


def moment(value: Any) -> datetime:
    """Read an ISO 8601 date and time, with or without its offset."""
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("must be a date and time such as 2026-01-05T09:00") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return found


def day(value: Any) -> date:
    """Read an ISO 8601 date."""
    try:
        found = date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("must be a date such as 2026-03-01") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return found


def long_enough(secret: Secret) -> Secret:
    """Refuse keys that can be guessed."""
    if len(secret.reveal()) < _SHORTEST_KEY:
        raise ValueError(f"must have at least {_SHORTEST_KEY} characters")
    return secret


def database(secret: Secret) -> Secret:
    """Check that an address is one of a database we can use; it holds a password, so it is not shown."""
    if not secret.reveal().startswith(("postgresql://", "postgresql+psycopg://", "sqlite:///")):
        raise ValueError("must be an address such as postgresql://user:password@host/name or sqlite:///path")
    return secret


def nothing_is_empty(value: Any) -> Any:
    """Take a key with nothing below it (all of it commented out) for an empty list."""
    return () if value is None else value


def filled(listed: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse an empty list (pydantic's own check would also count entries that are wrong as missing)."""
    if not listed:
        raise ValueError("must not be empty")
    return listed


def words(value: Any) -> Any:
    """Take ``it en`` or ``it, en`` for a list."""
    return [word for word in re.split(r"[\s,]+", value) if word] if isinstance(value, str) else value


def _duration(pattern: str, example: str) -> WithJsonSchema:
    kinds = [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]
    return WithJsonSchema({"anyOf": kinds, "examples": [example]})


Seconds = Annotated[
    float,
    BeforeValidator(durations.seconds),
    Field(le=3650 * 86_400),
    _duration(durations.DURATION_PATTERN, "1h30m"),
]
Size = Annotated[
    int, BeforeValidator(durations.size), Field(le=1 << 40), _duration(durations.SIZE_PATTERN, "20 MiB")
]
Text = Annotated[str, BeforeValidator(as_text), Field(max_length=_LONGEST_TEXT)]
Line = Annotated[str, BeforeValidator(as_text), AfterValidator(line)]
Ident = Annotated[str, BeforeValidator(as_text), AfterValidator(ident)]
Serial = Annotated[str, BeforeValidator(as_text), AfterValidator(serial)]
Country = Annotated[str, AfterValidator(country)]
Language = Annotated[str, AfterValidator(language)]
Languages = Annotated[tuple[Language, ...], BeforeValidator(words)]
Zone = Annotated[str, AfterValidator(zone)]
Phone = Annotated[str, BeforeValidator(as_text), AfterValidator(phone)]
Email = Annotated[str, AfterValidator(email)]
WebAddress = Annotated[str, AfterValidator(web_address)]
Moment = Annotated[
    datetime, BeforeValidator(moment), WithJsonSchema({"type": "string", "examples": ["2026-01-05T09:00"]})
]
Day = Annotated[date, BeforeValidator(day), WithJsonSchema({"type": "string", "format": "date"})]
Token = Annotated[Secret, AfterValidator(long_enough)]
DatabaseAddress = Annotated[Secret, AfterValidator(database)]
