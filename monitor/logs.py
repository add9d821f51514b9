"""Logging: structlog, one event per line on stderr; JSON in production, readable in a terminal.

What the libraries log by ``logging`` goes the same way. A traceback never shows the values of variables: they
are tokens, passwords and bodies.
"""

import logging
import sys

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from structlog.tracebacks import ExceptionDictTransformer


def set_up(*, as_json: bool | None = None, level: str = "INFO") -> None:
    """Configure logging once; ``as_json`` None means JSON unless stderr is a terminal."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared = _shared()
    rendered = _rendered(as_json=as_json)
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_ours_to_know)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendered(*, as_json: bool) -> list[structlog.typing.Processor]:
    if not as_json:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, structlog.processors.JSONRenderer()]


def _is_ours_to_know(record: logging.LogRecord) -> bool:
    """Drop the traceback that the HTTP server writes for every scanner that does not speak HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
