"""Find faults in a single text: cut ends, loops, broken encoding, tokens of chat formats.

Each check would rather miss a case than mark a good text, because users drop rows by these flags.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from typing import Final

_OPEN_ENDS: Final = frozenset(
    {
        "a", "an", "the", "and", "or", "but", "nor", "of", "from", "into", "than", "which", "because", "while", "if",
        "is", "are", "was", "were", "its", "their", "his", "her", "your", "our", "my",
    }
)  # fmt: skip
_MIN_WORDS_OF_CUT: Final = 20
_MIN_WORDS_OF_LOOP: Final = 40
_LOOP_RUN: Final = 8
_LOOP_SHARE: Final = 0.5
_PLAIN_COMPRESSION: Final = 0.45
"""Text that zlib makes no smaller than this share of itself repeats nothing; it spares most texts the count."""

_DAMAGE: Final = re.compile(
    "\ufffd"  # what a decoder writes for bytes that it could not read
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # control characters, C1 ones from Windows-1252 read as Latin-1
    "|[\ud800-\udfff]"  # halves of surrogate pairs
    "|\u00c3[\u0080-\u00bf]|\u00c2[\u0080-\u00bf](?!\\w)"  # UTF-8 read as Latin-1
    "|\u00e2\u20ac[\u0090-\u2122]"  # UTF-8 read as Windows-1252
    "|\\\\u00[0-9a-f]{2}|\\\\u20[01][0-9a-f]"  # escapes that were never read
)  # fmt: skip
_CONTROL: Final = re.compile(
    r"<\|(?:im_start|im_end|im_sep|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text|endoftext|"
    r"user|assistant|system|end|start|message|channel|return|fim_\w+)\|>|<(?:start|end)_of_turn>|\[/?INST\]|<<SYS>>"
)
_FENCE: Final = re.compile(r"^[^\S\n]*```", re.MULTILINE)  # within a line: over many empty ones `\s*` takes n² steps


def is_truncated(text: str) -> bool:
    """Whether a longer text stops in the middle: in an open code fence, at a comma, or at a word that needs another
    one."""
    if len(_FENCE.findall(text)) % 2:
        return True
    words = text.split()
    if len(words) < _MIN_WORDS_OF_CUT or not text.rstrip():
        return False
    last = text.rstrip()[-1]
    return last in ",;(" or words[-1] in _OPEN_ENDS


def is_looping(text: str) -> bool:
    """Whether at least half of a text consists of runs of eight words that occurred earlier in it."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(zlib.compress(raw, 1)) > _PLAIN_COMPRESSION * len(raw):
        return False
    words = text.split()
    if len(words) < _MIN_WORDS_OF_LOOP:
        return False
    runs = Counter(tuple(words[start : start + _LOOP_RUN]) for start in range(len(words) - _LOOP_RUN + 1))
    return 1 - len(runs) / runs.total() > _LOOP_SHARE


def is_damaged(text: str) -> bool:
    """Whether the text went through a wrong encoding: U+FFFD, UTF-8 read as Latin-1, control characters."""
    return _DAMAGE.search(text) is not None


def has_control_tokens(text: str) -> bool:
    """Whether the text contains the text of a control token that ends or begins a turn. Tokenizers read such text as
    the control token, even within a prompt."""
    return _CONTROL.search(text) is not None
