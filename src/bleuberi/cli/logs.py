"""Log messages on standard error, without secrets."""

from __future__ import annotations

import logging
import sys

from bleuberi.plain_text import plain
from bleuberi.redaction import redact


class RedactingFormatter(logging.Formatter):
    """Hides secrets: messages may quote prompts, names, paths and library errors."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(redact(super().format(record)))


def talk_on_stderr() -> None:
    """Send the package's log messages to standard error unformatted; only results go to standard output."""
    logger = logging.getLogger("bleuberi")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
