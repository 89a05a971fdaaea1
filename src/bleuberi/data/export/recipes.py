"""Shell commands that start each trainer on an export, as docs/other_trainers.md explains them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from bleuberi.data.config import DPO
from bleuberi.strict_json import strict_json

FORMATS: Final = {".jsonl": "json", ".parquet": "parquet"}
"""A file's ending -> its name in `load_dataset`."""
MODEL: Final = "Qwen/Qwen2.5-0.5B-Instruct"
# Each trainer's own defaults are for eight GPUs, a hosted model or a tracker's account: these settings are for one GPU.
_VERL: Final = (
    "algorithm.adv_estimator=grpo data.train_batch_size=64 data.filter_overlong_prompts=True "
    "actor_rollout_ref.actor.ppo_mini_batch_size=64 actor_rollout_ref.actor.use_dynamic_bsz=True "
    "actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=8 "
    "actor_rollout_ref.rollout.tensor_model_parallel_size=1 trainer.n_gpus_per_node=1 trainer.logger=console "
    "trainer.total_epochs=1"
)
_OPENRLHF: Final = (
    "--algo.advantage.estimator group_norm --rollout.n_samples_per_prompt 8 --rollout.batch_size 64 "
    "--train.batch_size 64 --actor.num_gpus_per_node 1 --ref.num_gpus_per_node 1 --vllm.num_engines 1 "
    "--train.colocate_all --vllm.enable_sleep --ds.enable_sleep --vllm.gpu_memory_utilization 0.5"
)
_VERIFIERS: Final = (
    "--no-push -m MODEL --client.base-url http://localhost:8000/v1 --client.api-key-var OPENAI_API_KEY "
    "--env.agent.runtime.type subprocess"
)
_ADAPTER: Final = {"verl": ("VerlScore", "compute_score"), "openrlhf": ("OpenRlhfReward", "reward_func")}


def command(to: str, path: Path) -> str:
    """The command that trains on the file, or installs and asks the package, at `path`.

    verl and OpenRLHF find the reward in `reward.py`: `reward_file`.
    """
    name = shlex.quote(str(path))
    if to == "verifiers":
        asked = f"vf-eval {path.name.replace('_', '-').lower()} -n 3 {_VERIFIERS}"
        return f"pip install -e {name} && {asked}"
    if to == "verl":
        file = shlex.quote(f"data.train_files={_hydra(path)}")
        held_out = shlex.quote(f"data.val_files={_hydra(path)}")
        return (
            f"python -m verl.trainer.main_ppo {file} {held_out} actor_rollout_ref.model.path={MODEL} {_VERL} "
            "reward.custom_reward_function.path=reward.py reward.custom_reward_function.name=compute_score"
        )
    if to == "openrlhf":
        return (
            f"python -m openrlhf.cli.train_ppo_ray --data.prompt_dataset {name} --data.input_key prompt "
            f"--data.label_key label --data.apply_chat_template --actor.model_name_or_path {MODEL} {_OPENRLHF} "
            "--reward.remote_url reward.py"
        )
    if to not in ("trl", DPO):
        raise KeyError(to)
    rows = f"load_dataset({FORMATS[path.suffix]!r}, data_files={strict_json(str(path))}, split='train')"
    return f"python -c {shlex.quote('; '.join(statements(to, rows)))}"


def statements(to: str, rows: str) -> list[str]:
    """Python statements that train with TRL: GRPO, or DPO on pairs. `rows` is the call of `load_dataset`."""
    trainer, reward = ("DPOTrainer", "") if to == DPO else ("GRPOTrainer", "reward_funcs=Bleu(), ")
    return [
        "from datasets import load_dataset",
        f"from trl import {trainer}",
        *([] if to == DPO else ["from bleuberi.rewards import Bleu"]),
        f'{trainer}("{MODEL}", {reward}train_dataset={rows}).train()',
    ]


def reward_file(to: str) -> str:
    """The content of `reward.py` for a trainer that reads its reward from a file; empty for the others."""
    if to not in _ADAPTER:
        return ""
    adapter, name = _ADAPTER[to]
    return (
        "from bleuberi.rewards import Bleu\n"
        f"from bleuberi.rewards.adapters import {adapter}\n\n"
        f"{name} = {adapter}(Bleu())\n"
    )


def _hydra(path: Path) -> str:
    """Quote a path for Hydra, whose grammar interprets spaces, commas and brackets."""
    text = str(path)
    return text if re.fullmatch(r"[\w./~-]+", text, re.ASCII) else strict_json(text)
