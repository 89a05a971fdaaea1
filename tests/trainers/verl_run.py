"""Runs verl's own code on a recipe: `python verl_run.py WORDS`, in a folder with what the words name.

Composes and checks the settings as `main_ppo` does, reads the training file with verl's data set, and scores the first
reference of each row with verl's reward manager, which imports the reward's file. Prints one JSON object.
"""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import torch
import verl
from hydra import compose, initialize_config_dir
from transformers import AutoTokenizer
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import validate_config
from verl.utils.dataset.rl_dataset import RLHFDataset


async def main():
    """Errors: verl's own, for settings that it refuses."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer/config"), version_base=None):
        config = compose("ppo_trainer", overrides=sys.argv[1:])
    validate_config(config, need_reference_policy(config), need_critic(config))
    tokenizer = AutoTokenizer.from_pretrained("tokenizer")
    rows = list(RLHFDataset(config.data.train_files, tokenizer, config.data))
    manager = load_reward_manager(config, tokenizer)
    scores = []
    for row in rows:
        text = json.loads(row["reward_model"]["ground_truth"])[0]
        tokens = tokenizer(text + tokenizer.eos_token, return_tensors="pt")["input_ids"]
        given = {name: np.array([row[name]], dtype=object) for name in ("data_source", "reward_model", "extra_info")}
        batch = DataProto.from_dict({"responses": tokens, "attention_mask": torch.ones_like(tokens)}, given)
        scores.append((await manager.run_single(batch))["reward_score"])
    tensor_parallel = config.actor_rollout_ref.rollout.tensor_model_parallel_size
    print(json.dumps({
        "prompts": [row["raw_prompt"] for row in rows], "scores": scores, "tensor_parallel": tensor_parallel,
        "gpus": config.trainer.n_gpus_per_node * config.trainer.nnodes,
    }))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
