"""The settings that determine a run's responses, and their key.

Library versions and the processor are not part of a key; they are recorded, and a rerun shows whether they matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bleuberi.artifacts import json_hash
from bleuberi.comparison.arms import Run, start_of
from bleuberi.comparison.inputs import NOT_DECIDING, BaseModel, Pool, data_settings, training_config
from bleuberi.comparison.protocol import Protocol
from bleuberi.rewards import load_reward

Decides = dict[str, Any]


def model_decides(run: Run, protocol: Protocol, base: BaseModel, pools: Mapping[str, Pool]) -> Decides:
    """All settings that determine the weights of a run's model. Errors: `UserError` for unknown config or reward."""
    arm = run.arm
    start = start_of(run, protocol.arms)
    if arm.examples is None:
        return {"model": dict(base.identity)}
    config = training_config(arm, protocol)
    paid = arm.rewards if arm.kind == "grpo" else ()  # those of bestof and dpo decide their data
    reward = {"reward": " + ".join(load_reward(name).signature() for name in paid)} if paid else {}
    return {
        "model": dict(base.identity),
        "method": arm.kind,
        "start": json_hash(model_decides(start, protocol, base, pools)) if start else None,
        "data": data_settings(arm, pools["train"].sha256, base, protocol.max_new_tokens),
        **reward,
        "config": {name: value for name, value in sorted(config.items()) if name not in NOT_DECIDING},
        "seed": run.seed,
        "threads": protocol.threads,
    }


def responses_decide(run: Run, protocol: Protocol, pools: Mapping[str, Pool]) -> Decides:
    """All settings, except the model, that determine its responses."""
    return {
        "prompts": pools[protocol.prompts].sha256,
        "max_new_tokens": protocol.max_new_tokens,
        "instruction": run.arm.instruction,
        "sampling": "greedy",
        "dtype": protocol.answer_dtype,
        "threads": protocol.threads,
    }


def run_decides(run: Run, protocol: Protocol, base: BaseModel, pools: Mapping[str, Pool]) -> Decides:
    """All settings that determine a run; their `json_hash` is the run's key."""
    return {
        "training": model_decides(run, protocol, base, pools),
        "responses": responses_decide(run, protocol, pools),
    }
