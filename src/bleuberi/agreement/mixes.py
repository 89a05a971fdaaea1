"""Combine several scores into one: a z-scored mean, or a cross-validated logistic mix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bleuberi.agreement.scores import FloatArray, Scored
from bleuberi.errors import UserError
from bleuberi.statistics import cluster_codes, cluster_folds, fit_logistic

FOLDS = 5
RIDGE = 1.0


def parts_of_mix(mix: str, scored: Sequence[Scored]) -> list[Scored]:
    """The scores in a mix such as `bleu+rm`. Errors: `UserError` for unknown names, or fewer than two."""
    by_name = {one.name: one for one in scored}
    names = mix.split("+")
    unknown = [name for name in names if name not in by_name]
    if unknown or len(set(names)) != len(names) or len(names) < 2:
        raise UserError(
            f"The mix {mix!r} {'has unknown ' + ', '.join(map(repr, unknown)) if unknown else 'needs two scores'}.",
            f"Join at least two of {', '.join(by_name)} with +.",
        )
    return [by_name[name] for name in names]


def z_mean(parts: Sequence[Scored]) -> Scored:
    """The mean of the scores after each is centred and scaled over all responses."""
    return Scored(
        f"z-mean({'+'.join(part.name for part in parts)})",
        "mix",
        f"z-mean|over:all-responses|of:{_signatures(parts)}|v:1",
        np.mean([_standardized(part.scores) for part in parts], axis=0),
    )


def logistic_mix(
    parts: Sequence[Scored],
    people: FloatArray,  # N in {1, 0, -1}
    prompts: Sequence[str],  # N
    seed: int = 0,
) -> Scored:
    """Scores weighted by a logistic model of people's choices, fitted on other prompts than those it scores.

    The model has no intercept, because the order of the responses carries no information.
    """
    codes, n_prompts = cluster_codes(prompts, len(prompts))
    z = np.stack([_standardized(part.scores) for part in parts], axis=2)  # N x 2 x parts
    difference = z[:, 0] - z[:, 1]
    usable = (people != 0) & ~np.isnan(difference).any(axis=1)
    folds: NDArray[np.int64] = cluster_folds(codes, min(FOLDS, n_prompts), seed)
    scores = np.full((len(people), 2), np.nan)
    weights = []
    for fold in range(int(folds.max()) + 1):
        train, held_out = usable & (folds != fold), folds == fold
        if not train.any():
            continue
        weights.append(fit_logistic(difference[train], (people[train] > 0).astype(np.float64), RIDGE))
        scores[held_out] = z[held_out] @ weights[-1]
    mean_weights = np.mean(weights, axis=0) if weights else np.full(len(parts), np.nan)
    return Scored(
        f"logistic({'+'.join(part.name for part in parts)})",
        "mix",
        f"logistic|ridge:{RIDGE:g}|folds:{FOLDS}-by-prompt|seed:{seed}|of:{_signatures(parts)}|v:1",
        scores,
        {"weights": {part.name: float(weight) for part, weight in zip(parts, mean_weights, strict=True)}},
    )


def _standardized(scores: FloatArray) -> FloatArray:
    spread = np.nanstd(scores)
    return np.asarray((scores - np.nanmean(scores)) / (spread if spread > 0 else 1.0))


def _signatures(parts: Sequence[Scored]) -> str:
    return "+".join(f"[{part.signature}]" for part in parts)
