"""The rerun rule: for every field of every request, another value is refused, or cannot change the result."""

import dataclasses
import json
import shutil
from functools import partial

import pytest

from bleuberi import made
from bleuberi.agreement.config import JudgedMargins, PairsConfig, Sureness, SystemsConfig
from bleuberi.agreement.config import ReferencesConfig as AgreementOfReferences
from bleuberi.agreement.record import find_agreement, request_of, write_result
from bleuberi.agreement.scores import named_rewards
from bleuberi.artifacts import make_manifest, write_json
from bleuberi.check.run import CheckConfig, check_pool
from bleuberi.comparison.arms import Arm, Examples
from bleuberi.comparison.inputs import BaseModel, data_settings
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
from bleuberi.training.config import RunConfig
from bleuberi.training.settings.read import _NOT_DECIDING, RunSettings

PLACE = "where the result goes, or is cached"
WHETHER = "whether a result is replaced"
ROWS = "the request has a hash of the rows that were read"
SPEED = "how fast, or with which permission, a model answers, and not what"
ENGINE = "engines share responses by design: a response is that of a model and a sampling"
HUB = dict.fromkeys(("push_to_hub", "hub_public"), "where the result is uploaded to")

CANNOT_CHANGE = {
    GrpoDataConfig: {"output_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE, **HUB},
    EngineOptions: {
        "concurrency": SPEED, "timeout_seconds": SPEED, "api_key_env": SPEED, "trust_remote_code": SPEED,
        "ray_engine": ENGINE, "cluster": ENGINE,
    },
    SftDataConfig: {"output_dir": PLACE, "overwrite": WHETHER, **HUB},
    ImportConfig: {"output": PLACE, "overwrite": WHETHER, "split": ROWS, "subset": ROWS},
    Layout: dict.fromkeys(("known", "flat_trees"), "found in the files, and part of the sentence in the request"),
    ReferencesConfig: {
        "output": PLACE, "cache_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE,
    },
    CheckConfig: {"output_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "against_split": ROWS},
    EvaluationConfig: {
        "output_dir": PLACE, "cache_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE,
        "prompts": "a file may be elsewhere; the request has the hash of its content",
        "lm_eval": "its results have a request of their own, for each model", "lm_eval_args": "as lm_eval",
        "retention": "a file may be elsewhere; the request has the hash of its prompts (retention_settings)",
    },
    JudgeConfig: {"pairs": "each pair is judged and cached by itself, and the result has those that were asked for"},
    PairsConfig: {"output_dir": PLACE, "overwrite": WHETHER},
    AgreementOfReferences: {"output_dir": PLACE, "overwrite": WHETHER},
    SystemsConfig: {"output_dir": PLACE, "overwrite": WHETHER},
}  # fmt: skip


def every_field(config, changes):
    """(field, config with another value); a field without a change and without a reason fails."""
    reasons = CANNOT_CHANGE.get(type(config), {})
    names = {field.name for field in dataclasses.fields(config)}
    assert names == reasons.keys() | changes.keys(), "a field is neither changed here nor explained"
    assert not reasons.keys() & changes.keys()
    return [(name, dataclasses.replace(config, **{name: value})) for name, value in changes.items()]


def refused(make, config):
    with pytest.raises(UserError, match=r"already exists with different settings \(.*existing .*, requested "):
        make(config)


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


FEW = Sureness(resamples=9)
AGREEMENTS = {
    "pairs": (
        lambda file, folder: PairsConfig(preferences=file("a"), output_dir=folder),
        lambda file: {
            "preferences": file("b"), "score_columns": ("x",), "combine": ("a+b",), "ref_models": ("m",),
            "max_references": 2, "pool": file("c"), "sources": ("s",), "split": "test", "curve_orders": 1,
            "arena": True, "sureness": FEW, "rewards": ("rouge", "bleu", "bleu_rouge_f1"),
            "judged": JudgedMargins(JudgeConfig("j")),
        },
    ),
    "references": (
        lambda file, folder: AgreementOfReferences(pool=file("a"), output_dir=folder),
        lambda file: {
            "pool": file("b"), "ref_models": ("m",), "max_references": 2, "outputs": file("c"), "model": "m",
            "num_examples": 3, "sureness": FEW, "rewards": ("rouge",),
        },
    ),
    "systems": (
        lambda file, folder: SystemsConfig(outputs=file("a"), output_dir=folder, label_column="elo"),
        lambda file: {
            "outputs": file("b"), "label_column": "rate", "labels": file("c"), "ref_models": ("m",),
            "max_references": 2, "pool": file("d"), "id_column": "x", "pool_id_column": "y", "split": "test",
            "exclude_systems": ("s",), "expect_order": ("a<b",), "sureness": FEW, "rewards": ("rouge",),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", AGREEMENTS)
def test_agreements(kind, tmp_path):
    def file(name):
        (tmp_path / f"{name}.jsonl").write_text(name)
        return str(tmp_path / f"{name}.jsonl")

    def find(config):
        return find_agreement(config, request_of(config, kind, named_rewards(config.rewards)), print)

    make, changes = AGREEMENTS[kind]
    base = make(file, tmp_path / "out")
    write_result({"verdict": "none"}, base.output_dir, request_of(base, kind, named_rewards(base.rewards)))
    assert find(base) == {"verdict": "none"}
    for _, changed in every_field(base, changes(file)):
        refused(find, changed)
    for _, changed in every_field(base.sureness, {"resamples": 9, "seed": 9, "confidence": 0.5}):
        refused(find, dataclasses.replace(base, sureness=changed))
    assert find(dataclasses.replace(base, max_references=1, overwrite=True)) is None
    elsewhere = shutil.copy(file("a"), tmp_path / "moved.jsonl")
    data = {"pairs": "preferences", "references": "pool", "systems": "outputs"}[kind]
    assert find(dataclasses.replace(base, **{data: str(elsewhere)}))


def test_training():
    """Our own settings; those of TRL are sorted by the tests of the training settings."""
    other = {"bool": True, "int": 77, "float": 0.77, "str": "another", "list[str]": ["rouge"]}
    base = RunSettings("grpo", RunConfig(), Sampling(), Sampling()).decided()
    for field in dataclasses.fields(RunConfig):
        run = RunConfig()
        old = getattr(run, field.name)
        kind = str(field.type).replace(" | None", "")
        object.__setattr__(run, field.name, not old if isinstance(old, bool) else other.get(kind, "another"))
        same = made.is_equal(base, RunSettings("grpo", run, Sampling(), Sampling()).decided())
        assert same == (field.name in _NOT_DECIDING), field.name


def test_data_sets_of_experiments():
    base = Examples("hard", 4, 1, ("gold",), None, {"metric": "bleu"})
    arm = Arm("grpo", "grpo", (1,), rewards=("bleu",), config="grpo_cpu")
    model = BaseModel("m", {"weights": "w"}, {})

    def request(examples):
        return data_settings(dataclasses.replace(arm, examples=examples), "hash", model, 8)

    changes = {"mode": "easy", "count": 5, "seed": 2, "ref_models": ("o",), "min_references": 1,
               "flags": {"metric": "rouge"}, "shuffle": 1}  # fmt: skip
    for _, changed in every_field(base, changes):
        assert not made.is_equal(request(base), request(changed))


def test_nested_settings_are_named_with_dots_and_a_missing_one_counts_as_empty():
    assert made.named_differences({"a": {"b": 1, "c": []}}, {"a": {"b": 2}}) == "a.b: existing 1, requested 2"
    assert made.is_equal({"a": (1,)} and {"a": [1]}, {"a": (1,), "b": None})
