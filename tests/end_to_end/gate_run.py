"""A GRPO run whose rewards are known, in one process or under torchrun.

A prompt's only reference says how far its rewards spread; their noise comes from the completion's letters.
"""

import json
import sys
import zlib
from pathlib import Path

GROUP = 4
SPREADS = ["0.001", "1", "none", "some"]


class Noise:
    """0.3 plus noise of a known size; `none` has no score, `some` none for about half of the completions."""

    def __init__(self, name="noise", factor=1.0):
        self.name, self.factor = name, factor

    def signature(self):
        return f"{self.name}|v:1"

    def __call__(self, *, prompts, responses, references):
        return [self._score(text, own[0]) for text, own in zip(responses, references, strict=True)]

    def _score(self, text, spread):
        noise = zlib.crc32(f"{self.name}{text}".encode()) / 2**32
        if spread == "none" or (spread == "some" and noise < 0.5):
            return None
        return self.factor * (0.3 + noise * (1.0 if spread == "some" else float(spread)))


def run(model, folder, *, active=True, rewards=1, per_device=16, **settings):
    """Train two steps; gives the metrics and the completions with their rewards and advantages, as the trainer wrote
    them."""
    import pandas
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from bleuberi.training.settings.read import RunConfig
    from bleuberi.training.watched_run import watched_rewards

    args = GRPOConfig(
        output_dir=str(folder),
        num_generations=GROUP,
        per_device_train_batch_size=per_device,
        max_completion_length=8,
        max_steps=2,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        log_completions=True,
        num_completions_to_print=0,
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        learning_rate=1e-3,
        **settings,
    )
    rows = [{"prompt": [{"role": "user", "content": f"Spread {size}"}], "references": [size]} for size in SPREADS]
    names = [("noise", 1.0), ("other", 0.7)][:rewards]
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        reward_funcs=watched_rewards(
            [Noise(name, factor) for name, factor in names],
            RunConfig(low_signal_gate=active, low_signal_spread=0.01),
            GROUP,
            [AutoTokenizer.from_pretrained(model).eos_token_id],
        ),
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    trainer.train()
    if not trainer.is_world_process_zero():
        return None
    table = pandas.concat([pandas.read_parquet(path) for path in sorted((folder / "completions").glob("*.parquet"))])
    rows = [
        {
            "step": row["step"],
            "spread": row["prompt"][0]["content"].removeprefix("Spread "),
            "completion": row["completion"][0]["content"],
            "rewards": [None if row[name] != row[name] else row[name] for name, _ in names],
            "advantage": row["advantage"],
        }
        for row in table.to_dict("records")
    ]
    return {"metrics": [entry for entry in trainer.state.log_history if "reward" in entry], "rows": rows}


def main(model, folder):
    """Two runs with two processes: groups that lie whole on one, and groups that span both."""
    from bleuberi.training.processes import part_processes

    found = {}
    for name, per_device in (("whole", 8), ("spanning", 6)):
        found[name] = run(model, Path(folder) / name, per_device=per_device)
    if found["whole"]:
        Path(folder, "found.json").write_text(json.dumps(found), encoding="utf-8")
    part_processes()


if __name__ == "__main__":
    main(*sys.argv[1:])
