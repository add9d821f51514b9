"""May this number be dialled? The guard against toll fraud, as one pure function.

A number is dialled only if somebody registered it as a contact, it is a complete E.164 number, its type
cannot earn its owner money by being called, and its country is one the operator allows. The answer
carries its reason. Caps and budgets are the pipeline's; this is about the number alone.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

COUNTRIES = frozenset({"US", "GB", "IT", "DE", "AT", "CH", "FR", "ES"})
"""Where we call unless configured otherwise."""

NOWHERE = "001"
"""The region of numbers that belong to no country (satellites, global services): never dialled."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)

# An allow-list: a type that phonenumbers learns tomorrow is refused until somebody thinks about it.
_KINDS = {
    PhoneNumberType.FIXED_LINE: "fixed line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed line or mobile",
    PhoneNumberType.VOIP: "voice over IP",
    PhoneNumberType.TOLL_FREE: "toll free",
    PhoneNumberType.UAN: "company number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """Whether a number may be dialled, and why."""

    allowed: bool
    reason: str


def may_dial(
    number: str, *, registered: Collection[str], countries: Collection[str] | None = COUNTRIES
) -> Dialling:
    """Judge a number; ``registered`` are our contacts' numbers, ``countries`` ISO codes (None: any country)."""
    if number not in registered:
        return _no("it is not a registered contact's number")
    if not _E164.fullmatch(number):
        return _no("it is not written in E.164, like +390612345678")
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException as error:
        return _no(f"it is not a telephone number: {error}")
    return _judge(number, parsed, countries)


def _judge(number: str, parsed: PhoneNumber, countries: Collection[str] | None) -> Dialling:
    region = phonenumbers.region_code_for_number(parsed)
    if region == NOWHERE:
        return _no("it belongs to no country (satellite or global service)")
    if region is None or not phonenumbers.is_valid_number(parsed):
        return _no("there is no such number in its country's numbering plan")
    if phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number:
        return _no("it is not complete in E.164")
    if countries is not None and region not in countries:
        return _no(f"its country {region} is not among those we may call")
    kind = phonenumbers.number_type(parsed)
    if kind not in _KINDS:
        return _no(f"its type {PhoneNumberType.to_string(kind)} is never dialled")
    return Dialling(allowed=True, reason=f"a registered contact's {_KINDS[kind]} number in {region}")


def _no(reason: str) -> Dialling:
    return Dialling(allowed=False, reason=reason)


def country_of(number: str) -> str | None:
    """Return the country a number belongs to, for counting; None where it cannot be told."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or None
    except NumberParseException:
        return None
