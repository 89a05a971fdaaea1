"""Read how a model folder was trained: method, reward, data, steps, tokenizer. Loads no model.

`prompts_sha256` is the hash of the GRPO data set behind a run. A GRPO run records it; an SFT run names a data set whose
manifest has it. If that folder is gone, the hash is unknown, and unknown is never treated as equal.
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
    """How a model was trained, as far as its manifest records it."""

    method: str  # grpo, sft or dpo
    label: str  # e.g. `GRPO(bleu)`, `SFT`
    rewards: tuple[str, ...]  # signatures of what GRPO paid for; empty for SFT and DPO
    base_model: str | None  # name@revision if a revision was asked for
    steps: int | None
    rows: int | None
    data_sha256: str | None
    prompts_sha256: str | None
    seed: int | None
    chosen_by: str | None = None  # signature of the reward that chose the responses that SFT or DPO trained on

    @property
    def paid(self) -> tuple[str, ...]:
        """Signatures of the rewards that the training optimised or selected by; empty for SFT on references."""
        return self.rewards or ((self.chosen_by,) if self.chosen_by else ())


def training_facts(model: str) -> TrainingFacts | None:
    """The facts of a model folder that this tool trained; None for any other model."""
    trained = ModelFolder.load(model)
    if trained is None:
        return None
    rewards = trained.parents.reward_signatures
    data = DatasetFolder.load(trained.dataset) if trained.dataset is not None and not rewards else DatasetFolder()
    own = trained.parents.data_sha256
    return TrainingFacts(
        method=trained.method,
        label=trained.label,
        rewards=rewards,
        base_model=trained.base_model,
        steps=trained.steps,
        rows=trained.rows_used,
        data_sha256=own,
        prompts_sha256=own if rewards or own is None else data.input_sha256,
        seed=trained.settings.seed,
        chosen_by=data.chosen_by,
    )


def tokenizer_hash(model: str) -> str | None:
    """A hash of the vocabulary, merges and special tokens, to distinguish tokenizers; None without a tokenizer file."""
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
    """Whether two names mean one model: equal texts or the same folder. None if a path no longer exists, so this is
    unknown."""
    if left is None:
        return None
    if left == right:
        return True
    first, second = Path(left).expanduser(), Path(right).expanduser()
    if first.is_dir() and second.is_dir():
        return first.resolve() == second.resolve()
    return None
