"""Calibrates headroom: 30 short GRPO runs, two on each of 15 generated pools, predicted from those on the other pools.

    python benchmarks/headroom.py prepare --output_dir runs/headroom     writes one protocol per pool
    python benchmarks/headroom.py run --output_dir runs/headroom         headroom, then `bleuberi compare`; resumes
    python benchmarks/headroom.py fit --output_dir runs/headroom         runs.csv, then predictions and their error
    python benchmarks/headroom.py fit --output_dir experiments/headroom  the same from a committed runs.csv

The predictors are the gains that `bleuberi headroom` measures on training prompts before any run. A run's gain is the
difference in greedy BLEU to the base on test prompts. `run --part 0 2` takes every second pool, for two cores.
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

LEARN = [
    {"overlap": overlap, "length": length, "patterns": patterns}
    for overlap, (length, patterns) in product(
        ("verbatim", "mixed", "paraphrase"), (("concise", 1), ("concise", 4), ("wordy", 4))
    )
]
OTHERS = [
    {"preset": "copy_only", "min_facts": 3, "max_facts": 4},
    {"preset": "copy_only", "min_facts": 5, "max_facts": 6},
    {"preset": "length_only", "noise_words": 4},
    {"preset": "length_only", "noise_words": 12},
    {"preset": "nothing", "noise_words": 20},
    {"preset": "nothing", "noise_words": 28},
]
POOLS = [{"preset": "learn", **dials} for dials in LEARN] + OTHERS
SEEDS = (1, 2)  # of the two runs on each pool
GAINS = ("mean", "best", "chosen", "cut", "echo", "brief", "oracle")
PREDICTORS = (*GAINS, "deviation", "stuck")
RIDGES = (1.0, 3.0, 10.0, 30.0)  # on standardised predictors; chosen without the pool that is predicted
TABLE = "runs.csv"
PROTOCOL = """\
name: headroom_{name}
question: How much does a short GRPO run gain on this pool?
model: demo
pool:
  train: {{generate: {train}}}
  test: {{generate: {test}}}
ref_models: [all]
min_references: 2
examples: {{mode: random, count: 96, seed: 1}}
max_new_tokens: 32
answer_dtype: bfloat16
threads: 1
settings:
  grpo:
    config: grpo_cpu_long
    attn_implementation: eager
    max_completion_length: 32
    per_device_train_batch_size: 4
    gradient_accumulation_steps: 4
    num_generations: 4
    max_grad_norm: 0.5
    max_steps: 8
    save_steps: 8
    learning_rate: 1e-3
arms:
  base: {{kind: base}}
  grpo: {{kind: grpo, seeds: [{seeds}]}}
primary: {{arm: grpo, against: base, metric: bleu}}
smallest_visible: {{bleu: unknown, from: the runs of all pools together are one calibration}}
stopping: All runs of benchmarks/headroom.py, none left out.
texts: commit
"""


def prepare(folder: Path) -> None:
    """Write the protocols."""
    for number, dials in enumerate(POOLS):
        place = folder / f"pool{number:02d}"
        place.mkdir(parents=True, exist_ok=True)
        parts = {
            part: json.dumps({**dials, "rows": rows, "split": part}) for part, rows in (("train", 160), ("test", 48))
        }
        seeds = ", ".join(map(str, SEEDS))
        (place / "protocol.yaml").write_text(PROTOCOL.format(name=place.name, seeds=seeds, **parts), encoding="utf-8")
    print(f"{len(POOLS)} protocols of {len(SEEDS)} runs each in {folder}")


def execute(folder: Path, part: int, parts: int) -> None:
    """Measure and train; finished steps are skipped."""
    from bleuberi.demo.model import demo_model_folder

    model = str(demo_model_folder())
    for number, dials in list(enumerate(POOLS))[part::parts]:
        place = folder / f"pool{number:02d}"
        pool, found = place / "train.jsonl", place / "headroom.json"
        words = [word for name, value in dials.items() for word in (f"--{name}", str(value))]
        bleuberi("data", "generate", *words, "--rows", "160", "--split", "train", "--output", str(pool))
        if not found.is_file():
            bleuberi(
                "headroom", "--input_data_path", str(pool), "--model", model, "--metric", "bleu", "--num_prompts", "40",
                "--num_samples", "4", "--inference_max_new_tokens", "32", "--engine_args", "dtype=bfloat16",
                "--output_dir", str(place / "data"), "--output", str(found),
            )  # fmt: skip
        bleuberi("compare", "--protocol", str(place / "protocol.yaml"))


def bleuberi(*words: str) -> None:
    """Run a command of the package."""
    subprocess.run([sys.executable, "-m", "bleuberi.cli.main", *words], check=True)


def collect(folder: Path) -> None:
    """Write runs.csv from the finished pools, if there are any."""
    table = []
    for place in sorted(folder.glob("pool*")):
        scores = place / "scores.jsonl"
        if not (scores.is_file() and (place / "headroom.json").is_file()):
            continue
        rows = [json.loads(line)["scores"] for line in scores.read_text(encoding="utf-8").splitlines()]
        found = json.loads((place / "headroom.json").read_text(encoding="utf-8"))["headroom"]
        known = [found["gains"].get(name, {}).get("value", 0.0) for name in GAINS]
        known += [found["deviation"], found["stuck"]["value"]]
        for run in sorted(name for name in rows[0] if name != "base"):
            gain = fmean(row[run]["bleu"] - row["base"]["bleu"] for row in rows)
            table.append([place.name, run, found["verdict"], *(f"{value:.5f}" for value in (gain, *known))])
    if table:
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("pool", "run", "verdict", "gain", *PREDICTORS), *table])


def read_runs(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """From runs.csv: pools, predictors (R x P) and gains (R)."""
    with (folder / TABLE).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    predictors = [[float(row[name]) for name in PREDICTORS] for row in rows]
    return [row["pool"] for row in rows], np.asarray(predictors), np.asarray([float(row["gain"]) for row in rows])


def ridge(predictors: np.ndarray, gains: np.ndarray, strength: float) -> tuple[float, np.ndarray]:
    """Intercept and weights (P) for the predictors as they are, of a ridge regression on standardised ones."""
    centre, scale = predictors.mean(axis=0), predictors.std(axis=0)
    scale[scale == 0] = 1.0
    known = (predictors - centre) / scale
    weights = np.linalg.solve(known.T @ known + strength * np.eye(known.shape[1]), known.T @ (gains - gains.mean()))
    return float(gains.mean() - centre / scale @ weights), weights / scale


def leave_one_out(pools: list[str], predictors: np.ndarray, gains: np.ndarray, strength: float) -> np.ndarray:
    """Each run's gain, predicted from the runs on other pools."""
    predicted, named = np.empty_like(gains), np.asarray(pools)
    for pool in set(pools):
        left = named == pool
        intercept, weights = ridge(predictors[~left], gains[~left], strength)
        predicted[left] = intercept + predictors[left] @ weights
    return predicted


def best_strength(pools: list[str], predictors: np.ndarray, gains: np.ndarray) -> float:
    """The strength of RIDGES with the smallest error when each pool is left out."""
    return min(RIDGES, key=lambda one: float(np.abs(leave_one_out(pools, predictors, gains, one) - gains).mean()))


def predict(pools: list[str], predictors: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Each run's gain from the other pools; the strength too is chosen without its pool."""
    predicted, named = np.empty_like(gains), np.asarray(pools)
    for pool in set(pools):
        left = named == pool
        others = [name for name in pools if name != pool]
        intercept, weights = ridge(
            predictors[~left], gains[~left], best_strength(others, predictors[~left], gains[~left])
        )
        predicted[left] = intercept + predictors[left] @ weights
    return predicted


def fit(folder: Path, picture: Path | None) -> None:
    """Print each run's prediction, and the error beside those of two simpler predictions; draw the predictions."""
    pools, predictors, gains = read_runs(folder)
    if len(gains) < len(POOLS) * len(SEEDS):
        sys.exit(f"{len(gains)} of {len(POOLS) * len(SEEDS)} runs are finished: no calibration. Run again with: run")
    predicted, named = predict(pools, predictors, gains), np.asarray(pools)
    for pool, gain, guess in zip(pools, gains, predicted, strict=True):
        print(f"{pool}  gain {gain:+.3f}  predicted {guess:+.3f}")
    means = np.asarray([gains[named != pool].mean() for pool in pools])
    twins = np.asarray([gains[(named == pool) & (np.arange(len(gains)) != i)].mean() for i, pool in enumerate(pools)])
    for name, guess in (("predicted", predicted), ("mean of other pools", means), ("the pool's other run", twins)):
        error = np.abs(guess - gains)
        print(f"{name}: mean absolute error {error.mean():.4f}, 90 % within {np.quantile(error, 0.9):.4f}")
    strength = best_strength(pools, predictors, gains)
    intercept, weights = ridge(predictors, gains, strength)
    shown = ", ".join(f"{name} {weight:+.3f}" for name, weight in zip(PREDICTORS, weights, strict=True))
    print(f"all runs: ridge {strength:g}, intercept {intercept:+.4f}, {shown}")
    if picture is not None:
        draw(picture, pools, predicted, gains)


def draw(path: Path, pools: list[str], predicted: np.ndarray, gains: np.ndarray) -> None:
    """Predicted and actual gain per pool; a line joins its two runs."""
    from bleuberi.view.charts import scatter
    from bleuberi.view.parts import Chart
    from bleuberi.view.pictures import write_picture

    points = []
    for number, pool in enumerate(dict.fromkeys(pools)):
        own = np.asarray(pools) == pool
        name = " ".join(str(value) for value in POOLS[number].values())
        span = {"value": gains[own].mean(), "low": gains[own].min(), "high": gains[own].max()}
        points.append({"name": name, "x": float(predicted[own][0]), **{key: float(of) for key, of in span.items()}})
    spec = scatter(points, "predicted gain in BLEU", "gain of two runs in BLEU")
    write_picture(path, [Chart("calibration", "Each pool predicted from the others", spec)])


def main() -> None:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("prepare", "run", "fit"))
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("PART", "PARTS"))
    parser.add_argument("--picture", type=Path, help="fit: .svg or .png")
    given = parser.parse_args()
    if given.step == "run":
        execute(given.output_dir, *given.part)
    elif given.step == "fit":
        collect(given.output_dir)
        fit(given.output_dir, given.picture)
    else:
        prepare(given.output_dir)


if __name__ == "__main__":
    main()
