"""BERTScore as a reward.

F1 without idf weights and without rescaling, best over the references: equal to the `bert-score` package
(Zhang et al. 2020) without requiring it. Tokens may match special tokens, but special tokens' matches do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bleuberi.rewards.encoder import REFERENCE_VECTORS, hidden_states, load_config, load_encoder, model_identity
from bleuberi.rewards.pairwise_best import BestReference

if TYPE_CHECKING:
    import torch

DEFAULT_MODEL = "distilbert-base-uncased"
BEST_LAYER = {
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "distilbert-base-uncased": 5,
    "distilroberta-base": 5,
    "microsoft/deberta-xlarge-mnli": 40,
    "roberta-base": 10,
    "roberta-large": 17,
    "xlm-roberta-base": 9,
    "xlm-roberta-large": 17,
}
"""The layers that `bert-score` recommends. Other models use the last layer by default."""


class BertScore(BestReference):
    """BERTScore F1 with any encoder: a name on the hub, or a local folder."""

    name = "bertscore"

    def __init__(self, model: str = DEFAULT_MODEL, *, layer: int | None = None, batch_size: int = 32) -> None:
        self.model = model
        self.layer = BEST_LAYER.get(model) if layer is None else layer
        self.batch_size = batch_size

    def signature(self) -> str:
        layer = self.layer if self.layer is not None else load_config(self.model).num_hidden_layers
        return f"bertscore|f1|model:{model_identity(self.model)}|layer:{layer}|idf:no|rescale:no|ref:best|v:2"

    def score_pairs(self, responses: Sequence[str], references: Sequence[str]) -> list[float]:
        if not responses:
            return []
        known = REFERENCE_VECTORS.fetch(("tokens", model_identity(self.model), self.layer), references, self._vectors)
        own_texts = list(dict.fromkeys(responses))
        own = dict(zip(own_texts, self._vectors(own_texts), strict=True))
        return [f1(own[text], known[other]) for text, other in zip(responses, references, strict=True)]

    def _vectors(self, texts: list[str]) -> list[torch.Tensor]:
        """Unit vectors of each text's tokens; an extra column marks the tokens that count."""
        import torch

        tokenizer, _, _ = load_encoder(self.model)
        marks = (tokenizer.cls_token_id, tokenizer.sep_token_id)
        uncounted = torch.tensor([-1 if mark is None else mark for mark in marks])  # RoBERTa's first one is 0
        found: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        for row, tokens, vectors in hidden_states(self.model, texts, self.layer, self.batch_size):
            unit = vectors.float() / vectors.float().norm(dim=-1, keepdim=True)
            counts = ~torch.isin(torch.tensor(tokens), uncounted)
            found[row] = torch.cat([unit, counts.float().unsqueeze(1)], dim=1)
        return found


def f1(response: torch.Tensor, reference: torch.Tensor) -> float:
    """Greedy matching: each token's best cosine, averaged both ways."""
    similarity = response[:, :-1] @ reference[:, :-1].T
    if not response[:, -1].any() or not reference[:, -1].any():
        return 0.0
    precision = (similarity.amax(dim=1) * response[:, -1]).sum() / response[:, -1].sum()
    recall = (similarity.amax(dim=0) * reference[:, -1]).sum() / reference[:, -1].sum()
    total = float(precision + recall)
    return float(2 * precision * recall) / total if total else 0.0
