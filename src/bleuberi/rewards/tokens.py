"""Cut text into the tokens that the metrics count. Knows the two tokenisations; knows no scores."""

from __future__ import annotations

import re

# The WMT "13a" rules, in their order: punctuation and symbols stand alone; period and comma do unless a digit
# stands before, unless a digit stands behind; a dash does behind a digit. All classes are ASCII.
_SYMBOLS = re.compile(r"([{-~\[-` -&(-+:-@/])")
_POINT_AFTER_NON_DIGIT = re.compile(r"([^0-9])([.,])")
_POINT_BEFORE_NON_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])(-)")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")


def tokenize_13a(text: str) -> list[str]:
    """The tokens of the WMT `mteval-v13a` rules, case kept. Source: NIST's mteval-v13a, as BLEU tools restate it."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        text = text.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    text = _SYMBOLS.sub(r" \1 ", f" {text} ")
    text = _POINT_AFTER_NON_DIGIT.sub(r"\1 \2 ", text)
    text = _POINT_BEFORE_NON_DIGIT.sub(r" \1 \2", text)
    text = _DASH_AFTER_DIGIT.sub(r"\1 \2 ", text)
    return text.split()


def tokenize_rouge(text: str) -> list[str]:
    """Lower case, then runs of a-z and 0-9: the tokens of `rouge_score` without stemming."""
    return _NOT_ALPHANUMERIC.sub(" ", text.lower()).split()
