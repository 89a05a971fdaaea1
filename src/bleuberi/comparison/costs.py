"""The cost of a run: generated, forward and backward sequences and tokens, and seconds.

Tokens are counted without padding. `forward` counts passes without gradients: reading prompts, writing responses (each
token once), log-probabilities of an older policy or the reference policy. `backward` counts passes with gradients, each
forward and backward. Counts are of the finished run; seconds include interrupted attempts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import shard_body
from bleuberi.comparison.process import Seconds
from bleuberi.generation.answer_store import shard_paths
from bleuberi.records import to_json

BACKWARD: Final = 3
"""Forward passes that one pass with gradients costs: forward, and twice as much backward."""
DEFAULTS: Final[Mapping[str, Any]] = {
    "per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_iterations": 1, "beta": 0.0,
    "steps_per_generation": None, "use_vllm": False, "vllm_importance_sampling_correction": True,
}  # fmt: skip
"""TRL's defaults of the fields used here."""


@dataclass(frozen=True, slots=True)
class Passes:
    """Sequences and tokens that passed through a model."""

    sequences: int = 0
    tokens: int = 0

    def __add__(self, other: Passes) -> Passes:
        return Passes(self.sequences + other.sequences, self.tokens + other.tokens)

    def times(self, count: int) -> Passes:
        return Passes(self.sequences * count, self.tokens * count)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one part of a run."""

    generated: Passes = field(default_factory=Passes)
    forward: Passes = field(default_factory=Passes)
    backward: Passes = field(default_factory=Passes)
    seconds: Seconds = field(default_factory=Seconds)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.generated + other.generated,
            self.forward + other.forward,
            self.backward + other.backward,
            self.seconds + other.seconds,
        )

    @property
    def token_passes(self) -> int:
        """Tokens of forward passes and, each counted as `BACKWARD` of them, of backward passes."""
        return self.forward.tokens + BACKWARD * self.backward.tokens

    def to_json(self) -> dict[str, dict[str, float]]:
        """The cost as plain data, seconds rounded to one decimal."""
        return to_json(replace(self, seconds=Seconds(round(self.seconds.wall, 1), round(self.seconds.cpu, 1))))


def grpo_cost(
    metrics: Sequence[Mapping[str, Any]],  # the log, one entry per step
    samples: Sequence[Mapping[str, Any]],  # of completions.jsonl: the monitor's samples
    config: Mapping[str, Any],
    steps: int,
) -> Cost:
    """The cost of a GRPO training in one process; seconds are not filled in."""
    config = {**DEFAULTS, **config}
    accumulated, iterations = config["gradient_accumulation_steps"], config["num_iterations"]
    per_generation = config["steps_per_generation"] or accumulated
    batch = config["per_device_train_batch_size"]
    every = per_generation * iterations  # micro-batches from one generation
    lengths = [entry["completions/mean_length"] for entry in metrics if "completions/mean_length" in entry]
    if not lengths:
        raise ValueError("the log has no completion lengths")
    generations = math.ceil(steps * accumulated / every)
    sequences = generations * per_generation * batch
    written = Passes(sequences, round(sum(lengths) / len(lengths) * sequences))
    seen = Passes(sequences, round(max(entry["num_tokens"] for entry in metrics if "num_tokens" in entry)))
    trained = steps * accumulated * batch
    older = accumulated % every != 0 or (config["use_vllm"] and config["vllm_importance_sampling_correction"])
    extra = seen.times(int(bool(older)) + int(config["beta"] != 0))
    sampled = Passes(len(samples), sum(entry["tokens"] for entry in samples))
    return Cost(
        generated=written + sampled,
        forward=seen + extra + sampled,
        backward=Passes(trained, round(seen.tokens * trained / sequences)),
    )


def sft_cost(metrics: Sequence[Mapping[str, Any]], config: Mapping[str, Any], steps: int, rows: int) -> Cost:
    """The cost of SFT on `rows` pairs in one process; seconds are not filled in."""
    config = {**DEFAULTS, **config}
    batch = config["per_device_train_batch_size"] * config["gradient_accumulation_steps"]
    in_epoch = math.ceil(rows / batch)
    sequences = steps // in_epoch * rows + min(steps % in_epoch * batch, rows)
    tokens = max(entry["num_tokens"] for entry in metrics if "num_tokens" in entry)
    return Cost(backward=Passes(sequences, round(tokens)))


def dpo_cost(metrics: Sequence[Mapping[str, Any]], config: Mapping[str, Any], steps: int, rows: int) -> Cost:
    """The cost of DPO on `rows` pairs in one process; seconds are not filled in.

    A pair has two responses, and the reference model reads them without gradients.
    """
    pairs = sft_cost(metrics, config, steps, rows).backward
    both = Passes(2 * pairs.sequences, pairs.tokens)
    return Cost(forward=both, backward=both)


def answering_cost(rows: Sequence[Mapping[str, Any]], prompt_tokens: int) -> Cost:
    """The cost of generating responses; `prompt_tokens` is the total over their prompts."""
    written = Passes(len(rows), sum(row["tokens"] for row in rows))
    return Cost(generated=written, forward=Passes(written.sequences, written.tokens + prompt_tokens))


def cached_samples(folder: Path) -> list[tuple[str, int]]:
    """Prompt key and token count of every response in the caches below a folder."""
    found = []
    for cache in sorted(path for path in folder.glob("*") if path.is_dir()):
        for shard in shard_paths(cache):
            for line in (shard_body(shard) or b"").splitlines():
                row = json.loads(line)
                found.append((str(row["key"]), int(row["tokens"])))
    return found
