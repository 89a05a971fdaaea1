"""What the verdict says beside a gain: controls, copying, a few prompts that carry it, and a second score."""

import pytest

from bleuberi.evaluation.control_sentences import control_sentences
from bleuberi.evaluation.record import ControlResult, Copying, Gain, Halves
from bleuberi.evaluation.verdict import TrainedGroup, questions, verdict
from tests.unit.evaluation.estimates import BLEU, ask, control, estimate

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
