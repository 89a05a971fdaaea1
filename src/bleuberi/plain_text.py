"""Text of models and data as plain text, for terminals and pages.

Prompts and outputs are untrusted: an escape code repaints a terminal, and a bidirectional override shows a line in an
order in which it was not written. Such characters are shown by their number instead.
"""

from __future__ import annotations

import re
import sys
from typing import Final, TextIO

# Controls but for tab and newline; what turns the direction of text (UAX 9), or is a line break to some programs only;
# what is read by machines and seen by nobody; surrogates without a partner, which no encoding writes.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\u2028\u2029"
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"
)

_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """The text with every control, override and invisible character as its escape, e.g. `\\x1b` or `\\u202e`.

    Tabs, newlines, and the joiners that scripts and emoji need, stay; a carriage return before a newline goes.
    """
    return _UNSEEN.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str, most: int = 0) -> str:
    """`plain` without line breaks, cut to `most` characters where that is above 0."""
    line = " ".join(plain(text).split())
    return line if not most or len(line) <= most else line[: most - 1] + "…"


def storable(text: str) -> str:
    """The text with U+FFFD for every lone surrogate: JSON from a server or a file can hold one, UTF-8 cannot."""
    return _HALF_PAIR.sub("\ufffd", text)


def say(text: object = "", *, file: TextIO | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print plain text: what commands print with wherever a user's, a file's or a model's words may be in it."""
    print(plain(str(text)), file=file or sys.stdout, end=end, flush=flush)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
