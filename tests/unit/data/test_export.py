"""`bleuberi data export`: read back with the other project's own code where it can be imported, else its facts."""

import inspect
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bleuberi.artifacts import read_state
from bleuberi.cli.data_export import main
from bleuberi.data.export import run
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.rewards.adapters import OpenRlhfReward, VerlScore
from tests.conftest import CHAT_TEMPLATE, make_tokenizer
from tests.hub_server import local_hub
from tests.trainers.extract import UnreachableError, Wheel, download, recorded

POOL = [
    {
        "id": "a",
        "source": "s",
        "prompt": "Where is the cat?",
        "ref_output_gold": "On the mat.",
        "ref_output_m": "Here.",
    },
    {"id": "b", "prompt": 'Say "[1]" {twice} ☂.', "ref_output_gold": '["x"]', "ref_output_m": None},
    {
        "id": "c",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "Bye?"},
        ],
        "ref_output_gold": "Bye.",
    },
    {"id": "d", "prompt": "Nobody answers this.", "ref_output_gold": None},
]
TURNS = [[{"role": "user", "content": POOL[0]["prompt"]}], [{"role": "user", "content": POOL[1]["prompt"]}],
         POOL[2]["messages"]]  # fmt: skip
REFERENCES = [["On the mat.", "Here."], ['["x"]'], ["Bye."]]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in POOL))
    return path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path):
    return [dict(raw.values) for raw in read_rows(str(path))]


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


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_rows_of_a_large_export_are_those_of_one_table(tmp_path, monkeypatch, ending):
    rows = [{"id": f"r{n}", "prompt": f"Say {n}.", "ref_output_gold": f"{n}", "source": "s"} for n in range(2_500)]
    pool, out = write(tmp_path / "pool.jsonl", rows), tmp_path / f"rows.{ending}"
    assert main([str(pool), "--to", "verl", "--output", str(out)]) == 0
    found = rows_of(out)
    assert [row["extra_info"] for row in found] == [
        {"index": n, "id": f"r{n}", "prompt": f"Say {n}."} for n in range(2_500)
    ]
    if ending == "parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(found), tmp_path / "at_once.parquet")
        assert out.read_bytes() == (tmp_path / "at_once.parquet").read_bytes()
        monkeypatch.setattr(run, "_GROUP_BYTES", 1)
        assert main([str(pool), "--to", "verl", "--output", str(out), "--overwrite"]) == 0
        assert parquet.ParquetFile(out).num_row_groups == 3
        assert rows_of(out) == found


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
    trl = pytest.importorskip("trl.data_utils", reason="trl is not installed")
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    texts = trl.maybe_apply_chat_template({name: rows[0][name] for name in ("prompt", "chosen", "rejected")}, tokenizer)
    assert texts["chosen"] == "On the mat.<|im_end|>\n"
    assert texts["rejected"] == "In a box of things.<|im_end|>\n"


def test_a_grpo_data_set_is_exported_with_its_references(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    row = {"id": "a", "source": "s", "messages": [*TURNS[2], {"role": "assistant", "content": "Bye."}],
           "prompt": "Bye?", "ground_truth": "Bye.", "references": ["Bye.", "Ciao."], "bleu_score": 0.1}  # fmt: skip
    datasets.DatasetDict({"train": datasets.Dataset.from_list([row])}).save_to_disk(str(tmp_path / "made"))
    out = tmp_path / "train.jsonl"
    main([str(tmp_path / "made"), "--to", "trl", "--output", str(out)])
    assert rows_of(out) == [{"prompt": TURNS[2], "references": ["Bye.", "Ciao."], "id": "a", "source": "s"}]
    with pytest.raises(UserError, match="one list of references per row"):
        main([str(tmp_path / "made"), "--to", "trl", "--output", str(tmp_path / "x.jsonl"), "--ref_models", "gold"])


def test_the_same_export_is_kept_and_another_one_refused(pool, tmp_path):
    out = tmp_path / "train.jsonl"
    words = [str(pool), "--to", "trl", "--output", str(out)]
    main(words)
    before = out.stat().st_mtime_ns
    assert read_state(tmp_path / "train.manifest.json")["rows"] == 3
    main(words)
    assert out.stat().st_mtime_ns == before
    with pytest.raises(UserError):
        main([*words, "--ref_models", "gold"])
    main([*words, "--ref_models", "gold", "--overwrite"])
    assert [row["references"] for row in rows_of(out)] == [["On the mat."], ['["x"]'], ["Bye."]]
    package = [str(pool), "--to", "verifiers", "--output", str(tmp_path / "tasks")]
    main(package)
    main(package)
    with pytest.raises(UserError, match="already exists"):
        main([*package, "--metric", "rouge"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "verl", "--output", "x.csv"], "not a .jsonl or .parquet file"),
        (["--to", "verifiers", "--output", "1 x"], "cannot be the name of a Python package"),
        (["--to", "dpo", "--output", "x.jsonl"], "pairs need responses"),
        (["--to", "trl", "--output", "x.jsonl", "--outputs", "r.jsonl"], "is for --to dpo"),
        (["--to", "trl", "--output", "x.jsonl", "--metric", "blue"], "Unknown reward or metric"),
        (["--to", "trl", "--output", "x.jsonl", "--ref_models", "nobody"], "No column ref_output_nobody"),
    ],
)
def test_what_does_not_fit_is_refused_in_two_lines(pool, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        main([str(pool), *words])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pool.jsonl"]


def next_command(capsys):
    return shlex.split(capsys.readouterr().out.rpartition("\nNext: ")[2])


def test_the_next_line_is_one_whole_command(pool, tmp_path, monkeypatch, capsys):
    """Its flags, settings and programs are those that tests/trainers read out of the wheels."""
    monkeypatch.chdir(tmp_path)
    main([str(pool), "--to", "verl", "--output", "my data.parquet"])
    program, given = (words := next_command(capsys))[:3], dict(word.partition("=")[::2] for word in words[3:])
    assert program == ["python", "-m", "verl.trainer.main_ppo"]
    assert given.keys() <= recorded("verl")["settings"].keys()
    assert given["data.train_files"] == '"my data.parquet"'  # Hydra's quotes, inside the shell's
    main([str(pool), "--to", "openrlhf", "--output", "my rows.jsonl"])
    words = next_command(capsys)
    assert words[:4] == ["python", "-m", "openrlhf.cli.train_ppo_ray", "--data.prompt_dataset"]
    assert words[4] == "my rows.jsonl"
    assert {word for word in words[3:] if word.startswith("-")} <= set(recorded("openrlhf")["train_ppo_ray_flags"])
    main([str(pool), "--to", "verifiers", "--output", "my_Tasks"])
    words = next_command(capsys)
    assert words[:9] == ["pip", "install", "-e", "my_Tasks", "&&", "vf-eval", "my-tasks", "-n", "3"]
    assert "--no-push" in words  # test_other_trainers.py compares the flags with the wheel's settings
    assert "vf-eval" in recorded("verifiers")["commands"]
    assert 'name = "my-tasks"' in Path("my_Tasks/pyproject.toml").read_text()


@pytest.mark.parametrize("to", ["trl", "dpo"])
def test_the_next_line_reads_the_file_and_hands_it_to_trls_trainer(pool, tmp_path, monkeypatch, capsys, to):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    trl = pytest.importorskip("trl", reason="trl is not installed")
    monkeypatch.chdir(tmp_path)
    Path("it's.jsonl").write_text(json.dumps({"id": "a", "response": "Off."}) + "\n")
    main([str(pool), "--to", to, "--output", 'a "b".jsonl', *(["--outputs", "it's.jsonl"] if to == "dpo" else [])])
    program, flag, code = next_command(capsys)
    assert (program, flag) == ("python", "-c")
    given = {}

    class Trainer:  # the command's own would download the model
        def __init__(self, model, **named):
            given.update(named, model=model)

        def train(self):
            given["trained"] = True

    name = "DPOTrainer" if to == "dpo" else "GRPOTrainer"
    inspect.signature(getattr(trl, name)).bind("m", train_dataset=[], **({} if to == "dpo" else {"reward_funcs": 1}))
    monkeypatch.setattr(trl, name, Trainer)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    exec(code, {})
    assert given["trained"]
    assert [row["prompt"] for row in given["train_dataset"]] == (TURNS[:1] if to == "dpo" else TURNS)


def push(environment, pool, output, *words):
    """The command in a process of its own: the hub's client reads its address when it is imported."""
    given = [str(pool), "--to", "verl", "--output", str(output), "--push_to_hub", *words]
    command = [sys.executable, "-m", "bleuberi", "data", "export", *given]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_an_export_is_pushed_with_its_card_to_a_private_repository(pool, tmp_path):
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    (tmp_path / "open").mkdir()
    with local_hub(tmp_path, {("datasets", "me/open"): tmp_path / "open"}) as (environment, server):
        environment["HF_TOKEN"] = "hf_secret"
        out = tmp_path / "train.parquet"
        done = push(environment, pool, out, "me/mine")
        assert done.returncode == 0, done.stderr
        assert server.private["me/mine"] is True
        folder = server.uploads / "datasets/me/mine"
        assert sorted(path.name for path in folder.iterdir()) == ["README.md", "train.parquet"]
        assert (folder / "train.parquet").read_bytes() == out.read_bytes()
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "| rows | 3 |" in card
        assert "1 with fewer than 1 references" in card
        assert "reward.custom_reward_function.path" in card
        assert "compute_score = VerlScore(Bleu())" in card
        assert "## Licence\n\nNot stated." in card
        assert "license" not in card
        assert str(tmp_path) not in card
        yaml = pytest.importorskip("yaml")
        assert yaml.safe_load(card.split("---")[1])["configs"] == [
            {"config_name": "default", "data_files": "train.parquet"}
        ]
        refused = push(environment, pool, out, "me/open")
        assert refused.returncode == 2
        assert "is public" in refused.stderr
        assert not list((tmp_path / "open").iterdir())
        assert push(environment, pool, out, "me/open", "--hub_public").returncode == 0
        assert (tmp_path / "open/README.md").exists()
