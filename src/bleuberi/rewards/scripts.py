"""Words in every script: the token setting `auto` of the text rewards.

Most scripts separate words with spaces. Han, Kana, Bopomofo, Thai, Lao, Khmer and Burmese do not, so each character
(code point) is a token, as in sacrebleu's `zh` and `char` tokenizers. Korean is split at spaces. Texts are brought
into Unicode form NFC first, so that two encodings of one text are equal.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from bleuberi.errors import UserError

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff"  # Han, Kana, Bopomofo, their punctuation and radicals
    "\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uff9f\uffe0-\uffef"  # compatibility, full and half width
    "\U0001aff0-\U0001b16f\U00020000-\U0003347f"  # Kana and Han beyond the first plane
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_LETTER = re.compile(r"[^\W\d_]")
_INVISIBLE = ("\u00ad", "\u200c", "\u200d")  # within words: soft hyphen, joiners


def check_tokens(tokens: str, usual: str) -> None:
    """Errors: `UserError` for a token setting other than the usual one and `auto`."""
    if tokens not in {usual, "auto"}:
        raise UserError(f"Invalid tokens={tokens!r}.", f"Give {usual} or auto.")


def spaced(text: str) -> str:
    """Put a space on both sides of each character of a script without spaces, ready for 13a tokenization."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text).replace("\u200b", " ")  # the zero-width space separates words
    return _UNSPACED_RUN.sub(lambda run: f" {' '.join(run[0])} ", text)


def words(text: str) -> str:
    """Lower-case words of all scripts (letters, marks, digits) separated by spaces; line breaks are kept."""
    if text.isascii():
        return text.lower()
    for mark in _INVISIBLE:
        text = text.replace(mark, "")
    return _between_words().sub(" ", spaced(text).casefold())


@cache
def _between_words() -> re.Pattern[str]:
    r"""Matches characters between words, except spaces and line feeds.

    `\w` lacks combining marks, which Hindi needs, and explicit characters are ten times as fast as `\w` plus
    a thousand marks. Beyond the first plane, all characters except symbols count as parts of words.
    """
    plane = map(chr, range(0x10000))
    between = [char for char in plane if unicodedata.category(char)[0] not in "LMN" and char not in " \n"]
    beyond = "\U0001cc00-\U0001d35f\U0001f000-\U0001faff\U000e0000-\U000e007f\U000f0000-\U0010ffff"
    return re.compile(f"[{''.join(map(re.escape, between))}{beyond}]+")


def needs_all_scripts(text: str, *, latin: bool) -> bool:
    """Whether more than half of the text's letters need `auto`: letters of scripts without spaces or, with `latin`,
    all except a to z."""
    if text.isascii():
        return False
    letters = _LETTER.findall(text)
    needing = sum(not letter.isascii() if latin else bool(_UNSPACED_RUN.match(letter)) for letter in letters)
    return 2 * needing > len(letters)


def script_of(text: str) -> str:
    """The Unicode name of the most frequent script, e.g. `Cyrillic`; empty without letters."""
    counts: dict[str, int] = {}
    for letter in _LETTER.findall(text):
        name = unicodedata.name(letter, "").partition(" ")[0].partition("-")[0].capitalize()
        counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__, default="")
