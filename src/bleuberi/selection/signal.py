"""Pick examples that a policy can learn from: those whose samples get different rewards.

Examples that can be dropped without samples are dropped first, so that nothing is spent on them.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from bleuberi.data.near_duplicates import METHOD, prompt_groups
from bleuberi.data.token_lengths import AT_A_TIME, token_counter
from bleuberi.generation.base import is_whole
from bleuberi.on_disk import Mapped
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.selection.config import SignalSettings
from bleuberi.selection.measures import AT_FLOOR, is_at_floor, shortest_reference
from bleuberi.selection.pick import Places, rows_at
from bleuberi.selection.pick_signal import Stratum, binned, select_by_signal
from bleuberi.selection.record import Picked, ScoredSample, Signal
from bleuberi.selection.samples import Sample, Samples
from bleuberi.selection.scores import score_pool
from bleuberi.statistics.spread import (
    CONFIDENCE,
    MIN_SAMPLES,
    FloatArray,
    deviation_lower_bounds,
    split_half_reliability,
)

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
    places, length_method = _worth_sampling(examples, request, dropped)
    samples = request.draw(rows_at(examples, places)) if len(places) else Samples([], {}, {})
    dropped.update(samples.dropped)
    numbers = _whole(samples.rows, request.settings, dropped)
    scored, table = _score(rows_at(examples, places[numbers]), rows_at(samples.rows, numbers), request)
    dropped["not scorable"] = len(numbers) - len(scored)
    places, drawn = places[numbers[scored]], rows_at(samples.rows, numbers[scored])
    rewards = Mapped(range(len(table)), lambda number: table[number][~np.isnan(table[number])].tolist())
    metric = request.reward.name
    candidates = _off_the_floor(rows_at(examples, places), rewards, metric, dropped)
    signal = np.full(len(places), np.nan)
    signal[candidates] = deviation_lower_bounds(rows_at(rewards, candidates))
    strata = _strata(examples, request.settings.stratify)
    own = [strata[place] for place in places[candidates]]
    chosen = select_by_signal(signal[candidates], request.count, own, Counter(strata))
    dropped["not selected"] = len(candidates) - len(chosen)

    def columns(number: int) -> dict[str, float]:
        if np.isnan(signal[number]):
            return {}
        values = rewards[number]
        return {metric: float(np.mean(values)), f"{metric}_deviation": float(np.std(values, ddof=1)),
                f"{metric}_signal": float(signal[number])}  # fmt: skip

    def shown(number: int) -> list[ScoredSample]:
        return [ScoredSample(score, one.text) for score, one in zip(rewards[number], drawn[number], strict=True)]

    return Picked(
        chosen=places[candidates[chosen]],
        dropped=dict(dropped),
        scored=places,
        scores=np.fromiter(map(fmean, rewards), np.float64, len(places)),
        samples=Mapped(range(len(places)), shown),
        columns=Mapped(range(len(places)), columns),
        signature=request.reward.signature(),
        scores_path=request.scores_path,
        provenance=samples.provenance,
        generated_now=samples.generated_now,
        signal=_signal(request, rows_at(rewards, candidates), length_method, samples.provenance.get("sampling")),
    )


def _worth_sampling(examples: Sequence[Example], request: SignalRequest, dropped: Counter[str]) -> tuple[Places, str]:
    """The places of the others, without examples whose references no completion can reach, and without all but the
    first of near-duplicate prompts."""
    count, method = token_counter(request.tokenizer_of)
    fitting = array("q")
    for start in range(0, len(examples), AT_A_TIME):
        part = [row.references for row in examples[start : start + AT_A_TIME]]
        given = iter(count([text for texts in part for text in texts]))
        for place, texts in enumerate(part, start):
            if min([next(given) for _ in texts]) <= request.max_tokens:
                fitting.append(place)
    dropped[f"with references of more than {request.max_tokens} tokens"] = len(examples) - len(fitting)
    asked = Mapped(fitting, lambda place: "\n".join(turn["content"] for turn in examples[place].messages))
    groups = prompt_groups(asked).near
    first = np.asarray(fitting, np.int64)[groups == np.arange(len(fitting))]
    dropped["near-duplicate prompts"] = len(fitting) - len(first)
    return first, method


def _whole(rows: Sequence[list[Sample]], settings: SignalSettings, dropped: Counter[str]) -> Places:
    """The numbers of the rows with enough samples, of which few enough are empty or cut."""
    kept = array("q")
    for number, drawn in enumerate(rows):
        if not drawn:
            continue
        if len(drawn) < MIN_SAMPLES:
            dropped[f"with fewer than {MIN_SAMPLES} samples"] += 1
        elif sum(not is_whole(one.text, one.finish_reason) for one in drawn) > settings.max_cut_share * len(drawn):
            dropped["with empty or cut outputs"] += 1
        else:
            kept.append(number)
    return np.asarray(kept, np.int64)


def _score(
    examples: Sequence[Example],  # N
    rows: Sequence[list[Sample]],  # N
    request: SignalRequest,
) -> tuple[Places, FloatArray]:
    """Score all samples, with one file per sample number. Returns the rows whose samples all have a score, and their
    scores, one row each, NaN behind the last sample of a row that has fewer."""
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    table = np.full((len(rows), counts.max(initial=0)), np.nan)
    for number in range(table.shape[1]):
        texts = (drawn[number].text if number < len(drawn) else None for drawn in rows)
        path = request.scores_path.with_name(f"{request.scores_path.stem}_sample{number}.json")
        scores = score_pool(examples, texts, request.reward, path)
        table[scores.places, number] = scores.values
    whole = np.flatnonzero((~np.isnan(table)).sum(axis=1) == counts)
    return whole, table[whole]


def _off_the_floor(
    examples: Sequence[Example],  # N
    rewards: Sequence[Sequence[float]],  # N
    metric: str,
    dropped: Counter[str],
) -> Places:
    kept = array("q")
    for number, (row, scores) in enumerate(zip(examples, rewards, strict=True)):
        tokens = shortest_reference(row.references)
        if all(is_at_floor(metric, score, tokens) for score in scores):
            dropped["with all samples at the floor"] += 1
        else:
            kept.append(number)
    return np.asarray(kept, np.int64)


def _strata(examples: Sequence[Example], names: Sequence[str]) -> list[Stratum]:
    """Each row's stratum: its source, the quarter of its reference length, both, or nothing; computed over the whole
    pool."""
    bins, ranges = binned(array("q", (shortest_reference(row.references) for row in examples)))
    known: dict[Stratum, Stratum] = {}  # so that equal strata are one object
    strata = []
    for row, number in zip(examples, bins, strict=True):
        stratum = tuple({"source": row.source, "length": ranges[number]}[name] for name in names)
        strata.append(known.setdefault(stratum, stratum))
    return strata


def _signal(
    request: SignalRequest, rewards: Sequence[Sequence[float]], length_method: str, drawn_with: object
) -> Signal:
    """How the ranking was made, and its reliability. For stored samples, the sampling is what their file records."""
    samples = min(map(len, rewards), default=0)
    equal = np.fromiter((score for row in rewards for score in row[:samples]), np.float64)
    reliability = split_half_reliability(equal.reshape(-1, samples)) if rewards else float("nan")
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
