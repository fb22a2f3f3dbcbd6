"""What a process writes about itself: one JSON object a line on stderr, readable lines on a terminal."""

import logging
import sys
from typing import Any, TextIO

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CHATTY = ("uvicorn", "uvicorn.error", "mcp", "httpx", "httpx2", "sse_starlette", "aiosqlite", "asyncio")


def write_to(stream: TextIO, level: str) -> None:
    """Have structlog and the standard library's logging write to `stream`; `level` is debug, info, warning or error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=_last(stream), foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    set_level(level)


def set_level(level: str) -> None:
    """Change the least severe level that is written; libraries are held to warnings unless it is debug."""
    logging.getLogger().setLevel(_LEVELS[level])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else max(_LEVELS[level], logging.WARNING))


def _last(stream: TextIO) -> list[Any]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if stream.isatty():
        return [remove, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [
        remove,
        # Without the local variables of each frame: they hold tokens and passwords.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def to_stderr(level: str = "info") -> None:
    """Write to stderr."""
    write_to(sys.stderr, level)
