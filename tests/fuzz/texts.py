"""Texts of models and strangers on their way to files and screens: names, redaction, plain text, tables, pages."""

import json
import os
import unicodedata

from hypothesis import strategies as st

from bleuberi import columns, redaction
from bleuberi.errors import UserError
from bleuberi.plain_text import one_line, plain

SECRET = "s3cr3t-Value-0123456789"
PARTS = [
    "/",
    "..",
    ".",
    "@",
    " ",
    "\\",
    "\x00",
    "\n",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "a",
    "A",
    "é",
    "e\u0301",
    "<b>",
    "|",
]
PARTS += ["'", '"', "--", "=", "://", "?", "&", "key", "token", "x" * 120, "名" * 60, "😀"]
texts = st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=10).map("".join)
STRATEGY = st.tuples(texts, texts)


def check(given):
    first, second = given
    _names(first, second)
    _secrets(first, second)
    _screens(first)


def _names(first, second):
    for make in (columns.safe_name, columns.model_short_name):
        name = make(first)
        assert name
        assert not set(name) & set("/\\\0\n\x1b \u202e")
        assert not name.startswith(".")
        assert len(name.encode()) <= columns.MAX_NAME_BYTES
    if first != second:
        assert columns.safe_name(first) != columns.safe_name(second)


def _secrets(before, behind):
    os.environ["BLEUBERI_FUZZ_TOKEN"] = SECRET
    try:
        text = f"{before}{SECRET}{behind}"
        assert SECRET not in redaction.redact(text)
        kept = redaction.redact_words(
            [before, "--hub_token", "plainvalue", f"api_key={behind}plainvalue", text, behind]
        )
        assert not [word for word in kept if SECRET in word or "plainvalue" in word]
        value = {"hub_token": "plainvalue", before: [text, {behind: (text, 1, None)}]}
        assert SECRET not in json.dumps(redaction.redact_value(value))
    finally:
        del os.environ["BLEUBERI_FUZZ_TOKEN"]
    assert redaction.redact(redaction.redact(before)) == redaction.redact(before)


def _screens(text):
    shown = plain(text)
    assert plain(shown) == shown
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n"]
    assert len(one_line(text).splitlines()) <= 1
    error = UserError(text, text)
    assert len(f"{error.what}{error.cure}".splitlines()) <= 1
    error.what.encode("utf-8")
