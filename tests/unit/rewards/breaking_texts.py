"""Texts that break tokenisers, for property tests."""

from hypothesis import strategies as st

PIECES = [
    "5", "19", "a", "B", "é", "。", "İ", "\u212a", "ß", "😀", "\ud800", "\udc00", ".", ",", "-", "--", "...", "!", "'",
    "_", "&", "&quot;", "&amp;", "&lt;", "&gt;", "&amp;quot;", "<skipped>", "<skip", "ped>", "-\n", "\n", " ", "\t",
    "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003", "\u200b", "\u2028", "\u202f", "\u205f",
    "\u3000", "\x00", "\x01", "\xc2", "\xe2", "word", "\u0130i",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=40)
