"""Texts of every kind to both back ends of the rewards: the same tokens, the same bits, numbers from 0 to 1."""

import os

from hypothesis import strategies as st

from bleuberi.rewards import backend, load_reward
from bleuberi.rewards.bleu import Bleu, BleuClosest, BleuPlainUnigrams, BleuShortF1
from bleuberi.rewards.explanation import explain
from bleuberi.rewards.references import BLEU, ROUGE
from bleuberi.rewards.tokens import tokenize_13a, tokenize_rouge

PIECES = [".", ",", "-", "-\n", "<skipped>", "&quot;", "&amp;", "&lt;", "&gt;", "&amp;lt;", "1", "9", "a", "B", " "]
PIECES += ["\n", "\t", "\x00", "\x01", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\ud800", "\udfff", "\U0010ffff"]
PIECES += ["İ", "ß", "\u212a", "\u0661", "'", "’", "the", "cat", "sat", "1.5", "1,000", "..1", ",,9", "3-4", "a-b"]
NAMES = [
    "rouge",
    "rouge1",
    "rouge2:stem",
    "rougeLsum:stem:mean",
    "rougeLsum:auto",
    "meteor",
    "meteor:auto:mean",
    "chrf",
]
NAMES += ["chrf++:mean", "bleu:auto"]
REWARDS = [Bleu(), BleuPlainUnigrams(), BleuClosest(), BleuShortF1(), *map(load_reward, NAMES)]

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4) | st.characters(), max_size=24).map("".join)
rows = st.tuples(texts, st.lists(texts, max_size=4))
STRATEGY = st.lists(rows, min_size=1, max_size=3)


def check(given):
    native = backend._native
    if native is None:
        raise SystemExit("The compiled extension was not built: there is nothing to compare.")
    for response, references in given:
        for text in (response, *references):
            cut = [token.encode("utf-8", "surrogatepass") for token in tokenize_13a(text)]
            assert native.tokens(BLEU, text) == cut
            assert native.tokens(ROUGE, text) == tokenize_rouge(text)
        if references:
            explain(response, references)
    for reward in REWARDS:
        scores = {}
        for back_end in ("native", "python"):
            os.environ[backend.VARIABLE] = back_end
            scores[back_end] = reward(
                prompts=[""] * len(given), responses=[row[0] for row in given], references=[row[1] for row in given]
            )
        assert scores["native"] == scores["python"]
        assert all(score is None or 0.0 <= score <= 1.0 for score in scores["native"])
