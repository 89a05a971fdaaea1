"""Cards of data sets, the code that they show, and the data sets on a hub of ours."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.cli.main import find_command
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.data.sft_rows import read_sft_rows
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.selection.card import folder_card
from tests.conftest import pool_rows
from tests.hub_server import local_hub
from tests.trainers.extract import recorded

datasets = pytest.importorskip("datasets", reason="datasets is not installed")
yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")

SELECTED = ["--selection_mode", "random", "--num_examples", "3", "--output_dataset_name", "mine"]


@pytest.fixture
def make(tmp_path, write_pool, monkeypatch):
    """Runs `create_training_data.py grpo`, `sft` or `bleuberi data KIND` on a small pool; gives the new folder."""
    monkeypatch.chdir(tmp_path)
    pool = write_pool([{**row, "ref_output_other": f"Say {row['id']}."} for row in pool_rows(5)])
    samples = tmp_path / "samples.jsonl"
    samples.write_text(
        "".join(json.dumps({"id": f"r{number}", "response": f"It is {text}.", "score": score}) + "\n"
                for number in range(5) for text, score in (("one", 0.1), ("two", 0.7)))
    )  # fmt: skip

    def run(kind, *words):
        if kind == "grpo":
            given = ["--hf_dataset_path", str(pool), "--ref_models", "gold", "other", *SELECTED]
        elif kind == "sft":
            given = ["--input_data_path", str(tmp_path / "data/data_grpo/mine")]
        else:
            given = ["--input_data_path", str(pool), "--outputs", str(samples), "--output_dataset_name", "mine"]
        given += ["--output_dir", str(tmp_path / "data"), *words]
        if kind in ("grpo", "sft"):
            assert front_door([kind, *given]) == 0
        else:
            command, rest = find_command(["data", kind, *given])
            assert command(rest) == 0
        place = {"grpo": "data_grpo/mine", "sft": "data_sft/mine_SFT", "pairs": "data_dpo/mine"}
        return tmp_path / "data" / place.get(kind, "data_sft/mine")

    run.pool, run.samples = pool, samples
    return run


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub of this process, which has one public data set, `me/open`."""
    (tmp_path / "open").mkdir()
    with local_hub(tmp_path / "cache", {("datasets", "me/open"): tmp_path / "open"}) as (environment, server):
        monkeypatch.setattr(constants, "ENDPOINT", environment["HF_ENDPOINT"])
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield environment, server


def card_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def test_a_card_says_what_made_the_data_set_and_names_no_place(make, tmp_path):
    words = ["--metric", "bleu", "--outputs", str(make.samples), "--reasoning", "--shuffle_references", "7"]
    folder = make("grpo", *words)
    card, manifest = card_of(folder), json.loads((folder / "manifest.json").read_text())
    assert yaml.safe_load(card.split("---")[1]) == {"tags": ["bleuberi", "reference-based-reward", "grpo", "trl"]}
    for told in (
        "# mine",
        "| rows | 3 |",
        "| rows of the source | 5 |",
        "| left out | 2 not selected |",
        f"| pool | pool (SHA-256 {manifest['config']['pool_sha256'][:12]}) |",
        "| references | gold, other |",
        "| reward | `" + load_reward("answer:bleu").signature().replace("|", "\\|") + "` |",
        'load_reward("answer:bleu")',
        f"(SHA-256 {manifest['config']['outputs_sha256'][:12]})",
        "| selection | random, 3 asked for |",
        "| seed | 42 |",
        "asks for thoughts and an answer in tags",
        "another row's references (seed 7)",
        "`references`",
        "## Licence\n\nNot stated.",
    ):
        assert told in card
    assert str(tmp_path) not in card


def test_a_local_policy_is_named_without_its_place():
    manifest = {
        "config": {"model": "/home/ann/secret/base", "selection_mode": "signal", "signal": {"num_samples": 8},
                   "min_references": 2, "ref_models": ["all"]},
        "rows": 3, "versions": {"bleuberi": "1"}, "reward_signature": load_reward("rouge:auto").signature(),
    }  # fmt: skip
    card = folder_card("it's mine", manifest, ["prompt", "references"])
    assert "| policy | base |" in card
    assert "| selection | signal, num_samples 8 |" in card
    assert "| references | all, at least 2 per row |" in card
    assert 'load_reward("rouge:auto")' in card
    assert "secret" not in card
    assert "bleuberi data export 'it'\"'\"'s mine' --to verl" in card


def test_the_card_of_pairs_tells_of_the_pool_and_of_the_grpo_data_set(make):
    make("grpo")
    card = card_of(make("sft"))
    assert "| rows | 6 |" in card
    assert "| rows of the source | 3 |" in card
    assert re.search(
        r"\| pool \| pool \(SHA-256 [0-9a-f]{12}\) \|\n\| made from \| mine \(SHA-256 [0-9a-f]{12}\)", card
    )
    assert "| selection | random, 3 asked for |" in card


TRAINERS = {"grpo": "GRPOTrainer", "sft": "SFTTrainer", "bestof": "SFTTrainer", "pairs": "DPOTrainer"}


@pytest.mark.parametrize("kind", TRAINERS)
def test_the_code_of_a_card_gives_trl_rows_of_turns(make, kind, monkeypatch):
    trl = pytest.importorskip("trl", reason="trl is not installed")
    if kind == "sft":
        make("grpo")
    folder = make(kind)
    given = {}

    class Trainer:  # the card's own would download the model
        def __init__(self, model, **named):
            given.update(named)

        def train(self):
            given["trained"] = True

    monkeypatch.setattr(trl, TRAINERS[kind], Trainer)
    monkeypatch.chdir(folder.parent)
    (code,) = re.findall(r"```python\n(.*?)```", card_of(folder), re.DOTALL)
    exec(code, {})
    assert given["trained"]
    rows = given["train_dataset"]
    expected = {"sft": {"prompt", "completion", "id", "source"}, "bestof": {"prompt", "completion"},
                "pairs": {"prompt", "chosen", "rejected"}}  # fmt: skip
    assert set(rows.column_names) == expected.get(kind, {"id", "source", "prompt", "ground_truth", "references"})
    for row in rows:
        assert trl.data_utils.is_conversational(row)
        assert [turn["role"] for turn in row["prompt"]] == ["user"]
        assert all(row[name][0]["role"] == "assistant" for name in row.keys() & {"completion", "chosen", "rejected"})


@pytest.mark.parametrize("kind", ["sft", "bestof", "pairs"])
def test_openrlhf_has_the_flags_of_a_card(make, kind):
    if kind == "sft":
        make("grpo")
    (command,) = re.findall(r"```sh\n(python -m openrlhf.*?)```", card_of(make(kind)), re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    flags = recorded("openrlhf")["train_dpo_flags" if kind == "pairs" else "train_sft_flags"]
    assert {word for word in words if word.startswith("--")} <= set(flags)
    assert recorded("verl")["sft_settings"]["data.messages_key"] == "messages"


def test_a_data_set_is_pushed_as_parquet_with_its_card_to_a_private_repository(make, hub, tmp_path, capsys):
    _, server = hub
    folder = make("grpo", "--push_to_hub", "me/grpo")
    assert "On the hub: " in capsys.readouterr().out
    pairs = make("sft", "--push_to_hub", "me/pairs")
    assert server.private == {"me/grpo": True, "me/pairs": True}
    there = server.uploads / "datasets/me/grpo"
    assert sorted(path.name for path in there.iterdir()) == ["README.md", "train.parquet"]
    card = card_of(there)
    assert yaml.safe_load(card.split("---")[1])["configs"] == [
        {"config_name": "default", "data_files": "train.parquet"}
    ]
    assert 'load_dataset("me/grpo", split="train")' in card
    assert "hf download me/grpo --repo-type dataset --local-dir grpo\n" in card
    assert str(tmp_path) not in card
    # What `hf download` leaves is a data set that a training reads.
    assert read_grpo_rows(there) == read_grpo_rows(folder)
    assert read_sft_rows(server.uploads / "datasets/me/pairs") == read_sft_rows(pairs)
    make("grpo", "--push_to_hub", "me/later")  # one that was made before
    assert (server.uploads / "datasets/me/later/train.parquet").read_bytes() == (there / "train.parquet").read_bytes()
    make("pairs", "--push_to_hub", "me/dpo", "--hub_public")
    assert server.private["me/dpo"] is False


def test_a_repository_that_everybody_can_read_is_refused_before_any_work(make, hub, tmp_path):
    with pytest.raises(UserError, match="is public") as caught:
        make("grpo", "--push_to_hub", "me/open")
    assert "--hub_public" in caught.value.cure
    assert not (tmp_path / "data").exists()
    make("grpo", "--push_to_hub", "me/open", "--hub_public")
    assert (tmp_path / "open/README.md").exists()


def test_public_without_a_repository_is_refused(make):
    with pytest.raises(UserError, match="--hub_public does nothing"):
        make("grpo", "--hub_public")


def test_a_data_set_of_another_program_is_not_pushed(make, hub, tmp_path):
    make("grpo")
    (tmp_path / "data/data_grpo/mine/manifest.json").unlink()
    with pytest.raises(UserError, match=r"has no manifest.json"):
        make("grpo", "--push_to_hub", "me/theirs")


@pytest.mark.slow
def test_the_copy_on_the_hub_is_exported_for_another_trainer(make, hub, tmp_path):
    """As the card says, by name, in a process of its own: `datasets` reads the hub's address when it is imported."""
    environment, server = hub
    folder = make("grpo", "--push_to_hub", "me/grpo")
    server.repositories["datasets", "me/grpo"] = server.uploads / "datasets/me/grpo"
    words = ["data", "export", "me/grpo", "--to", "verl", "--output", "train.parquet"]
    done = subprocess.run([sys.executable, "-m", "bleuberi", *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [json.loads(raw.values["reward_model"]["ground_truth"]) for raw in read_rows("train.parquet")]
    assert found == [row["references"] for row in read_grpo_rows(folder)]
