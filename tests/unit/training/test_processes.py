"""A lock that a killed compile left is removed; one that a living compile holds is not."""

import os
import subprocess
import sys
import time
import types

import pytest

from bleuberi.errors import UserError
from bleuberi.training.processes import clear_stale_locks, join_processes


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
