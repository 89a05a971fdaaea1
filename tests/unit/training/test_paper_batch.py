"""The paper's presets on several processes: the batch grows, and the flags that keep it are named."""

import types

import pytest

from bleuberi.training.settings.paper_batch import grown_batch
from bleuberi.training.settings.words import PRESETS, read_config_file


def told(name, processes, **changed):
    values = {**read_config_file(PRESETS / f"{name}.yaml"), **changed}
    return grown_batch(["--config", name], types.SimpleNamespace(**values), processes)


@pytest.mark.parametrize("name", ["grpo_paper", "sft_paper"])
@pytest.mark.parametrize("processes", [2, 4, 8, 16])
def test_the_batch_of_one_gpu_is_offered(name, processes):
    text, cure = told(name, processes)
    assert f"{processes} times the 32 of the preset on one GPU" in text
    words = cure.removeprefix("For the batch of one GPU: ").removesuffix(".").split()
    given = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    batch, passes = given["--per_device_train_batch_size"], given["--gradient_accumulation_steps"]
    assert batch * passes * processes == 32
    changed = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": passes}
    assert told(name, processes, **changed) is None


def test_eight_gpus_make_an_eighth_of_the_steps():
    text, _ = told("grpo_paper", 8)
    assert text == (
        "a step sees 256 sequences (8 x 4 passes x 8 processes), 8 times the 32 of the preset on one GPU, and an "
        "epoch has 0.125 of its steps"
    )


def test_a_number_that_does_not_divide_the_batch():
    assert told("grpo_paper", 3)[1] == "Take a number of processes that divides 32 to keep the batch."


def test_one_process_and_other_presets_are_not_told():
    assert told("grpo_paper", 1) is None
    assert told("grpo_vllm_8x80gb", 8) is None
    assert grown_batch(["--dataset_path", "d"], types.SimpleNamespace(), 8) is None
