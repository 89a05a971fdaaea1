"""Differences over training runs: exact where they must be, wrong in 5 % of simulations at most, and powerful."""

import math

import numpy as np
import pytest
from benchmarks.seed_intervals import Design, simulate
from scipy import stats

from bleuberi.statistics import RunSpread, cluster_codes, pooled_run_spread, runs_of

FIXED = (False, True)  # a base that nobody trained


def table(seed, prompts=60, runs=3, gain=0.0, between_runs=0.0, single=0.0, spread=0.1):
    """A fixed base and runs of a training, with a gain."""
    generator = np.random.default_rng(seed)
    base = generator.normal(0.2, 0.1, (prompts, 1))
    per_prompt = gain + spread * generator.normal(size=(prompts, 1))
    return np.hstack(
        [
            base,
            base
            + per_prompt
            + between_runs * generator.normal(size=(1, runs))
            + single * generator.normal(size=(prompts, runs)),
        ]
    )


def test_without_runs_and_without_skew_it_is_the_paired_t_interval():
    half = stats.norm.ppf((np.arange(20) + 0.5) / 40)  # 40 values that are exactly symmetric
    values = np.column_stack([np.zeros(40), 0.3 + np.concatenate([half, -half])])
    found = runs_of(values).difference([0], [1], trained=(False, False))
    theirs = stats.ttest_1samp(values[:, 1], 0.0)
    low, high = theirs.confidence_interval()
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.no_verdict is None


def test_the_p_value_is_the_level_at_which_the_interval_ends_at_0():
    values = table(1, gain=0.03, between_runs=0.005, single=0.05)
    found = runs_of(values).difference([0], [1, 2, 3], trained=FIXED)
    at_its_level = runs_of(values, confidence=1.0 - found.p_value).difference([0], [1, 2, 3], trained=FIXED)
    assert at_its_level.low == pytest.approx(0.0, abs=1e-9)


def test_swapping_the_sides_mirrors_everything():
    values = np.random.default_rng(2).gamma(1.0, 1.0, (50, 5))
    there = runs_of(values).difference([0, 1], [2, 3, 4])
    back = runs_of(values).difference([2, 3, 4], [0, 1])
    assert (back.value, back.low, back.high) == (
        pytest.approx(-there.value), pytest.approx(-there.high), pytest.approx(-there.low),
    )  # fmt: skip
    assert back.p_value == pytest.approx(there.p_value)
    assert back.smallest_visible == pytest.approx(there.smallest_visible)
    assert (there.runs, back.runs) == ((2, 3), (3, 2))


def test_runs_that_differ_widen_the_interval_by_the_quantile_of_their_own_degrees_of_freedom():
    base = np.random.default_rng(3).normal(size=(200, 1))
    apart = np.hstack([base, base - 0.7, base + 1.3])  # no spread between prompts: the two runs are all there is
    found = runs_of(apart).difference([0], [1, 2], trained=FIXED)
    low, high = stats.t.interval(0.95, 1, loc=0.3, scale=1.0)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_what_a_run_does_on_single_prompts_is_counted_once():
    """Five runs that differ on single prompts only: the spread over prompts has it all already."""
    values = table(4, prompts=2_000, runs=5, spread=0.0, single=0.1)
    found = runs_of(values).difference([0], [1, 2, 3, 4, 5], trained=FIXED)
    expected = 2 * stats.t.ppf(0.975, 4) * 0.1 / math.sqrt(5 * 2_000)
    assert found.high - found.low < 1.35 * expected


def test_one_run_never_has_a_verdict():
    values = table(5, runs=1, gain=0.5)
    found = runs_of(values).difference([0], [1], trained=FIXED)
    assert (found.no_verdict, found.p_value, found.smallest_visible) == ("one run", None, None)
    assert "prompts alone" in found.method


def test_a_spread_between_runs_widens_the_interval_of_one_run():
    one = runs_of(table(6, runs=1, gain=0.05))
    alone = one.difference([0], [1], trained=FIXED)
    stated = one.difference([0], [1], trained=FIXED, run_spread=RunSpread(0.1))
    estimated = one.difference([0], [1], trained=FIXED, run_spread=RunSpread(0.1, 2.0))
    assert stated.high - stated.low == pytest.approx(2 * 1.96 * math.hypot(0.1, 0.013), rel=0.05)
    assert alone.low > stated.low > estimated.low
    assert (stated.no_verdict, stated.run_spread) == ("one run", 0.1)
    assert "(stated)" in stated.method
    assert "2 degrees of freedom" in estimated.method


def test_spreads_of_several_groups_are_pooled_by_their_runs():
    assert pooled_run_spread([(0.04, 3), (0.01, 2)]) == RunSpread(math.sqrt((2 * 0.04 + 0.01) / 3), 3.0)
    assert pooled_run_spread([]) is None


def test_under_30_prompts_there_is_an_interval_and_no_verdict():
    found = runs_of(table(7, prompts=29, gain=1.0)).difference([0], [1, 2, 3], trained=FIXED)
    assert (found.no_verdict, found.p_value) == ("few prompts", None)
    assert 0.9 < found.low < found.high < 1.1
    again = runs_of(table(7, prompts=30, gain=1.0)).difference([0], [1, 2, 3], trained=FIXED)
    assert again.no_verdict is None


def test_thirty_rows_of_29_prompts_are_29():
    values, names = table(7, prompts=30), [str(max(1, row)) for row in range(30)]
    found = runs_of(values, names).difference([0], [1, 2, 3], trained=FIXED)
    assert (found.no_verdict, found.n, found.n_clusters) == ("few prompts", 30, 29)


def test_prompts_on_which_both_score_the_same_are_no_evidence():
    values = np.zeros((200, 3))
    values[:9, 1:] = 1.0  # nine prompts changed, all for the better
    found = runs_of(values).difference([0], [1, 2], trained=FIXED)
    assert (found.no_verdict, found.p_value) == ("few prompts differ", None)
    values[:12, 1:] = 1.0
    assert runs_of(values).difference([0], [1, 2], trained=FIXED).no_verdict is None


def test_rows_of_one_prompt_are_one_observation():
    values = table(8, prompts=40, gain=0.02)
    once = runs_of(values).difference([0], [1, 2, 3], trained=FIXED)
    names = [str(row) for row in range(40)]
    twice = runs_of(np.vstack([values, values]), names + names).difference([0], [1, 2, 3], trained=FIXED)
    assert (twice.low, twice.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_one_prompt_tells_nothing_of_the_spread():
    found = runs_of([[0.1, 0.3]]).difference([0], [1], trained=(False, False))
    assert (found.value, found.low, found.high) == (pytest.approx(0.2), -np.inf, np.inf)
    assert runs_of([[0.1, 0.3]]).mean([0, 1]).low == -np.inf


def test_a_gain_is_the_mean_of_differences():
    values = table(9, gain=0.1, between_runs=0.02)
    by_hand = runs_of(values[:, 1:] - values[:, :1]).gain([0, 1, 2])
    paired = runs_of(values).difference([0], [1, 2, 3], trained=FIXED)
    assert (by_hand.low, by_hand.high) == (pytest.approx(paired.low), pytest.approx(paired.high))


@pytest.mark.parametrize("values", [[[math.inf]], [], [1.0, 2.0], [[1.0, math.nan]]])
def test_values_that_are_no_table_are_refused(values):
    with pytest.raises(ValueError, match="value"):
        runs_of(values)


SHAPES = ["normal", "heavy tails (t, 3 df)", "skewed (exponential)", "very skewed (lognormal)", "70 % zeros, skewed"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("prompts", [30, 120])
@pytest.mark.parametrize("runs", [(1, 2, False), (1, 5, False), (2, 2, True), (2, 8, True)])
def test_verdicts_are_wrong_in_at_most_5_percent_whatever_the_spread_between_runs(shape, prompts, runs):
    generator = np.random.default_rng([prompts, *runs])
    for ratio in ((0.0, 0.0), (0.3, 0.5), (3.0, 1.0), (30.0, 0.5)):
        trials = 1_500
        found = simulate(Design(runs, prompts, ratio, shape), trials, generator, named=0)
        assert found.wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize(("runs", "ratio"), [((1, 5, False), (0.0, 0.0)), ((3, 3, True), (0.3, 0.5))])
def test_the_difference_that_is_named_is_found_in_80_percent(shape, runs, ratio):
    found = simulate(Design(runs, 100, ratio, shape), 1_200, np.random.default_rng(7), named=60)
    assert found.power >= 0.8 - 0.03
    assert found.effect < (4.6 if ratio == (0.0, 0.0) else 6.5)  # 2.8 standard errors if nothing had to be estimated


def test_intervals_end_where_scores_end():
    values = table(3, prompts=60)[:, :3]
    values[:, 1:] = np.clip(values[:, :1] + [0.0, 0.7], 0.0, 1.0)
    free = runs_of(values).difference([0], [1, 2], trained=FIXED)
    assert free.low < -1.0
    assert free.high > 1.0
    assert free.smallest_visible > 1.0
    bound = runs_of(values, limits=(0.0, 1.0))
    found, mean = bound.difference([0], [1, 2], trained=FIXED), bound.mean([1, 2])
    assert (found.low, found.high, mean.low, mean.high) == (-1.0, 1.0, 0.0, 1.0)
    assert (found.value, found.p_value, found.smallest_visible) == (free.value, free.p_value, math.inf)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [0.0, 1e-170, 1.0])
def test_no_variance_or_a_tiny_one_gives_no_warning(scale):
    values = np.column_stack([np.zeros(40), *[scale * np.arange(40.0)] * 2])
    found = runs_of(values).difference([0], [1, 2], trained=FIXED)
    assert found.low <= found.value <= found.high
    assert math.isfinite(found.high)


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_sums_by_parts_of_the_rows_have_the_bits_of_a_sum_at_once(columns):
    generator = np.random.default_rng(columns)
    values = generator.lognormal(size=(150_000, columns)) * generator.choice([-1.0, 1.0], (150_000, 1))
    values[generator.random(values.shape) < 0.1] = np.nan
    clusters = generator.integers(0, 90_000, 150_000)
    found = runs_of(values, clusters)
    present = ~np.isnan(values)
    means = np.where(present, values, 0.0).sum(axis=0) / present.sum(axis=0)
    codes, count = cluster_codes(clusters.tolist(), len(values))
    influences = np.zeros((count, columns))
    np.add.at(influences, codes, np.where(present, values - means, 0.0) / present.sum(axis=0))
    assert found.means.tobytes() == means.tobytes()
    assert found.influences.tobytes() == influences.tobytes()
    assert found.shares.tobytes() == (np.bincount(codes) / len(values)).tobytes()
