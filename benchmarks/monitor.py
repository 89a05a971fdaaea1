"""Does the monitor notice a policy that games its reward? A tiny model learns to be long, to copy, and from BLEU.

    python -m benchmarks.monitor            the table (three runs)
    python -m benchmarks.monitor --cost     what gate and monitor take of processor time, for completions of 512 tokens

Makes its model and its data, trains as `bleuberi train grpo` does, and prints what the metrics say. The policy is a
Llama of 0.1 M parameters over whole words, first taught to answer well, badly, too short, or with a copy.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.rewards import Bleu

WORDS = [f"w{number:02d}" for number in range(40)]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m['role'] }} {{ m['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)


class LongerIsBetter:
    """A reward that can be gamed: the number of words."""

    name = "length"

    def signature(self) -> str:
        return "length|v:1"

    def __call__(
        self, *, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        return [len(text.split()) / 24 for text in responses]


class CopyingIsBetter(Bleu):
    """A reward that can be gamed: BLEU with the prompt in the references' place, a mistake that data can have."""

    name = "copying"

    def signature(self) -> str:
        return "copying|v:1"

    def __call__(
        self, *, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        return super().__call__(responses=responses, references=[[prompt] for prompt in prompts])


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Prompts of 8 words; the answer that is wanted has each word's successor, and two words more."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        asked = [draw.randrange(len(WORDS)) for _ in range(8)]
        answer = " ".join(WORDS[(word + 1) % len(WORDS)] for word in [*asked, asked[0], asked[1]])
        prompt = " ".join(WORDS[word] for word in asked)
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        made.append(
            {
                "id": f"r{number}",
                "source": "made",
                "messages": turns,
                "prompt": prompt,
                "references": [answer],
                "ground_truth": answer,
                "bleu_score": 0.0,
            }
        )
    return made


def make_model(folder: Path, steps: int) -> None:
    """Teach a tiny policy a mixture: the wanted answer, prefixes of it, copies of the prompt, and noise."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate([*SPECIAL, "user", "assistant", *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<|endoftext|>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token="<|endoftext|>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=vocabulary["<|im_end|>"],
        pad_token_id=vocabulary["<|endoftext|>"],
    )
    model = LlamaForCausalLM(config)
    draw = random.Random(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        texts, starts = [], []
        for row in rows(64, seed=1000 + step):
            wanted, asked = row["ground_truth"].split(), row["prompt"].split()
            kind = draw.random()
            noisy = [draw.choice(WORDS) if draw.random() < 0.3 else word for word in wanted]
            answer = noisy[: draw.randint(3, 10)] if kind < 0.85 else asked[: draw.randint(2, 8)]
            head = ["<|im_start|>", "user", *asked, "<|im_end|>", "<|im_start|>", "assistant"]
            texts.append([vocabulary[word] for word in [*head, *answer, "<|im_end|>"]])
            starts.append(len(head))
        width = max(map(len, texts))
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
        labels = torch.tensor(
            [[-100] * at + text[at:] + [-100] * (width - len(text)) for text, at in zip(texts, starts, strict=True)]
        )
        loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config.eos_token_id = vocabulary["<|im_end|>"]
    model.save_pretrained(folder)


def train(reward: str, model: Path, data: Path, folder: Path, steps: int, *more: str) -> None:
    """One run of `bleuberi train grpo`."""
    from bleuberi.training.grpo import train_grpo
    from bleuberi.training.settings.read import read_settings

    flags = {
        "dataset_path": data, "model_name_or_path": model, "output_dir": folder, "reward_funcs": reward,
        "max_steps": steps, "learning_rate": 1e-3, "num_generations": 8, "per_device_train_batch_size": 64,
        "max_completion_length": 24, "use_peft": "false", "save_strategy": "no", "temperature": 1.0,
        "sample_every": 20, "disable_tqdm": "true",
    }  # fmt: skip
    words = ["--config", "grpo_cpu", *(part for name, value in flags.items() for part in (f"--{name}", str(value)))]
    train_grpo(read_settings("grpo", [*words, *more]))


def summary(folder: Path) -> str:
    """What a run's metrics say, as a row of the table."""
    entries = [json.loads(line) for line in (folder / "metrics.jsonl").open(encoding="utf-8")]
    entries = [entry for entry in entries if "reward" in entry]
    reward = next(name.split("/")[1] for name in entries[0] if name.endswith("/length_correlation"))
    shown = ["reward", "completions/mean_length", "monitor/copied_share", "completions/clipped_ratio"]
    shown += [f"rewards/{reward}/length_correlation", f"rewards/{reward}/copy_correlation"]
    cells = []
    for name in shown:
        values = [entry[name] for entry in entries if entry.get(name) is not None]
        first, last = values[:5], values[-5:]
        # Nothing was copied, or nothing differed: there is no correlation to tell.
        cells.append(f"{sum(first) / len(first):.2f} → {sum(last) / len(last):.2f}" if values else "none")
    warned = [f"step {entry['step']}: {text}" for entry in entries for text in entry.get("warnings", [])]
    return f"| {reward} | {' | '.join(cells)} | {'; '.join(warned) or 'none'} |"


def cost(completions: int = 64, group: int = 8, words: int = 400, references: int = 5) -> str:
    """Processor time of gate and monitor for one call, and of the reward alone."""
    from bleuberi.training.watch.gate import RewardGate
    from bleuberi.training.watch.handover import Handover, Scored
    from bleuberi.training.watch.monitor import RewardMonitor

    draw = random.Random(0)
    lexicon = [f"word{number}" for number in range(3000)]

    def text(count: int) -> str:
        return " ".join(draw.choices(lexicon, k=count))

    prompts = [text(100) for _ in range(completions // group)]
    wanted = [[text(words) for _ in range(references)] for _ in prompts]
    asked = [prompt for prompt in prompts for _ in range(group)]
    expected = [texts for texts in wanted for _ in range(group)]
    responses = [" ".join(draw.choices(texts[0].split(), k=words)) for texts in expected]
    ids = [list(range(words + words // 4))] * completions
    handover = Handover(RewardGate(True, 0.001, 0.1), RewardMonitor({0}), group)
    spent: dict[str, list[float]] = {"watched": [], "reward": []}
    for _ in range(15):
        start = time.process_time()
        scores = Bleu()(responses=responses, references=expected)
        middle = time.process_time()
        handover(Bleu(), Scored(asked, responses, expected, ids, scores), lambda name, value: None)
        spent["reward"].append(middle - start)
        spent["watched"].append(time.process_time() - middle)
    watched, reward = (1000 * sorted(spent[name])[7] for name in ("watched", "reward"))
    return (
        f"{completions} completions of {words} words, groups of {group}, {references} references of as many words: "
        f"gate and monitor {watched:.0f} ms of processor time, BLEU itself {reward:.0f} ms (medians of 15)"
    )


def main() -> None:
    """Three runs and their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--taught_steps", type=int, default=400)
    parser.add_argument("--output_dir", type=Path)
    parser.add_argument("--cost", action="store_true")
    chosen = parser.parse_args()
    if chosen.cost:
        print(cost())
        return
    from datasets import Dataset, DatasetDict

    work = chosen.output_dir or Path(tempfile.mkdtemp())
    started = time.process_time()
    if not (work / "model/config.json").is_file():
        make_model(work / "model", chosen.taught_steps)
    data = work / "data"
    if not data.is_dir():
        DatasetDict({"train": Dataset.from_list(rows(256, seed=0))}).save_to_disk(str(data))
    lines = []
    for name, reward in (
        ("bleu", "bleu"),
        ("length", "benchmarks.monitor:LongerIsBetter"),
        ("copying", "benchmarks.monitor:CopyingIsBetter"),
    ):
        train(reward, work / "model", data, work / name, chosen.steps)
        lines.append(summary(work / name))
    print("| reward | its mean | tokens | copied | cut off | correlation with length | with copying | warnings |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    print(f"\n{chosen.steps} steps a run; {time.process_time() - started:.0f} s of processor time; {work}")


if __name__ == "__main__":
    main()
