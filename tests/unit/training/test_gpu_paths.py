"""GPU paths held to account without a GPU: the real libraries read every preset, launch file and keyword we pass."""

import ast
import importlib
import inspect
import json
import os
import subprocess

import pytest

from bleuberi.doctor.launch import read_launch, read_zero
from bleuberi.doctor.settings import read_as_if
from bleuberi.training.settings.read import PRESETS, read_settings
from tests.conftest import ROOT

pytest.importorskip("trl")

WORLDS = (1, 2, 8)
PRESET_NAMES = sorted(path.stem for path in PRESETS.glob("*.yaml"))
LAUNCH = PRESETS.parent / "launch"
LAUNCH_FILES = sorted([*LAUNCH.rglob("*.yaml"), *LAUNCH.rglob("*.yml")])
DEEPSPEED_FILES = sorted(LAUNCH.rglob("*.json"))


def words(preset, folder):
    return [
        "--config",
        preset,
        "--model_name_or_path",
        "some/model",
        "--dataset_path",
        "d",
        "--output_dir",
        str(folder),
    ]


@pytest.mark.parametrize("processes", WORLDS)
@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_trl_reads_every_preset_for_that_many_gpus(preset, processes, tmp_path):
    args = read_as_if(preset.partition("_")[0], words(preset, tmp_path), processes)[0].args
    if preset.startswith("grpo"):
        drawn = args.per_device_train_batch_size * args.steps_per_generation * processes
        assert args.generation_batch_size == drawn
        assert drawn % args.num_generations == 0


@pytest.fixture
def eight_processes(monkeypatch):
    """torch's own stand-in for eight connected processes, of which this is the first."""
    import torch.distributed as dist
    from accelerate.state import AcceleratorState
    from torch.testing._internal.distributed.fake_pg import FakeStore

    for name, value in {"WORLD_SIZE": "8", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    dist.init_process_group("fake", rank=0, world_size=8, store=FakeStore())
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    dist.destroy_process_group()
    AcceleratorState._reset_state(reset_partial_state=True)


def test_what_the_doctor_assumes_is_what_eight_processes_see(eight_processes, tmp_path):
    for preset in PRESET_NAMES:
        method = preset.partition("_")[0]
        if "use_vllm: true" in (PRESETS / f"{preset}.yaml").read_text():
            continue  # it cannot be read where there is no vLLM, but by the doctor
        on_cpu = [*words(preset, tmp_path), "--use_cpu", "true", "--bf16", "false"]
        seen, assumed = read_settings(method, on_cpu).args, read_as_if(method, on_cpu, 8)[0].args
        assert seen.world_size == 8
        assert getattr(seen, "generation_batch_size", 0) == getattr(assumed, "generation_batch_size", 0)


def job_script_file(folder):
    """The DeepSpeed config that the job scripts write."""
    script = f'ROOT="{ROOT}"; NUM_GPUS=0; PYTHON=true; source "$ROOT/training/job_settings.sh"; '
    script += f'write_deepspeed_config "{folder}/job"'
    subprocess.run(["bash", "-c", script], check=True)
    return next((folder / "job").glob("*.json"), folder / "job")


@pytest.mark.parametrize("processes", WORLDS)
@pytest.mark.parametrize("file", [*DEEPSPEED_FILES, None], ids=lambda file: file.name if file else "job script")
def test_deepspeed_reads_every_config(file, processes, tmp_path, monkeypatch):
    pytest.importorskip("deepspeed")
    from deepspeed.runtime import config as deepspeed_config

    # It asks its own layer over torch.distributed, which only its launcher starts.
    monkeypatch.setattr(deepspeed_config.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(deepspeed_config.dist, "get_world_size", lambda: processes)
    path = file or job_script_file(tmp_path)
    for preset in PRESET_NAMES:
        if preset.endswith("_cpu"):
            continue
        args = read_as_if(preset.partition("_")[0], words(preset, tmp_path), processes)[0].args
        zero, filled = read_zero(path, args, processes, hidden_size=1024)
        assert "auto" not in json.dumps(filled)
        read = deepspeed_config.DeepSpeedConfig(filled)
        assert read.zero_config.stage == zero.stage > 0
        assert read.train_batch_size == (
            args.per_device_train_batch_size * args.gradient_accumulation_steps * processes
        )
        if preset.startswith(("grpo_paper", "sft_paper")):
            assert read.bfloat16_config.enabled


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_accelerate_reads_every_launch_config(file):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    read = read_launch(file)
    assert read.processes >= 1
    assert read.fsdp == file.name.startswith("fsdp")
    assert read.deepspeed is None or read.deepspeed.is_file()
    asked = launch_command_parser().parse_args(["--config_file", str(file), "--module", "bleuberi.cli.main"])
    before = dict(os.environ)
    try:
        _validate_launch_command(asked)
    finally:
        os.environ.clear()
        os.environ.update(before)


def calls_of_libraries():
    """Each call in the package of a class or function imported from a GPU library: where, of what, its keywords."""
    found = []
    for path in sorted((ROOT / "src/bleuberi").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        origin = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in LIBRARIES:
                origin |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in origin:
                keywords = [keyword.arg for keyword in node.keywords if keyword.arg]
                found.append((path.name, *origin[node.func.id], keywords))
    return found


LIBRARIES = ("trl", "accelerate", "deepspeed", "peft", "vllm")


def test_every_keyword_is_in_the_installed_signature():
    checked = set()
    for file, module, name, keywords in calls_of_libraries():
        try:
            called = getattr(importlib.import_module(module), name)
        except ImportError:
            continue  # vLLM: make test-vllm and make test-gpu bind its keywords where it is installed
        parameters = inspect.signature(called).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            assert set(keywords) <= set(parameters), f"{file} passes {name} what it does not take"
        checked.add(name)
    assert {"GRPOTrainer", "SFTTrainer", "get_peft_config"} <= checked
