"""Was RL worth it? Real manifests on disk, made estimates, and every way in which runs are not comparable."""

import json

import pytest

from bleuberi.evaluation.model_facts import training_facts
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.verdict import TrainedGroup, answer_to, verdict
from bleuberi.evaluation.warnings import answer_warnings, prompts_in, training_data, training_warnings
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example, Tally

BLEU = "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"


def estimate(low, high):
    return {"value": (low + high) / 2, "low": low, "high": high, "n": 50, "n_clusters": 50, "method": "m"}


@pytest.fixture
def trained(tmp_path):
    """Writes a model folder as training leaves it; gives its group."""

    def make(name, rewards=(), data="d1", steps=6, base="org/base", dataset="gone", **more):
        folder = tmp_path / name
        folder.mkdir()
        parents = {"data_sha256": data if rewards else f"sft-of-{data}"}
        if rewards:
            parents["reward_signatures"] = list(rewards)
        config = {"model_name_or_path": base, "dataset_path": str(tmp_path / dataset), **more}
        config["reward_funcs"] = [signature.partition("|")[0] for signature in rewards] or ["bleu"]
        manifest = {"schema_version": 1, "kind": "model", "config": config, "steps": steps, "rows_used": 24}
        (folder / "manifest.json").write_text(json.dumps({**manifest, "parents": parents}))
        return TrainedGroup(name, training_facts(str(folder)))

    sft_data = tmp_path / "sft_data"
    sft_data.mkdir()
    (sft_data / "manifest.json").write_text(json.dumps({"schema_version": 1, "config": {"input_sha256": "d1"}}))
    return make


def ask(groups, control=None, **differences):
    """`differences`: grpo_sft=(low, high) stands for grpo - sft; what is not given has zero in it."""
    names = ["base", *(group.name for group in groups)]
    found = {
        (base, other): {"bleu": estimate(*differences.get(f"{other}_{base}", (-1.0, 1.2))), "rouge": estimate(-1, 1)}
        for base in names
        for other in names
        if base != other
    }
    return verdict("base", groups, "bleu", found, control or {}, {("sft", "grpo"): estimate(0.5, 0.7)})


@pytest.mark.parametrize("other", [BLEU.replace("shortest", "closest"), BLEU + "|on:answer-tags", "rouge|v:1"])
def test_a_repaired_bleu_is_another_reward(trained, other):
    groups = [trained("grpo", [BLEU]), trained("repaired", [other])]
    assert [group.role for group in groups] == ["grpo_bleu", "grpo_other"]
    questions = ask(groups)["questions"]
    assert questions[0]["question"] == "Was the other reward (repaired) better than BLEU (grpo)?"


def test_what_a_manifest_tells(trained):
    grpo, sft = trained("grpo", [BLEU]), trained("sft", dataset="sft_data")
    assert (grpo.role, grpo.label, grpo.facts.steps, grpo.facts.prompts_sha256) == ("grpo_bleu", "GRPO(bleu)", 6, "d1")
    assert (sft.role, sft.label, sft.facts.rewards, sft.facts.prompts_sha256) == ("sft", "SFT", (), "d1")
    assert trained("mixed", [BLEU, "rouge|v:1"]).role == "grpo_other"
    assert trained("lost").facts.prompts_sha256 is None
    assert training_facts("org/some-model") is None
    assert trained("revised", model_revision="v1").facts.base_model == "org/base@v1"


@pytest.mark.parametrize(
    ("bounds", "answer", "begins"),
    [
        ((0.01, 0.03), "yes", "Yes, in bleu: GRPO(bleu) beats SFT here (grpo - sft in bleu: +0.020 [+0.010, +0.030])."),
        ((-0.03, -0.01), "no", "No: SFT beats GRPO(bleu) here"),
        ((-0.01, 0.03), "not told apart", "Not told apart: GRPO(bleu) and SFT may be equally good"),
    ],
)
def test_was_rl_worth_it(trained, bounds, answer, begins):
    found = ask([trained("grpo", [BLEU]), trained("sft", dataset="sft_data")], grpo_sft=bounds)
    question = found["questions"][0]
    assert question["question"] == "Was RL (grpo) worth it over SFT (sft) here?"
    assert question["answer"] == answer
    assert question["sentence"].startswith(begins)
    assert ("also what it was trained on" in question["sentence"]) == (answer == "yes")
    assert "rouge does not tell them apart" in question["sentence"]
    assert question["sentence"].endswith("The judge prefers grpo in 60% [50%, 70%] of its consistent verdicts.")
    assert "Mind" not in question["sentence"]
    assert found["unequal"] == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"steps": 60}, "6 and 60 steps"),
        ({"data": "d2"}, "trained on different data"),
    ],
)
def test_runs_that_differ_are_not_comparable(trained, other, said):
    found = ask([trained("grpo", [BLEU]), trained("rouge", ["rouge|v:1"], **other)], rouge_grpo=(0.1, 0.2))
    question = found["questions"][0]
    assert question["question"] == "Was the other reward (rouge) better than BLEU (grpo)?"
    assert question["answer"] == "not comparable"
    assert said in question["sentence"]
    assert said in found["unequal"][0]
    assert "For what it is worth: Yes, in bleu: GRPO(rouge) beats GRPO(bleu)" in question["sentence"]


def test_what_is_not_known_is_not_taken_for_equal(trained):
    found = ask([trained("grpo", [BLEU]), trained("sft")], grpo_sft=(0.1, 0.2))
    assert found["questions"][0]["answer"] == "yes"
    assert "Mind: sft and grpo: whether they saw the same prompts is not known" in found["questions"][0]["sentence"]


@pytest.mark.parametrize(
    ("own", "control", "said"),
    [
        (
            (0.01, 0.03),
            (0.01, 0.02),
            "Yes, in bleu: +0.020 [+0.010, +0.030] on 50 prompts. More than length: against base",
        ),
        ((0.01, 0.03), (-0.01, 0.02), "Perhaps length alone: against base's answers cut"),
        ((-0.03, 0.03), (0.01, 0.02), "Not told apart in bleu: +0.000 [-0.030, +0.030] on 50 prompts. Against base's"),
        ((-0.03, -0.01), (0.01, 0.02), "No, it is worse in bleu"),
    ],
)
def test_a_gain_over_the_base_and_its_length(trained, own, control, said):
    found = ask([trained("grpo", [BLEU])], control={"grpo": estimate(*control)}, grpo_base=own)
    assert said in found["questions"][0]["sentence"]


def test_nothing_trained_here_is_no_verdict():
    assert ask([TrainedGroup("api", None)]) is None


def test_an_unknown_spread_tells_nothing_apart():
    assert answer_to({"value": 1.0, "low": None, "high": None}) == "not told apart"


def test_the_prompts_of_a_training_are_found(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {
        "id": ["a_0"],
        "messages": [[{"role": "user", "content": " Why? "}, {"role": "assistant", "content": "So."}]],
    }
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(tmp_path / "data"))
    (tmp_path / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "config": {"dataset_path": str(tmp_path / "data")}})
    )
    facts = {"base": None, "grpo": object(), "gone": object()}
    models = {"base": "org/base", "grpo": str(tmp_path), "gone": "org/gone"}
    asked = [Example("r", "s", [], prompt, "", []) for prompt in ("Why? ", "How?")]
    (said,) = training_warnings([], facts, models, asked)
    assert said.startswith("grpo was trained on 1 of the 2 prompts")
    assert training_data("org/some-model") is None
    assert prompts_in(tmp_path) == set()


def test_members_that_were_not_trained_alike_are_no_seeds(trained):
    groups = [Group("grpo", ("grpo@0", "grpo@1"))]
    facts = {"grpo@0": trained("a", [BLEU]).facts, "grpo@1": trained("b", [BLEU], steps=60).facts}
    models = {"grpo@0": "org/a", "grpo@1": "org/b"}
    assert training_warnings(groups, facts, models, []) == [
        "The members of grpo were not trained alike: they are no seeds of one training."
    ]


def test_what_is_said_of_answers():
    identities = {"a": ModelIdentity("org/m", "commit:1", ""), "b": ModelIdentity("org/m", "commit:1", "")}
    rows = [Example(str(number), "s", [], str(number), "", []) for number in range(40)]
    answers = ModelAnswers(rows, Tally(40, 40), {}, identities)
    said = answer_warnings(answers, {"a": "one", "b": "two"}, {"a": 0.05, "b": 0.5, "c": 0.1})
    assert len(said) == 3
    assert "different tokenizers (a against b)" in said[0]
    assert said[1].endswith("scores are those of cut answers: b 50%, c 10%.")
    assert said[2] == "a and b are the same model."
    assert answer_warnings(answers, {"a": "one", "b": None}, {"a": 0.0}) == said[2:]
