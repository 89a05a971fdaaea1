"""Convert generated token ids to an answer, identically in all engines that return ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bleuberi.generation.base import Output


def to_answer(tokenizer: Any, new_ids: Sequence[int], stop_ids: Sequence[int]) -> Output:  # noqa: ANN401
    """The text up to the first end token; the end token counts as generated."""
    end = next((position for position, token in enumerate(new_ids) if token in stop_ids), None)
    kept = list(new_ids if end is None else new_ids[:end])
    text = tokenizer.decode(kept, skip_special_tokens=True)
    return Output(text, "length" if end is None else "stop", len(kept) + (end is not None))
