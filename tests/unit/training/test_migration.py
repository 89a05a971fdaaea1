"""docs/migration.md has every flag of the original's trainers, and says what the parser says."""

import re
from pathlib import Path

import pytest

from bleuberi.cli.create_training_data import grpo_parser, sft_parser
from bleuberi.errors import UserError
from tests.conftest import ROOT

pytest.importorskip("trl")

from bleuberi.training.settings.read import RunConfig, read_settings
from tests.contracts.test_docs_commands import trl_fields

NAMES = """
    deepspeed local_rank run_name wandb_project model_path cache_dir ckpt_dir data_path load_from_disk shuffle streaming
    train_split model_max_length save_strategy save_steps save_total_limit num_epochs max_steps eval_strategy eval_steps
    seed bf16 learning_rate lr_scheduler_type warmup_ratio max_grad_norm per_device_train_batch_size
    per_device_eval_batch_size gradient_accumulation_steps reasoning num_generations max_prompt_length
    max_completion_length temperature num_iterations log_level logging_steps packing dataset_text_field reward_funcs
"""
GRPO_FLAGS = NAMES.split()
VALUES = {"train_split": "train", "max_prompt_length": "512", "warmup_ratio": "0.05", "eval_strategy": "steps"}
DATA_FLAGS = ["output_dataset_name", "metric", "model", "num_examples"]
DATA_DEFAULTS = {
    "hf_dataset_path": "yapeichang/BLEUBERI-Tulu3-50k", "inference_max_new_tokens": 512, "ref_models": ("gold",),
    "selection_mode": "hard", "output_dir": Path("../data"), "seed": 42,
}  # fmt: skip
WITHOUT_EFFECT = {"eval_steps": "0.1", "per_device_eval_batch_size": "4", "dataset_text_field": "text"}
SWITCHES = ("load_from_disk", "shuffle", "streaming", "bf16", "reasoning", "packing")
PAGE = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
ROWS = {
    found[1]: found[2]
    for found in re.finditer(r"^\| `--(\w+)[^|]*` \| ([^|\n]+) \|$", PAGE.split("## `grpo.py`")[1], re.MULTILINE)
}


def asked(method, *words):
    needed = ["--model_name_or_path", "tiny", "--dataset_path", "data", "--output_dir", "out"]
    return read_settings(method, [*needed, "--use_cpu", "true", "--bf16", "false", *words])


def test_the_data_command_has_every_flag_of_the_original_and_its_defaults():
    given = vars(grpo_parser("data grpo").parse_args([]))
    assert {name: given[name] for name in DATA_DEFAULTS} == DATA_DEFAULTS
    assert set(DATA_FLAGS) <= given.keys()
    assert vars(sft_parser("data sft").parse_args(["--input_data_path", "a"]))["output_dir"] == Path("../data")
    table = PAGE.split("## `create_training_data.py`")[1].split("\nSelection is")[0]
    assert set(re.findall(r"--(\w+)", table)) == {*DATA_DEFAULTS, *DATA_FLAGS, "input_data_path"}


def test_the_page_has_every_flag_once():
    assert list(ROWS) == GRPO_FLAGS


@pytest.mark.parametrize("flag", GRPO_FLAGS)
def test_a_flag_is_taken_or_refused_as_the_page_says(flag):
    told = ROWS[flag]
    if told.startswith("the same"):
        assert flag in trl_fields()
        return
    if flag in WITHOUT_EFFECT:
        assert told.startswith("nothing")
        asked("sft" if flag == "dataset_text_field" else "grpo", f"--{flag}", WITHOUT_EFFECT[flag])
        return
    value = [] if flag in SWITCHES else [VALUES.get(flag, "x")]
    method = "grpo"
    with pytest.raises(UserError) as caught:
        asked(method, f"--{flag}", *value)
    said = caught.value.cure
    for word in re.findall(r"--\w+|[A-Z_]{3,}(?==)", told):
        assert word.removeprefix("--") in said, f"the page names {word}; the command says: {said}"
    for name in re.findall(r"--(\w+)", said):
        assert name in trl_fields(), f"the command names --{name}, which there is not"
    assert told.startswith("nothing") == ("eave it out" in said and "Write" not in said)


def test_every_flag_that_the_page_names_instead_exists():
    for told in ROWS.values():
        for name in re.findall(r"--(\w+)", told):
            assert name in trl_fields()


@pytest.mark.parametrize("words", [["--packing"], ["--packing", "true"]])
def test_a_switch_may_stand_without_a_value(words):
    assert asked("sft", *words, "--logging_steps", "1").args.packing is True


@pytest.mark.parametrize("flag", ["num_generations", "temperature", "max_completion_length", "num_iterations"])
def test_grpos_flags_are_told_to_sft(flag):
    with pytest.raises(UserError, match=f"bleuberi train sft has {flag}, which GRPO has and SFT has not") as caught:
        asked("sft", f"--{flag}", "4")
    assert caught.value.cure.startswith("Leave it out")


def test_reasoning_scores_the_tagged_answer():
    run = asked("grpo", "--reasoning", "--reward_funcs", "bleu", "format").run
    assert run.reward_funcs == ["answer:bleu", "format"]
    assert RunConfig(reasoning=True, reward_funcs=run.reward_funcs).reward_funcs == run.reward_funcs
    assert RunConfig(reward_funcs=["bleu"]).reward_funcs == ["bleu"]


def test_reasoning_needs_a_reward_of_the_tags():
    with pytest.raises(UserError) as caught:
        RunConfig(reasoning=True, reward_funcs=["bleu", "rouge"])
    assert caught.value.cure == "Add the reward format: --reward_funcs bleu rouge format"
    with pytest.raises(UserError, match="reasoning is True"):
        asked("sft", "--reasoning")


def test_reasoning_asks_for_the_tags_first():
    from bleuberi.data.reasoning import REASONING_PROMPT
    from bleuberi.training.reasoning import asked_to_reason

    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Gold."}]
    row = {"id": "a", "messages": turns, "prompt": "Why?", "references": ["Gold."]}
    made = asked_to_reason(row)
    assert made["messages"] == [{"role": "system", "content": REASONING_PROMPT}, turns[0]]
    assert row["messages"] == turns
    own = asked_to_reason({**row, "messages": [{"role": "system", "content": "Be brief."}, *turns]})
    assert own["messages"] == [{"role": "system", "content": f"Be brief.\n\n{REASONING_PROMPT}"}, turns[0]]
    assert all(tag in REASONING_PROMPT for tag in ("<think>", "</think>", "<answer>", "</answer>"))


@pytest.mark.parametrize("method", ["grpo", "sft"])
def test_the_paper_presets_alone_have_the_papers_prompts(method):
    words = ["--gradient_checkpointing", "false"]
    assert asked(method, "--config", f"{method}_paper", *words).run.base_template == "paper"
    assert asked(method, "--config", f"{method}_cpu").run.base_template == "plain"
    with pytest.raises(UserError, match="base_template is 'papers'"):
        asked(method, "--base_template", "papers")
