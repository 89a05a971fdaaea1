"""`data export`: read back with the other project's own code where it can be imported, else its facts."""

import json
import sys

import pytest

from bleuberi.cli.data_export import main
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.rewards.adapters import OpenRlhfReward, VerlScore
from tests.conftest import CHAT_TEMPLATE, make_tokenizer
from tests.trainers.extract import UnreachableError, Wheel, download, recorded
from tests.unit.data.exported_rows import POOL, REFERENCES, TURNS, rows_of, write


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_trl_reads_a_conversation_and_passes_the_references_on(pool, tmp_path, ending):
    out = tmp_path / f"train.{ending}"
    assert main([str(pool), "--to", "trl", "--output", str(out)]) == 0
    rows = rows_of(out)
    assert [row["prompt"] for row in rows] == TURNS
    assert [row["references"] for row in rows] == REFERENCES
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    trl = pytest.importorskip("trl.data_utils", reason="trl is not installed")
    data = datasets.load_dataset(
        "json" if ending == "jsonl" else ending, data_files=str(out), cache_dir=str(tmp_path / "cache")
    )["train"]
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    assert all(trl.is_conversational(row) for row in data)
    rendered = trl.maybe_apply_chat_template({"prompt": data[2]["prompt"]}, tokenizer)["prompt"]
    assert rendered.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")
    assert rendered.endswith("Bye?<|im_end|>\n<|im_start|>assistant\n")


def test_verl_finds_its_columns_and_its_reward_the_references(pool, tmp_path):
    out = tmp_path / "train.parquet"
    assert main([str(pool), "--to", "verl", "--output", str(out)]) == 0
    facts, rows = recorded("verl"), rows_of(out)
    assert out.suffix in facts["file_endings"]
    assert {facts["settings"]["data.prompt_key"], facts["settings"]["data.reward_fn_key"]} <= rows[0].keys()
    assert {"data_source", "reward_model", "extra_info"} <= set(facts["reward_manager_reads"]) & rows[0].keys()
    assert facts["reward_model_column_has"] == ["ground_truth"]
    assert [row["prompt"] for row in rows] == TURNS
    assert [row["extra_info"]["index"] for row in rows] == [0, 1, 2]
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    data = datasets.load_dataset("parquet", data_files=str(out), cache_dir=str(tmp_path / "cache"))["train"]
    for row, references in zip(data, REFERENCES, strict=True):
        called = {"solution_str": references[-1], "data_source": row["data_source"],
                  "ground_truth": row["reward_model"]["ground_truth"], "extra_info": row["extra_info"]}  # fmt: skip
        assert sorted(called) == facts["reward_is_called_with"]
        assert VerlScore(Bleu())(**called) == pytest.approx(1.0)


def test_openrlhf_finds_prompt_and_label(pool, tmp_path):
    out = tmp_path / "train.jsonl"
    assert main([str(pool), "--to", "openrlhf", "--output", str(out)]) == 0
    rows = rows_of(out)
    assert [row["prompt"] for row in rows] == TURNS
    assert [json.loads(row["label"]) for row in rows] == REFERENCES
    assert rows[0]["datasource"] == "s"


@pytest.mark.slow
def test_openrlhfs_own_data_set_reads_the_export_and_the_adapter_scores_its_queries(pool, tmp_path, monkeypatch):
    """Its PromptDataset, run from the wheel, renders the turns; a query is made as its executor makes it."""
    pytest.importorskip("torch", reason="torch is not installed")
    from types import SimpleNamespace

    import datasets

    try:
        wheel = Wheel(download("openrlhf", tmp_path))
    except UnreachableError as error:
        pytest.skip(str(error))
    names = {}
    exec(compile(wheel.text("openrlhf/datasets/prompts_dataset.py"), "prompts_dataset.py", "exec"), names)
    out = tmp_path / "train.jsonl"
    main([str(pool), "--to", "openrlhf", "--output", str(out)])
    data = datasets.load_dataset("json", data_files=str(out), cache_dir=str(tmp_path / "cache"))["train"]
    keys = SimpleNamespace(input_key="prompt", label_key="label", apply_chat_template=True)
    strategy = SimpleNamespace(args=SimpleNamespace(data=keys), is_rank_0=lambda: False)
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    made = names["PromptDataset"](data, tokenizer, strategy)
    for (_, prompt, label, _), references in zip((made[n] for n in range(3)), REFERENCES, strict=True):
        tokens = tokenizer(prompt + references[-1] + "<|im_end|>", add_special_tokens=False)["input_ids"]
        query = tokenizer.decode(tokens, skip_special_tokens=False)
        assert OpenRlhfReward(Bleu())([query], [prompt], [label])["rewards"].tolist() == [pytest.approx(1.0)]


def test_verifiers_gets_a_package_with_a_taskset(pool, tmp_path):
    out = tmp_path / "Cat-questions"
    assert main([str(pool), "--to", "verifiers", "--output", str(out), "--metric", "chrf++"]) == 0
    facts = recorded("verifiers")
    rows = [json.loads(line) for line in (out / "cat_questions/tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    assert set().union(*rows) - {"references"} <= facts["task_data_fields"].keys()
    assert rows[0]["prompt"] == POOL[0]["prompt"]
    assert rows[2]["system_prompt"] == "Be brief."
    assert [turn["role"] for turn in rows[2]["prompt"]] == ["user", "assistant", "user"]
    assert {turn["role"] for turn in rows[2]["prompt"]} <= set(facts["message_roles"])
    code = (out / "cat_questions/taskset.py").read_text(encoding="utf-8")
    compile(code, "taskset.py", "exec")
    assert f"def {facts['taskset_abstract_methods'][0]}(self)" in code
    assert "__all__" in (out / "cat_questions/__init__.py").read_text(encoding="utf-8")
    tomllib = pytest.importorskip("tomllib")
    assert "verifiers>=0.4" in tomllib.loads((out / "pyproject.toml").read_text())["project"]["dependencies"]


def test_verifiers_loads_the_package_and_scores_with_it(pool, tmp_path, monkeypatch):
    """Where verifiers 0.4 is installed; it needs half a gigabyte of packages, so it is not part of the tests' own."""
    pytest.importorskip("verifiers.v1", reason="verifiers is not installed")
    import asyncio

    from verifiers.v1.utils.loaders import taskset_class, taskset_config_type

    out = tmp_path / "export_check_taskset"
    main([str(pool), "--to", "verifiers", "--output", str(out)])
    monkeypatch.syspath_prepend(str(out))
    tasks = list(taskset_class("export-check-taskset")(taskset_config_type("export-check-taskset")()))
    assert [task.data.idx for task in tasks] == [0, 1, 2]
    for task, references in zip(tasks, REFERENCES, strict=True):
        trace = Trace(references[-1])
        asyncio.run(task.score(trace))
        assert trace.rewards == {"bleu": pytest.approx(1.0)}
    sys.modules.pop("export_check_taskset", None)


class Trace:
    """As much of a verifiers trace as scoring touches."""

    def __init__(self, reply):
        self.last_reply, self.rewards, self.metrics = reply, {}, {}

    def record_reward(self, name, value, weight):
        self.rewards[name] = value * weight


RESPONSES = [
    {"id": "a", "response": "On the mat."},
    {"id": "a", "response": "In a box of things."},
    {"id": "b", "response": '["x"]'},
    {"id": "c", "response": "Later."},
]


def test_pairs_reject_the_worst_response_and_count_what_is_left_out(pool, tmp_path, capsys):
    made = write(tmp_path / "responses.jsonl", RESPONSES)
    out = tmp_path / "pairs.jsonl"
    assert main([str(pool), "--to", "dpo", "--outputs", str(made), "--output", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == {
        "with fewer than 1 references": 1, "with two equal answers": 1,
    }  # fmt: skip
    rows = rows_of(out)
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [
        ("On the mat.", "In a box of things."), ("Bye.", "Later."),
    ]  # fmt: skip
    assert rows[1]["prompt"] == TURNS[2]
    best = tmp_path / "best.jsonl"
    main([str(pool), "--to", "dpo", "--outputs", str(made), "--output", str(best), "--chosen", "response"])
    assert [row["id"] for row in rows_of(best)] == ["a"]
    cut = [RESPONSES[0] | {"finish_reason": "max_tokens"}, *RESPONSES[1:2], RESPONSES[3] | {"finish_reason": "length"}]
    made, best = write(tmp_path / "cut.jsonl", cut), tmp_path / "whole.jsonl"
    capsys.readouterr()
    command = [str(pool), "--to", "dpo", "--outputs", str(made), "--output", str(best), "--json"]
    left_out = "1 with no whole response better than another, 1 with empty or cut responses alone"
    with pytest.raises(UserError, match=f"No row remains: .*{left_out}"):
        main([*command, "--chosen", "response"])
    assert main(command) == 0
    assert [row["rejected"][0]["content"] for row in rows_of(best)] == ["In a box of things.", "Later."]
    trl = pytest.importorskip("trl.data_utils", reason="trl is not installed")
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    texts = trl.maybe_apply_chat_template({name: rows[0][name] for name in ("prompt", "chosen", "rejected")}, tokenizer)
    assert texts["chosen"] == "On the mat.<|im_end|>\n"
    assert texts["rejected"] == "In a box of things.<|im_end|>\n"
