"""Calibrates headroom: 30 short GRPO runs on generated pools whose dials differ, each predicted from the other 29.

    python benchmarks/headroom.py prepare --output_dir runs/headroom     writes one protocol per run
    python benchmarks/headroom.py run --output_dir runs/headroom         headroom, then `bleuberi compare`; resumes
    python benchmarks/headroom.py fit --output_dir runs/headroom         predictions, error, calibration.csv

A run is one protocol with the arms base and grpo (one seed), a pool, and the demo's model. The predictors are the
gains that `bleuberi headroom` measures on the training prompts; the gain is that of greedy BLEU on test prompts.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np

DIALS = [
    {"preset": preset, **more}
    for preset, dials in {
        "learn": [
            {"overlap": overlap, "length": length, "patterns": patterns}
            for overlap, length, patterns in product(("verbatim", "mixed", "paraphrase"), ("concise", "wordy"), (1, 4))
        ],
        "copy_only": [{"min_facts": 3, "max_facts": 4}, {"min_facts": 5, "max_facts": 6}],
        "length_only": [{"noise_words": words} for words in (4, 8, 12)],
        "nothing": [{"noise_words": words} for words in (20, 24, 28)],
    }.items()
    for more in dials
]
RUNS = 30
PREDICTORS = ("mean", "best", "chosen", "cut", "echo", "brief", "oracle")
RIDGE = 1.0  # on standardised predictors: 30 runs are few for seven of them
PROTOCOL = """\
name: headroom {name}
question: How much does a short GRPO run gain on this pool?
model: demo
pool:
  train: {{generate: {train}}}
  test: {{generate: {test}}}
ref_models: [all]
min_references: 2
examples: {{mode: random, count: 96, seed: {seed}}}
max_new_tokens: 32
settings:
  grpo: {{config: grpo_cpu_long, max_steps: 12, learning_rate: 5e-4, max_completion_length: 32}}
arms:
  base: {{kind: base}}
  grpo: {{kind: grpo, seeds: [{seed}]}}
primary: {{arm: grpo, against: base, metric: bleu}}
stopping: All runs of benchmarks/headroom.py, none left out.
texts: commit
"""


def dials_of(run: int) -> dict[str, object]:
    """The pool of a run: every kind of pool, then again with another seed."""
    return {**DIALS[run % len(DIALS)], "seed": 1 + run // len(DIALS)}


def prepare(folder: Path) -> None:
    """Write the protocols."""
    for run in range(RUNS):
        dials = dials_of(run)
        place = folder / f"run{run:02d}"
        place.mkdir(parents=True, exist_ok=True)
        flow = {
            part: json.dumps({**dials, "rows": rows, "split": part}) for part, rows in (("train", 200), ("test", 96))
        }
        (place / "protocol.yaml").write_text(PROTOCOL.format(name=place.name, seed=run + 1, **flow), encoding="utf-8")
    print(f"{RUNS} protocols in {folder}")


def execute(folder: Path) -> None:
    """Measure and train; what is finished is skipped."""
    from bleuberi.demo.model import demo_model_folder

    model = str(demo_model_folder())
    for place in sorted(folder.glob("run*")):
        pool, found = place / "train.jsonl", place / "headroom.json"
        dials = dials_of(int(place.name.removeprefix("run")))
        words = [word for name, value in dials.items() for word in (f"--{name}", str(value))]
        bleuberi("data", "generate", *words, "--rows", "200", "--split", "train", "--output", str(pool))
        if not found.is_file():
            bleuberi(
                "headroom", "--input_data_path", str(pool), "--model", model, "--metric", "bleu", "--num_prompts", "96",
                "--inference_max_new_tokens", "32", "--output_dir", str(place / "data"), "--output", str(found),
            )  # fmt: skip
        bleuberi("compare", "--protocol", str(place / "protocol.yaml"))


def bleuberi(*words: str) -> None:
    """Run a command of the package."""
    subprocess.run([sys.executable, "-m", "bleuberi.cli.main", *words], check=True)


def read_runs(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, predictors (R x P) and gains (R) of the finished runs."""
    names, predictors, gains = [], [], []
    for place in sorted(folder.glob("run*")):
        scores = place / "scores.jsonl"
        if not (scores.is_file() and (place / "headroom.json").is_file()):
            continue
        rows = [json.loads(line)["scores"] for line in scores.read_text(encoding="utf-8").splitlines()]
        trained = next(name for name in rows[0] if name != "base")
        found = json.loads((place / "headroom.json").read_text(encoding="utf-8"))["headroom"]
        names.append(place.name)
        gains.append(fmean(row[trained]["bleu"] - row["base"]["bleu"] for row in rows))
        known = [found["gains"].get(name, {}).get("value", 0.0) for name in PREDICTORS]
        predictors.append([*known, found["deviation"], found["stuck"]["value"]])
    return names, np.asarray(predictors, dtype=np.float64), np.asarray(gains, dtype=np.float64)


def leave_one_out(predictors: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Each run's gain as ridge regression on the other runs predicts it."""
    predicted = np.empty_like(gains)
    for left in range(len(gains)):
        others = np.arange(len(gains)) != left
        centre, scale = predictors[others].mean(axis=0), predictors[others].std(axis=0)
        scale[scale == 0] = 1.0
        known = (predictors[others] - centre) / scale
        mean = gains[others].mean()
        weights = np.linalg.solve(known.T @ known + RIDGE * np.eye(known.shape[1]), known.T @ (gains[others] - mean))
        predicted[left] = mean + (predictors[left] - centre) / scale @ weights
    return predicted


def fit(folder: Path) -> None:
    """Predict, print the error beside that of predicting the mean, and write calibration.csv."""
    names, predictors, gains = read_runs(folder)
    if len(names) < RUNS:
        sys.exit(f"{len(names)} of {RUNS} runs are finished: no calibration. Run again with: run")
    predicted = leave_one_out(predictors, gains)
    error, plain = np.abs(predicted - gains).mean(), np.abs(gains - (gains.sum() - gains) / (len(gains) - 1)).mean()
    reach = float(np.quantile(np.abs(predicted - gains), 0.9))
    print(f"mean absolute error {error:.4f} (of the other runs' mean: {plain:.4f}); 90 % lie within {reach:.4f}")
    with (folder / "calibration.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("run", "gain", "predicted"))
        table.writerows(zip(names, gains.round(5), predicted.round(5), strict=True))


def main() -> None:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("prepare", "run", "fit"))
    parser.add_argument("--output_dir", type=Path, required=True)
    given = parser.parse_args()
    {"prepare": prepare, "run": execute, "fit": fit}[given.step](given.output_dir)


if __name__ == "__main__":
    main()
