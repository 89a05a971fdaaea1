"""The recipes and exports through the other trainers' own code, from their wheels, as far as it runs without a GPU."""

import argparse
import ast
import json
import os
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

from bleuberi.cli.data_export import main as export
from bleuberi.data.export.recipes import command, reward_file
from tests.conftest import CHAT_TEMPLATE, ROOT, make_tokenizer
from tests.contracts.test_other_trainers import commands
from tests.documents.pages import blocks
from tests.trainers.extract import VERSIONS, UnreachableError, Wheel, download

ROWS = [
    {"id": "a", "prompt": "Where is the cat?", "ref_output_gold": "The cat is on the mat."},
    {"id": "b", "prompt": "Where is the dog?", "ref_output_gold": "The dog sleeps in the hall."},
]
WORSE = [{"id": row["id"], "response": "Who knows?"} for row in ROWS]
SMALL = (  # what verl's settings, data set and reward manager import; torch, datasets and ray are there
    f"verl=={VERSIONS['verl']}", "hydra-core==1.3.8", "omegaconf==2.4.0", "antlr4-python3-runtime==4.9.3",
    "tensordict==0.10.0", "codetiming==1.4.0", "orjson==3.13.0", "pyvers==0.2.3", "cachetools==8.0.2",
    "torchdata==0.11.0", "aiohttp==3.14.5", "multidict==7.2.1", "yarl==1.25.1", "frozenlist==1.8.0",
    "aiosignal==1.4.0", "propcache==0.5.4", "aiohappyeyeballs==2.7.1", "pillow==13.0.0",
)  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A folder with a pool and responses."""
    for name, rows in (("pool.jsonl", ROWS), ("run.jsonl", WORSE)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.mark.slow
def test_trls_command_line_reads_the_recipes_config_and_the_export(files, monkeypatch):
    trl = pytest.importorskip("trl", reason="trl is not installed")
    scripts = pytest.importorskip("trl.scripts.grpo")
    monkeypatch.chdir(files)
    monkeypatch.setenv("HF_HOME", str(files / "cache"))
    export(["pool.jsonl", "--to", "trl", "--output", "trl.jsonl"])
    (config,) = [text for _, language, text in blocks("docs/other_trainers.md") if language == "yaml"]
    (files / "grpo.yaml").write_text(config)
    kinds = (scripts.GRPOScriptArguments, trl.GRPOConfig, trl.ModelConfig, trl.DatasetMixtureConfig)
    script, training, model, mixture = trl.TrlParser(kinds).parse_args_and_config(
        ["--config", "grpo.yaml", "--bf16", "false", "--use_cpu", "true"]  # without a GPU
    )
    assert script.reward_funcs == ["bleuberi.trl.bleu"]
    assert (training.output_dir, model.model_name_or_path) == ("out", "Qwen/Qwen2.5-0.5B-Instruct")
    rows = trl.get_dataset(mixture)["train"]
    assert rows["prompt"][0] == [{"role": "user", "content": ROWS[0]["prompt"]}]
    assert rows["references"][1] == [ROWS[1]["ref_output_gold"]]


def wheel_of(package, folder):
    try:
        return Wheel(download(package, folder))
    except UnreachableError as error:
        pytest.skip(str(error))


def openrlhf_settings(wheel, program, words, monkeypatch):
    """The settings that an OpenRLHF program reads from its words and checks: its main block without `train()`."""
    config = ModuleType("openrlhf.utils.config")
    exec(wheel.text("openrlhf/utils/config.py"), vars(config))
    monkeypatch.setitem(sys.modules, "openrlhf.utils.config", config)
    (block,) = [node for node in wheel.tree(f"openrlhf/cli/{program}.py").body if isinstance(node, ast.If)]
    assert ast.unparse(block.body[-1]) == "train(args)"
    monkeypatch.setattr(sys, "argv", [program, *words])
    names = {"argparse": argparse, "os": os, "sys": sys, "datetime": datetime}
    exec(compile(ast.Module(block.body[:-1], []), program, "exec"), names)
    return names["args"]


@pytest.mark.slow
def test_openrlhf_starts_with_the_recipe_on_one_gpu(tmp_path, monkeypatch):
    wheel = wheel_of("openrlhf", tmp_path)
    for words in (
        *commands("python -m openrlhf.cli.train_ppo_ray"),
        shlex.split(command("openrlhf", Path("x.jsonl")))[3:],
    ):
        found = openrlhf_settings(wheel, "train_ppo_ray", words, monkeypatch)
        assert found.reward.remote_url == ["reward.py"]
        assert found.critic.model_name_or_path is None
        gpus = {found.actor.num_gpus_per_node, found.ref.num_gpus_per_node,
                found.vllm.num_engines * found.vllm.tensor_parallel_size}  # fmt: skip
        assert gpus == {1}  # `train()` asserts that they are equal, and waits for as many
        assert found.train.colocate_all
        assert found.vllm.enable_sleep
        assert found.train.batch_size <= found.rollout.batch_size * found.rollout.n_samples_per_prompt


@pytest.mark.slow
def test_openrlhf_trains_dpo_on_the_pairs(files, tmp_path, monkeypatch):
    wheel = wheel_of("openrlhf", tmp_path)
    (words,) = commands("deepspeed --module openrlhf.cli.train_dpo")
    found = openrlhf_settings(wheel, "train_dpo", words, monkeypatch)
    assert found.model.model_name_or_path == found.ref.model_name_or_path != ""
    assert found.data.apply_chat_template
    pairs = files / "pairs.jsonl"
    export([str(files / "pool.jsonl"), "--to", "dpo", "--outputs", str(files / "run.jsonl"), "--output", str(pairs)])
    tree = wheel.tree("openrlhf/datasets/reward_dataset.py")
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "preprocess_data"]
    names = {"exist_and_not_none": lambda row, key: row.get(key) is not None}
    exec(compile(ast.Module([function], []), "reward_dataset", "exec"), names)
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE)
    for row, line in zip(ROWS, pairs.read_text().splitlines(), strict=True):
        prompt, chosen, rejected, _ = names["preprocess_data"](
            json.loads(line), None, found.data.prompt_key, found.data.chosen_key, found.data.rejected_key,
            tokenizer.apply_chat_template, True,
        )  # fmt: skip
        assert row["prompt"] in prompt
        assert chosen.startswith(row["ref_output_gold"] + "<|im_end|>")
        assert rejected.startswith("Who knows?<|im_end|>")


@pytest.mark.ray
def test_verl_accepts_the_recipe_reads_the_export_and_scores_with_its_reward_file(files):
    """verl imports Ray, so this is part of make test-ray; its other packages are small and installed for the test."""
    pytest.importorskip("ray", reason="Ray is not installed")
    target = files / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), *SMALL]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip could not install verl: {done.stderr[-200:]}")
    for name in ("train", "test"):
        export([str(files / "pool.jsonl"), "--to", "verl", "--output", str(files / f"{name}.parquet")])
    (files / "reward.py").write_text(reward_file("verl"))
    make_tokenizer(["<|im_start|>", "<|im_end|>"], "<|im_end|>", CHAT_TEMPLATE).save_pretrained(files / "tokenizer")
    paths = os.pathsep.join([str(target), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HOME": str(files / "cache"), "CUDA_VISIBLE_DEVICES": ""}

    def run(words):
        given = [sys.executable, str(ROOT / "tests/trainers/verl_run.py"), *words]
        return subprocess.run(given, cwd=files, env=environment, capture_output=True, text=True, check=False)

    (shown,) = commands("python -m verl.trainer.main_ppo")
    for words in (shown, shlex.split(command("verl", Path("train.parquet")))[3:]):
        ran = run(words)
        assert ran.returncode == 0, ran.stderr[-3000:]
        found = json.loads(ran.stdout.splitlines()[-1])
        assert found["prompts"] == [[{"role": "user", "content": row["prompt"]}] for row in ROWS]
        assert found["scores"] == [pytest.approx(1.0)] * 2
        assert (found["gpus"], found["tensor_parallel"]) == (1, 1)
    refused = run([word for word in shown if "use_dynamic_bsz" not in word])
    assert "ppo_micro_batch_size_per_gpu" in refused.stderr  # verl's own check has run
