"""What a model folder tells of its making: method, reward, data, steps, tokenizer. Reads files; loads no model.

`prompts_sha256` is the hash of the GRPO data set behind a run: a GRPO run has it itself, an SFT run names a data set
whose manifest has it. Where that folder is gone, it is unknown, and unknown is never taken for equal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bleuberi.artifacts import json_hash
from bleuberi.errors import UserError
from bleuberi.folders import DatasetFolder, ModelFolder


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """How a model was trained, as far as its manifest tells."""

    method: str  # grpo or sft
    label: str  # e.g. `GRPO(bleu)`, `SFT`
    rewards: tuple[str, ...]  # signatures; empty for SFT
    base_model: str | None  # name@revision if a revision was asked for
    steps: int | None
    rows: int | None
    data_sha256: str | None
    prompts_sha256: str | None
    seed: int | None


def training_facts(model: str) -> TrainingFacts | None:
    """The facts of a model folder that a training of this tool left; None for any other model."""
    trained = ModelFolder.load(model)
    if trained is None:
        return None
    rewards = trained.reward_signatures
    return TrainingFacts(
        method="grpo" if rewards else "sft",
        label=trained.label,
        rewards=rewards,
        base_model=trained.base_model,
        steps=trained.steps,
        rows=trained.rows,
        data_sha256=trained.data_sha256,
        prompts_sha256=trained.data_sha256 if rewards else _prompts_behind(trained),
        seed=trained.seed,
    )


def tokenizer_hash(model: str) -> str | None:
    """What tells two tokenizers apart: their vocabulary, merges and special tokens. None where no file tells."""
    path = Path(model).expanduser() / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        added = [entry.get("content") for entry in content.get("added_tokens", [])]
        return json_hash([content.get("model"), added])[:16]
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is not a tokenizer file: {error}", "Save the model's tokenizer again.") from error


def same_model(left: str | None, right: str) -> bool | None:
    """Whether two names mean one model: equal words or one folder. None where a path is gone and nothing tells."""
    if left is None:
        return None
    if left == right:
        return True
    first, second = Path(left).expanduser(), Path(right).expanduser()
    if first.is_dir() and second.is_dir():
        return first.resolve() == second.resolve()
    return None


def _prompts_behind(trained: ModelFolder) -> str | None:
    """The hash of the GRPO data set that an SFT data set was made from."""
    folder = trained.dataset
    return None if folder is None or trained.data_sha256 is None else DatasetFolder.load(folder).input_sha256
