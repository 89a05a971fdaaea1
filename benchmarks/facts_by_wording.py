"""Which facts the runs of `experiments/learn_facts` mention, and what a template scores that uses no model.

`python benchmarks/facts_by_wording.py` prints two Markdown tables from the committed responses in half a minute. A
fact is "as given" if its value alone counts as mentioned, as the prompt has it; the others (`dogs: yes`) need other
words.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from bleuberi.columns import REFERENCE_PREFIX
from bleuberi.data.facts_truth import facts_mentioned
from bleuberi.demo.facts_pool import generate, preset
from bleuberi.rewards import Bleu

RUNS = Path(__file__).parent.parent / "experiments/learn_facts/runs"


def main() -> None:
    """Both tables."""
    rows = {row["id"]: row for row in generate(preset("learn", rows=400, seed=1, split="test"))}
    as_given = {
        key: {slot: facts_mentioned(row["x_facts"], str(value))[slot] for slot, value in row["x_facts"].items()}
        for key, row in rows.items()
    }
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for run in sorted(RUNS.iterdir()):
        said = {row["id"]: row["response"] for row in map(json.loads, (run / "responses.jsonl").open(encoding="utf-8"))}
        told: dict[bool, list[bool]] = {True: [], False: []}
        for key, row in rows.items():
            for slot, mentioned in facts_mentioned(row["x_facts"], said[key]).items():
                told[as_given[key][slot]].append(mentioned)
        found[run.name.partition("@")[0]].append((float(np.mean(told[True])), float(np.mean(told[False]))))
    print("| arm | facts as given | facts that need other words |\n|---|---|---|")
    for arm, shares in found.items():
        given, other = np.mean(shares, axis=0)
        print(f"| {arm} | {given:.3f} | {other:.3f} ({' '.join(f'{share[1]:.3f}' for share in shares)}) |")
    texts = []
    for row in rows.values():
        first, second, *rest = map(str, row["x_facts"].values())
        texts.append(f"{first} is a {second} with {', '.join(rest[:-1])} and {rest[-1]}.")
    references = [[text for name, text in row.items() if name.startswith(REFERENCE_PREFIX)] for row in rows.values()]
    scores = Bleu()(prompts=[""] * len(texts), responses=texts, references=references)
    facts = [
        np.mean(list(facts_mentioned(row["x_facts"], text).values()))
        for row, text in zip(rows.values(), texts, strict=True)
    ]
    print(f"\nA template without a model: BLEU {np.mean(scores):.3f}, facts {np.mean(facts):.3f}")


if __name__ == "__main__":
    main()
