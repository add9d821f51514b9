"""Options that many commands share, and how they answer."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigPath = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file or folder.", show_default=False)
]
DataDir = Annotated[Path, typer.Option("--data-dir", help="Where SQLite and generated keys are kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
At = Annotated[str | None, typer.Option("--at", help="The moment, ISO 8601; now if left out.")]
DATA = Path("tocsin-data")


def say(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, ensure_ascii=False, indent=None))
