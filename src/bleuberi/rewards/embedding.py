"""Cosine of sentence embeddings as a reward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bleuberi.rewards.encoder import REFERENCE_VECTORS, hidden_states, model_identity, sentence_pooling
from bleuberi.rewards.pairwise_best import BestReference

if TYPE_CHECKING:
    import torch

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class Embedding(BestReference):
    """Cosine similarity of the embeddings of response and reference, best over the references; -1..1."""

    name = "emb"

    def __init__(self, model: str = DEFAULT_MODEL, *, batch_size: int = 32) -> None:
        self.model, self.batch_size = model, batch_size

    def signature(self) -> str:
        pooling, max_tokens = sentence_pooling(self.model)
        return f"emb|cosine|model:{model_identity(self.model)}|pool:{pooling}|max:{max_tokens or 'model'}|ref:best|v:1"

    def score_pairs(self, responses: Sequence[str], references: Sequence[str]) -> list[float]:
        if not responses:
            return []
        known = REFERENCE_VECTORS.fetch(("sentence", model_identity(self.model)), references, self._vectors)
        own_texts = list(dict.fromkeys(responses))
        own = dict(zip(own_texts, self._vectors(own_texts), strict=True))
        return [float(own[text] @ known[other]) for text, other in zip(responses, references, strict=True)]

    def _vectors(self, texts: list[str]) -> list[torch.Tensor]:
        """The unit vector of each text."""
        import torch

        pooling, max_tokens = sentence_pooling(self.model)
        found: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        for row, _, vectors in hidden_states(self.model, texts, None, self.batch_size, max_tokens):
            pooled = vectors[0] if pooling == "cls" else vectors.mean(dim=0)
            found[row] = pooled.float() / pooled.float().norm()
        return found
