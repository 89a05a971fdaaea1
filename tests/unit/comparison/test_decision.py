"""The sentence of an experiment, on made pools with known answers: evaluated by the ordinary command.

The responses are written here, as policies would write them that learned what the pool can teach.
"""

import json
from random import Random

import pytest

from bleuberi.cli.evaluate import main
from bleuberi.comparison.arms import Arm
from bleuberi.comparison.costs import Cost, Passes
from bleuberi.comparison.decision import Spent, decide, decision_text, spent
from bleuberi.comparison.process import Seconds
from bleuberi.comparison.protocol import read_protocol
from bleuberi.demo.facts_pool import generate, preset
from bleuberi.evaluation.record import EvaluationRecord
from bleuberi.records import from_json
from bleuberi.statistics.comparison_of_runs import ONE_RUN
from tests.conftest import ROOT

ARMS = {
    "base": Arm("base", "base"),
    "sft": Arm("sft", "sft", (1, 2, 3)),
    "grpo": Arm("grpo", "grpo", (1, 2, 3)),
}
SPENDING = {"sft": Spent(0, 20_000, 3), "grpo": Spent(7_000, 90_000, 5)}
WORDS = """certainly here you can find one nice text that puts everything together for your readers and guests in such
way please tell me whether more help would be welcome"""
TALK = WORDS.split()
HELD = "ref_output_writer_4"  # not among the references, so a model may write it


def talk(draw):
    return " ".join(draw.sample(TALK, 24))


def facts_of(row):
    return "\n".join(row["prompt"].split("\n")[1:])


def sometimes(share):
    """The sentence of a writer for this share of the prompts."""
    return lambda row, draw: row[HELD] if draw.random() < share else talk(draw)


# pool, what SFT and GRPO write, the use, and words of the sentence
CASES = {
    "no headroom": ("nothing", lambda row, draw: talk(draw), lambda row, draw: talk(draw), "do not train", "no arm is"),
    "length only": (
        "length_only",
        lambda row, draw: " ".join(talk(draw).split()[:8]),
        lambda row, draw: " ".join(talk(draw).split()[:9]),
        "do not train",
        "length: base's responses cut to its length gain as much",
    ),
    "copy only": (
        "copy_only",
        lambda row, draw: row["prompt"] if draw.random() < 0.3 else facts_of(row),
        lambda row, draw: row["prompt"] if draw.random() < 0.5 else facts_of(row),
        "do not train",
        "copying: an echo of the prompt gains as much",
    ),
    "sft is enough": ("learn", sometimes(0.9), sometimes(0.4), "sft", "Do SFT: sft gains +0."),
    "rl adds nothing": ("learn", sometimes(0.9), sometimes(0.9), "sft", " is not told apart from it ("),
    "rl is right": ("learn", sometimes(0.3), sometimes(0.9), "rl", "RL is right: grpo gains +0."),
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The evaluation of a case."""
    made = {}

    def evaluate(case):
        if case not in made:
            made[case] = run(tmp_path_factory.mktemp("decision"), *CASES[case][:3])
        return made[case]

    return evaluate


def run(folder, pool, sft, grpo):
    rows = list(generate(preset(pool, rows=48, split="test")))
    lines = [json.dumps(row) for row in rows]
    (folder / "pool.jsonl").write_text("\n".join(lines) + "\n")
    writers = {"base": lambda row, draw: talk(draw)}
    writers |= {f"{name}@{seed}": write for name, write in (("sft", sft), ("grpo", grpo)) for seed in (1, 2, 3)}
    for name, write in writers.items():
        draw = Random(name)
        responses = [{"id": row["id"], "response": write(row, draw), "finish_reason": "stop"} for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in responses))
    references = ["gold", "writer_2", "writer_3"] if HELD in rows[0] and pool == "learn" else ["all"]
    words = [
        "--models",
        *(f"{name}={folder / name}.jsonl" for name in writers),
        "--prompts",
        str(folder / "pool.jsonl"),
    ]
    words += ["--ref_models", *references, "--metrics", "bleu", "--primary", "sft:base:bleu", "--max_new_tokens", "64"]
    assert main([*words, "--output_dir", str(folder / "made")]) == 0
    return json.loads((folder / "made/evaluation.json").read_text())


def decided(evaluation, *rest, **options):
    return decide(from_json(EvaluationRecord, evaluation, "evaluation"), *rest, **options)


@pytest.mark.parametrize("case", CASES)
def test_made_pools_get_the_right_sentence(evaluated, case):
    decision = decided(evaluated(case), "bleu", ARMS, SPENDING)
    assert decision.use == CASES[case][3], decision.sentence
    assert CASES[case][4] in decision.sentence


def test_the_page_has_gain_cost_and_the_strictest_control(evaluated):
    text = decision_text(decided(evaluated("sft is enough"), "bleu", ARMS, SPENDING))
    lines = text.splitlines()
    assert lines[0].startswith("**Do SFT: sft gains")
    assert [line.split(" | ")[0] for line in lines[4:6]] == ["| sft", "| grpo"]
    assert "echo: +" in lines[4] or "cut: +" in lines[4]
    assert "| 20,000 | 3.0 |" in lines[4]


def test_what_was_not_tried_is_said(evaluated):
    arms = {name: arm for name, arm in ARMS.items() if name != "sft"}
    sentence = decided(evaluated("rl is right"), "bleu", arms, SPENDING).sentence
    assert "No arm of SFT was compared, so it may be better still." in sentence


def test_a_large_gain_with_too_few_runs_keeps_the_question_open(evaluated):
    """Not told apart is not equal: the interval of SFT does not exclude a gain that is worth having."""
    evaluation = json.loads(json.dumps(evaluated("no headroom")))
    row = next(row for row in evaluation["comparisons"] if (row["base"], row["other"]) == ("base", "sft"))
    row["difference"]["bleu"] |= {"value": 0.279, "low": 0.074, "high": 0.485, "smallest_visible": 0.706}
    row["difference"]["bleu"] |= {"no_verdict": None, "n_clusters": 40}
    decision = decided(evaluation, "bleu", ARMS, SPENDING)
    assert decision.use == "no verdict"
    assert "sft gains +0.279 [+0.074, +0.485] and is not settled (40 prompts, runs: 3)" in decision.sentence
    assert decided(evaluation, "bleu", ARMS, SPENDING, worthwhile=0.5).use == "do not train"


@pytest.mark.parametrize(
    ("name", "use", "said"),
    [
        ("learn_facts", "sft", "sft_grpo is not told apart from it"),
        ("learn_facts_placebo", "rl", "No arm of SFT was compared"),
        ("learn_e2e", "no verdict", "sft gains +0.279"),
    ],
)
def test_the_committed_experiments(name, use, said):
    folder = ROOT / "experiments" / name
    protocol = read_protocol(folder / "protocol.yaml")
    evaluation = json.loads((folder / "evaluation.json").read_text())
    costs = {}
    for path in folder.glob("runs/*/cost.json"):
        costs.setdefault(path.parent.name.partition("@")[0], []).append(json.loads(path.read_text()).get("total"))
    spending = {arm: spent([from_json(Cost, one, "cost") for one in found if one]) for arm, found in costs.items()}
    decision = decided(evaluation, protocol.primary.metric, protocol.arms, spending)
    assert (decision.use, said in decision.sentence) == (use, True), decision.sentence


def test_one_run_per_arm_is_no_verdict(evaluated):
    evaluation = json.loads(json.dumps(evaluated("rl is right")))
    for question in evaluation["verdict"]["questions"]:
        question["answer"] = "one training run"
    for row in evaluation["comparisons"]:
        row["difference"]["bleu"]["no_verdict"] = ONE_RUN
    assert decided(evaluation, "bleu", ARMS, SPENDING).use == "no verdict"


def test_no_verdict_names_its_reasons(evaluated):
    evaluation = json.loads(json.dumps(evaluated("rl is right")))
    reasons = {"sft": ("one run", 60), "grpo": ("few prompts", 12)}
    for question in evaluation["verdict"]["questions"]:
        question["answer"] = ""
    to_base = {row["other"]: row["difference"]["bleu"] for row in evaluation["comparisons"] if row["base"] == "base"}
    for name, (reason, prompts) in reasons.items():
        to_base[name] |= {"no_verdict": reason, "n_clusters": prompts}
    assert decided(evaluation, "bleu", ARMS, SPENDING).sentence == (
        "No verdict: sft has one training run, and two are needed; 12 prompts are fewer than 30."
    )
    to_base["sft"] |= {"no_verdict": "few prompts differ", "high": 0.4, "smallest_visible": None}
    alone = {name: arm for name, arm in ARMS.items() if name != "grpo"}
    sentence = decided(evaluation, "bleu", alone, SPENDING).sentence
    assert sentence.endswith(", but sft scores differently on fewer than 10 prompts.")


def test_a_prompt_that_does_as_well_is_cheapest(evaluated):
    arms = {**ARMS, "sft": Arm("sft", "prompted", instruction="Be brief.")}
    decision = decided(evaluated("rl adds nothing"), "bleu", arms, {"grpo": Spent(7_000, 90_000, 5)})
    assert decision.use == "prompt"
    assert decision.sentence.startswith("Do not train: change the prompt")


def test_no_comparisons_no_decision(evaluated):
    assert decided({**evaluated("no headroom"), "comparisons": []}, "bleu", ARMS, SPENDING) is None


def test_a_pass_with_gradients_counts_three_times():
    cost = Cost(Passes(1, 10), Passes(2, 100), Passes(1, 50), Seconds(120.0))
    assert spent([cost, cost]) == Spent(10, 250, 2)
    assert spent([]) == Spent()
