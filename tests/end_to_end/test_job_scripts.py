"""The job scripts run from top to bottom with a tiny model and leave model folders that load."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("trl")

SCRIPTS = sorted((ROOT / "training").glob("*.sh"))


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """A pool of 12 rows, and the settings of a small job."""
    folder = tmp_path_factory.mktemp("jobs")
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted(lines, key=len)[:12]  # short prompts: the tiny model has few positions
    (folder / "pool.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    settings = {
        "MODEL": tiny_model,
        "POOL": folder / "pool.jsonl",
        "NUM_EXAMPLES": 6,
        "MAX_NEW_TOKENS": 8,
        "NUM_GPUS": 0,
    }
    settings |= {"DATA_DIR": folder / "data", "CKPT_DIR": folder / "models", "PYTHON": sys.executable}
    return folder, {**os.environ, **{name: str(value) for name, value in settings.items()}}


def run(script, environment, *words, **settings):
    command = ["bash", str(ROOT / "training" / script), *words]
    done = subprocess.run(
        command, env={**environment, **settings}, capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def check_model(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert list(folder.glob("*.safetensors"))
    assert not list(folder.glob("adapter_*")), "the model is whole, not an adapter"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, return_tensors="pt"
    )
    ids = ids["input_ids"] if hasattr(ids, "keys") else ids
    assert model.generate(ids, max_new_tokens=2, do_sample=False).shape[1] > ids.shape[1]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["steps"] == 1
    config = json.loads((folder / "deepspeed_zero3_offload.json").read_text())["zero_optimization"]
    assert (config["stage"], config["offload_optimizer"]["device"], config["offload_param"]["device"]) == (
        3,
        "cpu",
        "cpu",
    )


@pytest.mark.parametrize("script", ["grpo.sh", "sft.sh"])
def test_a_job_that_would_fail_stops_before_its_data_are_made(place, script, tmp_path):
    _, environment = place
    settings = {"DATA_DIR": str(tmp_path / "data"), "CKPT_DIR": str(tmp_path / "models")}
    command = ["bash", str(ROOT / "training" / script), "--learning_rate", "0"]
    if script == "grpo.sh":
        command += ["--per_device_train_batch_size", "3", "--num_generations", "2"]
    else:
        command += ["--optim", "adamw_bnb_8bit", "--max_length", "100000"]
    done = subprocess.run(command, env={**environment, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr[-3000:]
    assert "Error: the job would fail, so nothing was started." in done.stderr
    assert "problem" in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("script", "code"), [("grpo.sh", 1), ("sft.sh", 139)])
def test_a_check_that_crashes_is_not_taken_for_a_job_that_fails(place, script, code, tmp_path):
    _, environment = place
    python = tmp_path / "python"  # its doctor crashes
    python.write_text(f'#!/bin/sh\ncase "$*" in *doctor*) exit {code} ;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    settings = {"DATA_DIR": str(tmp_path / "data"), "CKPT_DIR": str(tmp_path / "models"), "PYTHON": str(python)}
    command = ["bash", str(ROOT / "training" / script)]
    done = subprocess.run(command, env={**environment, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Error: the check itself crashed (exit code {code}), so nothing was started." in done.stderr
    assert "would fail" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("script", ["grpo.sh", "sft.sh"])
def test_a_python_without_torch_is_told_in_two_lines(script, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n")
    python.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(python)}
    command = ["bash", str(ROOT / "training" / script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Error: {python} cannot count the GPUs: see the lines above." in done.stderr
    assert "make install" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_sft_makes_its_data_and_grpo_uses_them(place):
    folder, environment = place
    shared = {"RUN_NAME": "sft", "REF_MODELS": "gold second", "SELECTION_MODE": "easy"}
    run("sft.sh", environment, "--max_steps", "1", "--use_peft", "false", **shared)
    check_model(folder / "models/sft")
    manifest = json.loads((folder / "models/sft/manifest.json").read_text())
    assert manifest["rows_used"] == 12, "6 examples with two references each"
    name = "pool_bleu_tiny_2ref-gold-second_easy_6"
    assert (folder / f"data/data_sft/{name}_SFT/dataset_dict.json").is_file()

    data = folder / f"data/data_grpo/{name}"
    made = data.stat().st_mtime_ns
    words = ["--max_steps", "1", "--max_completion_length", "8", "--max_prompt_tokens", "400"]
    said = run("grpo.sh", environment, *words, **{**shared, "RUN_NAME": "grpo"})
    assert "No GPU found: training on the CPU, without DeepSpeed (its config is written all the same)" in said
    check_model(folder / "models/grpo")
    assert data.stat().st_mtime_ns == made, "the data of the same command are used as they are"


def test_a_data_place_that_the_data_command_cannot_fill_is_told_first(place):
    folder, environment = place
    command = ["bash", str(ROOT / "training/sft.sh")]
    environment = {**environment, "GRPO_DATA": str(folder / "elsewhere/mine")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "data_grpo" in done.stderr


def name_of(kind, **settings):
    """The default name that the scripts give to a `dataset`, or to the `run` of what it learns from."""
    words = {"MODEL": "Qwen/Qwen2.5-7B", "POOL": "yapeichang/BLEUBERI-Tulu3-50k", "NUM_EXAMPLES": "5000",
             "SELECTION_MODE": "hard", "REF_MODELS": "gold", "METRIC": "bleu", "ROOT": str(ROOT), "PYTHON": "false",
             "NUM_GPUS": "0", **settings}  # fmt: skip
    command = f'set -euo pipefail; source "$ROOT/training/job_settings.sh"; default_{kind}'
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, **words}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_default_names_are_the_papers():
    assert name_of("dataset_name") == "BLEUBERI-Tulu3-50k_bleu_Qwen2.5-7B_1ref-gold_hard_5000"
    five = "gold claude-3-7-sonnet@20250219 deepseek-chat-v3 gemini-2.5-pro-exp-03-25 o4-mini-2025-04-16"
    assert name_of("dataset_name", REF_MODELS=five, METRIC="rm") == (
        "BLEUBERI-Tulu3-50k_rm_Qwen2.5-7B_5ref-gold-claude-deepseek-gemini-o4mini_hard_5000"
    )
    other = {"MODEL": "ckpts/run1/checkpoint-250/", "POOL": "/a/b/pool.jsonl.gz", "METRIC": "emb:a/b"}
    assert name_of("dataset_name", **other) == "pool_emb_a_b_run1_checkpoint-250_1ref-gold_hard_5000"
    assert name_of("run_name bleu") == "qwen7b_BLEU_1ref-gold_5k"
    assert name_of("run_name SFT") == "qwen7b_SFT_1ref-gold_5k"
    assert name_of(
        "run_name bleu-rm", MODEL="meta-llama/Llama-3.1-8B", SELECTION_MODE="random", NUM_EXAMPLES="1500"
    ) == ("llama8b_BLEU-RM_1ref-gold_1500_random")
    assert name_of("run_name bleu", MODEL="Qwen/Qwen2.5-7B-Instruct") != name_of("run_name bleu")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_valid_bash(script):
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("script", ["grpo.sh", "sft.sh"])
def test_scripts_have_the_methods_defaults_and_no_paths_of_one_machine(script):
    text = (ROOT / "training" / script).read_text()
    assert 'MODEL="${MODEL:-Qwen/Qwen2.5-7B}"' in text
    assert ("REWARD_FUNCS" in text) == (script == "grpo.sh")
    assert not re.search(r"(?m)^\s*(export )?[A-Z_]+=[\"']?/(home|root|Users|data|mnt|work)", text)
