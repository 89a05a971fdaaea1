"""Settings of a training run: every mistake is told in two lines before a model is loaded; every preset is real."""

import pytest
import yaml

from bleuberi.errors import UserError
from bleuberi.training.settings.read import PRESETS, read_settings
from bleuberi.training.settings.rules import raise_first
from tests.conftest import ROOT

pytest.importorskip("trl")

NEEDED = ["--model_name_or_path", "some/model", "--dataset_path", "data"]
CPU = ["--use_cpu", "true", "--bf16", "false"]


def settings(tmp_path, text, *words, method="grpo"):
    """Settings from a YAML text on a CPU; nothing in it is ever loaded."""
    (tmp_path / "run.yaml").write_text(text)
    return read_settings(method, ["--config", str(tmp_path / "run.yaml"), *NEEDED, *CPU, *words])


def trouble(tmp_path, text, *words, method="grpo"):
    with pytest.raises(UserError) as caught:
        settings(tmp_path, text, *words, method=method)
    assert str(caught.value).count("\n") == 1
    return caught.value


def test_the_paper_presets_have_the_papers_values(tmp_path):
    grpo = yaml.safe_load((PRESETS / "grpo_paper.yaml").read_text())
    expected = {
        "learning_rate": 1e-6, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0.05, "max_grad_norm": 0.2,
        "num_train_epochs": 1, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 4,
        "num_generations": 8, "temperature": 0.9, "top_p": 1.0, "top_k": 50, "max_prompt_tokens": 512,
        "max_completion_length": 512, "bf16": True, "seed": 42, "beta": 0.04, "use_bias_correction_kl": False,
        "loss_type": "bnpo", "epsilon": 0.2, "num_iterations": 1, "scale_rewards": "group", "save_steps": 250,
        "reward_funcs": ["bleu"],
    }  # fmt: skip
    assert {name: grpo[name] for name in expected} == expected
    sft = yaml.safe_load((PRESETS / "sft_paper.yaml").read_text())
    expected = {"learning_rate": 5e-6, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 8}
    expected |= {"max_length": 1024, "completion_only_loss": True, "packing": False}
    assert {name: sft[name] for name in expected} == expected


def test_the_presets_can_be_found_from_training_configs():
    found = {path.stem for path in (ROOT / "training/configs").glob("*.yaml")}
    assert found == {path.stem for path in PRESETS.glob("*.yaml")}
    assert found >= {"grpo_paper", "grpo_lora_vllm_1gpu", "grpo_cpu", "sft_paper", "sft_cpu"}


def test_flags_win_over_the_file(tmp_path):
    read = settings(tmp_path, "learning_rate: 1.0e-3\nmax_prompt_tokens: 99\n", "--learning_rate", "2e-5")
    assert (read.args.learning_rate, read.run.max_prompt_tokens) == (2e-5, 99)


@pytest.mark.parametrize("text", ["reward_funcs: bleu", "reward_funcs: [bleu]", "seed: 1"])
def test_one_reward_needs_no_list(tmp_path, text):
    assert settings(tmp_path, text).run.reward_funcs == ["bleu"]


def test_numbers_that_yaml_takes_for_texts_are_numbers(tmp_path):
    assert settings(tmp_path, "learning_rate: 1e-6").args.learning_rate == 1e-6


@pytest.mark.parametrize(
    ("text", "what", "cure"),
    [
        ("learing_rate: 1", "run.yaml has a field 'learing_rate' that neither TRL nor bleuberi", "mean learning_rate?"),
        ("zzqqxx: 1", "run.yaml has a field 'zzqqxx'", "Remove it."),
        ("7: 1", "run.yaml has a field 7", "Remove it."),
        ("max_steps: hello", "--max_steps", "--help"),
        ("max_steps: 1.5", "run.yaml: max_steps is 1.5, not int.", "Correct the file"),
        ("max_steps: true", "run.yaml: max_steps is True, not int.", "Correct the file"),
        ("max_steps: [1]", "run.yaml: max_steps is [1], not int.", "Correct the file"),
        ("beta: null", "run.yaml: beta is None, not float.", "Correct the file"),
        ("learning_rate: {a: 1}", "run.yaml: learning_rate is {'a': 1}, not float.", "Correct the file"),
        ("reward_weights: 1.0", "run.yaml: reward_weights is 1.0, not list or null.", "Correct the file"),
        ("use_peft: 3", "run.yaml: use_peft is 3, not bool.", "Correct the file"),
        ("reward_funcs: []", "reward_funcs is empty.", "--reward_funcs bleu"),
        ("max_prompt_tokens: 0", "max_prompt_tokens is 0.", "at least 1"),
        ("lr_scheduler_type: nonsense", "is 'nonsense', which is not one of: linear, cosine, ", "Write one of them"),
        ("num_generations: 3", "num_generations 3 does not divide the 8 completions", "a multiple of 3"),
        ("env: 3", "`env` field should be a dict", "Correct the config file"),
        ("a: [", "run.yaml is not valid YAML: ", "Correct the file."),
        ("# nothing but this", "run.yaml is not a YAML mapping of field: value.", "one `field: value` per line"),
        ("- a", "run.yaml is not a YAML mapping of field: value.", "one `field: value` per line"),
    ],
)
def test_mistakes_in_the_file(tmp_path, text, what, cure):
    error = trouble(tmp_path, text)
    assert what in error.what
    assert cure in error.cure


@pytest.mark.parametrize(
    ("words", "what", "cure"),
    [
        (["--learing_rate", "1"], "bleuberi train grpo has no flag --learing_rate.", "Did you mean --learning_rate?"),
        (["--max_stpes=3"], "bleuberi train grpo has no flag --max_stpes.", "Did you mean --max_steps?"),
        (["--learning_rate", "abc"], "invalid float value: 'abc'", "--help"),
        (["--max_steps"], "expected one argument", "--help"),
        (["stray"], "['stray']", "Correct"),
    ],
)
def test_mistakes_in_flags(tmp_path, words, what, cure):
    error = trouble(tmp_path, "seed: 1", *words)
    assert what in error.what
    assert cure in error.cure


@pytest.mark.parametrize(
    ("words", "what", "cure"),
    [
        (["--config"], "--config needs a file.", "grpo_paper.yaml"),
        (["--config", "none.yaml"], "Config file none.yaml does not exist.", "a preset: dpo_cpu, grpo_cpu, "),
        ([*NEEDED[2:], *CPU], "No model is given.", "--model_name_or_path MODEL"),
        ([*NEEDED[:2], *CPU], "No data set is given.", "--dataset_path FOLDER"),
    ],
)
def test_what_is_missing(tmp_path, monkeypatch, words, what, cure):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        read_settings("grpo", words)
    assert what in caught.value.what
    assert cure in caught.value.cure


def test_what_a_run_decided_is_told_from_where_it_lies(tmp_path):
    one = settings(tmp_path, "beta: 0.1", "--output_dir", "a", "--run_name", "x").decided()
    two = settings(tmp_path, "beta: 0.1", "--output_dir", "b").decided()
    assert one == two
    assert one["beta"] == 0.1
    assert settings(tmp_path, "beta: 0.2").decided() != one


def test_a_switch_that_a_flag_turns_off_needs_no_library(monkeypatch):
    from bleuberi.training.settings import installed as installed_values

    monkeypatch.setattr(installed_values.importlib.util, "find_spec", lambda name: None)
    raise_first(installed_values.check_helpers({"use_vllm": "false", "use_peft": False, "report_to": "none"}))
    with pytest.raises(UserError, match="use_vllm: true needs"):
        raise_first(installed_values.check_helpers({"use_vllm": "true", "report_to": "none"}))
