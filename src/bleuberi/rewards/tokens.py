"""Split text into the tokens counted by the metrics.

`_native.cpp` implements the same two tokenizers; the tests compare them on every code point.
"""

from __future__ import annotations

import re

# The WMT "13a" rules, in their order: punctuation and symbols become separate tokens; period and comma do unless a
# digit precedes, unless a digit follows; a dash does after a digit. All classes are ASCII.
_SPACED_SYMBOLS = [(symbol, f" {symbol} ") for symbol in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/']
_POINT_AFTER_NON_DIGIT = re.compile(r"([^0-9])([.,])")
_POINT_BEFORE_NON_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])-")

_POINT_BESIDE_DIGIT = re.compile(r"[0-9][.,](?=[0-9])")
_PAIRING_DECIDES = re.compile(r"[.,][.,][0-9]")
_NUL, _SOH = "\x00", "\x01"  # placeholders for period and comma inside numbers while the others are separated

_ALPHANUMERIC = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for code in range(256))


def tokenize_13a(text: str) -> list[str]:
    """Tokens by the WMT `mteval-v13a` rules, case kept. Source: NIST's mteval-v13a as implemented in BLEU tools."""
    text = text.replace("<skipped>", "").replace("-\n", "")
    if "&" in text:
        text = text.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    for symbol, spaced in _SPACED_SYMBOLS:
        if symbol in text:
            text = text.replace(symbol, spaced)
    if _PAIRING_DECIDES.search(text) or _NUL in text or _SOH in text:
        return _set_points_apart_by_rule(text).split()
    inside = _POINT_BESIDE_DIGIT.search(text) is not None
    if inside:
        text = _POINT_BESIDE_DIGIT.sub(_hide_point, text)
    if "-" in text:
        text = _DASH_AFTER_DIGIT.sub(r"\1 - ", text)
    text = text.replace(".", " . ").replace(",", " , ")
    if inside:
        text = text.replace(_NUL, ".").replace(_SOH, ",")
    return text.split()


def _hide_point(match: re.Match[str]) -> str:
    found = match[0]
    return found[0] + (_NUL if found[1] == "." else _SOH)


def _set_points_apart_by_rule(text: str) -> str:
    # Replace newlines first: a `.` or `,` after one must match like after any other character.
    text = _POINT_AFTER_NON_DIGIT.sub(r"\1 \2 ", f" {text} ".replace("\n", " "))
    text = _POINT_BEFORE_NON_DIGIT.sub(r" \1 \2", text)
    return _DASH_AFTER_DIGIT.sub(r"\1 - ", text)


def tokenize_rouge(text: str) -> list[bytes]:
    """Lower case, then runs of a-z and 0-9: the tokens of `rouge_score` without stemming."""
    return text.lower().encode("ascii", "replace").translate(_ALPHANUMERIC).split()
