"""Add the gate, the monitor and the samples to a GRPO run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.rewards import Reward
from bleuberi.training.settings.read import RunConfig
from bleuberi.training.watch.gate import RewardGate
from bleuberi.training.watch.handover import Handover
from bleuberi.training.watch.monitor import RewardMonitor
from bleuberi.training.watch.reward import TrlReward
from bleuberi.training.watch.samples import evenly_spaced, samples_callback


def watched_rewards(
    rewards: Sequence[Reward],
    run: RunConfig,
    group_size: int,
    end_ids: Sequence[int],
) -> list[TrlReward]:
    """The rewards for the trainer, each wrapped with the gate and the monitor."""
    gate = RewardGate(run.low_signal_gate, run.low_signal_spread, run.low_signal_floor_share, len(rewards))
    return [
        TrlReward(reward, Handover(gate, RewardMonitor(frozenset(end_ids), logs_texts=place == 0), group_size))
        for place, reward in enumerate(rewards)
    ]


def add_samples(
    trainer: Any,  # noqa: ANN401 - trl.GRPOTrainer
    folder: Path,
    rows: Sequence[dict[str, Any]],  # as the trainer sees them
    rewards: Sequence[Reward],
    run: RunConfig,
) -> None:
    """Make the trainer sample the same few prompts during training, if `sample_every` is set."""
    if run.sample_every:
        chosen = evenly_spaced(rows, run.sample_prompts)
        trainer.add_callback(samples_callback(trainer, folder, chosen, rewards, run.sample_every))
