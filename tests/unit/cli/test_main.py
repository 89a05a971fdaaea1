"""The command finds its commands, and everything it says goes where it belongs."""

import contextlib
import importlib
import os
import subprocess
import sys

import pytest

from bleuberi import __version__
from bleuberi.cli.create_training_data import grpo_parser
from bleuberi.cli.main import COMMANDS, find_command, main, usage
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from bleuberi.rewards.backend import describe
from tests.conftest import ROOT


def called(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["bleuberi", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(monkeypatch, capsys, words):
    assert called(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert said == usage() + "\n"
    assert all(name in said for name in COMMANDS)


def test_without_words_the_chain_and_the_next_step_are_shown(monkeypatch, capsys, tmp_path):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    steps = []
    for path in ("", "pool.jsonl", "data/data_grpo/mine/manifest.json", "checkpoints/first/manifest.json"):
        if path:
            (tmp_path / "work" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "work" / path).write_text("{}")
        assert called(monkeypatch) == 0
        said = capsys.readouterr().out
        assert said.startswith(usage())
        steps.append(said.splitlines()[-1])
    assert [step.partition("bleuberi ")[2].split()[0] for step in steps] == ["data", "data", "train", "evaluate"]
    assert steps[1] == "Next, for pool.jsonl: bleuberi data check pool.jsonl"
    assert "--dataset_path data/data_grpo/mine" in steps[2]
    assert "trained=checkpoints/first" in steps[3]


@pytest.mark.parametrize(
    "words", [["--version"], ["explain", "--response", "a", "--reference", "a b"], ["explian"], []]
)
def test_the_package_runs_as_the_command_does(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    code = called(monkeypatch, *words)
    said = capsys.readouterr()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src"}
    done = subprocess.run(
        [sys.executable, "-m", "bleuberi", *words], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, said.out, said.err)


def test_version(monkeypatch, capsys):
    assert called(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"bleuberi {__version__} (BLEU and ROUGE-L: {describe()})\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_help(name, capsys):
    module, _, function = COMMANDS[name].target.partition(":")
    command, rest = find_command([*name.split(), "--flag"])
    assert command is getattr(importlib.import_module(module), function)
    assert rest == ["--flag"]
    with contextlib.suppress(SystemExit):
        command(["--help"])
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize("family", ["data", "train", "benchmark", "cache"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_of_a_family_lists_its_commands(monkeypatch, capsys, family, flag):
    assert called(monkeypatch, family, flag) == 0
    usage, _, *lines = capsys.readouterr().out.splitlines()
    assert usage.startswith(f"usage: bleuberi {family} COMMAND")
    members = {name: entry.summary for name, entry in COMMANDS.items() if name.split()[0] == family}
    assert {" ".join(line.split()) for line in lines} == {f"{name} {summary}" for name, summary in members.items()}


@pytest.mark.parametrize(
    ("words", "nearest"),
    [(["trian", "grpo"], "train grpo"), (["evalute"], "evaluate"), (["train"], "train"), (["data", "dpo"], "data")],
)
def test_an_unknown_command_suggests_the_nearest(monkeypatch, capsys, words, nearest):
    assert called(monkeypatch, *words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert f"Did you mean: bleuberi {nearest}" in said[1]


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(lambda _: 1 // 0, [])


def test_expected_trouble_is_two_lines_and_an_interrupt_is_one(capsys):
    def fail(_):
        raise UserError("What\nhappened.", "What to do.")

    def stop(_):
        raise KeyboardInterrupt

    assert run(fail, []) == 2
    assert run(stop, []) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[:2] == ["Error: What happened.", "What to do."]
    assert "Rerun the same command to start again" in said.err.splitlines()[2]


def test_help_states_each_default_once_and_no_empty_ones():
    text = " ".join(grpo_parser("prog").format_help().split())
    assert "(default: 512)" in text
    assert "split, for data sets with splits (default: train) --ref_models" in text
    assert not [empty for empty in ("None", "False", "{}", "[]") if f"default: {empty}" in text]
