"""The demo with a tiny model: the whole chain into a folder, and nothing of it twice."""

import json
import os

import pytest

from bleuberi.cli import demo
from bleuberi.errors import UserError

pytest.importorskip("trl")


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


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_everything_is_there(made):
    run = made[0] / "steps-1"
    summary = (run / "summary.md").read_text()
    for name in ("grpo_curves.png", "sft_curve.png", "evaluation/differences.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
        assert f"({name})" in summary
    evaluation = json.loads((run / "evaluation/evaluation.json").read_text())
    assert [model["name"] for model in evaluation["models"]] == ["base", "grpo", "sft"]
    assert 0 < evaluation["prompts"] <= 48
    for model in evaluation["models"][1:]:
        found = model["difference"]["bleu"]
        assert found["low"] <= found["value"] <= found["high"]
        assert f"{found['value']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]" in summary
    assert "they prove little about the method" in summary
    assert evaluation["signatures"]["bleu"] in summary


def test_the_answers_are_those_of_held_out_prompts(made):
    folder = made[0]
    held_out = {json.loads(line)["id"] for line in (folder / "pool/held_out.jsonl").open()}
    train = {json.loads(line)["id"] for line in (folder / "pool/train.jsonl").open()}
    answered = {json.loads(line)["id"] for line in (folder / "steps-1/evaluation/answers.jsonl").open()}
    assert answered <= held_out
    assert not held_out & train


def test_a_second_run_trains_nothing_and_answers_nothing(made, monkeypatch, capsys):
    import transformers

    folder, words = made
    before = state(folder)

    def refuse(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    assert demo.main(words) == 0
    after = state(folder)
    assert before.keys() == after.keys()
    changed = {path.name for path in before if before[path] != after[path]}
    written = {"summary.md", "comparison.md", "evaluation.json", "answers.jsonl", "report.html", "numbers.json"}
    assert changed <= written | {name for name in changed if name.endswith((".png", ".svg"))}
    printed = capsys.readouterr().out
    assert f"Everything is in {folder / 'steps-1'}" in printed
    assert (folder / "steps-1/report/report.html").resolve().as_uri() in printed


def test_the_page_has_the_whole_chain(made):
    told = json.loads((made[0] / "steps-1/report/numbers.json").read_text())
    kinds = [section["kind"] for section in told["sections"]]
    assert kinds == ["selection", "training run", "training run", "side by side", "evaluation"]
    assert [section["notices"] for section in told["sections"] if section["kind"] == "training run"] == [[], []]


def test_zero_steps_are_refused():
    with pytest.raises(UserError, match="--steps is below 1"):
        demo.main(["--steps", "0"])
