"""Processes part at the end; a killed compile's lock is removed, and one that a living compile holds is not."""

import os
import subprocess
import sys
import time
import types

import pytest

from bleuberi.cli import train
from bleuberi.errors import UserError
from bleuberi.training.processes import clear_stale_locks, join_processes, part_processes
from bleuberi.training.settings import read as run_config


@pytest.fixture
def lock(tmp_path, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    folder = tmp_path / "py311_cpu/cpu_adam"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    return folder / "lock"


def age(lock, seconds):
    os.utime(lock, (time.time() - seconds,) * 2)


def test_an_old_lock_that_nobody_works_under_goes(lock, tmp_path, caplog):
    assert clear_stale_locks(tmp_path) == []  # it may have been taken a moment ago
    age(lock, 60)
    assert clear_stale_locks(tmp_path) == [lock]
    assert not lock.exists()
    assert "was left by a compile that was killed" in caplog.text


def test_a_living_compile_keeps_its_lock(lock, tmp_path):
    age(lock, 60)
    compiler = subprocess.Popen([sys.executable, "-c", "input()"], cwd=lock.parent, stdin=subprocess.PIPE)
    try:
        assert clear_stale_locks(tmp_path) == []
    finally:
        compiler.kill()
        compiler.communicate()
    assert clear_stale_locks(tmp_path) == [lock]


def test_where_another_machine_may_compile_age_alone_decides(lock, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    age(lock, 60)
    assert clear_stale_locks(tmp_path) == []
    age(lock, 3600)
    assert clear_stale_locks(tmp_path) == [lock]


def test_a_config_that_leaves_no_model_is_refused():
    config = types.SimpleNamespace(config={"zero_optimization": {"stage": 3}})
    with pytest.raises(UserError, match="no model folder could be written"):
        join_processes(types.SimpleNamespace(deepspeed="zero3.json", hf_deepspeed_config=config))


@pytest.fixture
def join(tmp_path):
    """Let this process meet itself, as under a launcher."""
    import torch.distributed as dist

    def meet():
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/met", world_size=1, rank=0)

    yield meet
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.mark.parametrize("error", [None, UserError("The rewards were gamed.", "Look at them.")])
def test_processes_part_when_a_run_ends(join, monkeypatch, capsys, error):
    import torch.distributed as dist

    def run(settings):
        join()
        if error:
            raise error
        return "the/folder"

    monkeypatch.setattr(run_config, "read_settings", lambda method, words: None)
    if error:
        with pytest.raises(UserError, match="gamed"):
            train._train("sft", [], run)
    else:
        assert train._train("sft", [], run) == 0
        assert capsys.readouterr().out == "the/folder\n"
    assert not dist.is_initialized()
    part_processes()  # nobody is there: nothing to do
