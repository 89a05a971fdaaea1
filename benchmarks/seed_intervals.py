"""How often the interval over prompts and seeds covers the truth: `python benchmarks/seed_intervals.py` (2 s)."""

from __future__ import annotations

import numpy as np

from bleuberi.statistics import group_difference, resampled_means

TRUTH = 0.3
TRIALS = 600
# Seeds of base and other, prompts; standard deviations between prompts, between seeds, and of a single answer.
SETTINGS = (
    (1, 3, 60, 0.1, 0.0, 0.05),
    (1, 3, 60, 0.1, 0.02, 0.05),
    (1, 3, 60, 0.05, 0.1, 0.05),
    (1, 2, 60, 0.1, 0.02, 0.05),
    (3, 3, 60, 0.1, 0.03, 0.1),
    (3, 3, 96, 0.1, 0.0, 0.2),
)


def covered(setting: tuple[int, int, int, float, float, float], generator: np.random.Generator) -> tuple[bool, float]:
    """One simulated comparison: whether its interval holds the truth, and how wide it is."""
    seeds_base, seeds_other, prompts, between_prompts, between_seeds, single = setting
    base = generator.normal(0, between_prompts, (prompts, 1)) + generator.normal(0, single, (prompts, seeds_base))
    if seeds_base > 1:
        base += generator.normal(0, between_seeds, (1, seeds_base))
    other = TRUTH + 0.5 * base.mean(axis=1, keepdims=True) + generator.normal(0, between_prompts, (prompts, 1)) / 2
    other = other + generator.normal(0, between_seeds, (1, seeds_other))
    other = other + generator.normal(0, single, (prompts, seeds_other))
    means = resampled_means(np.hstack([base, other]), resamples=400, seed=1)
    found = group_difference(means, range(seeds_base), range(seeds_base, seeds_base + seeds_other))
    return found.low <= TRUTH <= found.high, found.high - found.low


def main() -> None:
    """A line a setting."""
    generator = np.random.default_rng(0)
    print("seeds  prompts  sd prompts  sd seeds  sd answer  covered  median width")
    for setting in SETTINGS:
        results = [covered(setting, generator) for _ in range(TRIALS)]
        share = np.mean([hit for hit, _ in results])
        width = np.median([width for _, width in results])
        left, right, prompts, *spreads = setting
        print(
            f"{left}:{right:<4} {prompts:>7} "
            + "".join(f"{value:>11}" for value in spreads)
            + f"   {share:>7.1%} {width:>9.3f}"
        )


if __name__ == "__main__":
    main()
