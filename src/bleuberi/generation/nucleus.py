"""Nucleus sampling without sorting the vocabulary.

transformers sorts all 50,000 to 150,000 logits of every row at every token, which on a CPU takes more than half as long
as a small model's own step. The thousand likeliest tokens nearly always contain the nucleus; otherwise all are sorted.
"""

from __future__ import annotations

from typing import Any

CANDIDATES = 1024


class Nucleus:
    """A logits processor: keeps the fewest likeliest tokens whose probabilities reach `top_p`, at least one.

    Keeps the same tokens as transformers' `TopPLogitsWarper`, except that exact ties at the edge all stay.
    """

    def __init__(self, top_p: float) -> None:
        self.top_p = top_p

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - (rows, length) and (rows, vocabulary)
        probabilities = scores.softmax(dim=-1)
        edge = self._edge(probabilities, min(CANDIDATES, scores.shape[-1]))
        return scores.masked_fill(probabilities < edge, float("-inf"))

    def _edge(self, probabilities: Any, candidates: int) -> Any:  # noqa: ANN401
        """The smallest probability kept, per row; shape (rows, 1)."""
        largest = probabilities.topk(candidates, dim=-1).values  # in descending order
        before = largest.cumsum(dim=-1) - largest  # total probability of the likelier tokens
        if candidates < probabilities.shape[-1] and bool(((before[:, -1] + largest[:, -1]) < self.top_p).any()):
            return self._edge(probabilities, probabilities.shape[-1])
        kept = before < self.top_p
        kept[:, 0] = True
        return largest.masked_fill(~kept, float("inf")).min(dim=-1, keepdim=True).values
