"""The data command with engines that are not in this process, through its own flags."""

import json
from inspect import signature

import pytest

from bleuberi.cli import create_training_data
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, check_engine
from bleuberi.generation.base import Request, Sampling
from bleuberi.generation.canned import CannedFileEngine
from bleuberi.generation.openvino_engine import OpenVINOEngine
from bleuberi.generation.options import check_engine_args
from bleuberi.generation.transformers_engine import TransformersEngine
from bleuberi.records import Conversation, Message
from tests.unit.generation.chat_server import ChatServer


def words_for(pool, folder, *more):
    words = ["grpo", "--hf_dataset_path", str(pool), "--metric", "bleu", "--model", "org/served", "--output_dir"]
    return [*words, str(folder), "--output_dataset_name", "made", "--inference_max_new_tokens", "32", *more]


def manifest_of(folder):
    return json.loads((folder / "data_grpo/made/manifest.json").read_text())


def test_a_server_answers_the_pool_once(pool_file, tmp_path):
    too_long = (400, '{"error": {"message": "maximum context length is 8"}}')
    with ChatServer() as server:
        first = json.loads(pool_file.read_text(encoding="utf-8").splitlines()[0])
        server.misbehave = lambda prompt, attempt: too_long if prompt == first["prompt"] else None
        words = words_for(pool_file, tmp_path, "--base_url", server.url)
        assert create_training_data.front_door(words) == 0
        assert create_training_data.front_door(words) == 0
        assert set(server.attempts.values()) == {1}
        manifest = manifest_of(tmp_path)
        assert manifest["rows_out"] == 23
        assert manifest["dropped"]["prompts too long for the model"] == 1
        assert manifest["outputs"]["model"]["revision"] == f"endpoint:{server.url}"
        with pytest.raises(UserError, match="model_revision"):  # another server may hold another model
            create_training_data.front_door(words_for(pool_file, tmp_path, "--base_url", server.url + "/other"))


def test_canned_answers_decide_the_data_set_by_their_content(pool_file, tmp_path):
    rows = [json.loads(line) for line in pool_file.read_text(encoding="utf-8").splitlines()]
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps({"id": row["id"], "response": "x"}) + "\n" for row in rows))
    words = words_for(pool_file, tmp_path, "--engine", "canned", "--answers", str(answers))
    assert create_training_data.front_door(words) == 0
    assert manifest_of(tmp_path)["outputs"]["model"]["revision"].startswith("answers:")
    answers.write_text(answers.read_text().replace('"x"', '"y"', 1))
    with pytest.raises(UserError, match="different settings"):
        create_training_data.front_door(words)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--engine", "vllmm"], "Unknown engine 'vllmm'"),
        (["--engine", "transformers"], "could not be loaded"),
        (["--engine_args", "batch_rows"], "Invalid --engine_args 'batch_rows'"),
        (["--engine_args", "batch_rows=8", "--base_url", "http://x"], "--engine_args has no effect with --engine op"),
        (["--base_url", "ftp://x"], "not a web address"),
        (["--engine", "canned", "--answers", "none.jsonl"], "File none.jsonl does not exist"),
        (["--engine", "transformers", "--ray_workers", "2"], "--ray_ flags have no effect with --engine transformers"),
    ],
)
def test_bad_flags_are_said_before_anything_is_made(pool_file, tmp_path, more, what):
    with pytest.raises(UserError, match=what):
        create_training_data.front_door(words_for(pool_file, tmp_path / "out", *more))
    assert not (tmp_path / "out/data_grpo").exists()


def test_canned_answers_are_texts_and_blank_lines_are_none(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('\n{"id": "a", "response": "x"}\n\n')
    request = Request("k", Conversation("a", [Message(role="user", content="q")]), 0)
    ((_, output),) = CannedFileEngine(path).stream([request], Sampling())
    assert output.text == "x"
    path.write_text('{"id": "a", "response": null}\n')
    with pytest.raises(UserError, match=r"line 1 has no `id` \(or `prompt`\) or no text in `response`"):
        CannedFileEngine(path)


@pytest.mark.parametrize(("engine", "made"), [("transformers", TransformersEngine), ("openvino", OpenVINOEngine)])
def test_the_accepted_engine_arguments_are_those_of_the_class(engine, made):
    parameters = signature(made).parameters.values()
    own = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "model"]
    with pytest.raises(UserError) as caught:
        check_engine_args(engine, {"other": 1})
    assert caught.value.cure == f"It accepts: {', '.join(own)}."


@pytest.mark.parametrize(
    ("engine", "name", "value"),
    [("auto", "batch_rows", "many"), ("vllm", "tensor_parallel_size", True), ("vllm", "pipeline_parallel_size", 0)],
)
def test_an_invalid_count_is_refused_before_an_engine_is_chosen(engine, name, value):
    with pytest.raises(UserError, match=f"Invalid --engine_args {name}={value!r}"):
        check_engine(None, engine, EngineOptions(engine_args={name: value}))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("tensor_size=2", "The transformers engine does not accept --engine_args tensor_size=2"),
        ("base_template=paper", "--engine_args cannot set base_template"),
        ("batch_rows=0", "Invalid --engine_args batch_rows=0"),
        ("batch_tokens=many", "Invalid --engine_args batch_tokens='many'"),
    ],
)
def test_an_invalid_engine_option_is_refused(pool_file, tiny_model, tmp_path, given, what):
    words = words_for(pool_file, tmp_path, "--engine", "transformers", "--engine_args", given)
    words[words.index("org/served")] = str(tiny_model)
    with pytest.raises(UserError, match=what):
        create_training_data.front_door(words)
    assert not (tmp_path / "data_grpo").exists()


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--ray_engine", "ray"], "Unknown engine 'ray'"),
        (["--ray_engine", "canned"], "--engine canned and --answers FILE must be used together"),
        (["--ray_engine", "transformers", "--base_url", "http://x"], "--base_url has no effect"),
        (["--ray_address", "head"], "--ray_address head is not an address"),
        (["--ray_workers", "0"], "--ray_workers must be at least 1"),
    ],
)
def test_bad_flags_of_a_cluster_are_said_before_one_is_asked(pool_file, tmp_path, more, what, monkeypatch):
    monkeypatch.setattr("bleuberi.generation.options.check_ray", lambda: None)
    with pytest.raises(UserError, match=what):
        create_training_data.front_door(words_for(pool_file, tmp_path / "out", "--engine", "ray", *more))


def test_without_ray_the_command_says_how_to_install_it(pool_file, tmp_path, monkeypatch):
    monkeypatch.setattr("bleuberi.cluster.options.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "bleuberi\[ray\]"'):
        create_training_data.front_door(words_for(pool_file, tmp_path / "out", "--engine", "ray"))
