"""Token and Markdown counts of an answer for Arena-Hard's tables, computed as in the harness.

Its style control reads these counts for every model, and fails for all models if one file lacks them.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bleuberi.generation.base import Output

CountTokens = Callable[[Output], int]

_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # for tiktoken's cached file names
_CODE: Final = re.compile("```([^`]*)```")
_LISTS: Final = {"ordered": r"^\s*\d+\.\s", "unordered": r"^\s*[-*+]\s"}
_BOLD: Final = {"**": r"\*\*[^*\n]+\*\*", "__": r"__[^_\n]+__"}
_HEADERS: Final = {f"h{level}": rf"^#{{{level}}}\s" for level in range(1, 7)}


def style_of(text: str, tokens: int) -> dict[str, Any]:
    """The counts of one answer; `tokens` comes first because the harness relies on the order.

    An empty answer counts as one token, because the harness divides by the count and would get NaN everywhere.
    """
    for code in _CODE.findall(text):  # remove code blocks, including repeated ones
        text = text.replace(code, "")
    kinds = {"header_count": _HEADERS, "list_count": _LISTS, "bold_count": _BOLD}
    counts = {
        kind: {name: len(re.findall(pattern, text, re.MULTILINE)) for name, pattern in patterns.items()}
        for kind, patterns in kinds.items()
    }
    return {"token_len": max(tokens, 1), **counts}


def token_counter(encodings: Sequence[str]) -> tuple[CountTokens, str]:
    """A token counter and its description: the first of tiktoken's encodings that is cached on this machine, else the
    model's own tokens. Nothing is downloaded."""
    name = next((name for name in encodings if find_spec("tiktoken") is not None and _cached(name)), None)
    if name is None:
        return lambda output: output.tokens, "the model's own tokens"
    import tiktoken

    encoding = tiktoken.get_encoding(name)
    return lambda output: len(encoding.encode(output.text, disallowed_special=())), f"tiktoken's {name}"


def _cached(name: str) -> bool:
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    key = hashlib.sha1(_ADDRESS.format(name).encode()).hexdigest()
    return (Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache") / key).is_file()
