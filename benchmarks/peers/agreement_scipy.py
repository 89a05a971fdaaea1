"""BLEU's agreement with preferences, with sacrebleu and SciPy's bootstrap over prompts: FILE RESAMPLES.

Prints the interval, and then the agreement in percent.
"""

import json
import sys
from collections import defaultdict
from typing import Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from scipy.stats import bootstrap

METRIC = BLEU(smooth_method="add-k", smooth_value=1, effective_order=True)


def right(row: dict[str, Any]) -> float:
    """1, 0, or a half for a tie of the scores."""
    texts = [text for name, text in row.items() if name.startswith("ref_output_")]
    first, second = (METRIC.sentence_score(row[f"response_{side}"], texts).score for side in "ab")
    return 0.5 if first == second else float((first > second) == (row["winner"] == "model_a"))


def main() -> None:
    """Score, resample, print."""
    of_prompt = defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            of_prompt[row["prompt"]].append(right(row))
    sums = np.array([sum(one) for one in of_prompt.values()])
    counts = np.array([len(one) for one in of_prompt.values()])
    found = bootstrap((sums, counts), lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis), paired=True,
                      n_resamples=int(sys.argv[2]), method="percentile", batch=1_000, rng=0)  # fmt: skip
    print(found.confidence_interval)
    print(100 * sums.sum() / counts.sum())


if __name__ == "__main__":
    main()
