"""A training folder: the same run again is found, another one is refused, and a killed one goes on as itself."""

import json
import types

import pytest

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.errors import UserError
from bleuberi.training.run_folder import finished_run, start_run

pytest.importorskip("transformers")

DECIDED, PARENTS = {"beta": 0.04, "max_steps": 4}, {"data_sha256": "d"}
ARGS = types.SimpleNamespace(resume_from_checkpoint=None, process_index=0)


def metrics(folder):
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def killed(tmp_path):
    """A run that was killed in its fourth step, after a checkpoint at its second."""
    assert start_run(tmp_path, ARGS, DECIDED, PARENTS) is None
    lines = [json.dumps({"step": step, "loss": 1.0}) for step in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 4, "lo')
    for step in (1, 2):
        (tmp_path / f"checkpoint-{step}").mkdir()
    return tmp_path


def test_a_finished_run_is_found(tmp_path):
    assert not finished_run(tmp_path, DECIDED, PARENTS)
    write_json(tmp_path / "manifest.json", make_manifest("model", DECIDED, parents=PARENTS))
    assert finished_run(tmp_path, DECIDED, PARENTS)


@pytest.mark.parametrize(
    ("decided", "parents", "difference"),
    [
        ({**DECIDED, "beta": 0.1}, PARENTS, "beta: 0.04 there, 0.1 asked"),
        ({**DECIDED, "top_k": 3}, PARENTS, "top_k: None there, 3 asked"),
        (DECIDED, {"data_sha256": "e"}, "data_sha256: d there, e asked"),
    ],
)
def test_another_run_is_refused_with_the_difference(killed, tmp_path, decided, parents, difference):
    with pytest.raises(UserError) as caught:
        start_run(killed, ARGS, decided, parents)
    assert f"holds a killed run with other settings ({difference})" in caught.value.what
    assert "--output_dir" in caught.value.cure
    write_json(tmp_path / "manifest.json", make_manifest("model", DECIDED, parents=PARENTS))
    with pytest.raises(UserError) as caught:
        finished_run(tmp_path, decided, parents)
    assert f"holds a finished run with other settings ({difference})" in caught.value.what


def test_a_killed_run_goes_on_and_its_steps_are_not_told_twice(killed):
    assert start_run(killed, ARGS, DECIDED, PARENTS) == str(killed / "checkpoint-2")
    assert metrics(killed) == [1, 2]


def test_without_a_checkpoint_all_begins_anew(killed):
    for step in (1, 2):
        (killed / f"checkpoint-{step}").rmdir()
    assert start_run(killed, ARGS, {**DECIDED, "beta": 0.1}, PARENTS) is None
    assert metrics(killed) == []


def test_a_named_checkpoint_is_taken_as_it_is(killed):
    named = types.SimpleNamespace(resume_from_checkpoint="elsewhere/checkpoint-9", process_index=0)
    assert start_run(killed, named, {**DECIDED, "beta": 0.1}, PARENTS) == "elsewhere/checkpoint-9"
