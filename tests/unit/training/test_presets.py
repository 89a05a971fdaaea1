"""Every preset states every field that decides its run, and every field of the installed TRL is sorted."""

import dataclasses
import re

import pytest
import yaml

from bleuberi.training.settings.deciding import NOT_DECIDING
from bleuberi.training.settings.read import PRESETS, RunConfig, read_settings
from bleuberi.training.settings.rules import check_batch, check_values, raise_first
from tests.unit.training.deciding_fields import CONDITIONAL, DECIDING

trl = pytest.importorskip("trl")

NAMES = sorted(path.stem for path in PRESETS.glob("*.yaml"))
KINDS = {"grpo": trl.GRPOConfig, "sft": trl.SFTConfig, "dpo": trl.DPOConfig}
CPU = ["--use_cpu", "true", "--bf16", "false"]  # bf16 needs a GPU


def preset(name):
    return yaml.safe_load((PRESETS / f"{name}.yaml").read_text())


def fields(*kinds):
    return {item.name for kind in kinds for item in dataclasses.fields(kind)}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_states_every_field_that_decides(name):
    values = preset(name)
    switched = [needed for (field, on), needed in CONDITIONAL.items() if values.get(field) in on]
    assert sorted(DECIDING[name.partition("_")[0]].union(*switched) - values.keys()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_read_as_it_stands(name, tmp_path, monkeypatch):
    if preset(name).get("use_vllm"):  # it is not installed where the tests run
        monkeypatch.setattr("bleuberi.training.settings.read.check_helpers", lambda values, **_: iter(()))
    words = ["--config", name, "--model_name_or_path", "m", "--dataset_path", "d", "--output_dir", str(tmp_path), *CPU]
    read = read_settings(name.partition("_")[0], words)
    values = preset(name)
    for field in values.keys() - {"use_cpu", "bf16", "report_to", "steps_per_generation"}:
        got = next(getattr(part, field) for part in (read.run, read.args, read.model) if hasattr(part, field))
        assert got == values[field], field
    assert read.args.report_to == []


# What the method's released job scripts and its config.py set, commit e0d1563 of June 2025.
SAVED = {"save_strategy": "steps", "save_steps": 250, "save_total_limit": 20, "num_train_epochs": 1, "bf16": True}
BOTH = {**SAVED, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0.05, "max_grad_norm": 0.2, "seed": 42}
PUBLISHED = {
    "grpo": {**BOTH, "learning_rate": 1e-6, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 4,
             "num_generations": 8, "max_completion_length": 512, "max_prompt_tokens": 512, "temperature": 0.9,
             "num_iterations": 1},
    "sft": {**BOTH, "learning_rate": 5e-6, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 8,
            "max_length": 1024},
}  # fmt: skip


@pytest.mark.parametrize("method", ["grpo", "sft"])
def test_the_papers_presets_are_what_its_job_scripts_say(method, tmp_path):
    name = f"{method}_paper"
    stated = preset(name)
    assert {field: stated.get(field) for field in PUBLISHED[method]} == PUBLISHED[method]
    words = ["--config", name, "--model_name_or_path", "m", "--dataset_path", "d", "--output_dir", str(tmp_path), *CPU]
    assert read_settings(method, words).args.get_warmup_steps(200) == 10, "the warm-up is a share of the steps"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("grpo")])
def test_a_preset_fits_any_number_of_processes(name):
    for processes in (1, 2, 4, 8, 16):
        raise_first(check_batch(preset(name), processes))


@pytest.mark.parametrize("method", ["grpo", "sft", "dpo"])
def test_every_field_of_the_installed_classes_is_sorted(method):
    """A new field of TRL has to be looked at, and put among the deciding or the other ones."""
    switched = frozenset().union(*CONDITIONAL.values())
    names = fields(KINDS[method], trl.ModelConfig)
    sorted_already = frozenset().union(*DECIDING.values()) | switched | NOT_DECIDING
    assert sorted(names - sorted_already) == []
    assert sorted(DECIDING[method] - names - fields(RunConfig)) == []


def test_the_sets_do_not_overlap_and_name_real_fields():
    switched = frozenset().union(*CONDITIONAL.values())
    assert not NOT_DECIDING & (frozenset().union(*DECIDING.values()) | switched)
    assert NOT_DECIDING | switched <= fields(*KINDS.values(), trl.ModelConfig, RunConfig)


@pytest.mark.parametrize("name", [name for name in NAMES if "gb" in name or "1gpu" in name])
def test_a_preset_for_gpus_gives_a_reason_for_each_choice(name):
    """Fields that differ from TRL's default, and those that vLLM or 4 bits add, carry a comment on their line."""
    text = (PRESETS / f"{name}.yaml").read_text()
    said = {line.partition(":")[0] for line in text.splitlines() if re.match(r"\w+:.*#", line)}
    defaults = {
        item.name: item.default for kind in (trl.GRPOConfig, trl.ModelConfig) for item in dataclasses.fields(kind)
    }
    plain = {"reward_funcs", "logging_steps", "save_strategy", "seed", "use_peft", "bf16", "num_train_epochs",
             "per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing_kwargs",
             "max_completion_length", "use_vllm", "save_total_limit"}  # fmt: skip
    chosen = {field for field, value in preset(name).items() if value != defaults.get(field)}
    assert sorted(chosen - said - plain) == []
    raise_first(check_values("grpo", preset(name)))


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_are_shares_of_the_run_but_for_the_papers(name):
    """A number of steps is beyond the end of a short run, or of one on many GPUs."""
    values = preset(name)
    assert values["save_strategy"] == "steps"
    assert values["save_steps"] == 250 if name.endswith("_paper") else 0 < values["save_steps"] <= 0.5
