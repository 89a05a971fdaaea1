"""The whole chain with a tiny real model: data, GRPO, SFT, each through its command."""

import json

import pytest

from bleuberi.cli import create_training_data, train
from tests.conftest import ROOT

SMALL = ["--num_generations", "2", "--per_device_train_batch_size", "4", "--max_completion_length", "8"]


@pytest.fixture(scope="module")
def chain(tiny_model, tmp_path_factory):
    """A GRPO data set and an SFT data set made from 24 rows of the demo pool by the tiny model."""
    work = tmp_path_factory.mktemp("chain")
    pool = work / "pool.jsonl"
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:24]
    pool.write_text("\n".join(lines), encoding="utf-8")
    words = [
        "--hf_dataset_path",
        str(pool),
        "--ref_models",
        "gold",
        "second",
        "--metric",
        "bleu",
        "--num_examples",
        "8",
    ]
    words += ["--model", str(tiny_model), "--inference_max_new_tokens", "8", "--output_dir", str(work / "data")]
    assert create_training_data.front_door(["grpo", *words, "--output_dataset_name", "small"]) == 0
    grpo = work / "data/data_grpo/small"
    assert (
        create_training_data.front_door(["sft", "--input_data_path", str(grpo), "--output_dir", str(work / "data")])
        == 0
    )
    return work, grpo, work / "data/data_sft/small_SFT"


def test_grpo_leaves_a_plain_model_folder_and_does_not_train_twice(chain, tiny_model, capsys):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    work, grpo, _ = chain
    words = ["--config", str(ROOT / "training/configs/grpo_cpu.yaml"), "--dataset_path", str(grpo), *SMALL]
    words += ["--model_name_or_path", str(tiny_model), "--output_dir", str(work / "grpo"), "--max_steps", "2"]
    assert train.grpo(words) == 0
    model = AutoModelForCausalLM.from_pretrained(work / "grpo")
    start = AutoModelForCausalLM.from_pretrained(tiny_model)
    changed = [
        name
        for name, weight in model.named_parameters()
        if not weight.equal(start.get_parameter(name)) and "proj" in name
    ]
    assert changed, "LoRA was not merged into the weights"
    assert model.get_input_embeddings().weight.equal(start.get_input_embeddings().weight)
    assert AutoTokenizer.from_pretrained(work / "grpo").chat_template
    metrics = [json.loads(line) for line in (work / "grpo/metrics.jsonl").open()]
    assert [entry["step"] for entry in metrics if "rewards/bleu/mean" in entry] == [1, 2]
    manifest = json.loads((work / "grpo/manifest.json").read_text())
    assert manifest["parents"]["reward_signatures"] == ["bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"]
    assert train.grpo(words) == 0
    assert len((work / "grpo/metrics.jsonl").read_text().splitlines()) == len(metrics)


def test_sft_leaves_a_plain_model_folder(chain, tiny_model):
    from transformers import AutoModelForCausalLM

    work, _, sft = chain
    words = ["--config", str(ROOT / "training/configs/sft_cpu.yaml"), "--dataset_path", str(sft), "--max_steps", "2"]
    words += ["--model_name_or_path", str(tiny_model), "--output_dir", str(work / "sft"), "--use_peft", "false"]
    assert train.sft(words) == 0
    model = AutoModelForCausalLM.from_pretrained(work / "sft")
    assert model.lm_head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    losses = [json.loads(line).get("loss") for line in (work / "sft/metrics.jsonl").open()]
    assert losses[0] is not None


@pytest.mark.parametrize("last", [2, 3])  # killed before its third step, and when only the export was missing
def test_a_killed_training_goes_on_from_its_checkpoint(chain, tiny_model, caplog, last):
    import shutil

    from transformers import AutoModelForCausalLM

    work, _, sft = chain
    words = ["--config", "sft_cpu", "--dataset_path", str(sft), "--max_steps", "3", "--save_strategy", "steps"]
    words += ["--save_steps", "1", "--model_name_or_path", str(tiny_model), "--use_peft", "false"]
    assert train.sft([*words, "--output_dir", str(work / "whole")]) == 0  # trained once for both
    shutil.rmtree(work / "killed", ignore_errors=True)
    shutil.copytree(work / "whole", work / "killed")
    for step in range(last + 1, 4):
        shutil.rmtree(work / f"killed/checkpoint-{step}")
    for name in ("manifest.json", "model.safetensors"):
        (work / "killed" / name).unlink()
    with caplog.at_level("INFO"):
        assert train.sft([*words, "--output_dir", str(work / "killed")]) == 0
    assert f"Going on from {work / 'killed'}/checkpoint-{last}" in caplog.text
    losses = {
        name: [line["loss"] for line in map(json.loads, (work / name / "metrics.jsonl").open()) if "loss" in line]
        for name in ("whole", "killed")
    }
    assert losses["killed"] == losses["whole"]
    whole, killed = (AutoModelForCausalLM.from_pretrained(work / name) for name in ("whole", "killed"))
    for name, weight in whole.named_parameters():
        assert weight.allclose(killed.get_parameter(name), atol=1e-6), name
