"""The languages of the status page, by its own catalogue."""

from monitor.tongues import ENGLISH, LOCALES, Tongue, preferred, quality, tongue_of

__all__ = ["ENGLISH", "LANGUAGES", "LOCALES", "Tongue", "preferred", "quality", "tongue"]

LANGUAGES = tuple(LOCALES)


def tongue(code: str) -> Tongue:
    """Return a language of the status page."""
    return tongue_of(__package__, code)
