"""A training folder: the same run again is found, another one is refused, and a killed one goes on as itself."""

import json
import shutil
import types

import pytest

from bleuberi.artifacts import make_manifest, write_json
from bleuberi.errors import UserError
from bleuberi.training.folder.checkpoints import mark_complete
from bleuberi.training.folder.run_folder import checkpoint_settings, finished_run, hold_folder, start_run
from bleuberi.training.view import read_run

pytest.importorskip("transformers")

DECIDED, PARENTS = {"beta": 0.04, "max_steps": 4}, {"data_sha256": "d"}
ARGS = types.SimpleNamespace(resume_from_checkpoint=None, process_index=0, world_size=1, save_only_model=False)


def start(folder, args=ARGS, decided=DECIDED, parents=PARENTS):
    args = types.SimpleNamespace(**{**vars(args), "output_dir": str(folder)})
    return start_run(folder, args, checkpoint_settings(args, decided, parents))


def metrics(folder):
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def killed(tmp_path):
    """A run that was killed in its fourth step, after a checkpoint at its second."""
    assert start(tmp_path) is None
    lines = [json.dumps({"step": step, "loss": 1.0}) for step in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 4, "lo')
    for step in (1, 2):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "trainer_state.json").write_text("{}")
        mark_complete(checkpoint, checkpoint_settings(ARGS, DECIDED, PARENTS))
    return tmp_path


def test_a_finished_run_is_found(tmp_path):
    assert not finished_run(tmp_path, DECIDED, PARENTS)
    write_json(tmp_path / "manifest.json", make_manifest("model", DECIDED, parents=PARENTS))
    assert finished_run(tmp_path, DECIDED, PARENTS)


@pytest.mark.parametrize(
    ("decided", "parents", "difference"),
    [
        ({**DECIDED, "beta": 0.1}, PARENTS, "beta: existing 0.04, requested 0.1"),
        ({**DECIDED, "top_k": 3}, PARENTS, "top_k: existing None, requested 3"),
        (DECIDED, {"data_sha256": "e"}, "data_sha256: existing d, requested e"),
    ],
)
def test_another_run_is_refused_with_the_difference(killed, tmp_path, decided, parents, difference):
    with pytest.raises(UserError) as caught:
        start(killed, ARGS, decided, parents)
    assert f"already exists with different settings ({difference})" in caught.value.what
    assert "--output_dir" in caught.value.cure
    write_json(tmp_path / "manifest.json", make_manifest("model", DECIDED, parents=PARENTS))
    with pytest.raises(UserError) as caught:
        finished_run(tmp_path, decided, parents)
    assert f"already exists with different settings ({difference})" in caught.value.what


def test_the_report_knows_an_unfinished_run_by_what_training_leaves(tmp_path):
    asked = {"reward_funcs": ["bleu"], "max_steps": 4, "num_generations": 8}
    assert start(tmp_path, decided=asked, parents={**PARENTS, "reward_signatures": ["bleu|v:1"]}) is None
    run = read_run(tmp_path, "killed")
    assert (run.method, run.config["max_steps"], run.signatures) == ("GRPO", 4, {"bleu": "bleu|v:1"})


def test_a_killed_run_goes_on_and_its_steps_are_not_told_twice(killed):
    assert start(killed) == str(killed / "checkpoint-2")
    assert metrics(killed) == [1, 2]


def test_without_a_checkpoint_all_begins_anew(killed):
    for step in (1, 2):
        shutil.rmtree(killed / f"checkpoint-{step}")
    assert start(killed, ARGS, {**DECIDED, "beta": 0.1}) is None
    assert metrics(killed) == []


def test_another_number_of_processes_is_refused(killed):
    with pytest.raises(UserError, match="processes: existing 1, requested 2"):
        start(killed, types.SimpleNamespace(**{**vars(ARGS), "world_size": 2}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda checkpoint: (checkpoint / "complete.json").unlink(),
        lambda checkpoint: (checkpoint / "complete.json").write_text('{"files'),
        lambda checkpoint: (checkpoint / "trainer_state.json").write_text("{"),
        lambda checkpoint: (checkpoint / "trainer_state.json").unlink(),
        lambda checkpoint: (checkpoint / "optimizer.pt").write_text("more"),
    ],
)
def test_an_incomplete_checkpoint_is_set_aside(killed, damage, caplog):
    damage(killed / "checkpoint-2")
    kept = sorted(path.name for path in (killed / "checkpoint-2").iterdir())
    assert start(killed) == str(killed / "checkpoint-1")
    assert metrics(killed) == [1]
    assert not (killed / "checkpoint-2").exists()
    assert sorted(path.name for path in (killed / "incomplete-checkpoint-2").iterdir()) == kept
    assert "checkpoint-2 is incomplete; it was renamed" in caplog.text


def test_only_the_first_process_moves_and_writes(killed):
    (killed / "checkpoint-2/complete.json").unlink()
    second = types.SimpleNamespace(**{**vars(ARGS), "process_index": 1})
    assert start(killed, second) == str(killed / "checkpoint-1")
    assert (killed / "checkpoint-2").exists()
    assert (killed / "metrics.jsonl").read_text().endswith('"lo')


def named(checkpoint, **changed):
    args = types.SimpleNamespace(**{**vars(ARGS), "resume_from_checkpoint": str(checkpoint)})
    return start(checkpoint.parent, args, {**DECIDED, **changed})


def test_a_named_checkpoint_is_taken_with_other_settings_but_not_for_another_model(killed):
    assert named(killed / "checkpoint-1", beta=0.1) == str(killed / "checkpoint-1")
    assert metrics(killed) == [1]
    with pytest.raises(
        UserError, match=r"checkpoint of another model \(model_name_or_path: existing None, requested n\)"
    ):
        named(killed / "checkpoint-1", model_name_or_path="n")
    with pytest.raises(UserError, match=r"another model \(model_revision: existing None, requested v1\)"):
        named(killed / "checkpoint-1", model_revision="v1")
    with pytest.raises(UserError, match=r"another model \(lora_r: existing None, requested 8\)"):
        named(killed / "checkpoint-1", lora_r=8)


def test_a_named_checkpoint_has_to_be_one(killed):
    with pytest.raises(UserError, match="checkpoint-9 is not a checkpoint"):
        named(killed / "checkpoint-9")
    (killed / "checkpoint-1/optimizer.pt").write_text("cut")
    with pytest.raises(UserError, match="checkpoint-1 is incomplete"):
        named(killed / "checkpoint-1")


def test_two_runs_do_not_train_into_one_folder(tmp_path):
    args = types.SimpleNamespace(output_dir=str(tmp_path), process_index=0)
    second_process = types.SimpleNamespace(output_dir=str(tmp_path), process_index=1)
    with hold_folder(args):
        with hold_folder(second_process):
            pass
        with pytest.raises(UserError, match="Another run is writing"), hold_folder(args):
            pass
        with pytest.raises(UserError, match="Another run is writing"):
            start(tmp_path)
    with hold_folder(args):
        pass
