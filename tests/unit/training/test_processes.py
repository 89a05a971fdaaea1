"""Processes meet before a run and part at its end."""

import types

import pytest

from bleuberi.cli import train
from bleuberi.errors import UserError
from bleuberi.training.processes import join_processes, part_processes
from bleuberi.training.settings import read as run_config


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
