"""Set the maximum completion length from the lengths of the references."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bleuberi.columns import REFERENCES
from bleuberi.training.settings.read import RunSettings


def fit_completions(settings: RunSettings, tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401
    """Lower `max_completion_length` so that the share `fit_completions` of the references fits, if that share is
    set."""
    if settings.run.fit_completions:
        references = (text for row in rows for text in row[REFERENCES])
        if fits := fitting_length(tokenizer, references, settings.run.fit_completions):
            settings.args.max_completion_length = min(settings.args.max_completion_length, fits)


def fitting_length(tokenizer: Any, references: Iterable[str], share: float) -> int:  # noqa: ANN401 - any tokenizer
    """The smallest number of tokens, end token included, within which that share of the references fits; 0 without
    references."""
    texts = list(references)
    if not texts:
        return 0
    lengths = sorted(len(ids) + 1 for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])
    return int(lengths[max(math.ceil(share * len(lengths)), 1) - 1])
