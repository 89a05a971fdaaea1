"""Millions of prompts on many GPUs, computed from assumptions and measured rates: the table of docs/scale.md.

python -m benchmarks.on_paper
"""

from __future__ import annotations

from math import ceil

from bleuberi.cluster.mapping import WINDOW_UNITS
from bleuberi.generation.answer_store import SEAL_ROWS, to_row
from bleuberi.generation.base import Output
from bleuberi.generation.transformers_engine import BATCHES_A_SHARD, ROWS_A_BATCH
from bleuberi.generation.worker_calls import ROWS_A_UNIT
from bleuberi.strict_json import strict_json

CASES = ((50_000, 8), (5_000_000, 8), (5_000_000, 128), (100_000_000, 8), (100_000_000, 128))  # prompts, GPUs

# Assumed.
RESPONSE_TOKENS, BYTES_PER_TOKEN = 350, 4
TOKENS_PER_SECOND, BUSY = 2_500, 0.9  # generated per GPU; share of the time at full speed
DOLLARS_PER_GPU_HOUR = 3
LOAD_SECONDS = 60  # until a worker with a 7B model answers
GPU_HOURS_PER_FAILURE = 16_384 * 54 * 24 / 419  # Llama 3's training: arXiv 2407.21783, section 3.3.4

# Measured: docs/scale.md, "Pools beyond memory", on two shared cores.
ROWS_PER_SECOND = {"data import": 2_000_000 / 551, "data check": 2_000_000 / 1_123, "references": 500_000 / 331,
                   "data grpo": 2_000_000 / 656}  # fmt: skip
GRPO_BYTES = 312 * 2**20, 67  # its peak at no rows, and per row from 500,000 to 2,000,000
INDEX_BYTES = 40  # per row

# Of the code.
ROWS_IN_PROGRESS = 1_024  # per vLLM worker
WINDOW_ROWS = WINDOW_UNITS * ROWS_A_UNIT
SHARD_ROWS = BATCHES_A_SHARD * ROWS_A_BATCH


def cached_bytes() -> int:
    """Bytes of one response in the cache."""
    output = Output("x" * (RESPONSE_TOKENS * BYTES_PER_TOKEN), "stop", RESPONSE_TOKENS)
    return len(strict_json(to_row("0" * 64, output))) + 1


def short(value: float) -> str:
    """Two digits, or all digits before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def column(prompts: int, gpus: int) -> dict[str, str]:
    """The cells of one case by their row's name."""
    rate = gpus * TOKENS_PER_SECOND * BUSY  # tokens per second
    hours = prompts * RESPONSE_TOKENS / rate / 3600
    windows = ceil(prompts / WINDOW_ROWS)
    base, per_row = GRPO_BYTES
    return {
        "tokens to generate, millions": f"{prompts * RESPONSE_TOKENS / 1e6:,g}",
        "hours of generation": short(hours),
        "GPU hours": short(hours * gpus),
        "dollars": short(hours * gpus * DOLLARS_PER_GPU_HOUR),
        "responses per second": short(rate / RESPONSE_TOKENS),
        "share of the rate at which `references` ran": f"{rate / RESPONSE_TOKENS / ROWS_PER_SECOND['references']:.0%}",
        "cache, GB": short(prompts * cached_bytes() / 1e9),
        f"its files, vLLM: {SEAL_ROWS:,} rows each": f"{ceil(prompts / SEAL_ROWS):,}",
        f"its files, transformers: {SHARD_ROWS} rows each": f"{ceil(prompts / SHARD_ROWS):,}",
        "its index, GB in the temporary directory": short(prompts * INDEX_BYTES / 1e9),
        f"Ray's windows of {WINDOW_ROWS:,} rows": f"{windows:,}",
        "hours of loading models, once per window": short(windows * LOAD_SECONDS / 3600),
        "rows in progress, share of a window": f"{gpus * ROWS_IN_PROGRESS / WINDOW_ROWS:.0%}",
        "memory of `data grpo`, GB": short((base + per_row * prompts) / 1e9),
        **{
            f"hours of `{name}` in one process": short(prompts / ROWS_PER_SECOND[name] / 3600)
            for name in ("data import", "data check", "data grpo")
        },
        "failures of GPUs or machines to expect": short(hours * gpus / GPU_HOURS_PER_FAILURE),
    }


def table() -> str:
    """Markdown, a column per case."""
    columns = [column(*case) for case in CASES]
    lines = ["| | " + " | ".join(f"{prompts:,} prompts, {gpus} GPUs" for prompts, gpus in CASES) + " |"]
    lines.append("|---" * (len(CASES) + 1) + "|")
    lines += [f"| {name} | " + " | ".join(cells[name] for cells in columns) + " |" for name in columns[0]]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
