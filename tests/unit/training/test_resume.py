"""Settings under which a run can go on exactly: checkpoints between generations."""

import types

import pytest

from bleuberi.errors import UserError
from bleuberi.training.early_stop import ends_generation
from bleuberi.training.folder.resume import check_save_steps, saves_before_the_end


def settings(**changed):
    """2 prompts x 4 completions at once, trained on in 4 micro-batches: a generation is two training steps."""
    values = {"per_device_train_batch_size": 2, "steps_per_generation": 4, "gradient_accumulation_steps": 2}
    values |= {"num_generations": 4, "generation_batch_size": 8, "num_iterations": 1, "max_steps": -1}
    values |= {"num_train_epochs": 3, "save_strategy": "steps", "save_steps": 2}
    return types.SimpleNamespace(**{**values, **changed})


@pytest.mark.parametrize(
    ("changed", "better"),
    [
        ({}, None),
        ({"save_steps": 3}, 4),
        ({"save_steps": 3, "num_iterations": 2}, 4),
        ({"save_steps": 4, "num_iterations": 2}, None),
        ({"save_steps": 5, "max_steps": 5}, None),  # nothing goes on from the last step
        ({"save_steps": 3, "save_strategy": "epoch"}, None),
        ({"save_steps": 3, "save_strategy": "no"}, None),
        ({"save_steps": 3, "gradient_accumulation_steps": 4}, None),
        # 20 micro-batches an epoch are 6 steps of 3 and one of 2: step 8 lies in the second epoch's second step.
        ({"save_steps": 4, "gradient_accumulation_steps": 3, "max_steps": 8}, None),
        ({"save_steps": 4, "gradient_accumulation_steps": 3, "max_steps": 9}, 7),
    ],
)
def test_checkpoints_lie_between_generations(changed, better):
    if better is None:
        check_save_steps(settings(**changed), 10)
        return
    with pytest.raises(UserError) as caught:
        check_save_steps(settings(**changed), 10)
    assert "a killed run could not resume exactly" in caught.value.what
    assert caught.value.cure == f"Set --save_steps {better}."


@pytest.mark.parametrize(("share", "steps"), [(0.5, 4), (0.01, 2), (0.2, 2), (0.9, 6)])
def test_a_share_of_the_run_becomes_steps_that_end_a_generation(share, steps):
    args = settings(save_steps=share, max_steps=6)
    check_save_steps(args, 10)
    assert args.save_steps == steps


@pytest.mark.parametrize(
    ("changed", "steps", "saved"),
    [
        ({"save_steps": 250}, 250, 0),
        ({"save_steps": 250}, 156, 0),
        ({"save_steps": 250}, 251, 1),
        ({"save_steps": 0.1}, 156, 9),
        ({"save_strategy": "no"}, 156, 0),
        ({"save_strategy": "epoch", "num_train_epochs": 1}, 156, 0),
        ({"save_strategy": "epoch"}, 156, 2),
    ],
)
def test_checkpoints_before_the_end_are_counted(changed, steps, saved):
    assert saves_before_the_end(settings(**changed), steps) == saved


def test_a_generation_ends_with_its_epoch():
    """20 micro-batches are 6 steps of 3 and one of 2: in every epoch a generation of 4 ends with steps 4 and 7."""
    args = settings(gradient_accumulation_steps=3, steps_per_generation=4)
    assert [step for step in range(1, 15) if ends_generation(args, step, 7)] == [4, 7, 11, 14]
    assert ends_generation(types.SimpleNamespace(gradient_accumulation_steps=3), 5, 7), "SFT has no generations"
