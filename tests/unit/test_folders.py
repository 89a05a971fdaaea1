"""Records of folders that other rooms read: typed, and tolerant of missing parts."""

import pytest

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.folders import DatasetFolder, DatasetParent, DatasetRequest, ModelFolder


def save(folder, kind, config, **facts):
    write_json(folder / "manifest.json", make_manifest(kind, config, **facts))
    return folder


def test_a_model_folder(tmp_path):
    config = {"model_name_or_path": "m", "model_revision": "v1", "dataset_path": str(tmp_path), "seed": 3}
    parents = {"data_sha256": "d", "reward_signatures": ["bleu|v:1", "length|v:1"]}
    trained = ModelFolder.load(save(tmp_path / "run", "model", config, parents=parents, steps=4, rows_used=2))
    assert (trained.label, trained.base_model, trained.dataset) == ("GRPO(bleu+length)", "m@v1", tmp_path)
    assert (trained.steps, trained.rows_used, trained.settings.seed, trained.parents.data_sha256) == (4, 2, 3, "d")
    pairs = ModelFolder.load(save(tmp_path / "dpo", "model", config, parents={"data_sha256": "d"}, method="dpo"))
    assert (pairs.method, pairs.label, trained.method) == ("dpo", "DPO", "grpo")
    bare = ModelFolder.load(save(tmp_path / "bare", "model", {}, parents={}))
    assert (bare.label, bare.base_model, bare.dataset, bare.steps, bare.settings.seed) == (
        "SFT",
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(("kind", "facts"), [("dataset", {"parents": {}}), ("model", {})])
def test_folders_that_no_training_left(tmp_path, kind, facts):
    assert ModelFolder.load(save(tmp_path / "other", kind, {}, **facts)) is None
    assert ModelFolder.load(tmp_path / "none") is None


def test_a_data_set(tmp_path):
    made = save(tmp_path / "data", "dataset", {"model": "m", "chat_template_kwargs": {"a": 1}}, files_sha256={"f": "h"})
    assert DatasetFolder.load(made) == DatasetFolder(DatasetRequest("m", {"a": 1}), {"f": "h"})
    assert DatasetFolder.load(str(tmp_path / "none")) == DatasetFolder()


def test_a_data_set_of_samples_names_its_reward_and_the_rows_behind_it(tmp_path):
    config = {"kind": "pairs", "input_sha256": "of the examples"}
    parents = [{"folder": "x", "rows_sha256": "of the rows"}]
    made = save(tmp_path / "data", "dataset", config, parents=parents, reward_signature="bleu|v:1")
    assert DatasetFolder.load(made) == DatasetFolder(
        DatasetRequest(input_sha256="of the examples", kind="pairs"), None, (DatasetParent("of the rows"),), "bleu|v:1"
    )
    assert (DatasetFolder.load(made).input_sha256, DatasetFolder.load(made).chosen_by) == ("of the rows", "bleu|v:1")
    assert DatasetFolder.load(save(tmp_path / "pool", "dataset", config, parents=[])).input_sha256 is None
