"""`data export`: rows of large pools and data sets, reruns, refusals, the next command and the upload."""

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
from bleuberi.errors import UserError
from tests.hub_server import local_hub
from tests.trainers.extract import recorded
from tests.unit.data.exported_rows import TURNS, rows_of, write


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
