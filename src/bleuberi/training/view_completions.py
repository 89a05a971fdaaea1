"""A run's responses to the same prompts as training progresses, for the report's browser."""

from __future__ import annotations

from typing import Final

from bleuberi.plain_text import one_line
from bleuberi.statistics.shown import finite
from bleuberi.view.highlight import unmarked
from bleuberi.view.parts import Block, Browser, Example
from bleuberi.view.reading import Json

_MOST_PROMPTS: Final = 16
_MOST_SAMPLES: Final = 12  # of one prompt: the first, the last, and some between


def completions_browser(rows: list[Json], signatures: dict[str, str]) -> Browser | None:
    """One row per prompt with its completions by step; None if nothing was sampled."""
    by_prompt: dict[str, list[Json]] = {}
    for row in rows:
        if isinstance(row.get("completion"), str) and isinstance(row.get("prompt"), str):
            by_prompt.setdefault(str(row.get("example_id", row["prompt"])), []).append(row)
    if not by_prompt:
        return None
    rewards = list(dict.fromkeys(name for row in rows for name in row.get("scores") or {}))
    columns = [f"{name}, last - first" for name in rewards[:3]]
    examples = [_example(id_, samples, rewards[:3]) for id_, samples in list(by_prompt.items())[:_MOST_PROMPTS]]
    steps = sorted({int(row["step"]) for row in rows})
    note = f"The same {len(by_prompt)} prompts from step {steps[0]} to step {steps[-1]}, drawn as in training."
    signature = "; ".join(signatures.get(name, f"{name}: signature unknown") for name in rewards)
    return Browser("completions", "Completions over time", columns, examples, note, signature)


def _example(id_: str, samples: list[Json], rewards: list[str]) -> Example:
    samples = sorted(samples, key=lambda row: int(row["step"]))
    if len(samples) > _MOST_SAMPLES:
        last = len(samples) - 1
        samples = [samples[place * last // (_MOST_SAMPLES - 1)] for place in range(_MOST_SAMPLES)]
    numbers: dict[str, float | None] = {}
    for name in rewards:
        values = [finite((row.get("scores") or {}).get(name)) for row in samples]
        known = [value for value in values if value is not None]
        numbers[f"{name}, last - first"] = known[-1] - known[0] if len(known) > 1 else None
    blocks = [Block("prompt", "prompt", unmarked(samples[0]["prompt"]))]
    for row in samples:
        scores = [f"{name} {value:.3f}" for name in rewards
                  if (value := finite((row.get("scores") or {}).get(name))) is not None]  # fmt: skip
        words = [*scores, f"{row['tokens']} tokens" if row.get("tokens") is not None else ""]
        words.append("cut off" if row.get("ended") is False else "")
        note = ", ".join(word for word in words if word)
        blocks.append(Block("response", f"step {row['step']}", unmarked(row["completion"]), note))
    return Example(one_line(id_, 80), one_line(samples[0]["prompt"], 160), "", numbers, blocks)
