"""Score a batch on the active back end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from bleuberi.rewards import backend, bleu_python, chrf_python, meteor_python, rouge_python
from bleuberi.rewards.references import BLEU, CHRF, METEOR, ROUGE, ROUGE_OPTIONS, Prepared, group_compiled

ROWS_A_CALL = 1024  # the compiled back end handles Ctrl-C between calls


def score(
    metric: int,
    responses: Sequence[str],  # N
    references: Sequence[Sequence[str]],  # N, each 0..K
    flags: int = 0,
    change: Callable[[str], str] | None = None,  # applied to each text first, e.g. lower case
) -> list[float | None]:  # N
    """Score every row; the compiled back end uses all available cores."""
    native = backend.native()
    threads = backend.available_threads()
    scores: list[float | None] = []
    for start in range(0, len(responses), ROWS_A_CALL):
        part = slice(start, start + ROWS_A_CALL)
        texts, rows = responses[part], references[part]
        if change is not None:
            changed = {text: change(text) for text in {*texts, *(text for row in rows for text in row)}}
            texts, rows = [changed[text] for text in texts], [[changed[text] for text in row] for row in rows]
        prepared = group_compiled(metric, rows) if metric in {BLEU, ROUGE} else [tuple(row) for row in rows]
        if native is None:
            scores += [_score_python(metric, text, row, flags) for text, row in zip(texts, prepared, strict=True)]
        else:
            scores += native.score(metric, texts, prepared, threads, flags)
    return scores


def _score_python(metric: int, response: str, row: Prepared, flags: int) -> float | None:
    if isinstance(row, bleu_python.CompiledReferences):
        return bleu_python.bleu_compiled(response, row, flags)
    if isinstance(row, rouge_python.CompiledReferences):
        return rouge_python.rouge_compiled(response, row)
    return _ONCE[metric](response, cast("tuple[str, ...]", row), flags)


_ONCE: dict[int, Callable[[str, Sequence[str], int], float | None]] = {
    BLEU: bleu_python.bleu_once,
    ROUGE: rouge_python.rouge_once,
    METEOR: meteor_python.meteor_once,
    ROUGE_OPTIONS: rouge_python.rouge_options_once,
    CHRF: chrf_python.chrf_once,
}
