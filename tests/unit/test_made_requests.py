"""The rerun rule for requests that need no pool: agreements, trainings and data sets of experiments."""

import dataclasses
import shutil

import pytest

from bleuberi import made
from bleuberi.agreement.config import JudgedMargins, PairsConfig, Sureness, SystemsConfig
from bleuberi.agreement.config import ReferencesConfig as AgreementOfReferences
from bleuberi.agreement.record import find_agreement, request_of, write_result
from bleuberi.agreement.scores import named_rewards
from bleuberi.comparison.arms import Arm, Examples
from bleuberi.comparison.inputs import BaseModel, data_settings
from bleuberi.generation.base import Sampling
from bleuberi.generation.options import JudgeConfig
from bleuberi.training.config import RunConfig
from bleuberi.training.settings.read import _NOT_DECIDING, RunSettings
from tests.unit.every_field import every_field, refused

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
