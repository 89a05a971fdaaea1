"""Sample completions of the same few prompts during training, without any effect on the training itself.

Samples are drawn as in training, with a separate seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bleuberi.generation.chat_format import prompt_ids
from bleuberi.rewards import Reward
from bleuberi.training.folder.log import append_entries, cut_entries
from bleuberi.training.watch.reward import last_user_text, score_rows

if TYPE_CHECKING:
    from transformers import TrainerCallback

COMPLETIONS: Final = "completions.jsonl"
SEED: Final = 20


def evenly_spaced(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Choose `count` rows, evenly spaced over a data set, which is often sorted by source or score."""
    count = min(count, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]


def cut_samples(folder: Path, last_step: int | None) -> None:
    """Delete the samples after the checkpoint that a run resumes from; all of them if it starts afresh."""
    cut_entries(folder / COMPLETIONS, lambda entry: last_step is not None and entry["step"] <= last_step)


@contextmanager
def own_random_numbers(device: Any) -> Iterator[None]:  # noqa: ANN401 - torch.device
    """In this context random numbers come from a fixed seed; afterwards the generator continues as if nothing had been
    drawn."""
    import torch

    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=devices, device_type="cuda" if not devices else device.type):
        torch.manual_seed(SEED)
        yield


def sample(trainer: Any, rows: Sequence[dict[str, Any]], rewards: Sequence[Reward]) -> list[dict[str, Any]]:  # noqa: ANN401
    """Sample one completion per row and score it. Every process has to call it, because weights may be split."""
    samples = []
    for row, (tokens, ended) in zip(rows, complete(trainer, rows, sampling_settings(trainer)), strict=True):
        samples.append(
            {
                "example_id": row["example_id"],
                "prompt": last_user_text(row["prompt"]),
                "completion": trainer.processing_class.decode(tokens, skip_special_tokens=True),
                "tokens": len(tokens),
                "ended": ended,
                "ids": tokens,
            }
        )
    for reward in rewards:
        texts, ids = [entry["completion"] for entry in samples], [entry["ids"] for entry in samples]
        for entry, score in zip(samples, score_rows(reward, rows, texts, ids), strict=True):
            entry.setdefault("scores", {})[reward.name] = score
    return [{name: value for name, value in entry.items() if name != "ids"} for entry in samples]


def complete(
    trainer: Any,  # noqa: ANN401 - trl.GRPOTrainer
    rows: Sequence[dict[str, Any]],  # N, as the trainer sees them
    drawing: dict[str, Any],  # for transformers' GenerationConfig
) -> list[tuple[list[int], bool]]:  # N
    """Generate one completion per row. Returns its tokens, end token included, and whether it has an end token.

    The training's random numbers are not used. Every process has to call it with equally many rows.
    """
    import torch
    from transformers import GenerationConfig
    from trl.models import unwrap_model_for_generation

    tokenizer, device = trainer.processing_class, trainer.accelerator.device
    ids = [prompt_ids(tokenizer, row["prompt"]) for row in rows]
    batch = tokenizer.pad({"input_ids": ids}, padding=True, padding_side="left", return_tensors="pt").to(device)
    with (
        unwrap_model_for_generation(
            trainer.model_wrapped,
            trainer.accelerator,
            gather_deepspeed3_params=trainer.args.ds3_gather_for_generation,
            generation_kwargs=drawing,
            gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
        ) as model,
        torch.no_grad(),
        own_random_numbers(device),
    ):
        was_training = model.training
        model.eval()
        made = model.generate(**batch, generation_config=GenerationConfig(**drawing, disable_compile=True))
        model.train(was_training)
    ends = set(trainer.eos_token_ids)
    found = []
    for tokens in made[:, batch["input_ids"].shape[1] :].tolist():
        length = next((place + 1 for place, token in enumerate(tokens) if token in ends), len(tokens))
        found.append((tokens[:length], tokens[length - 1] in ends))
    return found


def sampling_settings(trainer: Any) -> dict[str, Any]:  # noqa: ANN401
    """The training's sampling settings in transformers' form; the trainer has no such settings if vLLM generates."""
    args = trainer.args
    return {
        "max_new_tokens": args.max_completion_length,
        "do_sample": True,
        "temperature": args.temperature,
        "top_p": args.top_p,
        "top_k": args.top_k,
        "min_p": args.min_p,
        "repetition_penalty": args.repetition_penalty,
        "eos_token_id": list(trainer.eos_token_ids),
        "pad_token_id": trainer.processing_class.pad_token_id,
        "bos_token_id": trainer.processing_class.bos_token_id,
    }


def samples_callback(
    trainer: Any,  # noqa: ANN401 - trl.GRPOTrainer
    folder: Path,
    rows: Sequence[dict[str, Any]],  # as the trainer sees them
    rewards: Sequence[Reward],
    every: int,
) -> TrainerCallback:
    """Create a callback that appends samples to `completions.jsonl` before the first step and every `every` steps."""
    from transformers import TrainerCallback

    class Samples(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            if state.global_step == 0:
                self._append(state)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            if state.global_step % every == 0:
                self._append(state)

        def _append(self, state: Any) -> None:  # noqa: ANN401
            samples = sample(trainer, rows, rewards)
            if state.is_world_process_zero:
                append_entries(folder / COMPLETIONS, ({"step": state.global_step, **entry} for entry in samples))

    return Samples()
