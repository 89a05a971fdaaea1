"""Every GPU of the machine answers: one process each, the same responses as one process, whatever is killed."""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine, gpus
from bleuberi.generation.base import Sampling
from bleuberi.generation.gpu_workers import GpuMap
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Conversation, Message

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Square:
    """Squares numbers; notes which devices it sees; unit `fatal` kills its process if `notes` has no file `died`."""

    notes: str
    fatal: int | None = None
    always: bool = False

    def __call__(self):
        def call(unit):
            if unit == self.fatal:
                died = Path(self.notes, "died")
                if self.always or not died.exists():
                    died.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            if unit == "refuse":
                raise UserError("This unit is refused.", "Leave it out.")
            Path(self.notes, os.environ["CUDA_VISIBLE_DEVICES"].replace(",", "+")).touch()
            time.sleep(0.05)
            return unit * unit

        return call


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Workers import this module to unpickle `Square`."""
    root = str(HERE.parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, f"{root}/src", os.environ.get("PYTHONPATH", "")]))


def test_each_worker_sees_its_own_gpus(tmp_path):
    found = dict(GpuMap(["0", "2,3"])(Square(str(tmp_path)), range(40), calls_at_once=2))
    assert found == {number: number * number for number in range(40)}
    assert {path.name for path in tmp_path.iterdir()} == {"0", "2+3"}


def test_a_worker_that_dies_is_replaced_and_its_units_are_retried(tmp_path):
    found = list(GpuMap(["0", "1"])(Square(str(tmp_path), fatal=7), range(20)))
    assert sorted(found) == [(number, number * number) for number in range(20)]


def test_a_unit_that_kills_every_worker_ends_the_run(tmp_path):
    with pytest.raises(UserError, match=r"The process on GPU . ended 3 times \(exit code -9\) with the same rows"):
        list(GpuMap(["0", "1"])(Square(str(tmp_path), fatal=7, always=True), range(20)))


def test_what_a_worker_refuses_is_raised(tmp_path):
    with pytest.raises(UserError, match="This unit is refused"):
        list(GpuMap(["0"])(Square(str(tmp_path)), ["refuse"]))


def test_workers_end_with_the_process_that_asked(tmp_path):
    script = (
        "import sys\nfrom tests.unit.generation.test_gpus import Square\n"
        "from bleuberi.generation.gpu_workers import GpuMap\n"
        f"for _ in GpuMap(['0'])(Square({str(tmp_path)!r}), iter(int, 1)):\n    print('one', flush=True)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert asking.stdout.readline() == "one\n"
    children = Path(f"/proc/{asking.pid}/task/{asking.pid}/children").read_text().split()
    assert len(children) == 1
    asking.kill()
    asking.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{children[0]}").exists() and "Z" not in Path(f"/proc/{children[0]}/stat").read_text():
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_gpus_give_the_responses_of_one_process(tiny_model, tmp_path, monkeypatch, caplog):
    asked = [Conversation(f"r{n}", [Message(role="user", content=f"Say {n}.")]) for n in range(10)]
    options = EngineOptions(engine_args={"batch_rows": 2})
    sampling = Sampling(max_new_tokens=6)
    monkeypatch.setattr(gpus, "visible_gpus", list)
    alone = cached_engine(str(tiny_model), "transformers", tmp_path / "one", options).answer(asked, sampling)
    monkeypatch.setattr(gpus, "visible_gpus", lambda: ["0", "1"])
    with caplog.at_level(logging.INFO):
        both = cached_engine(str(tiny_model), "transformers", tmp_path / "two", options).answer(asked, sampling)
    assert both == alone
    assert "2 engines of 1 GPU each answer" in caplog.text


@pytest.mark.parametrize(
    ("weights", "args", "groups"),
    [
        (10, {}, ["0", "1", "2", "3"]),  # in units of a tenth of a GPU's memory
        (1, {"tensor_parallel_size": 2}, ["0,1", "2,3"]),
        (1, {"tensor_parallel_size": 3}, None),  # one engine, and one GPU that is left over
        (12, {}, ["0,1", "2,3"]),
        (25, {}, None),  # all four for one engine
    ],
)
def test_a_model_gets_as_many_gpus_as_it_needs(monkeypatch, weights, args, groups):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(gpus, "visible_gpus", lambda: list("0123"))
    monkeypatch.setattr(gpus, "_weight_bytes", lambda model: weights * 7)
    monkeypatch.setattr(gpus, "_gpu_bytes", lambda: 100.0)
    options = EngineOptions(engine_args=args)
    own, engine = gpus.engine_on_gpus(ModelIdentity("m", "r", ""), "vllm", options)
    assert (None if engine is None else list(engine.map_units.groups)) == groups
    if not args and weights > 10:
        assert own.engine_args["tensor_parallel_size"] == (2 if weights == 12 else 4)


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(gpus, "visible_gpus", lambda: ["0"])
    options = EngineOptions(engine_args={"tensor_parallel_size": 2})
    with pytest.raises(UserError, match="One engine needs 2 GPUs, and 1 are visible"):
        gpus.engine_on_gpus(ModelIdentity("m", "r", ""), "vllm", options)


def test_one_of_several_launched_processes_keeps_to_its_own_gpu(monkeypatch):
    monkeypatch.setattr(gpus, "visible_gpus", lambda: ["0", "1"])
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert gpus.engine_on_gpus(ModelIdentity("m", "r", ""), "vllm", EngineOptions())[1] is None


def test_visible_gpus_are_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8a2f")
    assert gpus.visible_gpus() == ["3", "GPU-8a2f"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.visible_gpus() == []
