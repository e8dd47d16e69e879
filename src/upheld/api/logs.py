"""Events as lines of JSON: when, what, and facts about the program; nothing of callers.

An exception is told by its type and the places it went through: its message may hold a value.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

import msgspec

LOGGER = logging.getLogger("upheld")


class Lines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line."""
        content: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": str(record.msg) if record.name == LOGGER.name else "server",
        }
        if record.name != LOGGER.name and not record.exc_info:
            content["message"] = record.getMessage()
        content.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            content["error"] = record.exc_info[0].__name__
            content["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames]
        return msgspec.json.encode(content).decode()


def event(what: str, level: int = logging.INFO, **facts: object) -> None:
    """Log an event with facts about the program."""
    LOGGER.log(level, what, extra={"facts": facts})


def to_stream(stream: TextIO | None = None) -> logging.Handler:
    """Send events, and what the server itself has to say, to a stream as lines of JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    for name, level in ((LOGGER.name, logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    return handler
