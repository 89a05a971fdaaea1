"""Checks before anything is made: a planned data set, room on the disk, a job's time limit."""

import shutil
import time

import pytest

from bleuberi.training.folder.checkpoints import mark_complete
from tests.unit.doctor.conftest import finding, grpo_rows

pytest.importorskip("trl")

SMALL = ["--max_prompt_tokens", "64", "--max_completion_length", "16", "--max_steps", "-1"]


def test_a_data_set_that_is_still_to_be_made_is_checked_by_its_rows(doctor, tmp_path):
    report = doctor("grpo_cpu", tmp_path / "missing", *SMALL, "--planned_rows", "64", expected=0)
    assert "64 rows are assumed" in finding(report, "data set")["text"]
    steps = report["numbers"]["steps"]
    assert steps == 2 * doctor("grpo_cpu", tmp_path / "missing", *SMALL, "--planned_rows", "32")["numbers"]["steps"]
    assert finding(report, "template")["verdict"] != "problem"
    too_few = doctor("grpo_cpu", tmp_path / "missing", *SMALL, "--planned_rows", "1")
    assert finding(too_few, "rows")["verdict"] == "problem"
    assert finding(doctor("grpo_cpu", tmp_path / "missing", *SMALL, expected=2), "data set")["verdict"] == "problem"


def test_texts_are_not_checked_for_planned_rows(doctor, save):
    """A job script starts whatever its texts are; `bleuberi doctor` reports that no reference fits."""
    data, short = save(grpo_rows(16, ["word " * 400])), [*SMALL, "--max_completion_length", "4"]
    assert finding(doctor("grpo_cpu", data, *short, expected=2), "references")["verdict"] == "problem"
    doctor("grpo_cpu", data, *short, "--planned_rows", "16", expected=0)


def test_checkpoints_have_to_fit_on_the_disk(doctor, save, monkeypatch):
    data = save(grpo_rows(64))
    words = [*SMALL, "--save_steps", "1", "--save_total_limit", "2", "--use_peft", "false"]
    before = doctor("grpo_cpu", data, *words)["numbers"]["disk_estimate"]
    fewer = doctor("grpo_cpu", data, *words, "--save_only_model", "true")["numbers"]["disk_estimate"]
    assert before["needed"] > fewer["needed"] > 0
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(1, 1, before["needed"] - 1))
    assert finding(doctor("grpo_cpu", data, *words, expected=2), "disk")["verdict"] == "problem"
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(1, 1, before["needed"]))
    assert finding(doctor("grpo_cpu", data, *words), "disk")["verdict"] == "ok"


@pytest.mark.parametrize(("seconds", "verdict"), [(10**7, "ok"), (-60, "warning")])
def test_a_run_longer_than_its_job_is_reported(doctor, save, monkeypatch, seconds, verdict):
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + seconds))
    assert finding(doctor("grpo_cpu", save(grpo_rows(64)), *SMALL), "time limit")["verdict"] == verdict
    monkeypatch.delenv("SLURM_JOB_END_TIME")
    report = doctor("grpo_cpu", save(grpo_rows(64), "again"), *SMALL)
    assert all(entry["topic"] != "time limit" for entry in report["findings"])


def test_an_interrupted_run_of_another_number_of_processes_is_found(doctor, save, tmp_path):
    checkpoint = tmp_path / "out/checkpoint-1"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")
    mark_complete(checkpoint, {"processes": 4})
    data = save(grpo_rows(64))
    found = finding(doctor("grpo_cpu", data, *SMALL, expected=2), "resume")
    assert "has a run of 4 processes; it cannot resume on 1" in found["text"]
    report = doctor("grpo_cpu", data, *SMALL, "--processes", "4")
    assert all(entry["topic"] != "resume" for entry in report["findings"])
