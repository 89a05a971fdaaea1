"""Help and the base import answer at once and load nothing heavy."""

import resource
import subprocess
import sys
import time

import pytest

from bleuberi.cli.main import COMMANDS
from tests.conftest import ROOT

CPU_SECONDS = 0.1
STANDARD_IMPORTS = "import argparse, dataclasses, inspect, json, logging, pathlib, subprocess, typing"
HEAVY = ("torch", "datasets", "trl", "transformers", "accelerate", "peft", "vllm", "pandas", "vl_convert", "scipy")
LIMIT_SECONDS = 0.5
# The bound is for a quiet machine; on a busy one, starting Python itself tells how much slower everything is.
RUNS = 3

HELP = {
    "bleuberi --help": ("bleuberi.cli.main", ["--help"]),
    "bleuberi data grpo --help": ("bleuberi.cli.main", ["data", "grpo", "--help"]),
    "bleuberi train grpo --help": ("bleuberi.cli.main", ["train", "grpo", "--help"]),
    "bleuberi train sft --help": ("bleuberi.cli.main", ["train", "sft", "--help"]),
    "bleuberi evaluate --help": ("bleuberi.cli.main", ["evaluate", "--help"]),
    "bleuberi report --help": ("bleuberi.cli.main", ["report", "--help"]),
    "bleuberi demo --help": ("bleuberi.cli.main", ["demo", "--help"]),
}
REPORT = """
import sys
try:
    {body}
finally:
    print("HEAVY:", *sorted({heavy!r} & sys.modules.keys()), file=sys.stderr)
"""


def best_seconds(words):
    """The shortest of some runs: what the command needs, not what the machine does besides."""
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def loaded(body, argv=(), heavy=HEAVY):
    code = REPORT.format(body=body, heavy=set(heavy))
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("HEAVY:"))
    return line.removeprefix("HEAVY:").split(), done.stdout


@pytest.fixture(scope="module")
def slowness():
    """How many times slower than usual Python starts just now, at least 1."""
    return max(1.0, best_seconds([sys.executable, "-c", "import argparse, json, logging"]) / 0.1)


@pytest.mark.parametrize("name", HELP)
def test_help_answers_at_once_and_loads_nothing_heavy(name, slowness):
    module, argv = HELP[name]
    heavy, told = loaded(f"from {module} import main; main()", argv)
    assert heavy == []
    assert "usage" in told
    assert best_seconds([sys.executable, "-m", module, *argv]) < LIMIT_SECONDS * slowness


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_no_command_loads_numpy(name):
    body = f"from bleuberi.cli.main import main; import sys; sys.argv[1:] = {[*name.split(), '--help']}; main()"
    heavy, told = loaded(body, heavy=(*HEAVY, "numpy"))
    assert heavy == []
    assert "usage" in told


def cpu_seconds(words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_help_takes_a_tenth_of_a_second_of_cpu_time(name):
    """The shortest of some runs, beside imports of Python's own of the same size: both meet the same processor and the
    same other work. A quiet machine of 2026 takes 0.05 s for these imports and 0.06 to 0.08 s for a help."""
    imports, helps = [], []
    for _ in range(6):
        imports.append(cpu_seconds([sys.executable, "-c", STANDARD_IMPORTS]))
        helps.append(cpu_seconds([sys.executable, "-m", "bleuberi", *name.split(), "--help"]))
    assert min(helps) <= CPU_SECONDS * max(1.0, min(imports) / 0.05)


@pytest.mark.parametrize("argv", [["--help"], ["grpo", "--help"], ["sft", "--help"]], ids=" ".join)
def test_the_front_door_does_too(argv, slowness):
    script = ROOT / "training/create_training_data.py"
    body = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    heavy, told = loaded(body, argv)
    assert heavy == []
    assert "usage: create_training_data.py" in told
    assert best_seconds([sys.executable, str(script), *argv]) < LIMIT_SECONDS * slowness


@pytest.mark.parametrize(
    "body",
    [
        "from bleuberi.rewards import Bleu; assert Bleu()(responses=['a b'], references=[['a b']]) == [1.0]",
        "from bleuberi.rewards import RougeL, load_reward; load_reward('bleu_rouge_f1')",
        "import bleuberi.data.pool, bleuberi.generation, bleuberi.artifacts",
        "import bleuberi.selection.create, bleuberi.training.grpo, bleuberi.training.settings.read",
    ],
)
def test_imports_load_nothing_heavy(body):
    assert loaded(body)[0] == []
