"""How often a verdict on trained models is wrong, and how often it finds a true effect: simulated size and power.

`python benchmarks/seed_intervals.py` prints Markdown tables (about 8 minutes on one core); `--quick` a tenth of it.
Scores are made as base + prompt effect + run effect + what one run does on one prompt, with means of 0. Prompt effects
have a standard deviation of 1. `ratio` is the variance of a run's mean over that of the mean over prompts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bleuberi.statistics.comparison_of_runs import FEWEST_DIFFERING
from bleuberi.statistics.run_margins import Side, Spread, margins, smallest_visible, spread_of
from bleuberi.statistics.skewed_mean import Shape

Array = NDArray[np.float64]
Size = tuple[int, ...]
Generator = np.random.Generator


def _sparse(share: float, draw: Callable[[Generator, Size], Array]) -> Callable[[Generator, Size], Array]:
    """Zero but for this share of the prompts."""
    return lambda generator, size: np.where(generator.random(size) < share, draw(generator, size), 0.0) / share**0.5


SHAPES: dict[str, Callable[[Generator, Size], Array]] = {
    "normal": lambda g, size: g.standard_normal(size),
    "heavy tails (t, 3 df)": lambda g, size: g.standard_t(3, size) / 3**0.5,
    "skewed (exponential)": lambda g, size: g.exponential(1.0, size) - 1.0,
    "very skewed (lognormal)": lambda g, size: (np.exp(g.standard_normal(size)) - np.exp(0.5)) / 2.1612,
    "80 % zeros": _sparse(0.2, lambda g, size: g.standard_normal(size)),
    "70 % zeros, skewed": _sparse(0.3, lambda g, size: g.exponential(1.0, size) - 1.0),
    "fifths (facts mentioned)": lambda g, size: (g.binomial(5, 0.8, size) - g.binomial(5, 0.8, size)) / 1.26491,
}
RUN_SHAPES: dict[str, Callable[[Generator, Size], Array]] = {
    "normal": lambda g, size: g.standard_normal(size),
    "skewed (exponential)": lambda g, size: g.exponential(1.0, size) - 1.0,
    "one run in ten fails": lambda g, size: np.where(g.random(size) < 0.1, -3.0, 1.0 / 3.0),
}
# Runs of base and other; False: the base is one fixed model.
FIXED = tuple((1, runs, False) for runs in (2, 3, 5, 8))
RUNS = (*FIXED, (2, 2, True), (3, 3, True), (2, 8, True), (5, 5, True))
PROMPTS = (30, 100, 300, 1000)
# Variance ratio of runs, and standard deviation of what one run does on one prompt.
RATIOS = ((0.0, 0.0), (0.3, 0.5), (3.0, 1.0), (30.0, 0.5))


@dataclass(frozen=True)
class Design:
    """One kind of evaluation."""

    runs: tuple[int, int, bool]
    prompts: int
    ratio: tuple[float, float]
    shape: str
    run_shape: str = "normal"

    @property
    def sides(self) -> list[Side]:
        base, other, trained = self.runs
        return [Side(-1.0, range(base), trained), Side(1.0, range(base, base + other))]


@dataclass(frozen=True)
class Found:
    """Shares of simulated evaluations, and the effect that they name (in standard errors of the prompts' part)."""

    wrong: float
    effect: float
    power: float


def scores(design: Design, count: int, generator: Generator) -> Array:  # count x prompts x runs
    """Evaluations without any difference between the sides."""
    base, other, trained = design.runs
    ratio, single = design.ratio
    draw, n = SHAPES[design.shape], design.prompts
    runs = RUN_SHAPES[design.run_shape](generator, (count, 1, base + other)) * (ratio / n) ** 0.5
    alone = single * draw(generator, (count, n, base + other)) if single else np.zeros((count, n, base + other))
    made: Array = runs + alone
    if not trained:
        made[:, :, :base] = 0.0
    made[:, :, base:] += draw(generator, (count, n, 1))
    return made


def intervals(design: Design, made: Array) -> tuple[Array, Spread]:
    """Values and spreads of the differences of all evaluations at once."""
    means = made.mean(axis=1)
    n = design.prompts
    spread = spread_of((made - means[:, None, :]) / n, means, np.full(n, 1.0 / n), design.sides)
    base = design.runs[0]
    return means[:, base:].mean(axis=1) - means[:, :base].mean(axis=1), spread


def simulate(design: Design, trials: int, generator: Generator, named: int = 150) -> Found:
    """Wrong verdicts of either kind without a difference, and right ones at the effect that is named (its median)."""
    block = max(1, 1_500_000 // (design.prompts * sum(design.runs[:2])))
    values, below, above, counts, effects = [], [], [], [], []
    for start in range(0, trials, block):
        value, spread = intervals(design, scores(design, min(block, trials - start), generator))
        low, high = margins(spread, 0.05)
        told = np.asarray(spread.shape.differing) >= FEWEST_DIFFERING
        effects += [smallest_visible(one, 0.05) for one in _singly(spread, told, named - len(effects))]
        for column, part in zip((values, below, above, counts), (value, low, high, told), strict=True):
            column.append(part)
    value, low, high, told = (np.concatenate(column) for column in (values, below, above, counts))
    # If most evaluations of a design have no verdict, they name no effect.
    effect = float(np.median(effects)) if effects and told.mean() > 0.5 else float("nan")
    return Found(
        float((((value > low) | (value < -high)) & told).mean()),
        effect * design.prompts**0.5,
        float(((value + effect > low) & told).mean()),
    )


def _singly(spread: Spread, told: NDArray[np.bool_], most: int) -> Iterator[Spread]:
    """The first evaluations of a block that have a verdict, one by one."""
    for place in np.flatnonzero(told)[: max(0, most)]:

        def at(value: Array | float, place: int = int(place)) -> float:
            array = np.asarray(value)
            return float(array[place]) if array.ndim else float(array)

        runs = tuple((at(variance), freedom) for variance, freedom in spread.runs)
        yield Spread(at(spread.prompts), at(spread.shared), Shape(*map(at, spread.shape)), at(spread.doubt), runs)


def named_by(runs: tuple[int, int, bool]) -> int:
    """How many evaluations name the effect whose median is tested: with two runs what they name varies by far more."""
    return 1_000 if 2 in runs[:2] else 300


def _name(runs: tuple[int, int, bool]) -> str:
    return f"{runs[0]} : {runs[1]}" if runs[2] else f"fixed : {runs[1]}"


def _summary(found: Sequence[tuple[Design, Found]]) -> str:
    told = [(design, one) for design, one in found if not np.isnan(one.effect)]
    effect = np.median([one.effect for design, one in told if design.prompts == 100])
    wrong, power = (
        100 * np.mean(values) for values in ([one.wrong for _, one in found], [one.power for _, one in told])
    )
    return f"{wrong:.1f}, {power:.0f}, {effect:.1f}"


def main() -> None:
    """Markdown tables: size, then power, for each shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    generator = np.random.default_rng(0)
    found: dict[Design, Found] = {}
    for shape, runs, prompts, ratio in product(SHAPES, RUNS, PROMPTS, RATIOS):
        trials = max(2_000, 200_000 // prompts) // (10 if quick else 1)
        design = Design(runs, prompts, ratio, shape)
        found[design] = simulate(design, trials, generator, named_by(runs) // (10 if quick else 1))
    ratios = " | ".join(f"ratio {ratio:g}" for ratio, _ in RATIOS)
    for shape in SHAPES:
        print(f"\n{shape}: wrong verdicts without a difference, % (power at the effect that is named, %)\n")
        print(f"| runs | prompts | {ratios} |", "|---|---|" + "---|" * len(RATIOS), sep="\n")
        for runs, prompts in product(RUNS, PROMPTS):
            cells = [found[Design(runs, prompts, ratio, shape)] for ratio in RATIOS]
            powers = ["no verdict" if np.isnan(one.effect) else f"{100 * one.power:.0f}" for one in cells]
            words = [f"{100 * one.wrong:.1f} ({power})" for one, power in zip(cells, powers, strict=True)]
            print(f"| {_name(runs)} | {prompts} | " + " | ".join(words) + " |")
    print("\nAll shapes and numbers of prompts: % wrong on average, power in %, named effect (100 prompts)\n")
    print(f"| runs | {ratios} |", "|---|" + "---|" * len(RATIOS), sep="\n")
    for runs in RUNS:
        words = [_summary([one for one in found.items() if one[0].runs == runs and one[0].ratio == r]) for r in RATIOS]
        print(f"| {_name(runs)} | " + " | ".join(words) + " |")
    wrong = 100 * np.array([one.wrong for one in found.values()])
    most = max(found, key=lambda design: found[design].wrong)
    print("\nRuns that do not differ normally: wrong verdicts without a difference, % (100 prompts, ratio 30)\n")
    print("| runs | " + " | ".join(RUN_SHAPES) + " |", "|---|" + "---|" * len(RUN_SHAPES), sep="\n")
    for runs in RUNS:
        designs = [Design(runs, 100, (30.0, 0.0), "normal", name) for name in RUN_SHAPES]
        shares = [simulate(design, 400 if quick else 5_000, generator, 0).wrong for design in designs]
        print(f"| {_name(runs)} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |")
    print(f"\n{len(wrong)} settings: {wrong.mean():.1f} % wrong on average, most {wrong.max():.1f} % ({most})")
    told = {design: one.power for design, one in found.items() if not np.isnan(one.effect)}
    least = min(told, key=lambda design: told[design])
    print(f"Power: {100 * np.mean(list(told.values())):.0f} % on average, least {100 * told[least]:.0f} % ({least})")


if __name__ == "__main__":
    main()
