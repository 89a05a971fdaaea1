"""Ranking models: correlations against scipy and a known truth, intervals that cover it, references left out."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bleuberi.agreement.answers import Answer, labels_of, number_of, read_answers, serving_as_references
from bleuberi.agreement.config import Sureness, SystemsConfig
from bleuberi.agreement.judged import answer_pairs
from bleuberi.agreement.run_systems import Grid, analyse_systems
from bleuberi.agreement.systems import (
    SystemScores,
    check_order,
    compare,
    correlations,
    draw,
)
from bleuberi.agreement.systems_verdict import systems_verdict
from bleuberi.errors import UserError
from bleuberi.statistics import prompt_clusters, spearman, spearman_p_value


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
    assert found["kendall"]["both"].value == pytest.approx(stats.kendalltau(means, labels).statistic)
    assert set(found["spearman"]) == {"systems", "both"}  # none over prompts alone: it would be biased
    assert found["spearman"]["systems"].n_clusters == 14
    assert "prompts and systems" in found["spearman"]["both"].method


def test_a_resample_without_an_answer_of_a_model_ranks_nothing():
    """A model that answered one prompt of four is in no mean of three resamples of ten; it is not the worst there."""
    matrix = np.tile([1.0, 2.0, 3.0, 4.0], (4, 1))
    matrix[1:, 3] = np.nan
    one, sureness = scores(matrix), Sureness(resamples=400)
    found, replicates = correlations(one, np.arange(4.0), draw([one], sureness), sureness)
    assert found["spearman"]["both"].high == pytest.approx(1.0)
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


def test_prompts_that_differ_by_white_space_or_case_are_drawn_together():
    matrix, labels = simulated(3, prompts=20)
    doubled = np.repeat(matrix, 2, axis=0)
    one, sureness = scores(doubled), Sureness(resamples=400)
    names = prompt_clusters([f"Prompt {n // 2}" if n % 2 else f"prompt  {n // 2}" for n in range(40)])
    together = correlations(one, labels, draw([one], sureness, names), sureness)[0]["spearman"]["both"]
    alone = correlations(scores(matrix), labels, draw([scores(matrix)], sureness), sureness)[0]["spearman"]["both"]
    assert (together.low, together.high) == (pytest.approx(alone.low), pytest.approx(alone.high))


@pytest.mark.parametrize("order", [[1, 2, 3, 4, 6, 5], [6, 5, 4, 3, 1, 2]])
def test_few_models_get_the_exact_permutation_test(order):
    p, method = spearman_p_value(order, [1, 2, 3, 4, 5, 6])
    assert spearman(order, [1, 2, 3, 4, 5, 6])[0] == pytest.approx(0.943 if order[0] == 1 else -0.943, abs=1e-3)
    assert p == pytest.approx(12 / 720)  # 0.017
    assert method == "exact permutation test, all 720 orders"


def test_many_models_get_scipys_p_value():
    matrix, labels = simulated(2)
    means = matrix.mean(axis=0)
    assert spearman_p_value(means.tolist(), labels.tolist())[0] == pytest.approx(stats.spearmanr(means, labels).pvalue)
    assert math.isnan(spearman_p_value([1.0] * 9, labels[:9].tolist())[0])


def analysed(labels, per_answer=None, prompts=40, noise=0.2):
    """Models whose mean BLEU rises from the first to the last, with these labels."""
    generator = np.random.default_rng(0)
    names = [f"m{place}" for place in range(len(labels))]
    answers, rows = [], {name: [] for name in ("bleu", "rouge", "longer_words", "echo")}
    for prompt in range(prompts):
        for place, name in enumerate(names):
            label = None if per_answer is None else per_answer(place, generator)
            answers.append(Answer(str(prompt), f"Prompt {prompt}", name, "x", label, {}))
            rows["bleu"].append(place + noise * generator.normal())
            rows["rouge"].append(place + 6 * noise * generator.normal())
            rows["longer_words"].append(generator.normal())
            rows["echo"].append(generator.normal())
    grid = Grid(answers, [str(prompt) for prompt in range(prompts)], names)
    kinds = {"longer_words": "baseline", "echo": "baseline"}
    made = [SystemScores(name, kinds.get(name, "reward"), name, grid.matrix(row)) for name, row in rows.items()]
    config = SystemsConfig(outputs="", output_dir=Path(), label_column="elo", sureness=Sureness(resamples=400))
    result = analyse_systems(grid, made, np.asarray(labels, dtype=float), config)
    return {**result, "length_baseline": "longer_words", "label": "elo", "sureness": {"confidence": 0.95}}


def test_no_interval_is_over_prompts_alone():
    """Resampled means have the noise of prompts twice, so resampled correlations are too low."""
    for one in analysed([1, 2, 3, 4])["rewards"]:
        assert set(one["spearman"]) == set(one["kendall"]) == {"systems", "both"}


def test_six_models_with_one_swap_follow_the_label():
    said = systems_verdict(analysed([1, 2, 3, 4, 6, 5], noise=0.01), "bleu")
    assert "Spearman 0.94 [" in said
    assert " and an echo of the prompt with " in said
    assert "6 models are too few to compare the two." in said
    assert "bleu follows elo (p = 0.017, exact permutation test, all 720 orders)." in said


def test_models_in_reverse_are_said_to_be():
    assert "bleu ranks the models in reverse (p = 0.0028" in systems_verdict(analysed([6, 5, 4, 3, 2, 1]), "bleu")
    said = systems_verdict(analysed([3, 2, 1]), "bleu")
    assert "The data do not show that bleu follows elo at all (p = 0.33" in said
    assert "the models seen come in reverse" in said


def test_a_reward_without_relation_to_the_label_is_said_not_to_follow():
    assert "do not show that bleu follows elo at all" in systems_verdict(analysed([3, 1, 5, 2, 6, 4]), "bleu")


def test_judged_answers_compare_rewards_with_each_other():
    result = analysed([1, 2, 3, 4], lambda place, generator: place + 0.3 * generator.normal())
    assert {(one["base"], one["other"]) for one in result["answer_comparisons"]} == {
        ("bleu", "rouge"), ("longer_words", "bleu"), ("longer_words", "rouge"), ("echo", "bleu"), ("echo", "rouge"),
    }  # fmt: skip
    assert all("step-down" in one["p_value_method"] for one in result["answer_comparisons"])
    said = systems_verdict(result, "bleu")
    assert "bleu beats it by" in said
    assert "It is better than rouge (" in said
    assert "It is better than echo (" in said
    assert "It is worse than bleu (" in systems_verdict(result, "rouge")


def test_a_reward_against_the_judge_is_worse_than_a_coin():
    said = systems_verdict(analysed([4, 3, 2, 1], lambda place, generator: float(-place)), "bleu")
    assert said.endswith("bleu is worse than a coin: it prefers the response that the judge rejects.")


def test_judged_answers_to_three_prompts_conclude_nothing():
    said = systems_verdict(analysed([1, 2, 3], lambda place, generator: float(place), prompts=3), "bleu")
    assert said.endswith(": 3 prompts are too few to conclude anything about others.")


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
    rates, compared, *_ = answer_pairs([good, length], judged, ["p", "q"], Sureness(resamples=50))
    assert rates["good"]["value"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert rates["good"]["n"] == 3  # equal labels and missing ones make no pair
    assert compared[0]["difference"]["value"] == pytest.approx((1 + 1 + 0.5) / 3 - (0 + 0 + 1) / 3)


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
    with pytest.raises(UserError, match="No references by z"):
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
