"""Post-processes reward scores: applies the low-signal gate and logs the monitor's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from bleuberi.rewards import Reward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.bleu_parts import BleuParts
from bleuberi.rewards.text_shape import references_copied, shape_tokens, text_shapes
from bleuberi.strict_json import as_finite
from bleuberi.training.watch.gate import RewardGate
from bleuberi.training.watch.groups import whole_groups
from bleuberi.training.watch.monitor import LogMetric, RewardMonitor, Row


@dataclass(frozen=True, slots=True)
class Scored:
    """One call of a reward: its inputs and the scores it returned."""

    prompts: Sequence[str]  # N
    responses: Sequence[str]  # N
    references: Sequence[Sequence[str]]  # N
    completion_ids: Sequence[Sequence[int]]  # N, the tokens that were generated
    scores: Sequence[float | None]  # N


@dataclass(frozen=True, slots=True)
class Handover:
    """Applies the gate and the monitor to a reward's scores before the trainer gets them."""

    gate: RewardGate
    monitor: RewardMonitor
    group_size: int

    def __call__(self, reward: Reward, scored: Scored, log_metric: LogMetric) -> list[float | None]:  # N
        """The scores for the trainer. Every process has to call it at once: groups may span processes."""
        shapes = text_shapes(scored.prompts, scored.responses)
        parts = parts_of(reward, scored.responses, scored.references)
        texts = scored.responses if self.monitor.logs_texts else [""] * len(shapes)
        rows = [
            Row(
                None if score is None else as_finite(score),
                part.floor if part else 0.0,
                len(ids),
                copy,
                shape_tokens(text),
            )
            for score, part, ids, (_, copy), text in zip(
                scored.scores, parts, scored.completion_ids, shapes, texts, strict=True
            )
        ]
        groups, first = whole_groups(rows, self.group_size)
        handed: list[list[float | None]] = []
        for group in groups:
            scores = [row.score for row in group]
            is_low = self.gate.is_low(scores, [row.floor for row in group])
            handed.append(self.gate.hand_over(scores, is_low))
            if is_low is not None:
                log_metric("frac_low_signal", float(is_low))
        copied = references_copied(scored.prompts, scored.references) if self.monitor.logs_texts else []
        self.monitor.log_completions(shapes, copied, scored.completion_ids, log_metric)
        self.monitor.log_groups(reward.name, groups, log_metric)
        self.monitor.log_parts(reward.name, parts, log_metric)
        return list(chain.from_iterable(handed))[first : first + len(rows)]


def parts_of(
    reward: Reward, responses: Sequence[str], references: Sequence[Sequence[str]]
) -> Sequence[BleuParts | None]:  # N
    """The parts of each BLEU score; None for every row if the reward is not BLEU."""
    return reward.parts(responses, references) if isinstance(reward, Bleu) else [None] * len(responses)
