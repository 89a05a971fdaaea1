"""Was RL worth it? Real manifests on disk, made estimates, and every way in which runs are not comparable."""

import json
import math

import pytest

from bleuberi.errors import UserError
from bleuberi.evaluation.model_facts import training_facts
from bleuberi.evaluation.verdict import TrainedGroup, _measured_by, answer_to, question_sizes, questions, verdict
from bleuberi.rewards import load_reward
from tests.unit.evaluation.estimates import BLEU, ONE_RUN, about, ask, estimate


@pytest.mark.parametrize("other", [BLEU.replace("shortest", "closest"), BLEU + "|on:answer-tags", "rouge|v:1"])
def test_a_repaired_bleu_is_another_reward(trained, other):
    groups = [trained("grpo", [BLEU]), trained("repaired", [other])]
    assert [group.role for group in groups] == ["grpo_bleu", "grpo_other"]
    assert about(ask(groups), "Was the other reward (repaired) better than BLEU (grpo)?")


def test_what_a_manifest_tells(trained):
    grpo, sft = trained("grpo", [BLEU]), trained("sft", dataset="sft_data")
    assert (grpo.role, grpo.label, grpo.facts.steps, grpo.facts.prompts_sha256) == ("grpo_bleu", "GRPO(bleu)", 6, "d1")
    assert (sft.role, sft.label, sft.facts.rewards, sft.facts.prompts_sha256) == ("sft", "SFT", (), "d1")
    assert trained("mixed", [BLEU, "rouge|v:1"]).role == "grpo_other"
    assert trained("lost").facts.prompts_sha256 is None
    assert training_facts("org/some-model") is None
    assert trained("revised", model_revision="v1").facts.base_model == "org/base@v1"


def test_dpo_is_a_method_of_its_own_and_its_reward_is_that_of_the_pairs(trained, tmp_path):
    for kind in ("pairs", "bestof"):
        (tmp_path / kind).mkdir()
        data = {"schema_version": 1, "config": {"kind": kind, "input_sha256": "of samples"}, "reward_signature": BLEU}
        data["parents"] = [{"folder": "x", "rows_sha256": "d1"}]
        (tmp_path / kind / "manifest.json").write_text(json.dumps(data))
    dpo, best = trained("dpo", dataset="pairs", method="dpo"), trained("best", dataset="bestof", method="sft")
    grpo, sft = trained("grpo", [BLEU], method="grpo"), trained("sft", dataset="sft_data", method="sft")
    assert (dpo.role, dpo.label, dpo.facts.prompts_sha256, dpo.facts.paid) == ("dpo", "DPO", "d1", (BLEU,))
    assert (best.role, best.facts.prompts_sha256, best.facts.paid, sft.facts.paid) == ("sft", "d1", (BLEU,), ())
    assert [(one.kind, one.pair) for one in questions(TrainedGroup("base", None), [grpo, sft, dpo])] == [
        ("better", ("base", "grpo")), ("worth", ("sft", "grpo")), ("better", ("base", "sft")),
        ("better", ("base", "dpo")),
    ]  # fmt: skip
    sentence = about(ask([dpo], dpo_base=(0.01, 0.03)), "Is dpo (DPO)").sentence
    assert "bleu is also what dpo was trained on" in sentence


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        (load_reward("rouge:stem").signature(), {"rouge"}),
        (load_reward("answer:rouge:auto").signature(), {"rouge"}),
        (load_reward("chrf++").signature(), {"chrfpp"}),
        ("bertscore|model:m|v:1", {"bertscore"}),
        ("my_package:Reward|v:1", {"my_package:Reward"}),
    ],
)
def test_metrics_that_measure_a_reward(signature, names):
    assert names <= _measured_by(signature)


def test_a_relative_of_the_metric_is_not_what_a_run_was_trained_on(trained):
    stranger = ["bleu_closest", "rouge", "meteor"]
    for name in ["bleu", "answer:bleu", "bleu:auto", *stranger]:
        grpo = trained("grpo", [load_reward(name).signature()])
        said = name not in stranger
        sentence = about(ask([grpo], grpo_base=(0.01, 0.03)), "Is grpo").sentence
        assert ("bleu is also what grpo was trained on" in sentence) == said


@pytest.mark.parametrize(
    ("bounds", "answer", "begins"),
    [
        (
            (0.01, 0.03),
            "yes",
            "Yes, in bleu GRPO(bleu) beats SFT: grpo - sft: +0.020 [+0.010, +0.030] on 50 prompts with 3 runs of grpo "
            "and sft as one fixed model, "
            "p = 0.01 (corrected for 2 questions: p = 0.02). Smallest visible difference: 0.015 (80 % power).",
        ),
        ((-0.03, -0.01), "no", "No, in bleu SFT beats GRPO(bleu): grpo - sft: -0.020 [-0.030, -0.010]"),
        ((-0.01, 0.03, 0.2), "not told apart", "Not told apart in bleu, which is not the same as equal: grpo - sft:"),
    ],
)
def test_was_rl_worth_it(trained, bounds, answer, begins):
    found = ask([trained("grpo", [BLEU]), trained("sft", dataset="sft_data")], grpo_sft=bounds)
    question = about(found, "Was RL (grpo) worth it over SFT (sft) here?")
    assert question.answer == answer
    assert question.sentence.startswith(begins)
    assert ("also what grpo was trained on" in question.sentence) == (answer == "yes")
    assert f"rouge does not tell them apart{' either' if answer == 'not told apart' else ''}:" in question.sentence
    assert question.sentence.endswith("The judge prefers grpo in 60 % [50, 70] of its consistent verdicts.")
    assert "Note" not in question.sentence
    assert found.unequal == ()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"steps": 60}, "6 and 60 steps"),
        ({"data": "d2"}, "trained on different data"),
    ],
)
def test_runs_that_differ_are_not_comparable(trained, other, said):
    found = ask([trained("grpo", [BLEU]), trained("rouge", ["rouge|v:1"], **other)], rouge_grpo=(0.1, 0.2))
    question = about(found, "Was the other reward (rouge) better than BLEU (grpo)?")
    assert question.answer == "not comparable"
    assert said in question.sentence
    assert said in found.unequal[0]
    assert "The numbers still say: Yes, in bleu GRPO(rouge) beats GRPO(bleu)" in question.sentence


def test_what_is_not_known_is_not_taken_for_equal(trained):
    found = ask([trained("grpo", [BLEU]), trained("sft")], grpo_sft=(0.1, 0.2))
    question = about(found, "worth it")
    assert question.answer == "yes"
    assert "Note: sft and grpo: whether they saw the same prompts is not known" in question.sentence


def test_the_primary_question_comes_first_and_keeps_its_level(trained):
    """One question at 0.04 is a yes if it was declared primary, and is not one among three others."""
    groups = [trained("grpo", [BLEU]), trained("sft", dataset="sft_data"), TrainedGroup("api", None)]
    gains = {f"{name}_base": (0.01, 0.03, 0.04) for name in ("grpo", "sft", "api")}
    found = ask(groups, grpo_sft=(0.01, 0.03, 0.04), **gains)
    first, *others = found.questions
    assert (first.question, first.primary, first.answer) == (
        "Is grpo (GRPO(bleu)) better than base?", True, "yes",
    )  # fmt: skip
    assert first.p_corrected is None
    assert "corrected" not in first.sentence
    assert {one.answer for one in others} == {"not told apart"}
    assert all("p = 0.04 (corrected for 3 questions: p = 0.12)" in one.sentence for one in others)
    declared = ask(groups, primary=("sft", "grpo"), grpo_sft=(0.01, 0.03, 0.04), **gains)
    assert (declared.questions[0].other, declared.questions[0].answer) == ("grpo", "yes")
    assert about(declared, "Is grpo").answer == "not told apart"


def test_any_two_groups_can_be_the_primary_comparison(trained):
    groups = [trained("grpo", [BLEU]), trained("shuffled", [BLEU])]
    found = ask(groups, primary=("shuffled", "grpo"), grpo_shuffled=(0.01, 0.03))
    assert (found.questions[0].question, found.questions[0].answer) == (
        "Is grpo (GRPO(bleu)) better than shuffled?", "yes",
    )  # fmt: skip
    with pytest.raises(UserError, match="primary comparison nobody:base"):
        questions(TrainedGroup("base", None), groups, ("base", "nobody"))


def test_every_other_question_has_its_share_of_the_level(trained):
    groups = [trained("grpo", [BLEU]), trained("sft", dataset="sft_data"), TrainedGroup("api", None)]
    sizes = question_sizes(questions(TrainedGroup("base", None), groups), "bleu")
    assert sizes[frozenset(("base", "grpo"))] == {"bleu": 0.05}
    assert sizes[frozenset(("sft", "grpo"))] == {"bleu": pytest.approx(0.05 / 3)}


def test_one_run_is_never_a_yes_or_a_no(trained):
    for bounds in ((0.4, 0.5), (-0.5, -0.4)):
        question = ask([trained("grpo", [BLEU])], more=ONE_RUN, grpo_base=bounds).questions[0]
        assert question.answer == "one training run"
        assert "another seed may reverse this" in question.sentence
        assert "over prompts alone" in question.sentence
        assert not question.sentence.startswith(("Yes", "No"))
    assert (
        ask([trained("grpo", [BLEU])], more=ONE_RUN)
        .questions[0]
        .sentence.startswith(
            "One training run per side: another seed may reverse this. bleu: +0.100 [-1.000, +1.200] on 50 prompts"
        )
    )
    three = ask([trained("grpo", [BLEU])], more={**ONE_RUN, "runs": (3, 1)}).questions[0].sentence
    assert three.startswith("One training run of grpo: another seed may reverse this.")
    stated = ask([trained("grpo", [BLEU])], more={**ONE_RUN, "run_spread": 0.012}).questions[0].sentence
    assert "with a spread of 0.012 between runs" in stated


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("few prompts", "No verdict: 24 prompts are fewer than 30."),
        ("few prompts differ", "No verdict: the two score differently on fewer than 10 prompts."),
    ],
)
def test_few_prompts_have_no_verdict(trained, reason, said):
    more = {"no_verdict": reason, "n_clusters": 24, "p_value": None, "smallest_visible": None}
    question = ask([trained("grpo", [BLEU])], more=more, grpo_base=(0.3, 0.5)).questions[0]
    assert question.answer == "too few prompts"
    assert question.sentence.startswith(f"{said} bleu: +0.400 [+0.300, +0.500] on 24 prompts.")


def test_a_model_that_was_trained_elsewhere_is_judged_too():
    found = ask([TrainedGroup("run", None)], run_base=(0.01, 0.03))
    assert found.questions[0].question == "Is run better than base?"
    assert found.questions[0].answer == "yes"


def test_nothing_but_a_base_is_no_verdict():
    assert verdict(questions(TrainedGroup("base", None), []), ["bleu"], {}) is None


def test_an_unknown_spread_tells_nothing_apart():
    assert answer_to(estimate(-math.inf, math.inf, None)) == "not told apart"


def test_a_pair_is_asked_once_whichever_way_round_it_is_declared(trained):
    groups = [trained("grpo", [BLEU])]
    (found,) = ask(groups, primary=("grpo", "base"), grpo_base=(0.01, 0.03)).questions
    assert (found.question, found.primary, found.answer) == (
        "Is grpo (GRPO(bleu)) better than base?", True, "yes",
    )  # fmt: skip
