"""The choices that TRL keeps in its source alone are ours too, to the word; the sizes of groups and batches fit."""

import ast
import inspect
from importlib.util import find_spec
from pathlib import Path

import pytest

from bleuberi.errors import UserError
from bleuberi.training.settings.rules import DPO_CHOICES, GRPO_CHOICES, RANGES, check_batch, check_values, raise_first
from bleuberi.training.settings.words import flag_values, split_words


def compared_with(tree, name):
    """The texts that a source compares a variable or attribute of that name with, by == and `in`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and getattr(node.left, "attr", getattr(node.left, "id", None)) == name:
            found |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return found


@pytest.fixture(scope="module")
def trl_sources():
    """TRL's GRPO trainer and its vLLM part, parsed; neither is loaded."""
    folder = Path(find_spec("trl").origin).parent
    read = {
        name: ast.parse((folder / name).read_text())
        for name in ("trainer/grpo_trainer.py", "generation/vllm_generation.py")
    }
    return read["trainer/grpo_trainer.py"], read["generation/vllm_generation.py"]


@pytest.mark.parametrize("name", sorted(GRPO_CHOICES.keys() - {"vllm_model_impl"}))
def test_our_choices_are_those_that_the_trainer_compares_with(name, trl_sources):
    trainer, vllm = trl_sources
    told = compared_with(trainer, name) | (compared_with(vllm, "mode") if name == "vllm_mode" else set())
    assert told == set(GRPO_CHOICES[name])


def test_dpos_choices_are_those_that_its_trainer_compares_with():
    source = Path(find_spec("trl").origin).parent / "trainer/dpo_trainer.py"
    tree = ast.parse(source.read_text())
    for name, choices in DPO_CHOICES.items():
        assert compared_with(tree, name) == set(choices)


def test_the_choice_that_vllm_makes_is_named_in_trls_help():
    from trl import GRPOConfig

    text = GRPOConfig.__dataclass_fields__["vllm_model_impl"].metadata["help"]
    assert all(f"`{choice}`" in text for choice in GRPO_CHOICES["vllm_model_impl"])


def test_every_rule_is_about_a_field_that_exists():
    from trl import DPOConfig, GRPOConfig, ModelConfig, SFTConfig

    from bleuberi.training.settings.read import RunConfig

    kinds = (GRPOConfig, SFTConfig, DPOConfig, ModelConfig, RunConfig)
    fields = {name for kind in kinds for name in inspect.signature(kind).parameters}
    assert RANGES.keys() | GRPO_CHOICES.keys() | DPO_CHOICES.keys() <= fields


def test_every_default_of_trl_is_allowed():
    from bleuberi.training.settings.drift import recorded_defaults

    for method in ("grpo", "sft", "dpo"):
        raise_first(check_values(method, recorded_defaults(method).fields))


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("learning_rate", (-1e-6, "-1e-6", float("nan"), float("inf"), 1e999), (0, 1e-6, "1e-6")),
        ("temperature", (0, -1.0, "0"), (0.1, 1, 2.0)),
        ("top_p", (0, 1.01, -0.5), (1.0, 0.5, "0.9")),
        ("top_k", (-1,), (0, 50)),
        ("min_p", (-0.1, 1.5), (0, 0.1, 1, None)),
        ("num_generations", (1, 0, -2, "1"), (2, 16)),
        ("max_steps", (0, -2, -0.5), (-1, "-1", 1)),
        ("lora_dropout", (1, -0.1), (0, 0.5)),
        ("beta", (-0.04,), (0, 0.04)),
        ("seed", (-1, 2**32), (0, 42)),
    ],
)
def test_ranges(name, bad, good):
    for value in bad:
        with pytest.raises(UserError, match="must be") as caught:
            raise_first(check_values("grpo", {name: value}))
        assert caught.value.what == f"{name} is {value}."
    for value in good:
        raise_first(check_values("grpo", {name: value}))


@pytest.mark.parametrize(
    ("method", "name", "value", "cure"),
    [
        ("grpo", "loss_type", "bnpoo", "Did you mean loss_type: bnpo?"),
        ("grpo", "scale_rewards", "grp", "Did you mean scale_rewards: group?"),
        ("grpo", "vllm_mode", "xyz", "Write one of them, e.g. vllm_mode: colocate."),
        ("dpo", "loss_type", ["sigmoid", "hinged"], "Did you mean loss_type: hinge?"),
        ("dpo", "f_divergence_type", "reverse", "Did you mean f_divergence_type: reverse_kl?"),
    ],
)
def test_choices(method, name, value, cure):
    with pytest.raises(UserError, match="which is not one of") as caught:
        raise_first(check_values(method, {name: value}))
    assert caught.value.cure == cure
    raise_first(check_values("sft", {"loss_type": "dft"}))
    raise_first(check_values("grpo", {"scale_rewards": False}))


SIZES = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4, "num_generations": 8}


@pytest.mark.parametrize(
    ("changes", "processes", "fits"),
    [
        ({}, 1, True),
        ({}, 7, True),
        ({"num_generations": 16}, 1, True),
        ({"num_generations": 64}, 2, True),  # 64 completions together: each process draws half a group
        ({"num_generations": 64}, 1, False),
        ({"num_generations": 3}, 1, False),
        ({"num_generations": 3}, 3, True),
        ({"steps_per_generation": 1, "num_generations": 16}, 2, True),
        ({"steps_per_generation": 1, "num_generations": 16}, 3, False),
        ({"steps_per_generation": 2, "num_generations": 16}, 1, True),
        ({"generation_batch_size": 64, "num_generations": 16}, 4, True),
        ({"generation_batch_size": 64, "num_generations": 16}, 8, True),
        ({"generation_batch_size": 60}, 1, False),
        ({"steps_per_generation": 2, "generation_batch_size": 64}, 1, False),
        ({"num_generations": "3"}, 1, False),
        ({"num_generations": "many"}, 1, True),  # told by its type
    ],
)
def test_the_processes_together_draw_whole_groups(changes, processes, fits):
    values = {**SIZES, **changes}
    if fits:
        raise_first(check_batch(values, processes))
        return
    with pytest.raises(UserError) as caught:
        raise_first(check_batch(values, processes))
    assert str(caught.value).count("\n") == 1


def test_what_our_check_lets_through_trl_takes_too(tmp_path):
    """Every size that passes passes TRL's own check, on one process."""
    from trl import GRPOConfig

    for batch, accumulated, group in ((8, 4, 8), (2, 2, 4), (1, 8, 2), (3, 2, 6)):
        sizes = dict(zip(SIZES, (batch, accumulated, group), strict=True))
        raise_first(check_batch(sizes, 1))
        GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **sizes)


def test_words_as_values(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    words = split_words(["--config=~/run.yaml", "--model_name_or_path", "~/m", "--dataset-path=~/d", "--use_peft",
                         "--reward_funcs", "bleu", "rouge", "--no_shuffle_dataset", "--learning_rate=1e-6",
                         "--warmup_steps", "-1", "--deepspeed", "zero3", "--run_name", "~/kept"])  # fmt: skip
    assert words[:6] == [
        "--config",
        f"{tmp_path}/run.yaml",
        "--model_name_or_path",
        f"{tmp_path}/m",
        "--dataset-path",
        f"{tmp_path}/d",
    ]
    assert flag_values(words) == {
        "model_name_or_path": f"{tmp_path}/m",
        "dataset_path": f"{tmp_path}/d",
        "use_peft": True,
        "reward_funcs": ["bleu", "rouge"],
        "no_shuffle_dataset": True,
        "shuffle_dataset": False,
        "learning_rate": "1e-6",
        "warmup_steps": "-1",
        "deepspeed": words[words.index("--deepspeed") + 1],
        "run_name": "~/kept",
    }
