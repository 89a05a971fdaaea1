"""A small experiment on disk, and a stand-in for the comparison of its runs that takes no process."""

import hashlib
import json

import yaml

from bleuberi.rewards import load_reward
from tests.conftest import ROOT

GRPO = {
    "config": "grpo_cpu", "max_steps": 8, "save_steps": 2, "learning_rate": "5e-3", "num_generations": 2,
    "per_device_train_batch_size": 4, "max_completion_length": 8, "sample_every": 0,
}  # fmt: skip
SFT = {"config": "sft_cpu", "max_steps": 4, "per_device_train_batch_size": 2}
ARMS = {
    "base": {"kind": "base"},
    "grpo": {"kind": "grpo", "seeds": [1]},
    "placebo": {"kind": "grpo", "data": "shuffled", "seeds": [1]},
}


def write_pools(folder):
    """16 rows to train on and 6 to answer, of the demo's pool."""
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "train.jsonl").write_text("\n".join(lines[:16]) + "\n")
    (folder / "test.jsonl").write_text("\n".join(lines[16:22]) + "\n")


def write_protocol(path, model, **changed):
    """Write a protocol whose pools lie in its parent's parent; gives its path."""

    def pool(name):
        content = (path.parent.parent / name).read_bytes()
        return {"file": f"../{name}", "sha256": hashlib.sha256(content).hexdigest()}

    fields = {
        "name": "tiny",
        "question": "Does it run?",
        "model": str(model),
        "pool": {"train": pool("train.jsonl"), "test": pool("test.jsonl")},
        "ref_models": ["gold", "second"],
        "examples": {"mode": "random", "count": 8, "seed": 1},
        "max_new_tokens": 8,
        "settings": {"grpo": GRPO, "sft": SFT},
        "arms": ARMS,
        "primary": {"arm": "grpo", "against": "placebo", "metric": "bleu"},
        "stopping": "All runs above.",
        "texts": "commit",
        **changed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(fields, sort_keys=False))
    return path


def evaluate(words, folder):
    """What `bleuberi evaluate` leaves, as far as the runner reads it: BLEU of every response."""
    place = words.index("--models") + 1
    models = dict(word.split("=") for word in words[place : words.index("--prompts")])
    with (folder / words[words.index("--prompts") + 1]).open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    references = [[row["ref_output_gold"], row["ref_output_second"]] for row in rows]
    scores = {}
    for name, file in models.items():
        with (folder / file).open(encoding="utf-8") as stream:
            responses = {row["id"]: row["response"] for row in map(json.loads, stream)}
        texts = [responses[row["id"]] for row in rows]
        scores[name] = load_reward("bleu")(responses=texts, references=references)
    made = folder / words[words.index("--output_dir") + 1]
    made.mkdir(exist_ok=True)
    metrics = [{"name": "bleu", "signature": "b"}, {"name": "precision_1", "signature": "p", "role": "part"}]
    content = {"base": "base", "prompts": len(rows), "config": {}, "signatures": {}, "models": [], "groups": []}
    content |= {"metrics": metrics, "command": ["/secret/place"]}
    (made / "evaluation.json").write_text(json.dumps(content))
    lines = [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "scores": {name: {"bleu": found[at], "precision_1": 0.5} for name, found in scores.items()},
        }
        for at, row in enumerate(rows)
    ]
    (made / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    means = "".join(f"| {name} | {sum(found) / len(found):.3f} |\n" for name, found in scores.items())
    (made / "comparison.md").write_text(f"| model | bleu |\n| --- | --- |\n{means}")
