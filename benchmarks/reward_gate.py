"""What noise weighs in the trainer, and how far the rewards of real groups spread.

python -m benchmarks.reward_gate MODEL            advantages that TRL's GRPOTrainer writes down, by setting
python -m benchmarks.reward_gate MODEL POOL 24    BLEU of 8 sampled answers each to so many prompts of a pool
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "`scale_rewards: group`": {"active": False},
    "`scale_rewards: batch`": {"active": False, "scale_rewards": "batch"},
    "`scale_rewards: none`": {"active": False, "scale_rewards": "none"},
    "`group`, with the gate": {"active": True},
}
GROUP, NEW_TOKENS, PROMPTS_A_BATCH, EVERY = 8, 64, 4, 9


def largest(rows: list[dict[str, Any]], spread: str) -> float:
    """The largest advantage in size, in the group of that spread."""
    return max(abs(row["advantage"]) for row in rows if row["spread"] == spread)


def compare(model: str) -> None:
    """One run a setting; the completions of the first step are the same in all."""
    from tests.end_to_end.gate_run import run

    print("| setting | rewards within 0.001 | rewards within 1 | mean reward logged |\n|---|---|---|---|")
    for name, settings in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = run(model, Path(folder), **settings)
        first = [row for row in found["rows"] if row["step"] == 1]
        reward = found["metrics"][0]["reward"]
        print(f"| {name} | {largest(first, '0.001'):.4f} | {largest(first, '1'):.4f} | {reward:.6f} |")


def sample_groups(model_name: str, pool: Path, count: int) -> list[tuple[list[str], list[str]]]:
    """The references and 8 answers of every so manyth short prompt that has two references; temperature 0.9."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(model_name, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(model_name, dtype=torch.float32).eval()
    rows = [json.loads(line) for line in pool.open(encoding="utf-8")]
    wanted = [[text for name, text in row.items() if name.startswith("ref_output_") and text] for row in rows]
    known = [(row["prompt"], own) for row, own in zip(rows, wanted, strict=True) if len(own) > 1]
    known = [(prompt, own) for prompt, own in known if len(prompt) < 500]
    known = known[::EVERY][:count]
    groups: list[tuple[list[str], list[str]]] = []
    for start in range(0, count, PROMPTS_A_BATCH):
        part = known[start : start + PROMPTS_A_BATCH]
        turns = [[{"role": "user", "content": prompt}] for prompt, _ in part for _ in range(GROUP)]
        texts = [tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns]
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            made = model.generate(**batch, do_sample=True, temperature=0.9, top_k=0, max_new_tokens=NEW_TOKENS)
        answers = tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        groups += [(own, answers[place * GROUP : place * GROUP + GROUP]) for place, (_, own) in enumerate(part)]
    return groups


def spreads(groups: list[tuple[list[str], list[str]]]) -> None:
    """How far BLEU spreads within groups, beside its floor and what one strange word more does to it."""
    from bleuberi.rewards import Bleu
    from bleuberi.statistics.within_group import spread

    reward, found, floors, moved = Bleu(), [], [], []
    for own, answers in groups:
        references = [own] * len(answers)
        scores = reward(responses=answers, references=references)
        longer = reward(responses=[f"{answer} zzqq" for answer in answers], references=references)
        moved += [abs((one or 0.0) - (two or 0.0)) for one, two in zip(scores, longer, strict=True)]
        found.append(spread(scores))
        floors.append(fmean(part.floor for part in reward.parts(answers, references) if part))
    ratios = [one / two for one, two in zip(found, floors, strict=True)]
    tenths = quantiles(moved, n=10)
    print(f"{len(groups)} groups: spread {min(found):.4f} … {max(found):.4f}, median {median(found):.4f}")
    print(f"floor: median {median(floors):.4f}; spread / floor: {min(ratios):.2f} or more")
    print(f"one strange word more: median {median(moved):.4f}, four fifths {tenths[0]:.4f} … {tenths[-1]:.4f}")


def main() -> None:
    """Either table."""
    if len(sys.argv) > 2:
        spreads(sample_groups(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
    else:
        compare(sys.argv[1])


if __name__ == "__main__":
    main()
