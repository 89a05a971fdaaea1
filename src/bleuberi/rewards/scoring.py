"""Score a batch on the back end in use. Knows who computes; knows nothing of what the numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from bleuberi.rewards import backend, bleu_python, rouge_python
from bleuberi.rewards.references import BLEU, Prepared, group_compiled

ROWS_A_CALL = 1024  # the compiled back end answers Ctrl-C between calls


def score(
    metric: int,
    responses: Sequence[str],  # N
    references: Sequence[Sequence[str]],  # N, each 0..K
    flags: int = 0,
) -> list[float | None]:  # N
    """BLEU or ROUGE-L of every row; the compiled back end takes all the cores there are."""
    rows = group_compiled(metric, references)
    native = backend.native()
    if native is None:
        return [_score_python(metric, text, row, flags) for text, row in zip(responses, rows, strict=True)]
    threads = backend.available_threads()
    scores: list[float | None] = []
    for start in range(0, len(rows), ROWS_A_CALL):
        part = slice(start, start + ROWS_A_CALL)
        scores += native.score(metric, responses[part], rows[part], threads, flags)
    return scores


def _score_python(metric: int, response: str, row: Prepared, flags: int) -> float | None:
    if isinstance(row, bleu_python.CompiledReferences):
        return bleu_python.bleu_compiled(response, row, flags)
    if isinstance(row, rouge_python.CompiledReferences):
        return rouge_python.rouge_compiled(response, row)
    once = bleu_python.bleu_once if metric == BLEU else rouge_python.rouge_once
    return once(response, cast("tuple[str, ...]", row), flags)
