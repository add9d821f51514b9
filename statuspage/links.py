"""Where pages point: to paths when served, to files beside them when exported. Pure."""

import posixpath
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import quote

Link = Callable[[str], str]
FILES = (".json", ".atom", ".rss", ".ics", ".svg", ".css", ".js", ".txt")
SPOKEN = ("/feed.atom", "/feed.rss", "/maintenance.ics")  # what programs read and show to people
SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


def problem_path(id: str) -> str:  # noqa: A002 - the field's own word
    """Return where a problem's page is."""
    return f"/incidents/{quote(id, safe='')}"


def work_path(id: str) -> str:  # noqa: A002
    """Return where a maintenance's page is."""
    return f"/maintenance/{quote(id, safe='')}"


def month_path(first: date) -> str:
    """Return where a month's history is."""
    return f"/history/{first:%Y-%m}"


def day_path(day: date) -> str:
    """Return where a day's minutes are: a place on its month's page."""
    return f"/history/{day:%Y-%m}#d{day.day}"


def in_language(code: str, path: str) -> str:
    """Return where a page or a feed is in a language; what only programs read is in none."""
    in_none = path.partition("#")[0].endswith(FILES) and path not in SPOKEN
    return path if not code or in_none else f"/{code}{path}"


def served(path: str) -> str:
    """Point to a path of this host."""
    return path


def file_of(path: str) -> str:
    """Return the file that holds a path in an export: any web server then finds it under the same path."""
    if path == "/404":
        return "404.html"
    if path.endswith(FILES):
        return path.lstrip("/")
    return posixpath.join(path.strip("/"), "index.html")


def beside(path: str) -> Link:
    """Point from one exported page to others by relative file names."""
    folder = posixpath.dirname(file_of(path))

    def link(target: str) -> str:
        bare, hash_, fragment = target.partition("#")
        return posixpath.relpath(file_of(bare), folder or ".") + hash_ + fragment

    return link
