"""A model folder is read back before it is called finished: what is missing or broken is told."""

import json
import shutil

import pytest

from bleuberi.errors import UserError
from bleuberi.training.folder.export import check_model_folder

torch = pytest.importorskip("torch")


@pytest.fixture
def folder(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def rewrite(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_whole_model_with_tied_weights_passes(folder):
    rewrite(folder, lambda weights: None)
    check_model_folder(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("model.norm.weight"), "model.norm.weight is missing"),
        (lambda weights: weights.pop("model.embed_tokens.weight"), "model.embed_tokens.weight is missing"),
        (lambda weights: weights["model.norm.weight"].fill_(float("nan")), "has values that are no numbers"),
        (lambda weights: weights.update({"stray": torch.ones(2)}), r"stray is \(2,\), not None"),
        (lambda weights: weights.update({"model.norm.weight": torch.ones(0)}), r"is \(0,\), not \(32,\)"),
    ],
)
def test_what_is_wrong_is_told(folder, change, said):
    rewrite(folder, change)
    with pytest.raises(UserError, match=f"is incomplete: .*{said}"):
        check_model_folder(folder)


def test_a_file_that_was_cut_short(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="is incomplete"):
        check_model_folder(folder)


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


def test_a_model_with_trusted_code_of_its_own_is_read_back_too(folder, tmp_path, monkeypatch):
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    (folder / "own.py").write_text(CODE)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    trained = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    trained.save_pretrained(tmp_path / "finished")
    check_model_folder(tmp_path / "finished", trust_remote_code=True)
    rewrite(tmp_path / "finished", lambda weights: weights.pop("model.norm.weight"))
    with pytest.raises(UserError, match=r"model.norm.weight is missing"):
        check_model_folder(tmp_path / "finished", trust_remote_code=True)
