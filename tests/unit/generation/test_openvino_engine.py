"""Folders exported for OpenVINO: which engine reads them, what identifies them. OpenVINO itself: make test-openvino."""

import importlib.util
import shutil

import pytest

from bleuberi.cli import create_training_data
from bleuberi.errors import UserError
from bleuberi.evaluation.retention import _divergence
from bleuberi.generation import EngineOptions, cached_engine, check_engine, load_engine, local_revision
from bleuberi.generation.base import Sampling
from bleuberi.generation.model_identity import identify_model, is_exported, is_model_folder
from bleuberi.generation.openvino_engine import OpenVINOEngine, not_loaded, sampling_kwargs
from bleuberi.generation.options import ENGINE_TABLE, EngineEntry
from bleuberi.records import Conversation, Message
from bleuberi.training.model_loading import load_policy_tokenizer

ROW = Conversation("row", [Message(role="user", content="Say hello.")])
HAS_OPENVINO = importlib.util.find_spec("openvino_genai") is not None


def exported_from(model, folder, weights=b"fp32"):
    """A folder with the files that optimum-intel writes, and weights that nothing can load."""
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "openvino_model.xml").write_text("<net/>")
    (folder / "openvino_model.bin").write_bytes(weights)
    return folder


@pytest.fixture
def exported(tiny_model, tmp_path):
    return exported_from(tiny_model, tmp_path / "exported")


def test_sampling_in_openvinos_words():
    assert sampling_kwargs(Sampling(), [3, 5], 11) == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "rng_seed": 11,
        "repetition_penalty": 1.0,
        "max_new_tokens": 512,
        "stop_token_ids": {3, 5},
    }
    assert sampling_kwargs(Sampling(top_k=7), [], 0)["top_k"] == 7
    greedy = sampling_kwargs(Sampling(temperature=0.0, top_p=0.5, top_k=7, max_new_tokens=3), [2], 0)
    assert greedy == {"do_sample": False, "repetition_penalty": 1.0, "max_new_tokens": 3, "stop_token_ids": {2}}


def test_only_an_exported_folder_has_weights_in_a_bin_file(exported, tiny_model):
    assert is_model_folder(str(exported))
    assert is_exported(str(exported))
    assert not is_exported(str(tiny_model))
    assert not is_exported("org/on-the-hub")
    (exported / "openvino_model.xml").rename(exported / "other.xml")
    with pytest.raises(UserError, match=r"is exported for OpenVINO, but openvino_model.xml is missing"):
        is_model_folder(str(exported))


def test_an_export_without_its_weights_is_no_model(exported):
    (exported / "openvino_model.bin").unlink()
    (exported / "training_args.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match=r"the weights \(openvino_model.bin\) are missing"):
        is_model_folder(str(exported))


def test_an_export_that_cannot_be_loaded_is_reported_with_openvinos_reason():
    said = "Exception from src/core.cpp:84:\nCheck failed at src/util.cpp:900:\nIncorrect weights in bin file!\n\n"
    error = not_loaded("exported", said)
    assert error.what == "The exported folder exported could not be loaded: Incorrect weights in bin file!"
    assert "export it again with --task text-generation-with-past" in error.cure


def test_exports_of_one_model_with_other_weights_share_no_responses(exported, tiny_model, tmp_path):
    int8 = exported_from(tiny_model, tmp_path / "int8", b"int8")
    moved = shutil.copytree(exported, tmp_path / "moved")
    engines = {
        path: cached_engine(str(path), engine, tmp_path / "cache")
        for path, engine in ((tiny_model, "transformers"), (exported, "openvino"), (int8, "auto"), (moved, "auto"))
    }
    keys = {path: engine.identity.key() for path, engine in engines.items()}
    assert len(set(keys.values())) == 3
    assert keys[moved] == keys[exported]
    (moved / "openvino_model.xml").write_text("<net name='other'/>")  # e.g. exported with other operations
    assert identify_model(str(moved)).key() != keys[exported]
    assert local_revision(str(int8), "auto") == engines[int8].identity.revision


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_no_other_engine_reads_an_export(exported, tmp_path, engine):
    with pytest.raises(UserError, match=f"exported for OpenVINO, and the engine {engine} cannot") as caught:
        check_engine(str(exported), engine)
    assert caught.value.cure.startswith("Use --engine openvino, or")
    with pytest.raises(UserError, match="exported for OpenVINO"):
        cached_engine(str(exported), engine, tmp_path)


@pytest.mark.parametrize("hub_id", [True, False])
def test_openvino_reads_nothing_but_an_export(tiny_model, hub_id):
    model = "org/on-the-hub" if hub_id else str(tiny_model)
    with pytest.raises(UserError, match="needs a folder exported for OpenVINO") as caught:
        check_engine(model, "openvino")
    assert f"optimum-cli export openvino -m {model}" in caught.value.cure


def test_workers_of_a_cluster_get_the_same_choice(exported, monkeypatch):
    monkeypatch.setattr("bleuberi.generation.options.check_ray", lambda: None)
    check_engine(str(exported), "ray")
    with pytest.raises(UserError, match="the engine vllm cannot read it"):
        check_engine(str(exported), "ray", EngineOptions(ray_engine="vllm"))


def test_a_missing_folder_is_said_as_for_other_engines():
    with pytest.raises(UserError, match=r"Model folder \./nothing does not exist"):
        check_engine("./nothing", "openvino")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"dtype": "bfloat16"}, "The openvino engine does not accept --engine_args dtype='bfloat16'"),
        ({"batch_rows": 0}, "Invalid --engine_args batch_rows=0"),
        ({"threads": "all"}, "Invalid --engine_args threads='all'"),
        ({"threads": True}, "Invalid --engine_args threads=True"),
    ],
)
def test_other_options_are_refused(exported, given, what):
    with pytest.raises(UserError, match=what) as caught:
        load_engine(str(exported), "openvino", EngineOptions(engine_args=given))
    if "dtype" in given:
        assert caught.value.cure == "It accepts: batch_rows, threads."


@pytest.mark.skipif(HAS_OPENVINO, reason="OpenVINO GenAI is installed here")
def test_without_openvino_the_install_line_is_told(exported, pool_file, tmp_path, monkeypatch):
    line = r'pip install "bleuberi\[openvino\]"'
    with pytest.raises(UserError, match=line):
        OpenVINOEngine(str(exported))
    with pytest.raises(UserError, match=line):  # chosen without being named
        cached_engine(str(exported), "auto", tmp_path / "cache").answer([ROW], Sampling())
    words = ["grpo", "--hf_dataset_path", str(pool_file), "--metric", "bleu", "--model", str(exported)]
    with pytest.raises(UserError, match=line):
        create_training_data.front_door([*words, "--output_dir", str(tmp_path / "out"), "--engine", "openvino"])
    with pytest.raises(UserError, match=rf"Choose one .*openvino \(not installed: {line}\)"):
        check_engine("m", "jax")
    assert ENGINE_TABLE["openvino"][1:] == EngineEntry("", "openvino_genai", "openvino")[1:]


def test_training_and_kl_refuse_an_export_by_its_name(exported, tiny_model):
    with pytest.raises(UserError, match=r"Training cannot use .*exported for OpenVINO"):
        load_policy_tokenizer(str(exported))

    class Config:
        engine = "auto"

    found, reason = _divergence(Config(), str(tiny_model), str(exported), [], [])
    assert found is None
    assert "is exported for OpenVINO" in reason
