"""The made files that `benchmarks/table.py` measures with; each is the same on every machine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.scale import rows as pool_rows

WITHOUT_OUTPUT = 0.01  # share of Alpaca's rows


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A JSONL file of these rows."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def alpaca(count: int) -> Iterator[dict[str, str]]:
    """Rows as Alpaca's: a third has an input, some have no output, 1 % of the instructions stand earlier too."""
    draw = random.Random(3)
    for row in pool_rows(count):
        words = row["prompt"].split()
        at = 30 if draw.random() < 1 / 3 else len(words)
        output = "" if draw.random() < WITHOUT_OUTPUT else row["ref_output_gold"]
        yield {"instruction": " ".join(words[:at]), "input": " ".join(words[at:]), "output": output}


def preferences(pairs: int) -> Iterator[dict[str, str]]:
    """Pairs of responses, six per prompt; the preferred one shares more of the five references' words, mostly."""
    draw = random.Random(4)
    lexicon = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(3_000)]
    prompt, base = "", [""]
    for number in range(pairs):
        if number % 6 == 0:
            prompt, base = " ".join(draw.choices(lexicon, k=30)), draw.choices(lexicon, k=150)
        sides = {
            side: _changed(draw, base[: draw.randint(100, 150)], lexicon, share)
            for side, share in (("a", 0.3), ("b", 0.5))
        }
        yield {
            "prompt": prompt, **{f"response_{side}": text for side, text in sides.items()},
            "winner": "model_a" if draw.random() < 0.75 else "model_b",
            **{f"ref_output_{name}": _changed(random.Random(prompt + name), base, lexicon, 0.3) for name in "vwxyz"},
        }  # fmt: skip


def _changed(draw: random.Random, words: list[str], lexicon: list[str], share: float) -> str:
    return " ".join(draw.choice(lexicon) if draw.random() < share else word for word in words)


def run_folder(folder: Path, steps: int) -> Path:
    """A finished GRPO run with so many logged steps."""
    folder.mkdir()
    draw = random.Random(5)
    names = ["reward", "reward_std", "rewards/bleu/mean", "rewards/bleu/std", "completions/clipped_ratio",
             "rewards/bleu/length_correlation", "frac_low_signal", "monitor/copied_share"]  # fmt: skip
    write_lines(folder / "metrics.jsonl", (
        {"step": step, "loss": draw.random() / step, "completions/mean_length": 40 + draw.random(),
         **{name: draw.random() for name in names}} for step in range(1, steps + 1)
    ))  # fmt: skip
    config = {"reward_funcs": ["bleu"], "max_steps": steps, "num_generations": 4}
    parents = {"reward_signatures": ["bleu"]}
    (folder / "started.json").write_text(json.dumps({**config, **parents}))
    manifest = {
        "schema_version": 1,
        "kind": "model",
        "config": config,
        "steps": steps,
        "parents": parents,
        "rows_used": 20,
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, "rows_used": 20}))
    return folder
