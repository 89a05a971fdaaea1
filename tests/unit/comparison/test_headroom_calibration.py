"""The calibration of `bleuberi headroom` on the committed runs."""

import numpy as np
import pytest
from benchmarks import headroom

from tests.conftest import ROOT


def test_a_pool_is_predicted_from_the_others_alone():
    draw = np.random.default_rng(0)
    predictors = np.repeat(draw.normal(size=(15, 9)), 2, axis=0)
    gains = predictors @ draw.normal(size=9)
    pools = [f"pool{number // 2}" for number in range(30)]
    predicted = headroom.predict(pools, predictors, gains)
    assert np.abs(predicted - gains).mean() < np.abs(gains - gains.mean()).mean() / 2
    changed = gains.copy()
    changed[:2] += 100
    assert headroom.predict(pools, predictors, changed)[:2] == pytest.approx(predicted[:2])


def test_the_page_has_the_errors_of_the_committed_runs(capsys):
    headroom.fit(ROOT / "experiments/headroom", None)
    said = [line for line in capsys.readouterr().out.splitlines() if "mean absolute error" in line]
    page = (ROOT / "docs/headroom.md").read_text(encoding="utf-8")
    assert len(said) == 3
    for line in said:
        name, numbers = line.split(": mean absolute error ")
        error, reach = numbers.split(", 90 % within ")
        assert f"| {name} | {error} | {reach} |" in page
