"""Other programs that compute our rewards, each as a function of rows: a response with its references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rows = list[tuple[str, list[str]]]


def nltk_meteor() -> Callable[[Rows], list[float]]:
    """NLTK's METEOR with an empty WordNet, on our tokens."""
    from nltk.translate.meteor_score import meteor_score

    from bleuberi.rewards.tokens import tokenize_13a

    class NoSynonyms:
        @staticmethod
        def synsets(word: str) -> list[object]:
            return []

    def run(rows: Rows) -> list[float]:
        cut = [(tokenize_13a(text.lower()), [tokenize_13a(other.lower()) for other in refs]) for text, refs in rows]
        return [meteor_score(refs, tokens, wordnet=NoSynonyms()) for tokens, refs in cut]

    return run


def rouge_of(make: Callable[..., object], kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """A scorer with the interface of rouge_score's, the best over the references."""
    scorer: Any = make([kind], use_stemmer=stem)
    return lambda rows: [max(scorer.score(other, text)[kind].fmeasure for other in refs) for text, refs in rows]


def rouge_rs(kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """rouge-score-rs, all pairs in one call."""
    from rouge_score_rs.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], use_stemmer=stem)

    def run(rows: Rows) -> list[float]:
        pairs = [(other, text) for text, refs in rows for other in refs]
        found = iter(scorer.score_batch([pair[0] for pair in pairs], [pair[1] for pair in pairs]))
        return [max(next(found)[kind].fmeasure for _ in refs) for _, refs in rows]

    return run


def rapid_rouge(kind: str) -> Callable[[Rows], list[float]]:
    """rapidrouge, pure Python."""
    from rapidrouge.rouge_scorer import RougeScorer

    return rouge_of(RougeScorer, kind)


def google_rouge(kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """rouge_score, the reference."""
    from rouge_score.rouge_scorer import RougeScorer

    return rouge_of(RougeScorer, kind, stem)


def rust_bleu() -> Callable[[Rows], list[float]]:
    """bleuscore, row by row: it scores corpora."""
    from bleuscore import compute

    return lambda rows: [compute(references=[refs], predictions=[text], smooth=True)["bleu"] for text, refs in rows]


def sacre_bleu() -> Callable[[Rows], list[float]]:
    """sacrebleu's sentence BLEU with add-one smoothing."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(smooth_method="add-k", smooth_value=1, effective_order=True)
    return lambda rows: [metric.sentence_score(text, refs).score / 100 for text, refs in rows]


def nltk_bleu() -> Callable[[Rows], list[float]]:
    """NLTK's sentence BLEU with add-one smoothing, on our tokens."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    from bleuberi.rewards.tokens import tokenize_13a

    smooth = SmoothingFunction().method2
    return lambda rows: [
        sentence_bleu(list(map(tokenize_13a, refs)), tokenize_13a(text), smoothing_function=smooth)
        for text, refs in rows
    ]


def torch_metric(name: str) -> Callable[[Rows], list[float]]:
    """torchmetrics' function of that name, row by row."""
    from torchmetrics.functional import text as functions

    if name == "bleu":
        score = functions.sacre_bleu_score
        return lambda rows: [float(score([text], [refs], smooth=True)) for text, refs in rows]
    score = functions.chrf_score
    return lambda rows: [float(score([text], [refs], n_word_order=0)) for text, refs in rows]


def sacre_chrf(words: int) -> Callable[[Rows], list[float]]:
    """sacrebleu's sentence chrF."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF(word_order=words)
    return lambda rows: [metric.sentence_score(text, refs).score / 100 for text, refs in rows]


def fast_chrf() -> Callable[[Rows], list[float]]:
    """fastchrf, all rows in one call."""
    from fastchrf import pairwise_chrf

    def run(rows: Rows) -> list[float]:
        found = pairwise_chrf([[text] for text, _ in rows], [refs for _, refs in rows])
        return [max(row[0]) / 100 for row in found]

    return run


PEERS: list[tuple[str, str, Callable[[], Callable[[Rows], list[float]]], int]] = [  # reward, peer, how, rows
    ("bleu", "bleuscore", rust_bleu, 110),
    ("bleu", "sacrebleu", sacre_bleu, 110),
    ("bleu", "nltk", nltk_bleu, 55),
    ("bleu", "torchmetrics", lambda: torch_metric("bleu"), 33),
    ("rouge", "rouge-score-rs", lambda: rouge_rs("rougeL"), 110),
    ("rouge", "rapidrouge", lambda: rapid_rouge("rougeL"), 55),
    ("rouge1", "rouge-score-rs", lambda: rouge_rs("rouge1"), 110),
    ("rouge1", "rouge_score", lambda: google_rouge("rouge1"), 33),
    ("rouge2", "rouge-score-rs", lambda: rouge_rs("rouge2"), 110),
    ("rouge2", "rouge_score", lambda: google_rouge("rouge2"), 33),
    ("rougeLsum", "rouge-score-rs", lambda: rouge_rs("rougeLsum"), 55),
    ("rougeLsum", "rouge_score", lambda: google_rouge("rougeLsum"), 11),
    ("rouge:stem", "rouge-score-rs", lambda: rouge_rs("rougeL", stem=True), 110),
    ("meteor", "nltk", nltk_meteor, 55),
    ("chrf", "fastchrf", fast_chrf, 55),
    ("chrf", "sacrebleu", lambda: sacre_chrf(0), 22),
    ("chrf", "torchmetrics", lambda: torch_metric("chrf"), 11),
    ("chrf++", "sacrebleu", lambda: sacre_chrf(2), 22),
]
