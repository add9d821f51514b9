"""Finds the configuration that comes with the program: inside the wheel, or ``config/`` in a checkout."""

from importlib.resources import files
from pathlib import Path


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as ``shipped("policies")``."""
    package = Path(str(files("monitor")))
    inside = package / "default_config"
    return (inside if inside.is_dir() else package.parent / "config").joinpath(*parts)
