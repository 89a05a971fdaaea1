"""Text of models and data as plain text, for terminals and pages.

Prompts and responses are untrusted: escape codes can repaint a terminal, and bidirectional overrides change the
displayed order. Such characters are replaced by their escapes.
"""

from __future__ import annotations

import re
import sys
from typing import Final, TextIO

# Control characters except tab and newline; bidirectional controls (UAX 9); line breaks that only some programs know;
# invisible characters; lone surrogates, which cannot be encoded.
# Texts, not compiled: `re` compiles each at its first use, which `--help` never needs.
_UNSEEN: Final = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\u2028\u2029"
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"
)

_HALF_PAIR: Final = "[\ud800-\udfff]"


def plain(text: str) -> str:
    """The text with every control, override and invisible character as its escape, e.g. `\\x1b` or `\\u202e`.

    Keeps tabs, newlines, and joiners for scripts and emoji; removes a carriage return before a newline.
    """
    return re.sub(_UNSEEN, _escape, text.replace("\r\n", "\n"))


def one_line(text: str, most: int = 0) -> str:
    """`plain` without line breaks, cut to `most` characters if that is above 0."""
    line = " ".join(plain(text).split())
    return line if not most or len(line) <= most else line[: most - 1] + "…"


def storable(text: str) -> str:
    """The text with U+FFFD for every lone surrogate: JSON can contain them, UTF-8 cannot."""
    return re.sub(_HALF_PAIR, "\ufffd", text)


def say(text: object = "", *, file: TextIO | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print with `plain`. Commands use it for all output that may contain text from users, files or models."""
    print(plain(str(text)), file=file or sys.stdout, end=end, flush=flush)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
