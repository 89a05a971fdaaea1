"""The launch configs are read by accelerate's and DeepSpeed's own classes, and the job scripts hand them over."""

import json
import os
import re
import subprocess
import sys

import pytest

from bleuberi.training.settings.words import LAUNCH
from tests.conftest import ROOT

pytest.importorskip("accelerate")

MACHINES = sorted(LAUNCH.glob("*.yaml"))
SPLITS = sorted(LAUNCH.glob("*.json"))
# Stands for Python: writes down how it was called, and says that two GPUs are there.
SPY = """#!{python}
import json, sys
if "-c" in sys.argv:
    print(2)
elif "create_training_data.py" not in " ".join(sys.argv):
    json.dump(sys.argv[1:], open({log!r}, "w"))
"""


def test_all_are_there_and_can_be_found_from_training():
    assert [path.name for path in MACHINES] == ["fsdp2.yaml", "one_node.yaml", "two_nodes.yaml"]
    assert [path.name for path in SPLITS] == ["zero2.json", "zero3.json", "zero3_offload.json"]
    assert (ROOT / "training/launch").resolve() == LAUNCH.resolve()


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_accelerate_reads_it(path):
    from accelerate.commands.config.config_args import ClusterConfig

    config = ClusterConfig.from_yaml_file(str(path))  # refuses unknown keys and values
    assert config.mixed_precision == "no", "the run's own fields decide"
    assert str(config.distributed_type.value) == ("FSDP" if path.stem == "fsdp2" else "MULTI_GPU")
    assert config.num_machines == (2 if path.stem == "two_nodes" else 1)
    assert config.num_processes == 8 * config.num_machines


def launch_environment(*words):
    """What accelerate would start, and with which environment; it starts nothing."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    parsed = launch_command_parser().parse_args([*words, "--module", "bleuberi.cli.main", "train", "grpo"])
    checked, _, _ = _validate_launch_command(parsed)
    return checked, prepare_multi_gpu_env(checked)


def test_accelerate_launches_fsdp_2():
    _, environment = launch_environment("--config_file", str(LAUNCH / "fsdp2.yaml"), "--num_processes", "2")
    assert environment["ACCELERATE_USE_FSDP"] == "true"
    assert environment["FSDP_VERSION"] == "2"
    assert environment["FSDP_RESHARD_AFTER_FORWARD"] == "true"


def test_accelerate_launches_two_nodes():
    words = ["--config_file", str(LAUNCH / "two_nodes.yaml"), "--machine_rank", "1", "--main_process_ip", "10.0.0.1"]
    checked, _ = launch_environment(*words)
    assert (checked.nnodes, checked.nproc_per_node, checked.node_rank) == ("2", "8", 1)
    assert (checked.rdzv_backend, checked.rdzv_endpoint) == ("static", "10.0.0.1:29500")


@pytest.mark.parametrize("path", SPLITS, ids=lambda path: path.stem)
def test_deepspeed_reads_it_as_the_trainer_fills_it(path, tmp_path):
    pytest.importorskip("deepspeed")
    from deepspeed.runtime.config import DeepSpeedConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig
    from trl import GRPOConfig

    args = GRPOConfig(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, per_device_train_batch_size=8,
        gradient_accumulation_steps=4, max_grad_norm=0.2,
    )  # fmt: skip
    filled = HfTrainerDeepSpeedConfig(str(path))
    filled.trainer_config_process(args)
    for key in ("reduce_bucket_size", "stage3_prefetch_bucket_size", "stage3_param_persistence_threshold"):
        filled.fill_only(f"zero_optimization.{key}", 1024)  # by the model's hidden size, once it is there
    config = DeepSpeedConfig(filled.config)
    zero = config.zero_config
    assert int(zero.stage) == (2 if path.stem == "zero2" else 3)
    assert (zero.offload_optimizer is not None) == (zero.offload_param is not None) == (path.stem == "zero3_offload")
    assert config.gradient_clipping == 0.2
    assert (config.train_micro_batch_size_per_gpu, config.gradient_accumulation_steps) == (8, 4)
    assert zero.gather_16bit_weights_on_model_save == (path.stem != "zero2")


def job(tmp_path, script="grpo.sh", **settings):
    """Run a job script with a Python that only writes down what it is asked; gives the launch's words."""
    spy, log = tmp_path / "python", tmp_path / "asked.json"
    spy.write_text(SPY.format(python=sys.executable, log=str(log)))
    spy.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHON": str(spy),
        "CKPT_DIR": str(tmp_path / "models"),
        "RUN_NAME": "run",
        **settings,
    }
    done = subprocess.run(
        ["bash", str(ROOT / "training" / script), "--max_steps", "3"], env=environment, capture_output=True, text=True
    )
    return done, json.loads(log.read_text()) if log.exists() else []


def after(words, flag):
    return words[words.index(flag) + 1]


def test_words_are_words_and_not_patterns_of_files(tmp_path):
    done, words = job(tmp_path, REWARD_FUNCS="* bleu", REF_MODELS="*")
    assert done.returncode == 0, done.stderr
    place = words.index("--reward_funcs")
    assert words[place + 1 : place + 3] == ["*", "bleu"]


@pytest.mark.parametrize("script", ["grpo.sh", "sft.sh"])
@pytest.mark.parametrize("name", ["../../x", "a/b", "..", ".hidden", "/tmp/x"])
def test_a_run_is_a_folder_in_ckpt_dir(script, name, tmp_path):
    done, words = job(tmp_path, script, RUN_NAME=name)
    assert (done.returncode, words) == (2, [])
    assert f"Error: RUN_NAME is '{name}', which is not a simple folder name." in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("script", ["grpo.sh", "sft.sh"])
def test_the_scripts_launch_zero_3_with_offload_by_default(script, tmp_path):
    done, words = job(tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert words[:2] == ["-m", "accelerate.commands.launch"]
    assert after(words, "--config_file").endswith("launch/one_node.yaml")
    assert after(words, "--num_processes") == "2"
    assert after(words, "--deepspeed") == str(tmp_path / "models/run/deepspeed_zero3_offload.json")
    assert json.loads((tmp_path / "models/run/deepspeed_zero3_offload.json").read_text()) == json.loads(
        (LAUNCH / "zero3_offload.json").read_text()
    )
    assert after(words, "--config").endswith(f"configs/{script.removesuffix('.sh')}_paper.yaml")
    assert after(words, "--max_steps") == "3"


def test_the_scripts_launch_what_is_asked(tmp_path):
    _, words = job(tmp_path, LAUNCH="zero2")
    assert after(words, "--deepspeed").endswith("run/deepspeed_zero2.json")
    for kind, machines in (("fsdp2", "fsdp2.yaml"), ("plain", "one_node.yaml")):
        _, words = job(tmp_path, LAUNCH=kind)
        assert after(words, "--config_file").endswith(machines)
        assert "--deepspeed" not in words
    _, words = job(tmp_path, LAUNCH="zero3", NODES="2", NODE_RANK="1", MAIN_ADDRESS="10.0.0.1")
    assert after(words, "--config_file").endswith("two_nodes.yaml")
    assert (after(words, "--num_processes"), after(words, "--machine_rank")) == ("4", "1")
    assert after(words, "--main_process_ip") == "10.0.0.1"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LAUNCH": "zero4"}, "LAUNCH is 'zero4', which is not one of"),
        ({"NODES": "2"}, "NODE_RANK"),
        ({"NODES": "2", "NODE_RANK": "2", "MAIN_ADDRESS": "10.0.0.1"}, "NODE_RANK is 2, but the 2 nodes"),
        ({"NODES": "two"}, "NODES is 'two', which is not a whole number from 1"),
        ({"NODES": "08"}, "NODES is '08', which is not"),
        ({"NUM_EXAMPLES": "5k"}, "NUM_EXAMPLES is '5k', which is not"),
        ({"NUM_EXAMPLES": "0"}, "NUM_EXAMPLES is '0', which is not"),
        ({"NUM_GPUS": "-1"}, "NUM_GPUS is '-1', which is not a whole number from 0"),
    ],
)
def test_the_scripts_refuse_what_they_do_not_know(settings, said, tmp_path):
    done, words = job(tmp_path, **settings)
    assert (done.returncode, words) == (2, [])
    assert len(done.stderr.splitlines()) == 2
    assert said in done.stderr.splitlines()[0]


def test_every_launch_and_preset_is_told_in_the_readme():
    text = (ROOT / "training/README.md").read_text()
    named = set(re.findall(r"\b(?:grpo|sft|dpo)_\w+(?=`)", text)) | set(re.findall(r"launch/(\w+)\.yaml", text))
    assert {path.stem for path in (ROOT / "training/configs").glob("*.yaml")} <= named
    assert {path.stem for path in MACHINES} <= named
    assert all(f"| `{path.stem}` |" in text for path in SPLITS)
