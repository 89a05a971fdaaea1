"""The rerun rule: for every field of every request, another value is refused, or cannot change the result."""

import dataclasses
import json
from functools import partial

import pytest

from bleuberi import made
from bleuberi.artifacts import make_manifest, write_json
from bleuberi.check.run import CheckConfig, check_pool
from bleuberi.data import pool_file
from bleuberi.data.add_references import ReferencesConfig, add_references
from bleuberi.data.import_pool import ImportConfig, import_pool
from bleuberi.data.layouts import Layout
from bleuberi.data.pool import read_pool
from bleuberi.demo.facts_pool import Dials
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig, refuse_other_evaluation
from bleuberi.evaluation.models import Primary, read_models
from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Sampling
from bleuberi.generation.options import JudgeConfig
from bleuberi.selection.config import GrpoDataConfig, SignalSettings
from bleuberi.selection.create import create_grpo_data
from bleuberi.selection.request import request_of as data_request
from bleuberi.selection.request import resolve
from bleuberi.selection.sft_pairs import SftDataConfig, create_sft_data
from tests.unit.every_field import every_field, refused


@pytest.fixture
def pool(tmp_path):
    """A function that writes a pool, and the answers to its prompts."""

    def write(name, last="three"):
        path = tmp_path / name
        rows = [{"id": f"r{place}", "prompt": f"Name the number {word}.", "ref_output_gold": f"It is {word}.",
                 "ref_output_other": f"The number {word}."}
                for place, word in enumerate(("one", "two", last))]  # fmt: skip
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write


@pytest.fixture
def answers(tmp_path):
    def write(name, text="It is."):
        path = tmp_path / name
        path.write_text("".join(json.dumps({"id": f"r{n}", "response": f"{text} {n}"}) + "\n" for n in range(3)))
        return path

    return write


def test_grpo_data(pool, answers, tmp_path):
    options = EngineOptions(answers=answers("a.jsonl"))
    base = GrpoDataConfig(
        pool("p.jsonl"), metric="bleu", model="m", output_dir=tmp_path / "data", output_dataset_name="mine",
        engine="canned", engine_options=options, num_examples=2,
    )  # fmt: skip
    changes = {
        "hf_dataset_path": pool("q.jsonl", "four"), "ref_models": ("other",), "min_references": 1,
        "selection_mode": "easy", "num_examples": 1, "metric": "rouge", "model": "n", "output_dataset_name": "yours",
        "inference_max_new_tokens": 9, "seed": 1, "engine_options": EngineOptions(answers=answers("b.jsonl", "No")),
        "outputs": answers("c.jsonl"), "generate_missing": True, "shuffle_references": 3, "reasoning": True,
        "signal": SignalSettings(num_samples=9),
    }  # fmt: skip
    folder = create_grpo_data(base).folder
    assert create_grpo_data(base).reused
    for name, changed in every_field(base, changes):
        if name == "signal":
            continue
        if name == "output_dataset_name":
            assert not create_grpo_data(changed).reused
            continue
        refused(create_grpo_data, changed)
    signal = dataclasses.replace(base, selection_mode="signal", signal=SignalSettings())
    read = read_pool(base.hf_dataset_path, base.ref_models)

    def requests(config):
        return data_request(resolve(config), read)

    of_signal = {"num_samples": 9, "stratify": (), "sample_temperature": 1.0, "sample_top_p": 0.5, "sample_top_k": 3,
                 "max_cut_share": 0.5}  # fmt: skip
    for _, changed in every_field(SignalSettings(), of_signal):
        assert not made.is_equal(requests(signal), requests(dataclasses.replace(signal, signal=changed)))
    (folder / "train/data-00000-of-00001.arrow").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"data-00000-of-00001.arrow was changed after it was written"):
        create_grpo_data(base)


@pytest.mark.parametrize("local", [True, False])
def test_options_of_engines(pool, answers, tmp_path, local, request):
    model = request.getfixturevalue("tiny_model") if local else "owner/name"
    base = GrpoDataConfig(pool("p.jsonl"), metric="bleu", model=str(model), engine="transformers")
    read = read_pool(base.hf_dataset_path, base.ref_models)

    def requests(config):
        return data_request(resolve(config), read)

    served = {"engine": "openai", "engine_options": EngineOptions(base_url="http://a.example/v1")}
    canned = {"engine": "canned", "engine_options": EngineOptions(answers=answers("a.jsonl"))}
    changes = {
        "base_url": "http://b.example/v1", "answers": answers("b.jsonl", "No"), "base_template": "paper",
        "chat_template_kwargs": {"enable_thinking": False}, "fold_system": True, "engine_args": {"dtype": "float32"},
    }  # fmt: skip
    for name, changed in every_field(EngineOptions(), changes):
        own = dataclasses.replace(base, **({"base_url": served, "answers": canned}.get(name, {})))
        other = dataclasses.replace(own, engine_options=changed)
        assert not made.is_equal(requests(own), requests(other)), name


def test_a_generated_name_that_is_taken_is_found_before_anything_is_scored(pool, answers, tmp_path, monkeypatch):
    base = GrpoDataConfig(pool("p.jsonl"), metric="bleu", outputs=answers("a.jsonl"), output_dir=tmp_path / "data")
    for count in (2, None):
        config = dataclasses.replace(base, num_examples=count)
        create_grpo_data(config)
        with monkeypatch.context() as patch:
            patch.setattr("bleuberi.selection.modes.answers_from_file", None)
            refused(create_grpo_data, dataclasses.replace(config, seed=7))


def test_sft_data(pool, answers, tmp_path):
    config = GrpoDataConfig(pool("p.jsonl"), selection_mode="random", num_examples=2, output_dir=tmp_path / "data")
    first, second = (
        create_grpo_data(dataclasses.replace(config, output_dataset_name="d", output_dir=tmp_path / name, seed=seed))
        for name, seed in (("one", 1), ("two", 5))
    )
    base = SftDataConfig(first.folder, tmp_path / "data")
    create_sft_data(base)
    assert create_sft_data(base).reused
    for _, changed in every_field(base, {"input_data_path": second.folder}):
        refused(create_sft_data, changed)


def test_imported_pools(pool, tmp_path):
    base = ImportConfig((pool("p.jsonl"),), tmp_path / "new.jsonl")
    import_pool(base)
    import_pool(base)
    changes = {"files": (pool("q.jsonl", "four"),), "layout": Layout(prompt=("ref_output_other",)), "new_ids": True,
               "limit": 1}  # fmt: skip
    for _, changed in every_field(base, changes):
        refused(import_pool, changed)
    layouts = {"prompt": ("ref_output_gold",), "references": (("gold", "prompt"),), "system": "ref_output_gold",
               "named_by": "id", "id": "prompt"}  # fmt: skip
    for _, changed in every_field(Layout(), layouts):
        refused(import_pool, dataclasses.replace(base, layout=changed))
    base.output.write_text(base.output.read_text() + "\n")
    with pytest.raises(UserError, match="was changed after it was written"):
        import_pool(base)


def test_generated_pools(tmp_path):
    path, base = tmp_path / "facts.jsonl", Dials()
    pool_file.write_pool(path, [], "generated_pool", base.settings(), dict)
    changes = {
        "rows": 9, "seed": 2, "split": "dev", "min_facts": 4, "max_facts": 7, "references": 2, "patterns": 1,
        "wordings": 1, "overlap": "verbatim", "length": "wordy", "content": "echo", "noise_words": 3,
    }  # fmt: skip
    find = partial(pool_file.made_before, path, overwrite=False)
    assert find(base.settings())
    for _, changed in every_field(base, changes):
        refused(find, changed.settings())


def test_added_references(pool, answers, tmp_path):
    options = EngineOptions(answers=answers("a.jsonl"))
    base = ReferencesConfig(pool("p.jsonl"), "m", tmp_path / "new.jsonl", engine="canned", engine_options=options)
    add_references(base)
    assert add_references(base).reused
    changes = {
        "hf_dataset_path": pool("q.jsonl", "four"), "model": "n", "name": "strong", "sampling": Sampling(9),
        "engine_options": EngineOptions(answers=answers("b.jsonl", "No")), "cut_thoughts": True,
    }  # fmt: skip
    for _, changed in every_field(base, changes):
        refused(add_references, changed)
    for _, changed in every_field(
        base.sampling, {"max_new_tokens": 9, "temperature": 0.1, "top_p": 0.3, "top_k": 2, "seed": 9}
    ):
        refused(add_references, dataclasses.replace(base, sampling=changed))
    refused(add_references, dataclasses.replace(base, engine_options=dataclasses.replace(options, fold_system=True)))


def test_checks(pool, tmp_path):
    base = CheckConfig(pool("p.jsonl"), output_dir=tmp_path / "check", held_out=1)
    first = check_pool(base)
    written = {path: path.stat().st_mtime_ns for path in first.files}
    assert check_pool(base) == first
    assert {path: path.stat().st_mtime_ns for path in first.files} == written, "nothing is written again"
    changes = {
        "pool": pool("q.jsonl", "four"), "ref_models": ("gold",), "max_completion_length": 9, "model": "some/name",
        "against": (pool("r.jsonl"),), "drop": ("looping_reference",), "held_out": 2, "seed": 1,
    }  # fmt: skip
    for _, changed in every_field(base, changes):
        refused(check_pool, changed)
    stored = tmp_path / "check/check.json"
    older = json.loads(stored.read_text())
    stored.write_text(json.dumps({**older, "table": older["table"][1:]}))
    assert check_pool(base).table == first.table, "a version with fewer flags made it, so it is made again"
    (tmp_path / "check/train.jsonl").write_text("mine")
    with pytest.raises(UserError, match=r"train.jsonl was changed after it was written"):
        check_pool(base)


def test_evaluations(pool, tmp_path):
    base = EvaluationConfig(
        read_models(["a=some/model", "b=other/model"]), pool("p.jsonl"), output_dir=tmp_path, metrics=("bleu", "rouge"),
        judge=JudgeConfig("j"),
    )  # fmt: skip

    def find(config):
        return refuse_other_evaluation(config, config.settings("hash", {}))

    write_json(tmp_path / "evaluation.json", make_manifest("evaluation", base.settings("hash", {}), judge={"pairs": 1}))
    assert find(base)
    changes = {
        "models": read_models(["a=some/model", "b=third/model"]), "ref_models": ("other",), "min_references": 1,
        "metrics": ("bleu",), "no_references": True, "max_new_tokens": 9, "controls": {"echo": None},
        "placebo": ("b",), "primary": Primary("a", "b"), "trained_on": ("rouge",), "untrained": ("b",),
        "run_spread": 1.0, "judge": None, "reasoning": True, "engine_options": EngineOptions(base_template="paper"),
    }  # fmt: skip
    for _, changed in every_field(base, changes):
        refused(find, changed)
    of_judge = {"model": "k", "options": EngineOptions(base_url="http://b.example/v1"), "max_new_tokens": 9,
                "temperature": 0.5, "references": True}  # fmt: skip
    for _, changed in every_field(base.judge, of_judge):
        refused(find, dataclasses.replace(base, judge=changed))
