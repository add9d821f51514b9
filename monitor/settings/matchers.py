"""Matchers as Alertmanager writes them: ``severity="critical"``, ``job!~"test-.*"``.

    name  =  !=  =~  !~  value, in quotes or without

A pattern is RE2's and matches the whole value, as there: whoever writes one cannot make it cost more than its text.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import re2

from monitor.domain.alert_rules import Matcher

_MATCHER = re.compile(
    r"""\s*(?P<name>"(?:[^"\\]|\\.)+"|[^\s{}!=~,\\"'`]+)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>.*?)\s*""",
    re.DOTALL,
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LONGEST = 1_000


@lru_cache(maxsize=1_000)
def matcher(text: str) -> Matcher:
    """Read one matcher; ``ValueError`` says what is wrong with it."""
    found = _MATCHER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f'must be a matcher such as severity="critical" (or != =~ !~), not {text[:80]!r}')
    name, how, value = _unquoted(found["name"]), found["how"], _unquoted(found["value"])
    test = _test(value) if how.endswith("~") else None
    return Matcher(name=name, value=value, negative=how.startswith("!"), test=test)


def _unquoted(text: str) -> str:
    """Return a value without its quotes and escapes, as Alertmanager reads it."""
    found = _QUOTED.fullmatch(text)
    if found is None:
        if text.startswith('"') or text.endswith('"'):
            raise ValueError(f"has a quote that is not closed: {text[:80]!r}")
        return text
    return _ESCAPE.sub(lambda escape: {"n": "\n"}.get(escape[1], escape[1]), found[1])


def _test(pattern: str) -> Callable[[str], bool]:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"{pattern[:80]!r} is no regular expression (RE2)") from error
    return lambda value: compiled.fullmatch(value) is not None
