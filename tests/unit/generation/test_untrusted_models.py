"""A model's own code runs only where that is asked for, pickled weights never, and odd names become plain errors."""

import json
import shutil

import pytest

from bleuberi.cli import create_training_data, train
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from bleuberi.generation.model_identity import identify_model, is_model_folder, load_tokenizer
from bleuberi.generation.options import EngineOptions, resolve_engine
from bleuberi.generation.transformers_engine import TransformersEngine

torch = pytest.importorskip("torch", reason="torch is not installed")
CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
(Path(__file__).parent / "ran").touch()
Path({marker!r}).touch()
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own_code(tiny_model, tmp_path, monkeypatch):
    """A model folder that brings code, and the file that the code makes when it runs."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder, marker = tmp_path / "own", tmp_path / "ran"
    shutil.copytree(tiny_model, folder)
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, marker


def test_code_that_comes_with_a_model_is_not_run(own_code, pool_file, tmp_path, capsys):
    folder, marker = own_code
    words = ["grpo", "--hf_dataset_path", str(pool_file), "--metric", "bleu", "--model", str(folder)]
    words += ["--output_dir", str(tmp_path / "out")]
    assert run(create_training_data.front_door, words) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-2].endswith("contains its own Python code, which is not run by default.")
    assert "--trust_remote_code" in said[-1]
    assert not marker.exists()
    with pytest.raises(UserError, match="contains its own Python code"):
        TransformersEngine(str(folder))
    assert not marker.exists()


def test_code_that_is_trusted_runs_and_counts_in_the_identity(own_code):
    folder, marker = own_code
    before = identify_model(str(folder), trust_remote_code=True).revision
    TransformersEngine(str(folder), trust_remote_code=True)
    assert marker.exists()
    (folder / "own.py").write_text((folder / "own.py").read_text() + "\n# changed\n")
    assert identify_model(str(folder), trust_remote_code=True).revision != before


def test_a_pickle_is_no_model(tiny_model, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(UserError, match="has pickled weights"):
        is_model_folder(str(folder))


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-here/model", "a/" + "y" * 300, "./" + "z" * 5000])
def test_a_name_that_is_no_path(name):
    with pytest.raises(UserError):
        load_tokenizer(name)


@pytest.mark.parametrize("url", ["https://me:pw@host/v1", "https://host/v1?api_key=abc", "https://host/v1?token=abc"])
def test_a_key_in_an_address_is_refused_and_not_repeated(url):
    with pytest.raises(UserError) as caught:
        resolve_engine("openai", EngineOptions(base_url=url))
    assert "pw" not in str(caught.value).replace("password", "")
    assert "abc" not in str(caught.value)


def test_the_hubs_token_goes_to_the_environment_alone(tiny_model, tmp_path, monkeypatch):
    from bleuberi.training.settings.read import read_settings

    monkeypatch.setenv("HF_TOKEN", "")
    words = ["--config", "sft_cpu", "--dataset_path", "x", "--model_name_or_path", str(tiny_model)]
    settings = read_settings(
        "sft", [*words, "--output_dir", str(tmp_path / "o"), "--hub_token", "hf_secretsecretsecret"]
    )
    assert settings.args.hub_token is None
    assert "secret" not in json.dumps(settings.decided(), default=str)
    import os

    assert os.environ["HF_TOKEN"] == "hf_secretsecretsecret"
    assert train  # the command that reads these settings
