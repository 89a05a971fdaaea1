"""What a run cost, counted by hand from logs."""

import dataclasses

import pytest

from bleuberi.comparison.costs import DEFAULTS, Cost, Passes, answering_cost, dpo_cost, grpo_cost, sft_cost
from bleuberi.comparison.process import Seconds
from bleuberi.records import from_json


def log(lengths, total):
    """A GRPO log: the mean length of each step's completions, and all tokens of prompts and completions at its end."""
    steps = [{"step": n, "completions/mean_length": length} for n, length in enumerate(lengths, 1)]
    steps[-1]["num_tokens"] = float(total)
    return [*steps, {"step": len(steps), "train_runtime": 3.0}]


def test_grpo_with_one_generation_per_step():
    cost = grpo_cost(log([10.0, 12.5], 2 * 4 * 30 + 90), [], {"per_device_train_batch_size": 4}, 2)
    assert cost.generated == Passes(8, 90)  # 4 x 10 + 4 x 12.5
    assert cost.forward == Passes(8, 330)  # each prompt read, each token written, once
    assert cost.backward == Passes(8, 330)


def test_a_reference_policy_costs_a_pass_and_samples_of_the_monitor_count():
    samples = [{"tokens": 3}, {"tokens": 5}]
    cost = grpo_cost(log([10.0], 100), samples, {"per_device_train_batch_size": 4, "beta": 0.1}, 1)
    assert cost.generated == Passes(4 + 2, 40 + 8)
    assert cost.forward == Passes(2 * 4 + 2, 2 * 100 + 8)
    assert cost.backward == Passes(4, 100)


@pytest.mark.parametrize(
    ("config", "steps", "generated", "forward", "backward"),
    [
        # four micro-batches from one generation of 16, one step: log-probabilities are those of the policy itself
        ({"gradient_accumulation_steps": 4}, 1, 16, 16, 16),
        # the same generation serves two steps, so the second one's policy is not that which wrote it
        ({"steps_per_generation": 2}, 2, 8, 16, 8),
        ({"num_iterations": 3}, 3, 4, 8, 12),
        # the last generation is used for one step of its two
        ({"steps_per_generation": 2}, 3, 16, 32, 12),
    ],
)
def test_generations_that_serve_several_passes(config, steps, generated, forward, backward):
    total = 10 * generated
    cost = grpo_cost(log([4.0], total), [], {"per_device_train_batch_size": 4, **config}, steps)
    assert cost.generated == Passes(generated, 4 * generated)
    assert cost.forward == Passes(forward, 10 * forward)
    assert cost.backward == Passes(backward, 10 * backward)


@pytest.mark.parametrize(("steps", "sequences"), [(1, 4), (3, 10), (4, 14), (6, 20)])
def test_sft_counts_pairs_over_epochs_and_the_short_last_batch(steps, sequences):
    config = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    cost = sft_cost([{"num_tokens": 50.0}, {"num_tokens": 99.0}], config, steps, rows=10)
    assert cost == Cost(backward=Passes(sequences, 99))


def test_dpo_reads_two_responses_per_pair_in_policy_and_reference():
    config = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    cost = dpo_cost([{"num_tokens": 50.0}, {"num_tokens": 99.0}], config, 3, rows=10)
    assert cost == Cost(forward=Passes(20, 99), backward=Passes(20, 99))


def test_responses_are_written_once_and_their_prompts_read_once():
    cost = answering_cost([{"tokens": 3}, {"tokens": 8}], prompt_tokens=40)
    assert cost == Cost(generated=Passes(2, 11), forward=Passes(2, 51))


def test_costs_add_and_survive_json():
    cost = Cost(Passes(1, 2), Passes(3, 4), Passes(5, 6), Seconds(7.0, 8.0))
    assert from_json(Cost, (cost + cost).to_json(), "cost") == Cost(
        Passes(2, 4), Passes(6, 8), Passes(10, 12), Seconds(14.0, 16.0)
    )


def test_the_defaults_are_those_of_the_installed_trainer():
    trl = pytest.importorskip("trl")
    fields = {field.name: field.default for field in dataclasses.fields(trl.GRPOConfig)}
    assert {name: fields[name] for name in DEFAULTS} == DEFAULTS
