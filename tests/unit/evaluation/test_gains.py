"""Where a gain sits, by numbers worked out by hand."""

import math

import pytest

from bleuberi.evaluation.comparison import ScoreComparison
from bleuberi.evaluation.gains import Gains, references_copied
from bleuberi.evaluation.models import Group
from bleuberi.records import Example

GROUPS = [Group("base", ("base",)), Group("grpo", ("grpo@0", "grpo@1"))]
PROMPTS = [f"prompt {n}" for n in range(20)]


def record(base, first, second, copied):
    """`copied`: whether the prompt's only reference repeats it; None: it has no reference."""
    texts = {None: [], 0: ["x"], 1: ["say it again now"]}
    rows = [
        Example(p, "s", [], f"{p} say it again now", "", texts[own]) for p, own in zip(PROMPTS, copied, strict=True)
    ]
    scores = {name: {"bleu": column} for name, column in (("base", base), ("grpo@0", first), ("grpo@1", second))}
    (found,) = Gains(GROUPS, scores, rows, ScoreComparison).records("bleu")
    return found


def test_the_ten_largest_prompts_and_the_halves():
    found = record(
        [0.0] * 20, [0.2 if n < 10 else 0.1 for n in range(20)], [0.4 if n < 10 else 0.1 for n in range(20)],
        [n % 2 for n in range(20)],
    )  # fmt: skip
    assert found.total == pytest.approx(10 * 0.3 + 10 * 0.1)
    assert found.top10_share == pytest.approx(3.0 / 4.0)
    assert found.by_overlap.median == 0.5
    for half in (found.by_overlap.above, found.by_overlap.below):
        assert half.value == pytest.approx(0.2)
        assert half.n == 10


def test_a_gain_without_its_extremes_and_noise_that_is_even():
    carried = record([0.0] * 20, [1.0] * 5 + [0.0] * 15, [1.0] * 5 + [0.0] * 15, [0, 1] * 10)
    assert (carried.top10_share, carried.without_extremes) == (1.0, None)  # 20 prompts are all extremes
    assert carried.copying is None  # no copied share was computed


def test_prompts_without_a_score_do_not_count_and_a_loss_has_no_share():
    found = record([0.5] * 20, [None] * 5 + [0.4] * 15, [0.4] * 20, [1] * 20)
    assert (found.prompts, found.top10_share) == (15, None)
    assert found.total == pytest.approx(-1.5)
    assert found.by_overlap.above is None  # all references are alike
    assert found.by_overlap.below.n == 15


def test_without_references_nothing_is_split():
    assert record([0.0] * 20, [0.1] * 20, [0.1] * 20, [None] * 20).by_overlap is None


def test_references_copy_as_responses_do():
    rows = [
        Example("a", "s", [], "one two three four five", "", ["One two three four five", "six seven eight nine"]),
        Example("b", "s", [], "one two three four five", "", []),
    ]
    assert references_copied(rows) == pytest.approx([0.5, math.nan], nan_ok=True)
