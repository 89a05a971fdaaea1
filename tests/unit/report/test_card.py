"""`bleuberi card`: an evaluation in a model's card, the entry for the hub, and the upload."""

import json
import shutil
import subprocess
import sys

import pytest

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.cli.main import find_command
from bleuberi.errors import UserError
from bleuberi.report.card import make_card
from bleuberi.report.config import CardConfig
from tests.conftest import pool_rows
from tests.hub_server import local_hub

torch = pytest.importorskip("torch", reason="torch is not installed")
yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
hf = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

RESULTS = ".eval_results/bleuberi.yaml"


def bleuberi(*words):
    command, rest = find_command([str(word) for word in words])
    assert command(rest) == 0


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """A folder with a base, a finished run `secret/run` of other weights, a pool, and their evaluation."""
    from safetensors.torch import load_file, save_file

    from bleuberi.training.folder.model_card import model_card

    place = tmp_path_factory.mktemp("card")
    run = place / "secret/run"
    shutil.copytree(tiny_model, run)
    weights = load_file(run / "model.safetensors")
    torch.manual_seed(1)
    changed = {name: tensor + 0.02 * torch.randn_like(tensor) for name, tensor in weights.items()}
    save_file(changed, run / "model.safetensors", metadata={"format": "pt"})
    config = {"model_name_or_path": str(tiny_model), "dataset_path": str(place / "secret/data")}
    parents = {"data_sha256": "abc", "reward_signatures": ["bleu|v:1"]}
    manifest = make_manifest("model", config, parents=parents, steps=3, rows_in=4, rows_used=4)
    (run / "README.md").write_text(model_card("run", "grpo", manifest, [{"step": 1, "reward": 0.1}]))
    (run / "completions.jsonl").write_text("a prompt")
    write_json(run / "manifest.json", manifest)
    (place / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pool_rows(6)))
    evaluate(place, place / "pool.jsonl", "evaluation", bleuberi)
    return place


def evaluate(place, prompts, folder, run):
    base = json.loads((place / "secret/run/manifest.json").read_text())["config"]["model_name_or_path"]
    run("evaluate", "--models", f"base={base}", f"grpo={place}/secret/run", "--prompts", prompts, "--output_dir",
        place / folder, "--max_new_tokens", "12", "--metrics", "chrf", "rouge")  # fmt: skip


@pytest.fixture
def run(place, tmp_path):
    """A copy of the run, in another place."""
    return shutil.copytree(place / "secret/run", tmp_path / "run")


def test_a_card_has_the_evaluation_with_its_controls_and_no_place_or_text(place, run, capsys):
    before = (run / "README.md").read_text()
    bleuberi("card", run, "--evaluation", place / "evaluation")
    assert "No entry for the hub: the prompts are local." in capsys.readouterr().out
    card = (run / "README.md").read_text()
    start, end = card.index("## Evaluation"), card.index("## Curves")
    part = card[start:end]
    assert "`grpo` is this model, `base` the base." in part
    assert "6 prompts (pool SHA-256 " in part
    assert "references: gold." in part
    content = json.loads((place / "evaluation/evaluation.json").read_text())
    mean = next(model["mean"]["chrf"]["value"] for model in content["models"] if model["name"] == "grpo")
    assert f"| grpo | chrf | {mean:.3f} |" in part
    controls = {control["name"] for control in content["controls"] if control["reason"] is None}
    assert {"echo", "cut"} <= controls
    assert all(f"| grpo | {name} |" in part for name in controls)
    assert all(content["signatures"][name] in part for name in ("chrf", "rouge"))
    assert "There is no entry in `.eval_results`" in part
    assert not (run / RESULTS).exists()
    assert str(place) not in card
    assert "secret" not in card
    assert "Say the number" not in card
    # The rest of the card is as it was.
    first = card.index("\n<!-- bleuberi card: begin")
    last = card.index("end of the evaluation -->\n") + len("end of the evaluation -->\n")
    assert card[:first] + card[last:] == before


def test_the_same_command_replaces_the_evaluation_and_keeps_what_the_user_wrote(place, run):
    bleuberi("card", run, "--evaluation", place / "evaluation")
    card = (run / "README.md").read_text()
    mine = card.replace("library_name:", "license: mit\nlibrary_name:") + "\nMy own words.\n"
    (run / "README.md").write_text(mine)
    bleuberi("card", run, "--evaluation", place / "evaluation")
    assert (run / "README.md").read_text() == mine
    (run / "README.md").write_text("# A card of my own\n")
    bleuberi("card", run, "--evaluation", place / "evaluation")
    assert (run / "README.md").read_text().startswith("# A card of my own\n\n<!-- bleuberi card: begin")


def test_a_part_without_its_end_is_not_cut_off(place, run):
    card = run / "README.md"
    lost = card.read_text() + "\n<!-- bleuberi card: begin of the evaluation -->\n\n## Licence\n\nMIT\n"
    card.write_text(lost)
    with pytest.raises(UserError, match="the end of its evaluation is not known"):
        make_card(CardConfig(run, evaluation=place / "evaluation"))
    assert card.read_text() == lost


def test_another_model_is_refused_and_may_be_named_if_its_responses_came_from_a_file(place, run):
    with (run / "generation_config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(UserError, match="is not one of the models of the evaluation") as caught:
        bleuberi("card", run, "--evaluation", place / "evaluation")
    assert "--name: base, grpo" in caught.value.cure
    with pytest.raises(UserError, match="has no model sft"):
        bleuberi("card", run, "--evaluation", place / "evaluation", "--name", "sft")
    bleuberi("card", run, "--evaluation", place / "evaluation", "--name", "grpo")
    assert "that they are this model's was stated." in (run / "README.md").read_text()


def test_a_model_that_was_changed_after_the_evaluation_is_refused(place):
    path = place / "secret/run/generation_config.json"
    content = path.read_text()
    path.write_text(content + " ")
    try:
        with pytest.raises(UserError, match="was changed after the evaluation"):
            bleuberi("card", place / "secret/run", "--evaluation", place / "evaluation")
    finally:
        path.write_text(content)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["base", "--evaluation", "base"], "is not a finished model with a card"),
        (["run"], "Nothing to do"),
        (["run", "--evaluation", "base"], "has no evaluation.json"),
        (["run", "--hub_public"], "--hub_public does nothing"),
    ],
)
def test_what_does_not_fit_is_refused(run, tiny_model, monkeypatch, words, message):
    shutil.copytree(tiny_model, run.parent / "base")
    monkeypatch.chdir(run.parent)
    with pytest.raises(UserError, match=message):
        bleuberi("card", *words)


@pytest.mark.slow
def test_prompts_of_the_hub_give_an_entry_in_its_format_and_the_model_goes_up(place, run, tmp_path):
    """In processes of their own: `datasets` and the hub's client read the address when they are imported."""
    (tmp_path / "pool").mkdir()
    shutil.copy(place / "pool.jsonl", tmp_path / "pool")
    with local_hub(tmp_path / "cache", {("datasets", "me/pool"): tmp_path / "pool"}) as (environment, server):
        environment["HF_TOKEN"] = "hf_secret"

        def other(*words):
            command = [sys.executable, "-m", "bleuberi", *map(str, words)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr

        evaluate(place, "me/pool", "of_the_hub", other)
        other("card", run, "--evaluation", place / "of_the_hub", "--task_id", "chrf", "--push_to_hub", "me/model")
        assert server.private == {"me/model": True}
        there = server.uploads / "models/me/model"
    (entry,) = hf.parse_eval_result_entries(yaml.safe_load((there / RESULTS).read_text()))
    content = json.loads((place / "of_the_hub/evaluation.json").read_text())
    value = next(model["mean"]["chrf"]["value"] for model in content["models"] if model["name"] == "grpo")
    assert value > 0
    assert (entry.dataset_id, entry.task_id, entry.date) == ("me/pool", "chrf", content["created"])
    assert entry.value == pytest.approx(value, abs=1e-6)
    assert entry.notes.startswith(f"mean {content['signatures']['chrf']}; split train; 6 prompts; references gold")
    assert {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()} == {
        "README.md", "model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "chat_template.jinja", RESULTS,
    }  # fmt: skip
    assert f"`{RESULTS}` has the mean of chrf for the data set `me/pool`." in (there / "README.md").read_text()
    bleuberi("card", run, "--evaluation", place / "evaluation")  # of local prompts
    assert not (run / RESULTS).exists()
