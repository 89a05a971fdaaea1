"""A whole run under the monitor: it stops on request and goes on as asked, and its samples disturb nothing."""

import json

import pytest

from bleuberi.errors import UserError
from bleuberi.training.grpo import train_grpo
from bleuberi.training.settings.read import read_settings
from tests.end_to_end.gate_run import Noise

datasets = pytest.importorskip("datasets")
pytest.importorskip("trl")


@pytest.fixture
def start(tiny_model, tmp_path):
    """Train on eight prompts whose rewards are known noise; gives the run's folder."""
    rows = [
        {
            "id": f"r{number}",
            "messages": [{"role": "user", "content": f"Say {number}."}, {"role": "assistant", "content": "1"}],
            "prompt": f"Say {number}.",
            "references": ["1"],
        }
        for number in range(8)
    ]
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(str(tmp_path / "data"))

    def run(name, **settings):
        flags = {
            "dataset_path": tmp_path / "data",
            "model_name_or_path": tiny_model,
            "output_dir": tmp_path / name,
            "reward_funcs": "tests.end_to_end.gate_run:Noise",
            "max_steps": 4,
            "num_generations": 2,
            "per_device_train_batch_size": 4,
            "max_completion_length": 8,
            "learning_rate": 1e-2,
            "use_peft": "false",
            "sample_prompts": 2,
            **settings,
        }
        words = [part for field, value in flags.items() for part in (f"--{field}", str(value))]
        return train_grpo(read_settings("grpo", ["--config", "grpo_cpu", *words]))

    return run


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def curve(folder):
    varying = {"step_time", "train_runtime", "train_samples_per_second", "train_steps_per_second"}
    return [
        {name: value for name, value in entry.items() if name not in varying}
        for entry in lines(folder / "metrics.jsonl")
    ]


def test_samples_of_the_same_prompts_change_nothing_in_the_training(start):
    with_samples, without = start("with", sample_every=1), start("without", sample_every=0)
    assert curve(with_samples) == curve(without)
    assert (with_samples / "model.safetensors").read_bytes() == (without / "model.safetensors").read_bytes()
    assert not (without / "completions.jsonl").exists()
    samples = lines(with_samples / "completions.jsonl")
    assert [entry["step"] for entry in samples] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert {entry["example_id"] for entry in samples[::2]} == {"r0"}
    assert {entry["example_id"] for entry in samples[1::2]} == {"r4"}
    assert all(0.3 <= entry["scores"]["noise"] <= 1.3 for entry in samples)
    assert len({entry["completion"] for entry in samples[::2]}) > 1, "the policy changed, its samples did not"


def test_a_warning_stops_the_run_on_request_and_the_same_command_goes_on(start, tmp_path):
    limits = {"warn_clipped_share": 1, "warn_low_signal": 0.9, "low_signal_spread": 10, "monitor_window": 2}
    with pytest.raises(UserError) as caught:
        start("run", stop_on_warning="true", sample_every=1, **limits)
    folder = tmp_path / "run"
    assert caught.value.what.startswith("Stopped after step 2, with a checkpoint: hardly any group has rewards")
    assert "to continue anyway, add --stop_on_warning false." in caught.value.cure
    assert (folder / "checkpoint-2/trainer_state.json").is_file()
    assert not (folder / "manifest.json").exists()
    assert [entry.get("warnings", []) != [] for entry in lines(folder / "metrics.jsonl")[:2]] == [False, True]
    with pytest.raises(UserError, match=r"^Stopped after step 2, with a checkpoint: hardly any group"):
        start("run", stop_on_warning="true", sample_every=1, **limits)  # as a job that is queued again does
    start("run", stop_on_warning="false", sample_every=1, **limits)
    undisturbed = start("other", sample_every=1, **limits)
    assert curve(folder)[:4] == curve(undisturbed)[:4]
    assert len(curve(folder)) == 5, "the stopped run's closing entry was left"
    assert (folder / "completions.jsonl").read_bytes() == (undisturbed / "completions.jsonl").read_bytes()


class Falling(Noise):
    """Noise's differences around a mean that falls by 0.1 per step."""

    def __init__(self):
        super().__init__("falling", 0.01)
        self.calls = 0

    def __call__(self, *, prompts, responses, references):
        self.calls += 1
        scores = super().__call__(prompts=prompts, responses=responses, references=references)
        return [1 - self.calls / 10 + score for score in scores]


def test_a_reward_that_falls_names_its_best_step_and_checkpoint(start, tmp_path):
    falling = "tests.end_to_end.test_monitored_run:Falling"
    settings = {"max_steps": 12, "save_steps": 4, "monitor_window": 2, "sample_every": 0, "reward_funcs": falling}
    with pytest.raises(UserError) as caught:
        start("run", stop_on_warning="true", **settings)
    step = max(entry["step"] for entry in lines(tmp_path / "run/metrics.jsonl"))
    assert step <= 8
    assert caught.value.what.startswith(f"Stopped after step {step}, with a checkpoint: the reward has fallen: its")
    assert caught.value.what.endswith("around step 2; the nearest checkpoint is checkpoint-4.")
    steps = lines(tmp_path / "run/metrics.jsonl")
    logged = [text for entry in steps for text in entry.get("warnings", [])]
    # Rewards hang on the sampled texts, which differ between processors; the best window is that of the first steps.
    best = sum(entry["reward"] for entry in steps[:2]) / 2
    assert [text.rpartition(" was ")[2] for text in logged] == [f"{best:.3g} around step 2"], "and name no checkpoint"


def test_a_learning_rate_of_zero_is_warned_of(start, tmp_path):
    folder = start("run", learning_rate=0, monitor_window=2, sample_every=0)
    logged = {entry["step"]: entry["warnings"] for entry in lines(folder / "metrics.jsonl") if "warnings" in entry}
    assert logged == {4: ["nothing is learned: learning_rate is 0"]}


class Equal(Noise):
    """One score for every completion."""

    def __init__(self):
        super().__init__("equal", 0.0)


EQUAL = {"reward_funcs": "tests.end_to_end.test_monitored_run:Equal"}
CUT = {"mask_truncated_completions": "true", "max_completion_length": 2}


@pytest.mark.parametrize(
    ("settings", "signs"),
    [
        ({**EQUAL, "use_peft": "true"}, "every completion is cut off, the rewards of every group are equal"),
        (CUT, "every completion is cut off"),
    ],
)
def test_a_run_without_a_gradient_stops_with_its_signs(start, tmp_path, settings, signs):
    text = f"nothing is learned: grad_norm is 0 ({signs})"
    with pytest.raises(UserError) as caught:
        start("run", stop_on_warning="true", monitor_window=2, sample_every=0, warn_low_signal=1, **settings)
    assert caught.value.what == f"Stopped after step 2, with a checkpoint: {text}."
    assert [entry.get("warnings") for entry in lines(tmp_path / "run/metrics.jsonl")[:2]] == [None, [text]]


def test_samples_are_drawn_as_the_training_draws(tiny_model):
    """Also where the trainer has no settings for transformers because vLLM generates."""
    import types

    from transformers import AutoTokenizer, GenerationConfig
    from trl import GRPOConfig, GRPOTrainer

    from bleuberi.training.watch.samples import sampling_settings

    args = GRPOConfig(output_dir="unused", use_cpu=True, bf16=False, temperature=0.7, top_k=5, report_to="none")
    rows = datasets.Dataset.from_list([{"prompt": "Say 1."}] * 8)
    trainer = GRPOTrainer(str(tiny_model), lambda completions, **_: [0.0] * len(completions), args, rows)
    bare = types.SimpleNamespace(
        args=args,
        processing_class=AutoTokenizer.from_pretrained(tiny_model),
        eos_token_ids=trainer.eos_token_ids,
    )
    assert GenerationConfig(**sampling_settings(bare), disable_compile=True) == trainer.generation_config
