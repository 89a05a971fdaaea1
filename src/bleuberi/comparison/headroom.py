"""Measure from scored samples, before any training, how much there is to gain on a pool.

`chosen` is the honest best of k: the best sample by half of the references, scored with the other half. The best of k
by the same references would gain from noise alone. `oracle` is a reference scored with the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Final

import numpy as np

from bleuberi.evaluation.controls import cut_to_words, last_words
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.base import score_responses
from bleuberi.selection.headroom_record import MEANINGS, Headroom
from bleuberi.selection.measures import is_at_floor, shortest_reference
from bleuberi.selection.scored_samples import ScoredText
from bleuberi.statistics import Difference, Estimate, prompt_clusters, rate_estimate, runs_of
from bleuberi.statistics.comparison_of_runs import FEWEST_PROMPTS
from bleuberi.statistics.shown import difference, percent
from bleuberi.statistics.within_group import spread

TRAIN: Final = "train"
OTHER: Final = "other data"
DO_NOT_TRAIN: Final = "do not train"
NO_VERDICT: Final = "no verdict"
FLAT: Final = 1e-9  # a standard deviation within a prompt below this is none
MOST_STUCK: Final = 0.5  # share of prompts from which GRPO gets no gradient
CHEAP: Final[Mapping[str, str]] = {
    "cut": "cutting responses to the references' length",
    "echo": "an echo of the prompt",
    "brief": "asking for a brief answer",
}

Column = list[float | None]  # N, one number per prompt


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt with its scored samples and, if available, its greedy and its brief response."""

    example: Example
    samples: Sequence[ScoredText]  # K, 2 or more
    greedy: str | None = None
    brief: str | None = None


def measure(rows: Sequence[Row], reward: Reward) -> Headroom:
    """Measure the headroom of these prompts (1 or more, each with 2 samples or more)."""
    columns = _columns(rows, reward)
    baseline = "greedy" if "greedy" in columns else "mean"
    gains, means = {}, {baseline: _mean(columns[baseline])}
    clusters = prompt_clusters([row.example.prompt for row in rows])
    for name in MEANINGS:
        if name in columns and name != baseline:
            against = "baseline_on_halves" if name == "chosen" else baseline
            gains[name] = _difference(columns[against], columns[name], clusters)
            means[name] = _mean(columns[name])
    scores = [[sample.score for sample in row.samples] for row in rows]
    flat = [spread(values) < FLAT for values in scores]
    floor = [
        all(is_at_floor(reward.name, value, shortest_reference(row.example.references)) for value in values)
        for row, values in zip(rows, scores, strict=True)
    ]
    stuck = rate_estimate([float(one or other) for one, other in zip(flat, floor, strict=True)], clusters)
    target = "oracle" if "oracle" in columns else "best"
    cheapest = max((name for name in CHEAP if name in columns), key=lambda name: means[name], default=None)
    above = _difference(columns[cheapest], columns[target], clusters) if cheapest is not None else None
    lead = _difference(columns["samples_on_halves"], columns["chosen"], clusters) if "chosen" in columns else None
    barren = _barren(rows, reward, columns.get("oracle"))
    verdict, sentence = _verdict(gains, lead, stuck, cheapest, above, barren, len(rows))
    return Headroom(
        prompts=len(rows),
        samples=min(len(row.samples) for row in rows),
        metric=reward.name,
        signature=reward.signature(),
        baseline=baseline,
        means=means,
        gains=gains,
        no_spread=rate_estimate([float(one) for one in flat], clusters),
        at_floor=rate_estimate([float(one) for one in floor], clusters),
        stuck=stuck,
        deviation=fmean(spread(values) for values in scores),
        unfinished=fmean(sample.finish_reason == "length" for row in rows for sample in row.samples),
        verdict=verdict,
        sentence=sentence,
    )


def _barren(rows: Sequence[Row], reward: Reward, oracle: Column | None) -> bool:
    """Whether most references score no higher against the others than an unrelated text would."""
    lengths = [shortest_reference(row.example.references) for row in rows]
    known = [pair for pair in zip(oracle or [], lengths, strict=False) if pair[0] is not None]
    at_floor = sum(is_at_floor(reward.name, score, length) for score, length in known if score is not None)
    return bool(known) and at_floor > MOST_STUCK * len(known)


def _verdict(
    gains: Mapping[str, Difference],
    lead: Difference | None,  # of `chosen` over the mean of the samples: RL reinforces what is better than its group
    stuck: Estimate,
    cheapest: str | None,
    above: Difference | None,
    barren: bool,
    prompts: int,
) -> tuple[str, str]:
    """The first rule that applies; docs/headroom.md lists them."""
    if prompts < FEWEST_PROMPTS:
        return NO_VERDICT, f"No verdict: {prompts} prompts are fewer than {FEWEST_PROMPTS}."
    oracle = gains.get("oracle")
    if oracle is not None and not _clear(oracle):
        why = f"references score no more against each other than the model does ({_shown(oracle)})"
        return DO_NOT_TRAIN, f"Do not train on this pool: {why}."
    if cheapest is not None and above is not None and _clear(gains[cheapest]) and not _clear(above):
        target = "a reference" if oracle is not None else "the best of k"
        why = f"{CHEAP[cheapest]} alone gains {_shown(gains[cheapest])}, and {target} no more"
        return DO_NOT_TRAIN, f"Do not train on this pool: {why}."
    if barren:
        return DO_NOT_TRAIN, "Do not train on this pool: references of a prompt have nothing in common."
    if stuck.value > MOST_STUCK:
        why = f"on {percent(asdict(stuck), 0)} of the prompts all samples score the same or are at the floor"
        return OTHER, f"Other data, or SFT first: {why}, so RL gets no gradient there."
    best = gains["best"] if lead is None else lead
    if not _clear(best):
        why = f"the best of k is not better by other references than those that chose it ({_shown(best)})"
        return OTHER, f"Other data, or SFT first: {why}, so RL has little to reinforce."
    room = f", a reference {_shown(oracle)}" if oracle is not None else ""
    over = "" if lead is None else " over the mean of the samples"
    said = f"Train: the best of k gains {_shown(best)}{over}{room}, and nothing cheap does as much."
    if "chosen" in gains and not _clear(gains["chosen"]):
        said += f" Over the greedy response it gains nothing clear ({_shown(gains['chosen'])})."
    return TRAIN, f"{said} Whether SFT or RL is the better use: bleuberi compare."


def _columns(rows: Sequence[Row], reward: Reward) -> dict[str, Column]:
    examples = [row.example for row in rows]
    columns: dict[str, Column] = {
        "mean": [fmean(sample.score for sample in row.samples) for row in rows],
        "best": [max(sample.score for sample in row.samples) for row in rows],
    }
    own = [row.samples[0].text if row.greedy is None else row.greedy for row in rows]
    greedy = all(row.greedy is not None for row in rows)
    if greedy:
        columns["greedy"] = _scores(reward, examples, own)
    lengths = [len(text.split()) for example in examples for text in example.references]
    if lengths:
        words = max(1, round(median(lengths)))
        columns["cut"] = _scores(reward, examples, [cut_to_words(text, words) for text in own])
        columns["echo"] = _scores(reward, examples, [last_words(example.prompt, words) for example in examples])
    if all(row.brief is not None for row in rows):
        columns["brief"] = _scores(reward, examples, [row.brief or "" for row in rows])
    if sum(len(example.references) > 1 for example in examples) >= FEWEST_PROMPTS:
        columns |= _held_out(rows, reward, own if greedy else None)
    return {name: column for name, column in columns.items() if any(value is not None for value in column)}


def _held_out(rows: Sequence[Row], reward: Reward, greedy: Sequence[str] | None) -> dict[str, Column]:
    """References against each other; and the best sample by half of them, scored with the other half, both ways."""
    oracle: list[list[float | None]] = []
    halves: list[tuple[list[Column], Column]] = []
    for place, row in enumerate(rows):
        given = row.example.references
        if len(given) < 2:
            oracle.append([])
            halves.append(([], []))
            continue
        others = [[*given[:at], *given[at + 1 :]] for at in range(len(given))]
        oracle.append(_score(reward, row.example.prompt, list(given), others))
        texts = [sample.text for sample in row.samples]
        asked = [*texts, *([greedy[place]] if greedy is not None else [])]
        scored = [_score(reward, row.example.prompt, asked, [half] * len(asked)) for half in (given[::2], given[1::2])]
        halves.append(([column[: len(texts)] for column in scored], [column[-1] for column in scored]))
    chosen: Column = []
    baseline: Column = []
    samples: Column = []
    for by_half, single in halves:
        if not by_half or any(value is None for column in by_half for value in column) or None in single:
            for column in (chosen, baseline, samples):
                column.append(None)
            continue
        one, other = (np.asarray(column, dtype=np.float64) for column in by_half)
        chosen.append(float((other[one.argmax()] + one[other.argmax()]) / 2))
        own = [value for value in single if value is not None]
        samples.append(float((one.mean() + other.mean()) / 2))
        baseline.append(fmean(own) if greedy is not None else samples[-1])
    means = [None if not found or None in found else fmean(value for value in found if value is not None)
             for found in oracle]  # fmt: skip
    return {"oracle": means, "chosen": chosen, "baseline_on_halves": baseline, "samples_on_halves": samples}


def _scores(reward: Reward, examples: Sequence[Example], texts: Sequence[str]) -> Column:
    return score_responses(
        reward,
        prompts=[row.prompt for row in examples],
        responses=list(texts),
        references=[row.references for row in examples],
    )


def _score(reward: Reward, prompt: str, texts: list[str], references: Sequence[Sequence[str]]) -> Column:
    return score_responses(reward, prompts=[prompt] * len(texts), responses=texts, references=references)


def _mean(column: Column) -> float:
    return fmean([value for value in column if value is not None] or [float("nan")])


def _difference(base: Column, other: Column, clusters: Sequence[str]) -> Difference:
    """`other - base` over the prompts that have both."""
    kept = [place for place, pair in enumerate(zip(base, other, strict=True)) if None not in pair]
    values = np.asarray([[base[place], other[place]] for place in kept], dtype=np.float64)
    return runs_of(values, [clusters[place] for place in kept]).difference([0], [1], trained=(False, False))


def _clear(gain: Difference) -> bool:
    return gain.no_verdict is None and gain.low > 0


def _shown(gain: Difference | None) -> str:
    return difference(asdict(gain)) if gain is not None else ""
