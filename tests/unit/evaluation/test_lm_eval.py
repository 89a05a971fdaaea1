"""lm-evaluation-harness beside our numbers: asked once for each model, read from its own files."""

import importlib.util
import json

import pytest

from bleuberi.errors import UserError
from bleuberi.evaluation import lm_eval
from bleuberi.evaluation.lm_eval import check_lm_eval, read_results, run_lm_eval
from bleuberi.evaluation.models import read_models

TASK = """task: sums
dataset_path: json
dataset_kwargs: {{data_files: {file}}}
output_type: generate_until
test_split: train
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 4}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""


def test_numbers_are_read_and_words_are_left_out(tmp_path):
    (tmp_path / "model").mkdir()
    results = {"gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.25, "exact_match_stderr,strict-match": 0.1}}
    (tmp_path / "model/results_2026-01-01T00-00-00.json").write_text(json.dumps({"results": results}))
    assert read_results(tmp_path) == {
        "gsm8k": {"exact_match,strict-match": 0.25, "exact_match_stderr,strict-match": 0.1}
    }
    with pytest.raises(UserError, match="wrote no results"):
        read_results(tmp_path / "model/other")


def test_without_the_package_or_for_files_it_is_refused_beforehand(monkeypatch, tmp_path):
    models = read_models(["base=org/model", f"grpo={tmp_path / 'run.jsonl'}"])
    check_lm_eval((), models)
    monkeypatch.setattr(lm_eval, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package lm_eval"):
        check_lm_eval(["ifeval"], models)
    monkeypatch.setattr(lm_eval, "find_spec", lambda name: True)
    with pytest.raises(UserError, match="grpo is a file of responses"):
        check_lm_eval(["ifeval"], models)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed")
def test_the_real_harness_on_a_task_of_ones_own(tiny_model, tmp_path, monkeypatch):
    rows = [{"question": f"{n} + {n} =", "answer": str(2 * n)} for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/sums.yaml").write_text(TASK.format(file=tmp_path / "rows.jsonl"))
    models = read_models([f"base={tiny_model}"])
    words = f"--include_path {tmp_path / 'tasks'} --device cpu --batch_size 2"
    found = run_lm_eval(models, ["sums"], words, tmp_path / "out")
    assert found["base"]["sums"]["exact_match,none"] == 0.0
    # A second time nothing is started.
    monkeypatch.setattr(lm_eval.subprocess, "run", None)
    assert run_lm_eval(models, ["sums"], words, tmp_path / "out") == found
