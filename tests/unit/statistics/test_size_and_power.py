"""Size and power of verdicts at a quarter of the benchmark's settings, with every value of each.

`python -m benchmarks.seed_intervals` runs all 896; docs/evaluation.md has its table.
"""

import math

import numpy as np
import pytest
from benchmarks.seed_intervals import PROMPTS, RATIOS, RUNS, SHAPES, Design, named_by, simulate

from bleuberi.statistics import runs_of

TRIALS = 1_000


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("runs", RUNS)
def test_at_most_5_percent_wrong_and_at_least_80_percent_found(shape, runs):
    generator = np.random.default_rng([len(shape), *runs])
    first = list(SHAPES).index(shape) + RUNS.index(runs)
    for place, prompts in enumerate(PROMPTS):
        ratio = RATIOS[(first + place) % len(RATIOS)]  # a Latin square: each number of prompts meets each ratio
        found = simulate(Design(runs, prompts, ratio, shape), TRIALS, generator, named_by(runs))
        # Four standard errors, since there are 224 settings.
        assert found.wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / TRIALS), (prompts, ratio)
        if not math.isnan(found.effect):
            assert found.power >= 0.8 - 4 * math.sqrt(0.8 * 0.2 / TRIALS), (prompts, ratio)


@pytest.mark.parametrize(("prompts", "runs"), [(prompts, 3) for prompts in (2, 3, 10, 29)] + [(60, 1), (400, 1)])
def test_few_prompts_and_single_runs_are_never_a_verdict(prompts, runs):
    """No p value, and so neither yes nor no, in any of the evaluations: the size is 0."""
    generator = np.random.default_rng(prompts)
    for _ in range(60):
        values = generator.standard_normal((prompts, 1 + runs))
        found = runs_of(values).difference([0], list(range(1, runs + 1)), trained=(False, True))
        assert (found.p_value, found.smallest_visible) == (None, None)
        assert found.no_verdict in ("few prompts", "one run")


@pytest.mark.parametrize("runs", [(1, 2, False), (1, 3, False), (2, 2, True)])
def test_the_named_difference_is_found_with_few_runs_too(runs):
    """The median of what many evaluations name, since with two runs they differ by far."""
    found = simulate(Design(runs, 100, (3.0, 1.0), "normal"), 1_000, np.random.default_rng(11), 600)
    assert found.power >= 0.8
