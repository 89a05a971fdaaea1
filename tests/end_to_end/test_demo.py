"""The demo with a tiny model: the whole chain into a folder, nothing of it twice, a summary that fits its numbers."""

import copy
import json
import os

import pytest

from bleuberi.cli import demo
from bleuberi.demo.summary import examples, findings, gain_table
from bleuberi.errors import UserError

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    """One run of one step; the environment that the demo sets is given back."""
    folder = tmp_path_factory.mktemp("demo")
    before = dict(os.environ)
    words = ["--model", str(tiny_model), "--steps", "1", "--output_dir", str(folder)]
    assert demo.main(words) == 0
    yield folder, words
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def run(made):
    return made[0] / "steps-1-seed-1"


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_all_models_and_controls_are_evaluated(run):
    evaluation = json.loads((run / "evaluation/evaluation.json").read_text())
    assert [model["name"] for model in evaluation["models"]] == ["base", "grpo", "sft"]
    assert evaluation["prompts"] == demo.TEST_ROWS
    computed = {(control["name"], control["other"]) for control in evaluation["controls"] if control["computed"]}
    assert computed >= {(name, other) for name in ("echo", "cut", "brief") for other in ("grpo", "sft")}


def test_the_responses_are_those_of_held_out_prompts(made, run):
    held_out, train = (
        {json.loads(line)["id"] for line in (made[0] / f"pool/{split}.jsonl").open()} for split in ("test", "train")
    )
    answered = {json.loads(line)["id"] for line in (run / "evaluation/answers.jsonl").open()}
    assert answered <= held_out
    assert not held_out & train


def test_a_second_run_trains_nothing_and_prints_the_same(made, run, monkeypatch, capsys):
    import transformers

    folder, words = made
    before = state(folder)

    def refuse(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    assert demo.main(words) == 0
    after = state(folder)
    assert before.keys() == after.keys()
    weights = [path for path in before if path.suffix == ".safetensors" or path.name == "metrics.jsonl"]
    assert weights
    assert all(before[path] == after[path] for path in weights)
    printed = capsys.readouterr().out
    for lines in (examples(run / "evaluation"), findings(run / "evaluation")):
        assert "\n".join(lines) in printed
    assert all(cell.text in printed for row in gain_table(run / "evaluation").rows for cell in row)
    assert printed.count("[7/7]") == 1
    assert (run / "report/report.html").resolve().as_uri() in printed


def test_the_page_has_the_whole_chain(run):
    told = json.loads((run / "report/numbers.json").read_text())
    kinds = [section["kind"] for section in told["sections"]]
    assert kinds == ["selection", "training run", "training run", "side by side", "evaluation"]
    pictures = {path.name for form in ("png", "svg") for path in run.parent.rglob(f"*.{form}")}
    assert {name.rpartition("_")[2] for name in pictures} == {"distribution.png", "selection.png", "differences.png"}
    assert len(pictures) == 4  # the distribution is beside the scores and beside the data set


def test_the_summary_says_what_the_intervals_say(run, tmp_path):
    """Of every gain above zero, then of one that is not, then of facts that are not."""
    saved = json.loads((run / "evaluation/evaluation.json").read_text())
    for row in (*saved["comparisons"], *saved["controls"]):
        if row.get("computed", True):
            row["difference"]["bleu"].update(value=0.1, low=0.05, high=0.15)
            row["difference"]["facts"].update(value=0.2, low=0.1, high=0.3)

    def printed(changed):
        (tmp_path / "evaluation.json").write_text(json.dumps(changed))
        return " ".join(" ".join(findings(tmp_path)).split())

    assert "grpo: the gain in BLEU is above zero over all" in printed(saved)
    assert "mentions 20 percentage points more of the facts" in printed(saved)
    no_facts = copy.deepcopy(saved)
    for row in no_facts["comparisons"]:
        row["difference"]["facts"].update(value=0.02, low=-0.1, high=0.14)
    assert "grpo: the gain in BLEU is above zero over all" in printed(no_facts)
    assert "not shown to mention more of the facts" in printed(no_facts)
    echo = next(row for row in saved["controls"] if row["name"] == "echo" and row["other"] == "grpo")
    echo["difference"]["bleu"].update(value=0.01, low=-0.02, high=0.04)
    assert "grpo: not shown. The gain in BLEU over the end of the prompt, repeated may be zero or less" in printed(
        saved
    )
    assert "sft: the gain in BLEU is above zero over all" in printed(saved)


def test_the_output_of_a_failing_stage_is_named(tmp_path, capsys):
    with pytest.raises(UserError):
        demo.main(["--model", str(tmp_path / "no_such_model"), "--output_dir", str(tmp_path / "out")])
    assert f"see {tmp_path / 'out/logs'}" in capsys.readouterr().out


def test_zero_steps_are_refused():
    with pytest.raises(UserError, match="--steps must be at least 1"):
        demo.main(["--steps", "0"])
