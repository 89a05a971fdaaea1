"""Pick examples that a policy can learn from: those whose samples get different rewards.

Examples that can be dropped without samples are dropped first, so that nothing is spent on them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from bleuberi.data.near_duplicates import METHOD, prompt_groups
from bleuberi.data.token_lengths import token_counter
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.selection.config import SignalSettings
from bleuberi.selection.measures import AT_FLOOR, is_at_floor, shortest_reference
from bleuberi.selection.pick_signal import Stratum, length_bins, select_by_signal
from bleuberi.selection.record import Picked, ScoredSample, Signal
from bleuberi.selection.samples import Sample, Samples
from bleuberi.selection.scores import score_pool
from bleuberi.statistics.spread import CONFIDENCE, MIN_SAMPLES, deviation_lower_bounds, split_half_reliability

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """The inputs of the picking; `draw` gets samples for the examples that are worth sampling."""

    settings: SignalSettings
    reward: Reward
    draw: Callable[[Sequence[Example]], Samples]
    scores_path: Path
    max_tokens: int  # of a completion in the training to come
    tokenizer_of: str | None
    count: int | None


def pick_by_signal(examples: Sequence[Example], request: SignalRequest) -> Picked:
    """The examples with the highest lower bound of their rewards' standard deviation, in the pool's mix."""
    dropped: Counter[str] = Counter()
    worth, length_method = _worth_sampling(examples, request, dropped)
    samples = request.draw(worth) if worth else Samples({}, {}, {})
    dropped.update(samples.dropped)
    whole = _whole(worth, samples, request.settings, dropped)
    scored, signature = _score(whole, samples, request, dropped)
    candidates = _off_the_floor(whole, scored, request.reward.name, dropped)
    rewards = [[sample.score for sample in scored[row.id]] for row in candidates]
    signal = dict(zip([row.id for row in candidates], deviation_lower_bounds(rewards), strict=True))
    chosen = select_by_signal(signal, request.count, _strata(examples, request.settings.stratify))
    dropped["not selected"] = len(candidates) - len(chosen)
    place_of = {row.id: place for place, row in enumerate(examples)}
    metric = request.reward.name
    columns = {
        row.id: {metric: float(np.mean(values)), f"{metric}_deviation": float(np.std(values, ddof=1)),
                 f"{metric}_signal": signal[row.id]}
        for row, values in zip(candidates, rewards, strict=True)
    }  # fmt: skip
    return Picked(
        chosen=np.array([place_of[row] for row in chosen], np.int64),
        dropped=dict(dropped),
        scored=np.array([place_of[row] for row in scored], np.int64),
        scores=np.array([fmean(sample.score for sample in found) for found in scored.values()]),
        samples=list(scored.values()),
        columns=[columns.get(row, {}) for row in scored],
        signature=signature,
        scores_path=request.scores_path,
        provenance=samples.provenance,
        generated_now=samples.generated_now,
        signal=_signal(request, rewards, length_method, samples.provenance.get("sampling")),
    )


def _worth_sampling(
    examples: Sequence[Example], request: SignalRequest, dropped: Counter[str]
) -> tuple[list[Example], str]:
    """Drop examples whose references no completion can reach, and all but the first of near-duplicate prompts."""
    texts = [reference for row in examples for reference in row.references]
    count, method = token_counter(request.tokenizer_of)
    given = iter(count(texts))
    shortest = [min(next(given) for _ in row.references) for row in examples]
    fitting = [row for row, tokens in zip(examples, shortest, strict=True) if tokens <= request.max_tokens]
    dropped[f"with references of more than {request.max_tokens} tokens"] = len(examples) - len(fitting)
    groups = prompt_groups(["\n".join(turn["content"] for turn in row.messages) for row in fitting]).near
    first = [row for place, row in enumerate(fitting) if groups[place] == place]
    dropped["near-duplicate prompts"] = len(fitting) - len(first)
    return first, method


def _whole(
    examples: Sequence[Example], samples: Samples, settings: SignalSettings, dropped: Counter[str]
) -> list[Example]:
    """Keep examples with enough samples, of which few enough are empty or cut."""
    kept = []
    for row in examples:
        drawn = samples.by_id.get(row.id)
        if drawn is None:
            continue
        if len(drawn) < MIN_SAMPLES:
            dropped[f"with fewer than {MIN_SAMPLES} samples"] += 1
        elif sum(map(_is_broken, drawn)) > settings.max_cut_share * len(drawn):
            dropped["with empty or cut outputs"] += 1
        else:
            kept.append(row)
    return kept


def _is_broken(sample: Sample) -> bool:
    return not sample.text.strip() or sample.finish_reason == "length"


def _score(
    examples: Sequence[Example], samples: Samples, request: SignalRequest, dropped: Counter[str]
) -> tuple[dict[str, list[ScoredSample]], str]:
    """Score all samples, with one file per sample number; rows with a sample that has no score are left out."""
    scored: dict[str, list[ScoredSample]] = {row.id: [] for row in examples}
    for number in range(max((len(samples.by_id[row.id]) for row in examples), default=0)):
        texts = {row.id: samples.by_id[row.id][number].text for row in examples if len(samples.by_id[row.id]) > number}
        path = request.scores_path.with_name(f"{request.scores_path.stem}_sample{number}.json")
        scores = score_pool(examples, texts, request.reward, path)
        for row_id, value in scores.by_id.items():
            scored[row_id].append(ScoredSample(value, texts[row_id]))
    whole = {row.id: scored[row.id] for row in examples if len(scored[row.id]) == len(samples.by_id[row.id])}
    dropped["not scorable"] = len(examples) - len(whole)
    return whole, request.reward.signature()


def _off_the_floor(
    examples: Sequence[Example], scored: dict[str, list[ScoredSample]], metric: str, dropped: Counter[str]
) -> list[Example]:
    kept = []
    for row in examples:
        if row.id not in scored:
            continue
        tokens = shortest_reference(row.references)
        if all(is_at_floor(metric, sample.score, tokens) for sample in scored[row.id]):
            dropped["with all samples at the floor"] += 1
        else:
            kept.append(row)
    return kept


def _strata(examples: Sequence[Example], names: Sequence[str]) -> dict[str, Stratum]:
    """Each row's stratum by id: its source, the quarter of its reference length, both, or nothing; computed over the
    whole pool."""
    bins = length_bins([shortest_reference(row.references) for row in examples])
    return {
        row.id: tuple({"source": row.source, "length": length}[name] for name in names)
        for row, length in zip(examples, bins, strict=True)
    }


def _signal(
    request: SignalRequest, rewards: Sequence[Sequence[float]], length_method: str, drawn_with: object
) -> Signal:
    """How the ranking was made, and its reliability. For stored samples, the sampling is what their file records."""
    samples = min(map(len, rewards), default=0)
    reliability = split_half_reliability([row[:samples] for row in rewards]) if rewards else float("nan")
    if rewards:
        log.info(
            "Signal of %d prompts from %d samples each: split-half reliability %.2f", len(rewards), samples, reliability
        )
    return Signal(
        num_samples=request.settings.num_samples,
        stratify=tuple(request.settings.stratify),
        max_cut_share=request.settings.max_cut_share,
        drawn_with=drawn_with,
        rank=f"lower {CONFIDENCE:.0%} confidence bound of the standard deviation (Bonett 2006, pooled kurtosis)",
        samples_of_a_prompt=samples,
        split_half_reliability=None if np.isnan(reliability) else round(reliability, 4),
        candidates=len(rewards),
        near_duplicates=METHOD,
        reference_lengths=length_method,
        at_floor=f"score <= floor + {AT_FLOOR}",
    )
