"""From scores to a verdict: made evaluations, each with the sentence that it deserves."""

import numpy as np
import pytest

from bleuberi.evaluation.comparison import ScoreComparison, comparisons
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.verdict import TrainedGroup, question_sizes, questions, verdict

BASE, RUN = Group("base", ("base",)), Group("run", ("run@0", "run@1", "run@2"))


def made(prompts=60, gain=0.1, between_runs=0.005, runs=3, seed=0):
    """Scores of a base and of runs of one training that gains this much."""
    generator = np.random.default_rng(seed)
    base = generator.uniform(0.1, 0.3, prompts)
    shift = gain + 0.08 * generator.normal(size=prompts)
    return {
        "base": {"bleu": base.tolist()},
        **{
            f"run@{run}": {
                "bleu": (base + shift + generator.normal(0, between_runs) + generator.normal(0, 0.03, prompts)).tolist()
            }
            for run in range(runs)
        },
    }


def say(scores, groups, prompts=None, **options):
    """The primary question's answer and sentence."""
    count = len(next(iter(scores.values()))["bleu"])
    names = prompts or [f"prompt {number}" for number in range(count)]
    compared = ScoreComparison(scores, ["bleu"], names, groups=groups, untrained=("base",), **options)
    trained = [TrainedGroup(group.name, None) for group in groups]
    asked = questions(trained[0], trained[1:])
    found = comparisons(compared, groups, question_sizes(asked, "bleu"))
    differences = {(row.base, row.other): row.difference for row in found}
    differences |= {
        (row.other, row.base): {name: estimate.turned() for name, estimate in row.difference.items()} for row in found
    }
    question = verdict(asked, ["bleu"], differences).questions[0]
    return question.answer, question.sentence, question.difference


def test_a_policy_that_truly_learnt_is_a_yes():
    answer, sentence, found = say(made(), [BASE, RUN])
    assert answer == "yes"
    assert sentence.startswith("Yes, in bleu: +0.1")
    assert "on 60 prompts with 3 runs of run and base as one fixed model, p = " in sentence
    assert f"Smallest visible difference: {found.smallest_visible:.3f} (80 % power)." in sentence
    assert 0.0 < found.smallest_visible < 0.1


def test_a_policy_that_got_worse_is_a_no():
    answer, sentence, found = say(made(gain=-0.1), [BASE, RUN])
    mirrored = say({name: {"bleu": [-x for x in one["bleu"]]} for name, one in made(gain=-0.1).items()}, [BASE, RUN])
    assert (answer, mirrored[0]) == ("no", "yes")
    assert sentence.startswith("No, it is worse in bleu: -0.0")
    assert mirrored[2].p_value == pytest.approx(found.p_value)


def test_nothing_learnt_is_not_told_apart():
    assert say(made(gain=0.0), [BASE, RUN])[0] == "not told apart"


def test_one_run_is_no_verdict_however_large_the_gain():
    one = Group("run", ("run@0",))
    scores = {name: made()[name] for name in ("base", "run@0")}
    answer, sentence, _ = say(scores, [BASE, one])
    assert answer == "one training run"
    assert sentence.startswith("One training run per side: another seed may reverse this.")
    assert "over prompts alone" in sentence
    _, stated, found = say(scores, [BASE, one], run_spread={"bleu": 0.2})
    assert "with a spread of 0.200 between runs" in stated
    assert found.low < 0.0 < found.high


def test_the_spread_of_other_groups_stands_in_for_that_of_a_single_run():
    scores = made(between_runs=0.05) | {"lone": made(seed=1)["run@0"]}
    _, sentence, found = say(scores, [BASE, Group("lone", ("lone",)), RUN])
    means = [np.mean(scores[name]["bleu"]) for name in RUN.members]
    assert found.run_spread == pytest.approx(np.std(means, ddof=1))
    assert f"with a spread of {found.run_spread:.3f} between runs" in sentence


def test_three_prompts_are_no_verdict():
    answer, sentence, _ = say(made(prompts=3, gain=0.5), [BASE, RUN])
    assert answer == "too few prompts"
    assert sentence.startswith("No verdict: 3 prompts are fewer than 30.")


def test_prompts_that_differ_by_white_space_or_case_are_one():
    names = [
        f"Tell  me\nabout {number // 2}" if number % 2 else f"tell me about {number // 2} " for number in range(40)
    ]
    answer, _, found = say(made(prompts=40, gain=0.5), [BASE, RUN], names)
    assert (answer, found.n, found.n_clusters) == ("too few prompts", 40, 20)


def test_a_gain_over_the_control_is_paired_by_run():
    scores = made()
    pairs = [(name, f":cut:{name}") for name in RUN.members]
    scores |= {control: {"bleu": [0.9 * x for x in scores[name]["bleu"]]} for name, control in pairs}
    prompts = [str(n) for n in range(60)]
    compared = ScoreComparison(scores, ["bleu"], prompts, pairs, groups=[BASE, RUN], untrained=("base",))
    gain = compared.gain(pairs)["bleu"]
    means = [np.mean(scores[name]["bleu"]) for name in RUN.members]
    assert gain.value == pytest.approx(0.1 * np.mean(means))
    assert gain.no_verdict is None
    assert compared.gain(pairs[:1])["bleu"].no_verdict == "one run"


def test_a_prompt_without_a_score_of_one_model_is_left_out_for_all():
    scores = made()
    scores["run@1"]["bleu"][7] = None
    compared = ScoreComparison(scores, ["bleu"], [str(n) for n in range(60)])
    assert compared.unscored == {"bleu": 1}
    assert compared.mean(BASE)["bleu"].n == 59
