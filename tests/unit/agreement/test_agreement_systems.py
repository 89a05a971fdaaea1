"""Ranking models: correlations against scipy and a known truth, intervals that cover it, references left out."""

import math

import numpy as np
import pytest
from scipy import stats

from bleuberi.agreement.analysis import Sureness
from bleuberi.agreement.answers import Answer, labels_of, number_of, read_answers, serving_as_references
from bleuberi.agreement.systems import (
    SystemScores,
    answer_pairs,
    check_order,
    compare,
    correlations,
    draw,
)
from bleuberi.errors import UserError


def scores(matrix, name="x", kind="reward"):
    return SystemScores(name, kind, f"{name}|v:1", np.asarray(matrix, dtype=float))


def simulated(seed, prompts=60, systems=14, noise=1.0):
    generator = np.random.default_rng(seed)
    ability = generator.normal(size=systems)
    return ability[None, :] + noise * generator.normal(size=(prompts, systems)), ability


def test_correlations_of_means_are_scipys():
    matrix, labels = simulated(1)
    matrix[3, 2] = np.nan
    one, sureness = scores(matrix), Sureness(resamples=300)
    found, _ = correlations(one, labels, draw([one], sureness), sureness)
    means = np.nanmean(matrix, axis=0)
    assert found["spearman"]["both"].value == pytest.approx(stats.spearmanr(means, labels).statistic)
    assert found["kendall"]["prompts"].value == pytest.approx(stats.kendalltau(means, labels).statistic)
    assert found["spearman"]["prompts"].n_clusters == 60
    assert found["spearman"]["systems"].n_clusters == 14
    assert "prompts and systems" in found["spearman"]["both"].method


def test_a_resample_without_an_answer_of_a_model_ranks_nothing():
    """A model that answered one prompt of four is in no mean of three resamples of ten; it is not the worst there."""
    matrix = np.tile([1.0, 2.0, 3.0, 4.0], (4, 1))
    matrix[1:, 3] = np.nan
    one, sureness = scores(matrix), Sureness(resamples=400)
    found, replicates = correlations(one, np.arange(4.0), draw([one], sureness), sureness)
    assert (found["spearman"]["prompts"].low, found["spearman"]["prompts"].high) == (1.0, 1.0)
    assert found["kendall"]["prompts"].low == 1.0
    drawn = replicates["spearman"][np.isfinite(replicates["spearman"])]
    assert 100 < len(drawn) < 400
    assert drawn.min() == pytest.approx(1.0)


def test_an_order_of_models_that_share_no_prompt_is_refused():
    with pytest.raises(UserError, match="No prompt was answered by all of low, high"):
        check_order(scores([[1.0, np.nan], [np.nan, 2.0]]), [0, 1], ["low", "high"], Sureness(resamples=10))


def test_interval_over_models_covers_the_true_spearman():
    rho = 0.7
    truth = 6 / math.pi * math.asin(rho / 2)  # of a bivariate normal
    generator, covered, runs = np.random.default_rng(2), 0, 200
    sureness = Sureness(resamples=250)
    for _ in range(runs):
        drawn = generator.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 40)
        one = scores(drawn[:, 0][None, :].repeat(2, axis=0))
        found, _ = correlations(one, drawn[:, 1], draw([one], sureness), sureness)
        covered += found["spearman"]["systems"].low <= truth <= found["spearman"]["systems"].high
    assert 0.91 <= covered / runs <= 0.985


def test_more_prompts_narrow_the_interval_over_prompts_only():
    widths = {}
    for prompts in (20, 500):
        matrix, labels = simulated(3, prompts=prompts, noise=3.0)
        one, sureness = scores(matrix), Sureness(resamples=600)
        found = correlations(one, labels, draw([one], sureness), sureness)[0]["spearman"]
        widths[prompts] = {over: found[over].high - found[over].low for over in ("prompts", "systems")}
    assert widths[500]["prompts"] < 0.5 * widths[20]["prompts"]
    assert widths[500]["systems"] > widths[500]["prompts"]


def test_a_constant_score_has_no_correlation_and_no_comparison():
    matrix, labels = simulated(4)
    all_scores = [scores(matrix, "good"), scores(np.ones_like(matrix), "same", "baseline")]
    sureness = Sureness(resamples=100)
    draws = draw(all_scores, sureness)
    found = {one.name: correlations(one, labels, draws, sureness) for one in all_scores}
    values = {name: estimates["spearman"]["both"].value for name, (estimates, _) in found.items()}
    assert math.isnan(values["same"])
    assert compare(all_scores, values, {name: drawn["spearman"] for name, (_, drawn) in found.items()}, sureness) == []


def test_pairs_of_answers_and_ties_by_hand():
    judged = np.array([[5.0, 1.0, 1.0], [3.0, np.nan, 2.0]])
    good = scores([[0.9, 0.1, 0.2], [0.5, 0.9, 0.5]], "good")
    length = scores([[1, 2, 3], [3, 2, 1]], "longer_words", "baseline")
    found = answer_pairs([good, length], judged, ["p", "q"], "longer_words", Sureness(resamples=50))
    assert found["good"][0].value == pytest.approx((1 + 1 + 0.5) / 3)
    assert found["good"][0].n == 3  # equal labels and missing ones make no pair
    assert found["good"][1].value == pytest.approx((1 + 1 + 0.5) / 3 - (0 + 0 + 1) / 3)


def test_expected_orders():
    matrix, _ = simulated(5, prompts=200)
    matrix[:, :3] = np.random.default_rng(1).normal([0.0, 1.0, 2.0], 1.0, (200, 3))
    rising = check_order(scores(matrix), [0, 1, 2], ["base", "sft", "bleu"], Sureness(resamples=300))
    assert rising["holds"]
    assert rising["share_of_resamples"] == 1.0
    assert [step["higher"] for step in rising["steps"]] == ["sft", "bleu"]
    assert not check_order(scores(matrix), [2, 0, 1], ["a", "b", "c"], Sureness(resamples=300))["holds"]


def answer(model, output, references, prompt_id="p"):
    return Answer(prompt_id, "", model, output, None, references)


def test_models_that_serve_as_references_are_found_by_name_and_by_text():
    references = {"Strong-1": "the reference answer", "gold": "golden answer"}
    answers = [
        answer("org/strong_1", "something", references),
        answer("copycat", " the reference answer", references),
        answer("honest", "my own words", references),
        answer("goldmaker", "other", references),
    ]
    found = serving_as_references(answers, ["Goldmaker"])
    assert set(found) == {"org/strong_1", "copycat", "goldmaker"}
    assert "word for word" in found["copycat"]


def test_answers_join_the_pool_and_drops_are_counted():
    rows = [
        {"model": "m", "output": "x", "prompt_id": "1", "score": 3},
        {"model": "m", "output": "again", "prompt_id": "1"},
        {"model": "m", "output": "y", "prompt_id": "2"},
        {"model": "m", "output": None, "prompt_id": "1"},
    ]
    answers, tally = read_answers(rows, id_column="prompt_id", label_column="score", pool={"1": {"g": "ref"}})
    assert [(one.output, one.label, dict(one.reference_by_model)) for one in answers] == [("x", 3.0, {"g": "ref"})]
    assert sum(tally.dropped.values()) == 3
    with pytest.raises(UserError, match="No reference of z"):
        read_answers(rows, id_column="prompt_id", label_column="score", pool={"1": {"g": "r"}}, ref_models=["z"])
    with pytest.raises(UserError, match="None of the 4 answers"):
        read_answers(rows, id_column="prompt_id", label_column="score", pool={"9": {"g": "ref"}})
    with pytest.raises(UserError, match="no model or no output"):
        read_answers([{"output": "x"}], id_column="prompt_id", label_column="score")


def test_labels_of_a_table():
    rows = [{"model": "m", "elo": "1100.5"}, {"model": "n", "elo": ""}]
    assert labels_of(rows, "elo") == {"m": 1100.5}
    with pytest.raises(UserError, match="no column win"):
        labels_of(rows, "win")
    assert labels_of([{"model": "m"}, {"model": "n", "win": 2}], "win") == {"n": 2.0}
    with pytest.raises(UserError, match=r"Row 2 of the labels has no model\."):
        labels_of([{"model": "m", "win": 1}, {"win": 2}], "win")
    with pytest.raises(UserError, match="not a number"):
        number_of("high")
