"""`text_similarity`: a metric of two texts.

`bleu`, `meteor`, `rouge_1`, `rouge_2` and `rouge_l` are the rewards of those names here. `gleu` is `nltk`'s
`sentence_gleu` on 13a tokens, `rouge_3` to `rouge_5` are `rouge_score`'s, `fuzzy_match` is `rapidfuzz`'s
`fuzz.ratio / 100`, `cosine` is that of the sentence embeddings of a local encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rapidfuzz import fuzz

from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.chat_server import ChatModel
from bleuberi.rewards.graders.templates import Sample, Template, all_fields, templates_hash
from bleuberi.rewards.meteor import Meteor
from bleuberi.rewards.rouge import Rouge1, Rouge2, RougeL
from bleuberi.rewards.rouge_python import rouge_f1
from bleuberi.rewards.tokens import tokenize_13a, tokenize_rouge

_GLEU_ORDER: Final = 4


class Gleu(TextReward):
    """Google BLEU: matching n-grams of orders 1 to 4 over the larger of both counts; best over the references.

    Source: Wu et al. 2016, arXiv 1609.08144; the numbers of `nltk.translate.gleu_score.sentence_gleu`.
    """

    name = "gleu"

    def signature(self) -> str:
        return f"gleu|tok:13a|order:{_GLEU_ORDER}|ref:best|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return [
            max((_gleu(tokenize_13a(text), tokenize_13a(one)) for one in row if one.strip()), default=None)
            for text, row in zip(responses, references, strict=True)
        ]


class RougeN(TextReward):
    """ROUGE-N F1 of one order, as `rouge_score` computes it without its stemmer; best over the references."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.name = f"rouge{order}"

    def signature(self) -> str:
        return f"rouge|type:rouge{self.order}-f1|stem:no|ref:best|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return [
            max((self._f1(tokenize_rouge(text), tokenize_rouge(one)) for one in row if one.strip()), default=None)
            for text, row in zip(responses, references, strict=True)
        ]

    def _f1(self, own: Sequence[bytes], other: Sequence[bytes]) -> float:
        counts = [Counter(zip(*(tokens[n:] for n in range(self.order)), strict=False)) for tokens in (own, other)]
        return rouge_f1((counts[0] & counts[1]).total(), counts[0].total(), counts[1].total())


class FuzzyMatch(TextReward):
    """`rapidfuzz.fuzz.ratio` over characters, 0..1; best over the references."""

    name = "fuzzy_match"

    def signature(self) -> str:
        return "fuzzy_match|rapidfuzz:ratio|case:kept|ref:best|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return [
            max((fuzz.ratio(text, one) / 100 for one in row if one.strip()), default=None)
            for text, row in zip(responses, references, strict=True)
        ]


def _cosine(encoder: str) -> TextReward:
    from bleuberi.rewards.embedding import Embedding

    return Embedding(encoder) if encoder else Embedding()


METRICS: Final[Mapping[str, Callable[[str], TextReward]]] = {
    "fuzzy_match": lambda _: FuzzyMatch(),
    "bleu": lambda _: Bleu(),
    "gleu": lambda _: Gleu(),
    "meteor": lambda _: Meteor(),
    "rouge_1": lambda _: Rouge1(),
    "rouge_2": lambda _: Rouge2(),
    "rouge_3": lambda _: RougeN(3),
    "rouge_4": lambda _: RougeN(4),
    "rouge_5": lambda _: RougeN(5),
    "rouge_l": lambda _: RougeL(),
    "cosine": _cosine,
}
"""The metric of each name; `cosine` takes the encoder, a folder or a name on the hub."""


class TextSimilarity:
    """A metric of the input against the reference; 0.0 if the response is not the JSON that a template needs."""

    judges: tuple[ChatModel, ...] = ()

    def __init__(self, metric: str, encoder: str, text: Template, reference: Template) -> None:
        self.metric = METRICS[metric](encoder)
        self.text, self.reference = text, reference
        self.fields = all_fields([text, reference])
        self.needs_prompts = text.needs_prompts or reference.needs_prompts

    def signature(self) -> str:
        templates = templates_hash(self.text, self.reference)
        return f"text_similarity|{self.metric.signature()}|templates:{templates}"

    def score(self, samples: list[Sample]) -> list[float | None]:
        filled = [(self.text.fill(one), self.reference.fill(one)) for one in samples]
        pairs = [(text, other) for text, other in filled if text is not None and other is not None]
        scored = iter(self.metric(responses=[text for text, _ in pairs], references=[[other] for _, other in pairs]))
        return [0.0 if text is None or other is None else next(scored) for text, other in filled]


def _gleu(own: Sequence[str], other: Sequence[str]) -> float:
    matched = mine = theirs = 0
    for order in range(1, _GLEU_ORDER + 1):
        counts = [Counter(zip(*(tokens[n:] for n in range(order)), strict=False)) for tokens in (own, other)]
        matched += (counts[0] & counts[1]).total()
        mine += counts[0].total()
        theirs += counts[1].total()
    return matched / max(mine, theirs) if max(mine, theirs) else 0.0
