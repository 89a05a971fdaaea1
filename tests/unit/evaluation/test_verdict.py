"""Was RL worth it? Real manifests on disk, made estimates, and every way in which runs are not comparable."""

import json
import math
from dataclasses import replace

import pytest

from bleuberi.errors import UserError
from bleuberi.evaluation.control_sentences import control_sentences
from bleuberi.evaluation.model_facts import training_facts
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.record import ControlResult, Copying, Gain, Halves
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.verdict import TrainedGroup, _measured_by, answer_to, question_sizes, questions, verdict
from bleuberi.evaluation.warnings import answer_warnings, prompts_in, training_warnings
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example, Tally
from bleuberi.rewards import load_reward
from bleuberi.statistics import Difference

BLEU = "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"


def estimate(low, high, p_value=0.01, **more):
    """A difference of three runs against one fixed base."""
    found = Difference((low + high) / 2, low, high, 50, 50, "m", p_value, 0.015, runs=(1, 3))
    return replace(found, **more)


ONE_RUN = {"p_value": None, "smallest_visible": None, "runs": (1, 1), "no_verdict": "one run"}


@pytest.fixture
def trained(tmp_path):
    """Writes a model folder as training leaves it; gives its group."""

    def make(name, rewards=(), data="d1", steps=6, base="org/base", dataset="gone", method=None, **more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        parents = {"data_sha256": data if rewards else f"sft-of-{data}"}
        if rewards:
            parents["reward_signatures"] = list(rewards)
        config = {"model_name_or_path": base, "dataset_path": str(tmp_path / dataset), **more}
        config["reward_funcs"] = [signature.partition("|")[0] for signature in rewards] or ["bleu"]
        manifest = {"schema_version": 1, "kind": "model", "config": config, "steps": steps, "rows_used": 24}
        manifest |= {"method": method} if method else {}  # earlier versions have none
        (folder / "manifest.json").write_text(json.dumps({**manifest, "parents": parents}))
        return TrainedGroup(name, training_facts(str(folder)))

    sft_data = tmp_path / "sft_data"
    sft_data.mkdir()
    (sft_data / "manifest.json").write_text(json.dumps({"schema_version": 1, "config": {"input_sha256": "d1"}}))
    return make


def ask(groups, controls=(), more=None, primary=None, **differences):
    """`differences`: grpo_sft=(low, high) stands for grpo - sft in bleu; what is not given has zero in it."""
    names = ["base", *(group.name for group in groups)]
    found = {
        (base, other): {
            "bleu": replace(estimate(*differences.get(f"{other}_{base}", (-1.0, 1.2, 0.9))), **(more or {})),
            "rouge": estimate(-1, 1, 0.9),
            "words": estimate(-3, 3, 0.9),
            "brevity_penalty": estimate(0.1, 0.3),
            "precision_1": estimate(-0.02, 0.04),
        }
        for base in names
        for other in names
        if base != other
    }
    for pair, by_metric in (differences.get("metrics") or {}).items():
        found[pair].update(by_metric)
    asked = questions(TrainedGroup("base", None), groups, primary)
    return verdict(asked, ["bleu", "rouge"], found, controls, {("sft", "grpo"): estimate(0.5, 0.7)})


def about(found, question):
    return next(one for one in found.questions if question in one.question)


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


def control(name="cut", bounds=(0.01, 0.02), **more):
    found = ControlResult(name=name, base="base", other="grpo", shortened=0.9, difference={"bleu": estimate(*bounds)})
    return replace(found, **more)


SHORTER = {("base", "grpo"): {"words": estimate(-9, -5)}}


@pytest.mark.parametrize(
    ("own", "bounds", "said"),
    [
        ((0.01, 0.03), (0.01, 0.02), "More than length: against base's responses cut to its length it gains +0.015"),
        ((0.01, 0.03), (-0.01, 0.02), "Perhaps length alone: against base's responses cut"),
        ((-0.03, 0.03, 0.9), (0.01, 0.02), "Against base's responses cut to its length it gains"),
        ((-0.03, -0.01), (0.01, 0.02), "Against base's responses cut to its length it gains"),
    ],
)
def test_a_gain_over_the_base_and_its_length(trained, own, bounds, said):
    found = ask([trained("grpo", [BLEU])], [control(bounds=bounds)], grpo_base=own, metrics=SHORTER)
    assert said in found.questions[0].sentence


@pytest.mark.parametrize(("shortened", "words"), [(0.3, (-9, -5)), (0.9, (-2, 3)), (0.9, (5, 9))])
def test_a_cut_that_did_not_shorten_says_nothing_of_length(trained, shortened, words):
    """Longer junk: the factors of BLEU are shown instead."""
    found = ask(
        [trained("grpo", [BLEU])], [control(shortened=shortened)], grpo_base=(0.01, 0.03),
        metrics={("base", "grpo"): {"words": estimate(*words)}},
    )  # fmt: skip
    said = found.questions[0].sentence
    assert "ore than length" not in said
    assert f"says nothing of length here: {shortened:.0%} of them got shorter." in said
    assert "By factor of BLEU: brevity penalty +0.200 [+0.100, +0.300], precision 1 +0.010" in said


@pytest.mark.parametrize(
    ("name", "more", "perhaps"),
    [
        ("echo", "More than copying: against an echo", "Perhaps copying alone: against an echo"),
        ("placebo", "More than the placebo: against", "Perhaps what any training does: against"),
        ("brief", "More than an instruction to be brief: against", "Perhaps what an instruction to be brief does:"),
        ("long", "More than a longer limit: against", "Perhaps what a longer limit does: against"),
    ],
)
def test_every_control_is_beaten_or_not(trained, name, more, perhaps):
    for bounds, said in (((0.01, 0.02), more), ((-0.01, 0.02), perhaps)):
        found = ask([trained("grpo", [BLEU])], [control(name, bounds)], grpo_base=(0.01, 0.03))
        assert said in found.questions[0].sentence


def test_a_control_from_which_few_prompts_differ_is_not_beaten(trained):
    echo = control("echo", (0.01, 0.02), difference={"bleu": estimate(0.01, 0.02, no_verdict="few prompts differ")})
    found = ask([trained("grpo", [BLEU])], [echo], grpo_base=(0.01, 0.03))
    assert "Perhaps copying alone: against an echo" in found.questions[0].sentence


def test_a_control_that_was_not_computed_is_named(trained):
    missing = ControlResult(name="brief", base="base", other="grpo", computed=False, reason="the base is a file")
    found = ask([trained("grpo", [BLEU])], [missing], grpo_base=(0.01, 0.03))
    assert "Not computed: brief (the base is a file)." in found.questions[0].sentence
    nothing = ask([trained("grpo", [BLEU])], grpo_base=(0.01, 0.03))
    assert "No control for length or copying was computed." in nothing.questions[0].sentence


def test_a_model_that_was_trained_elsewhere_is_judged_too():
    found = ask([TrainedGroup("run", None)], run_base=(0.01, 0.03))
    assert found.questions[0].question == "Is run better than base?"
    assert found.questions[0].answer == "yes"


def test_nothing_but_a_base_is_no_verdict():
    assert verdict(questions(TrainedGroup("base", None), []), ["bleu"], {}) is None


def test_an_unknown_spread_tells_nothing_apart():
    assert answer_to(estimate(-math.inf, math.inf, None)) == "not told apart"


def test_the_prompts_of_a_training_are_found(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {
        "id": ["a_0"],
        "messages": [[{"role": "user", "content": " Why? "}, {"role": "assistant", "content": "So."}]],
    }
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(tmp_path / "data"))
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"schema_version": 1, "kind": "model", "parents": {}, "config": {"dataset_path": str(tmp_path / "data")}}
        )
    )
    facts = {"base": None, "grpo": object(), "gone": object()}
    models = {"base": "org/base", "grpo": str(tmp_path), "gone": "org/gone"}
    asked = [Example("r", "s", [], prompt, "", []) for prompt in ("Why? ", "How?")]
    (said,) = training_warnings([], facts, models, asked)
    assert said.startswith("grpo was trained on 1 of the 2 prompts")
    assert not len(prompts_in(tmp_path))


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


def gain(top10=0.12, rest=0.02, above=None, below=None, own=0.02, references=0.01, low=-0.01):
    halves = Halves(0.1, above, below) if above else None
    copying = Copying(own, references, estimate(low, 2 * (own - references) - low))
    return Gain("bleu", "base", "grpo", 1.0, 50, top10, rest, halves, copying)


@pytest.mark.parametrize(
    ("found", "echo", "said"),
    [
        (gain(), (0.01, 0.02), "More than copying: against an echo of the prompt at its length it gains +0.015 "
         "[+0.010, +0.020], and 2% of its 4-grams are from the prompt (of the references' 1%)."),
        (gain(own=0.8, low=0.6), (0.01, 0.02), "Perhaps copying of other words: against an echo of the prompt at its "
         "length it gains +0.015 [+0.010, +0.020], but 80% of its 4-grams"),
        (gain(own=0.8, low=0.6), (-0.01, 0.02), "Perhaps copying alone: against an echo of the prompt at its length it "
         "gains +0.005 [-0.010, +0.020], and 80% of its 4-grams"),
        (gain(), (-0.01, 0.02), "An echo would do as well: against an echo"),
        (gain(0.9, 0.001), (0.01, 0.02), "A few prompts carry the gain: its ten largest make 90% of it; without them "
         "and the ten smallest it is +0.001 per prompt."),
        (gain(0.9, 0.015), (0.01, 0.02), "Its ten largest prompts make 90% of the gain."),
        (gain(above=estimate(0.02, 0.04), below=estimate(-0.01, 0.02)), (0.01, 0.02), "The gain is larger if "
         "references repeat the prompt: +0.030 [+0.020, +0.040], +0.005 [-0.010, +0.020] on the other prompts."),
    ],
)  # fmt: skip
def test_copying_and_the_place_of_a_gain_are_said(trained, found, echo, said):
    differences = {
        ("base", "grpo"): {"bleu": estimate(0.01, 0.03)}, ("grpo", "base"): {"bleu": estimate(-0.03, -0.01)},
    }  # fmt: skip
    asked = questions(TrainedGroup("base", None), [trained("grpo", [BLEU])])
    (answer,) = verdict(asked, ["bleu"], differences, [control("echo", echo)], gains=[found]).questions
    assert said in answer.sentence


def test_a_second_score_that_contradicts_is_said_with_but(trained):
    metrics = {("base", "grpo"): {"rouge": estimate(-0.05, -0.02)}}
    found = ask([trained("grpo", [BLEU])], grpo_base=(0.01, 0.03), metrics=metrics)
    assert "But it is worse in rouge: -0.035 [-0.050, -0.020]." in found.questions[0].sentence
    metrics = {("base", "grpo"): {"rouge": estimate(0.02, 0.05)}}
    found = ask([trained("grpo", [BLEU])], grpo_base=(-0.03, -0.01), metrics=metrics)
    assert "But it is better in rouge: +0.035" in found.questions[0].sentence


def test_a_gain_in_facts_is_compared_with_an_echo_in_bleu():
    """An echo of the prompt mentions every fact that it repeats, so facts alone cannot tell learning from an echo."""
    found = {"facts": estimate(-0.2, -0.1), "bleu": estimate(0.1, 0.2)}
    said = control_sentences("base", "grpo", "facts", [control("echo", difference=found)], {}, better=True)
    assert said == [
        "More than copying: against an echo of the prompt at its length it gains +0.150 [+0.100, +0.200] in bleu (an "
        "echo repeats every fact)."
    ]
    alone = control("echo", difference={"facts": found["facts"]})
    assert control_sentences("base", "grpo", "facts", [alone], {}, better=True)[0].startswith("Perhaps copying alone: ")


def test_a_pair_is_asked_once_whichever_way_round_it_is_declared(trained):
    groups = [trained("grpo", [BLEU])]
    (found,) = ask(groups, primary=("grpo", "base"), grpo_base=(0.01, 0.03)).questions
    assert (found.question, found.primary, found.answer) == (
        "Is grpo (GRPO(bleu)) better than base?", True, "yes",
    )  # fmt: skip
