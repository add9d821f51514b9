"""Fills ``${env:NAME}``, ``${env:NAME:-default}`` and ``${file:/path}`` into text values.

Only inside string values, never in keys, and never twice. ``$${`` is a literal ``${``. What was filled
in is remembered so that error messages can show the reference instead of the value.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([A-Za-z]+):([^{}]*)\}")
_LARGEST = 64 * 1024
_SECRET_FROM = 4  # shorter values are no secrets, and hiding them would garble messages


@dataclass(slots=True)
class Filler:
    """Fills references; ``filled`` maps what was filled in to its reference."""

    environ: Mapping[str, str] | None = None
    folder: Path | None = None
    filled: dict[str, str] = field(default_factory=dict[str, str])

    def fill(self, text: str) -> str:
        """Return the text with every reference filled in; raise ``ValueError`` with a sentence."""
        return _REFERENCE.sub(self._one, text) if "${" in text else text

    def _one(self, found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        kinds: dict[str, Callable[[str], str]] = {"env": self._env, "file": self._file}
        if found[2] not in kinds:
            near = get_close_matches(found[2], kinds, n=1)
            hint = f"did you mean ${{{near[0]}:…}}?" if near else "use ${env:NAME} or ${file:/path}"
            raise ValueError(f"unknown reference ${{{found[2]}:…}}; {hint} (write $${{ for a plain ${{)")
        value = kinds[found[2]](found[3])
        if len(value) >= _SECRET_FROM:
            self.filled[value] = found[0]
        return value

    def _env(self, name: str) -> str:
        name, has_default, default = name.partition(":-")
        environ = os.environ if self.environ is None else self.environ
        value = environ.get(name) or (default if has_default else environ.get(name))
        if value is None:
            raise ValueError(f"environment variable {name} is not set")
        return value

    def _file(self, name: str) -> str:
        path = Path(name)
        if not path.is_absolute():
            if self.folder is None:
                raise ValueError(f"${{file:{name}}}: the path must be absolute here")
            path = self.folder / path
        try:
            raw = _read(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"file {name} cannot be read: {reason or 'unreadable'}") from None
        return raw.removesuffix("\n").removesuffix("\r")


def _read(path: Path) -> str:
    if not path.is_file():
        raise ValueError("there is no such file")
    with path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise ValueError("it is larger than 64 KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
