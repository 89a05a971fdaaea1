"""How long do our own engines decode on a CPU: transformers beside openvino, 16 prompts of the demo pool at once?

    python benchmarks/cpu_engines.py MODEL EXPORTED [EXPORTED ...]

Greedy, in turns; ms per token are those of a run of TOKENS tokens less those of a run of one, so without the prompts.
`make test-openvino` builds the environment (.venv-openvino) and the folders (.venv-openvino/models).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bleuberi.generation import EngineOptions, load_engine
from bleuberi.generation.base import Request, Sampling
from bleuberi.records import Conversation, Message

ROWS, TOKENS, ROUNDS = 16, 24, 5
POOL = Path(__file__).parents[1] / "src/bleuberi/demo/pool.jsonl"


def decoder(folder: str, asked: list[Conversation], threads: int) -> Callable[[int], int]:
    """Generates at most so many tokens per row; returns their number."""
    openvino = (Path(folder) / "openvino_model.xml").is_file()
    settings = {"batch_rows": ROWS, "threads": threads} if openvino else {"batch_rows": ROWS, "batch_tokens": 100_000}
    engine = load_engine(folder, "openvino" if openvino else "transformers", EngineOptions(engine_args=settings))

    def run(tokens: int) -> int:
        sampling = Sampling(max_new_tokens=tokens, temperature=0.0)
        if openvino:
            found = engine.stream([Request(row.id, row, 1) for row in asked], sampling)
            return sum(output.tokens for _, output in found)
        return sum(output.tokens for output in engine.generate(asked, sampling, 1, lambda _: None))

    return run


def main() -> None:
    """Print a line per folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args()
    import torch

    torch.set_num_threads(flags.threads)
    prompts = [json.loads(line)["prompt"] for line in POOL.read_text(encoding="utf-8").splitlines()[:ROWS]]
    asked = [Conversation(str(n), [Message(role="user", content=text)]) for n, text in enumerate(prompts)]
    runs = {folder: decoder(folder, asked, flags.threads) for folder in flags.folders}
    taken: dict[str, list[float]] = {folder: [] for folder in runs}
    counts = {folder: run(TOKENS) for folder, run in runs.items()}  # also warms up
    for _ in range(ROUNDS):
        for folder, run in runs.items():
            started = time.perf_counter()
            run(1)
            one = time.perf_counter()
            run(TOKENS)
            taken[folder].append((time.perf_counter() - one - (one - started)) / (TOKENS - 1) * 1e3)
    for folder, found in taken.items():
        print(f"{folder}: {statistics.median(found):.0f} ms per token of {ROWS} rows "
              f"({min(found):.0f} to {max(found):.0f}); {counts[folder]} tokens")  # fmt: skip


if __name__ == "__main__":
    main()
