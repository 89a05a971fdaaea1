"""Commands that other commands print: they work as they are pasted, whatever a path contains."""

import shlex

import pytest

from bleuberi.cli import compare, data_generate, data_import
from bleuberi.cli.main import next_step
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.run import Outcome
from tests.conftest import ROOT


def printed_command(said):
    """The words of the printed command, as a shell reads them."""
    line = next(line for line in said.splitlines() if "Next" in line)
    return shlex.split("bleuberi " + line.partition("bleuberi ")[2])


@pytest.fixture
def spaced(tmp_path):
    folder = tmp_path / "my data (1)"
    folder.mkdir()
    return folder


def test_paths_with_spaces_are_quoted(spaced, capsys):
    pool, copy = spaced / "a pool.jsonl", spaced / "a copy.jsonl"
    assert data_generate.main(["--rows", "4", "--output", str(pool)]) == 0
    assert printed_command(capsys.readouterr().out) == ["bleuberi", "data", "check", str(pool)]
    assert data_import.main([str(pool), "--output", str(copy)]) == 0
    assert printed_command(capsys.readouterr().out) == ["bleuberi", "data", "check", str(copy)]
    (spaced / "prompts.jsonl").write_text('{"prompt": "Why?"}\n')
    assert data_import.main([str(spaced / "prompts.jsonl"), "--output", str(spaced / "none.jsonl")]) == 0
    assert str(spaced / "none.jsonl") in printed_command(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("checkpoints/a b/manifest.json", "trained={folder}/checkpoints/a b"),
        ("data/data_grpo/a b/manifest.json", "{folder}/data/data_grpo/a b"),
        ("a b.jsonl", "{folder}/a b.jsonl"),
    ],
)
def test_the_next_step_of_a_folder_is_quoted(spaced, path, word):
    (spaced / path).parent.mkdir(parents=True, exist_ok=True)
    (spaced / path).write_text("{}")
    assert word.format(folder=spaced) in printed_command(next_step(spaced))


def test_a_dry_run_of_a_finished_experiment_says_that_nothing_is_missing(capsys):
    outcome = Outcome(read_protocol(ROOT / "experiments/learn_facts/protocol.yaml"))
    compare._say_outcome(outcome)
    assert capsys.readouterr().out == "No run is missing. Run this command without --dry_run to evaluate them.\n"
    outcome.missing = ["grpo@1"]
    compare._say_outcome(outcome)
    assert capsys.readouterr().out == "Missing: grpo@1\n"
