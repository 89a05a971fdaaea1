"""What Arena-Hard's tables need of an answer beside its text: its tokens and its Markdown, counted as the harness does.

Its style control reads these counts of every model, and fails for all of them if one model's file lacks them.
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

_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # names tiktoken's cached files
_CODE: Final = re.compile("```([^`]*)```")
_LISTS: Final = {"ordered": r"^\s*\d+\.\s", "unordered": r"^\s*[-*+]\s"}
_BOLD: Final = {"**": r"\*\*[^*\n]+\*\*", "__": r"__[^_\n]+__"}
_HEADERS: Final = {f"h{level}": rf"^#{{{level}}}\s" for level in range(1, 7)}


def style_of(text: str, tokens: int) -> dict[str, Any]:
    """The counts of one answer; `tokens` comes first, for the harness goes by the order.

    An empty answer has one token: the harness divides by it, and the tables of all models would be NaN.
    """
    for code in _CODE.findall(text):  # what is between the fences goes, also where it stands again
        text = text.replace(code, "")
    kinds = {"header_count": _HEADERS, "list_count": _LISTS, "bold_count": _BOLD}
    counts = {
        kind: {name: len(re.findall(pattern, text, re.MULTILINE)) for name, pattern in patterns.items()}
        for kind, patterns in kinds.items()
    }
    return {"token_len": max(tokens, 1), **counts}


def token_counter(encodings: Sequence[str]) -> tuple[CountTokens, str]:
    """How an answer's tokens are counted, and by whose tokens: the first of tiktoken's encodings that is cached here,
    else the model's own. Nothing is downloaded."""
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
