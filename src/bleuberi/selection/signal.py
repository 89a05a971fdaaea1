"""Pick examples that a policy can learn from: those whose samples get different rewards.

What needs no sample is dropped first, so that nothing is spent on it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bleuberi.data.near_duplicates import METHOD, near_duplicate_groups
from bleuberi.data.token_lengths import token_lengths
from bleuberi.errors import UserError
from bleuberi.generation.base import Sampling
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.selection.measures import AT_FLOOR, is_at_floor, shortest_reference
from bleuberi.selection.pick_signal import Stratum, check_strata, length_bins, select_by_signal
from bleuberi.selection.record import Picked, ScoredSample
from bleuberi.selection.samples import Sample, Samples
from bleuberi.selection.scores import score_pool
from bleuberi.statistics.spread import CONFIDENCE, MIN_SAMPLES, deviation_lower_bounds, split_half_reliability

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """How samples are drawn and picked. The sampling is that of the training to come: the preset grpo_paper's."""

    num_samples: int = 8
    stratify: tuple[str, ...] = ("source", "length")
    sample_temperature: float = 0.9
    sample_top_p: float = 1.0
    sample_top_k: int = 50
    max_cut_share: float = 0.0

    def check(self) -> None:
        """Refuse what cannot work. Errors: `UserError`."""
        check_strata(self.stratify)
        if self.num_samples < MIN_SAMPLES:
            raise UserError(
                f"--num_samples is {self.num_samples}: {'one sample has' if self.num_samples == 1 else 'so few have'} "
                "no spread to rank by.",
                f"Give {MIN_SAMPLES} or more (8 is a good number), or choose --selection_mode hard.",
            )
        if not self.sample_temperature > 0:
            raise UserError(
                f"--sample_temperature is {self.sample_temperature}: all samples of a prompt would be the same.",
                "Give the temperature of the training to come, e.g. 0.9.",
            )
        if not 0 < self.sample_top_p <= 1 or self.sample_top_k < 0:
            raise UserError(
                f"--sample_top_p {self.sample_top_p} or --sample_top_k {self.sample_top_k} is out of range.",
                "Give a top_p above 0 and up to 1 (1: off), and a top_k of 0 (off) or more.",
            )
        if not 0 <= self.max_cut_share <= 1:
            raise UserError(f"--max_cut_share is {self.max_cut_share}.", "Give a share from 0 (none) to 1 (all).")

    def sampling(self, max_new_tokens: int, seed: int) -> Sampling:
        """The sampling settings of a prompt's first sample; `seed` is its seed."""
        return Sampling(max_new_tokens, self.sample_temperature, self.sample_top_p, self.sample_top_k, seed)

    def settings(self) -> dict[str, Any]:
        return {**asdict(self), "stratify": list(self.stratify)}


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """What the picking works with; `draw` gets samples for the examples that are worth them."""

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
    by_id = {row.id: row for row in candidates}
    metric = request.reward.name
    columns = {
        row.id: {metric: float(np.mean(values)), f"{metric}_deviation": float(np.std(values, ddof=1)),
                 f"{metric}_signal": signal[row.id]}
        for row, values in zip(candidates, rewards, strict=True)
    }  # fmt: skip
    return Picked(
        chosen=[by_id[row] for row in chosen],
        dropped=dict(dropped),
        samples_by_id=scored,
        columns_by_id=columns,
        signature=signature,
        scores_path=request.scores_path,
        provenance=samples.provenance,
        generated_now=samples.generated_now,
        details={"signal": _details(request, rewards, length_method, samples.provenance.get("sampling"))},
    )


def _worth_sampling(
    examples: Sequence[Example], request: SignalRequest, dropped: Counter[str]
) -> tuple[list[Example], str]:
    """Without references that no completion can reach, and without the later ones of near-duplicate prompts."""
    texts = [reference for row in examples for reference in row.references]
    lengths, method = token_lengths(texts, request.tokenizer_of)
    given = iter(lengths)
    shortest = [min(next(given) for _ in row.references) for row in examples]
    fitting = [row for row, tokens in zip(examples, shortest, strict=True) if tokens <= request.max_tokens]
    dropped[f"with references of more than {request.max_tokens} tokens"] = len(examples) - len(fitting)
    groups = near_duplicate_groups(["\n".join(turn["content"] for turn in row.messages) for row in fitting])
    first = [row for place, row in enumerate(fitting) if groups[place] == place]
    dropped["near-duplicate prompts"] = len(fitting) - len(first)
    return first, method


def _whole(
    examples: Sequence[Example], samples: Samples, settings: SignalSettings, dropped: Counter[str]
) -> list[Example]:
    """Those with samples enough, and few enough of them empty or cut."""
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
    """Scores of all samples, in a file for each sample number; rows with one that has no score are left out."""
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
    """By id the source, the quarter of the reference lengths, both or nothing, over the whole pool."""
    bins = length_bins([shortest_reference(row.references) for row in examples])
    return {
        row.id: tuple({"source": row.source, "length": length}[name] for name in names)
        for row, length in zip(examples, bins, strict=True)
    }


def _details(
    request: SignalRequest, rewards: Sequence[Sequence[float]], length_method: str, drawn_with: object
) -> dict[str, Any]:
    """How the ranking was made and what it is worth. Stored samples were drawn as their file says, if it does."""
    samples = min(map(len, rewards), default=0)
    reliability = split_half_reliability([row[:samples] for row in rewards]) if rewards else float("nan")
    if rewards:
        log.info(
            "Signal of %d prompts from %d samples each: split-half reliability %.2f", len(rewards), samples, reliability
        )
    return {
        "num_samples": request.settings.num_samples,
        "stratify": list(request.settings.stratify),
        "max_cut_share": request.settings.max_cut_share,
        "drawn_with": drawn_with,
        "rank": f"lower {CONFIDENCE:.0%} confidence bound of the standard deviation (Bonett 2006, pooled kurtosis)",
        "samples_of_a_prompt": samples,
        "split_half_reliability": None if np.isnan(reliability) else round(reliability, 4),
        "candidates": len(rewards),
        "near_duplicates": METHOD,
        "reference_lengths": length_method,
        "at_floor": f"score <= floor + {AT_FLOOR}",
    }
