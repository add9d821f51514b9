"""The languages of the portal, by its own catalogue, and whose is chosen."""

from monitor.tongues import ENGLISH, LOCALES, Tongue, preferred, tongue_of

COOKIE = "portal_language"


def tongue(code: str) -> Tongue:
    """Return a language of the portal; English for any that it does not have."""
    return tongue_of("monitor.web", code)


def chosen(cookie: str, accepted: str, known: str) -> Tongue:
    """Return whoever looks's language: what they chose, what their browser asks for, what is on record of them.

    A program that says nothing of languages gets English.
    """
    if cookie in LOCALES:
        return tongue(cookie)
    if not accepted:
        return ENGLISH
    return tongue(preferred(accepted, tuple(LOCALES)) or known.split("-", maxsplit=1)[0].lower())
