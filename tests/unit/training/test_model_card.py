"""A model card tells what made the model and nothing of where: names, signatures, curves, settings."""

import yaml

from bleuberi.hub import without_path
from bleuberi.training.folder.model_card import model_card

MANIFEST = {
    "config": {
        "model_name_or_path": "org/base-1B", "dataset_path": "/home/ann/secret/data/mine", "use_peft": True,
        "deepspeed": "/home/ann/zero3.json", "chat_template_path": "/home/ann/t.jinja", "beta": 0.04, "name": "a|b",
    },
    "parents": {"data_sha256": "abc123", "reward_signatures": ["bleu|tok:13a|v:1"]},
    "steps": 20, "rows_in": 10, "rows_used": 8, "versions": {"trl": "1.16.0"},
}  # fmt: skip
METRICS = [{"step": step, "reward": step / 100, "loss": 0.5, "rewards/bleu/mean": 0.25} for step in range(1, 21)]


def test_what_it_tells():
    card = model_card("my-model", "grpo", MANIFEST, [*METRICS, {"step": 20, "train_runtime": 3.0}])
    head = yaml.safe_load(card.split("---")[1])
    assert head == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["bleuberi", "grpo", "trl"],
        "base_model": "org/base-1B",
    }
    for said in (
        "- Data set: `mine`, 8 of 10 rows (content sha256 `abc123`)",
        "- Reward: `bleu|tok:13a|v:1`",
        "- Training steps: 20",
        "the adapter alone is in `adapter/`",
        "| reward | 0.01 | 0.2 | 0.195 |",
        "| rewards/bleu/mean | 0.25 | 0.25 | 0.25 |",
        "| beta | `0.04` |",
        "| name | `a\\|b` |",
        "| chat_template_path | `t.jinja` |",
        "Versions: trl 1.16.0",
        "None is stated here.",
    ):
        assert said in card
    assert "/home" not in card
    assert "secret" not in card


def test_a_local_base_is_named_without_its_place(tmp_path):
    config = {**MANIFEST["config"], "model_name_or_path": str(tmp_path / "base"), "use_peft": False}
    card = model_card("m", "sft", {**MANIFEST, "config": config}, [])
    assert "base_model" not in card
    assert "from `base`, with" in card
    assert str(tmp_path) not in card
    assert "No curve was logged." in card
    assert "adapter/" not in card


def test_revision_and_commit_are_told():
    config = {**MANIFEST["config"], "model_revision": "v1"}
    assert "from `org/base-1B` (revision `v1`, commit `0a1b`), with" in model_card(
        "m", "sft", {**MANIFEST, "config": config, "base_commit": "0a1b"}, []
    )


def test_names_of_the_hub_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert without_path("org/model") == "org/model"
    (tmp_path / "org/model").mkdir(parents=True)
    assert without_path("org/model") == "model"
    assert [without_path(text) for text in ("~/a/b", "./b", "x/y/z", "b")] == ["b", "b", "z", "b"]
